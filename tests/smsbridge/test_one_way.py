"""Senders that nobody can answer: used where no number can be had, marked as such, and never assigned."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsbridge.models import Bridge, Lease, Notice, Number, OptOut, OutboundSms, Pool, VendorAccount
from smsbridge.segments import measure
from smsbridge.services.accounts import live_bridges
from smsbridge.services.validation import problems_of
from smsbridge.vendors.fake import Fake
from tests import factories
from tests.admin_pages import Pages, html
from tests.factories import conversation, message, notice
from tests.smsbridge.hearing import is_out
from tests.smsbridge.stages import compose, reply, send
from tests.smsbridge.upstreams import Network

END = "(Sent automatically, cannot be answered.)"
pages = Pages("smsbridge")


@pytest.fixture
def sender(bridge: Bridge) -> Number:
    """The bridge's pool has a sender name beside its numbers, and uses it."""
    made = Number.objects.create(
        e164="ACME", account=bridge.pool.numbers.all()[0].account, pool=bridge.pool, one_way=True
    )
    change(bridge, one_way=True)
    return made


def change(bridge: Bridge, **policy: object) -> None:
    Bridge.objects.filter(pk=bridge.pk).update(**policy)
    factories.forget()


def use_up(bridge: Bridge) -> None:
    for number in bridge.pool.numbers.filter(one_way=False):
        factories.lease(number, conversation(bridge.hook.chat_app))


def the_text() -> OutboundSms:
    return OutboundSms.objects.get()


def state_of(sms: OutboundSms) -> tuple[str, str]:
    sms.refresh_from_db()
    return sms.state, sms.reason


# When one is used


def test_a_number_that_can_be_answered_comes_first(bridge: Bridge, sender: Number) -> None:
    notice(bridge)
    compose()
    assert (the_text().answerable, the_text().number.one_way) == (True, False)


def test_where_every_number_is_taken_it_leaves_from_a_one_way_sender_and_says_so(
    bridge: Bridge, sender: Number, network: Network
) -> None:
    Number.objects.filter(pk=sender.pk).update(e164="+15557770000")  # the fake vendor sends from numbers only
    use_up(bridge)
    change(bridge, introduction="This is Acme.")
    notice(bridge)
    compose()
    send()
    (sent,) = network.accepted
    assert (sent["from"], sent["text"]) == ("+15557770000", f"Ann: Hello\n{END}")
    assert (the_text().answerable, the_text().introduces, the_text().state) == (False, False, "sent")
    assert not Lease.objects.filter(number=sender).exists()


def test_a_pool_may_have_nothing_else(bridge: Bridge, sender: Number) -> None:
    bridge.pool.numbers.exclude(pk=sender.pk).update(active=False)
    change(bridge, countries="US")
    notice(bridge), notice(bridge)
    compose()
    assert list(OutboundSms.objects.values_list("number", "answerable")) == [(sender.pk, False)] * 2


@pytest.mark.parametrize("how", ["off", "at rest"])
def test_a_sender_that_is_not_to_be_used_is_not(bridge: Bridge, sender: Number, how: str) -> None:
    if how == "off":
        change(bridge, one_way=False)
    else:
        Number.objects.filter(pk=sender.pk).update(active=False)
        factories.forget()
    use_up(bridge)
    one = notice(bridge)
    compose()
    one.refresh_from_db()
    assert (one.reason, Lease.objects.filter(number=sender).count()) == (Notice.Reason.POOL_USED_UP, 0)


def test_the_pools_own_sentence_closes_it_and_is_counted_whatever_is_cut(bridge: Bridge, sender: Number) -> None:
    Pool.objects.update(one_way_end="Не отвечайте.")
    change(bridge, max_segments=1)
    use_up(bridge)
    notice(bridge, message(conversation(bridge.hook.chat_app), "word " * 60))
    compose()
    text = the_text()
    assert text.text.startswith("Ann: word")
    assert text.text.endswith("…\nНе отвечайте.")
    assert (text.segments, text.unicode) == (1, True)
    assert measure(text.text).count == 1


def test_what_does_not_fit_beside_a_long_sentence_takes_one_segment_more(bridge: Bridge, sender: Number) -> None:
    Pool.objects.update(one_way_end="x" * 170)
    change(bridge, max_segments=1)
    use_up(bridge)
    notice(bridge)
    compose()
    assert (the_text().segments, the_text().text) == (2, "Ann: Hello\n" + "x" * 170)


def introduction(values: object) -> str:
    raise NotImplementedError


def test_a_function_that_introduces_is_not_asked_about_what_nobody_can_answer(bridge: Bridge, sender: Number) -> None:
    use_up(bridge)
    change(bridge, introduction_function=f"{__name__}.introduction")
    notice(bridge)
    compose()
    assert (the_text().answerable, the_text().text) == (False, f"Ann: Hello\n{END}")


# What else holds


def ready(bridge: Bridge) -> OutboundSms:
    use_up(bridge)
    notice(bridge)
    compose()
    return the_text()


def opts_out(sms: OutboundSms) -> None:
    OptOut.objects.create(phone=sms.phone, source="keyword")


def is_deleted(sms: OutboundSms) -> None:
    told = sms.notices.get().message
    told.deleted_at = timezone.now()
    told.save()


def leaves_the_pool(sms: OutboundSms) -> None:
    Number.objects.filter(pk=sms.number_id).update(pool=None)


def is_not_used_any_more(sms: OutboundSms) -> None:
    Bridge.objects.update(one_way=False)


@pytest.mark.parametrize("happen", [opts_out, is_deleted, leaves_the_pool, is_not_used_any_more])
def test_it_is_withdrawn_like_any_other(bridge: Bridge, sender: Number, network: Network, happen: Any) -> None:
    sms = ready(bridge)
    happen(sms)
    send()
    assert (state_of(sms)[0], network.requests) == ("withdrawn", [])


def test_countries_hold_for_it_too(bridge: Bridge, sender: Number) -> None:
    change(bridge, countries="CH")
    use_up(bridge)
    one = notice(bridge)
    compose()
    one.refresh_from_db()
    assert one.reason == Notice.Reason.COUNTRY


def test_a_number_that_nobody_can_answer_any_more_stands_for_nothing_new(bridge: Bridge, network: Network) -> None:
    notice(bridge)
    compose()
    first = the_text()
    Number.objects.filter(pk=first.number_id).update(one_way=True)
    factories.forget()
    send()
    assert state_of(first) == ("withdrawn", "Its number no longer stands for this conversation.")
    compose()
    assert OutboundSms.objects.get(state="ready").number_id != first.number_id


def test_a_text_to_it_belongs_to_nothing_and_says_why(bridge: Bridge) -> None:
    number = bridge.pool.numbers.all()[0]
    Number.objects.filter(pk=number.pk).update(one_way=True)
    factories.forget()
    came = factories.inbound(number)
    reply()
    came.refresh_from_db()
    assert (came.state, came.reason) == (
        "unrouted",
        "Texts from this number cannot be answered: it stands for no conversation.",
    )
    assert not is_out()


def test_a_sender_that_stood_for_a_conversation_on_a_phone_texts_there_of_nothing_else(
    bridge: Bridge, sender: Number
) -> None:
    first, *others = bridge.pool.numbers.filter(one_way=False).order_by("pk")
    factories.texted(factories.lease(first, conversation(bridge.hook.chat_app)))
    Number.objects.filter(pk=first.pk).update(one_way=True)
    Number.objects.filter(pk__in=[sender.pk, *(number.pk for number in others)]).update(active=False)
    factories.forget()
    one = notice(bridge)
    compose()
    one.refresh_from_db()
    assert one.reason == Notice.Reason.POOL_USED_UP
    came = factories.inbound(first)
    reply()
    came.refresh_from_db()
    assert came.state == "unrouted"
    Lease.objects.update(expires_at=timezone.now())
    notice(bridge)
    compose()
    assert OutboundSms.objects.get(answerable=False).number == first


# What is refused


def test_a_number_that_stands_for_conversations_is_not_made_one_way(bridge: Bridge) -> None:
    number = bridge.pool.numbers.all()[0]
    number.e164 = "+12025550199"
    number.save()
    link = factories.lease(number, conversation(bridge.hook.chat_app))
    number.one_way = True
    (problem,) = problems_of(number)["one_way"]
    assert "stands for conversations (1)" in problem
    for over in ({"left_at": timezone.now()}, {"left_at": None, "expires_at": timezone.now()}):
        Lease.objects.filter(pk=link.pk).update(**over)
        assert problems_of(number) == {}


def test_the_sentence_that_closes_texts_must_fit_into_one_segment(admin_client: Client, bridge: Bridge) -> None:
    assert problems_of(Pool(name="Main", one_way_end="x" * 160)) == {}
    assert "Takes 2 segments" in problems_of(Pool(name="Main", one_way_end="x" * 161))["one_way_end"][0]
    shown = admin_client.post(pages.url("pool", bridge.pool_id, "change"), {"name": "Main", "one_way_end": "ж" * 71})
    assert "Takes 2 segments" in shown.content.decode()


def test_a_sender_that_the_bridge_does_not_use_does_not_widen_its_countries(bridge: Bridge, sender: Number) -> None:
    Number.objects.filter(pk=sender.pk).update(e164="+447700900123")
    factories.forget()
    assert live_bridges()[bridge.pk].countries == frozenset({"US", "GB"})
    change(bridge, one_way=False)
    assert live_bridges()[bridge.pk].countries == frozenset({"US"})


class Namer(Fake):
    title = "Namer"
    sender_names = True


@pytest.fixture
def namer(monkeypatch: pytest.MonkeyPatch) -> VendorAccount:
    monkeypatch.setattr("smsbridge.services.number_rules.vendor_class", lambda key: Namer)
    return VendorAccount(vendor="fake")


@pytest.mark.parametrize("name", ["ACME", "Acme 24", "1stBank", "+12025550100"])
def test_names_and_numbers_may_be_senders(namer: VendorAccount, name: str) -> None:
    assert problems_of(Number(e164=name, account=namer, one_way=True)) == {}


@pytest.mark.parametrize("name", ["", "12345", "ElevenLetters", "Ünïcode", "a/b"])
def test_what_no_phone_would_show_is_no_sender(namer: VendorAccount, name: str) -> None:
    (problem,) = problems_of(Number(e164=name, account=namer, one_way=True))["e164"]
    assert "sender name" in problem


def test_a_name_is_refused_where_people_are_to_answer(namer: VendorAccount) -> None:
    assert "e164" in problems_of(Number(e164="ACME", account=namer))


def test_a_name_is_refused_by_a_vendor_without_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Namer, "sender_names", False)
    monkeypatch.setattr("smsbridge.services.number_rules.vendor_class", lambda key: Namer)
    (problem,) = problems_of(Number(e164="ACME", account=VendorAccount(vendor="fake"), one_way=True))["e164"]
    assert problem == "Namer sends from numbers only, not from names: enter a number."


def test_names_do_not_tell_which_countries_are_texted(bridge: Bridge, sender: Number) -> None:
    bridge.refresh_from_db()
    assert problems_of(bridge) == {}
    bridge.pool.numbers.exclude(pk=sender.pk).update(active=False)
    (problem,) = problems_of(bridge)["countries"]
    assert "say which countries" in problem
    bridge.countries = "*"
    assert problems_of(bridge) == {}


def test_without_a_list_a_pool_of_names_texts_nobody(bridge: Bridge, sender: Number) -> None:
    bridge.pool.numbers.exclude(pk=sender.pk).update(active=False)
    factories.forget()
    assert live_bridges()[bridge.pk].countries == frozenset()
    one = notice(bridge)
    compose()
    one.refresh_from_db()
    assert one.reason == Notice.Reason.COUNTRY


# What an operator sees


def test_it_is_marked_in_the_admin(admin_client: Client, bridge: Bridge, sender: Number) -> None:
    ready(bridge)
    assert "cannot be answered" in html(admin_client, pages.url("number"))
    assert "cannot be answered" in html(admin_client, pages.url("outboundsms"))
    assert END in html(admin_client, pages.url("pool", bridge.pool_id, "change"))
