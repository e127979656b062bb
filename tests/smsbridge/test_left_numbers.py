"""A number that its conversation left for another one: nobody else's on that phone, until its time is over."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from smsbridge.models import Bridge, InboundSms, Lease, Notice, Number
from smsbridge.services import leases
from tests import factories
from tests.admin_pages import Pages, html
from tests.factories import BENS_PHONE, conversation, message, notice
from tests.notifier import servers
from tests.smsbridge.stages import compose, reply, send
from tests.smsbridge.two_accounts import (
    MINUTE,
    account_of,
    add_number,
    again,
    change,
    fails,
    first,
    round_,
    second,
    told,
    works,
)
from tests.smsbridge.upstreams import Chat, Network

pages = Pages("smsbridge")


@pytest.fixture(autouse=True)
def bridge(bridge: Bridge) -> Bridge:
    """One number of each account; the first one's is used first."""
    change(bridge, failover=True, failover_after=timedelta(0), introduction="This is Acme.")
    keep = first().numbers.order_by("pk")[0]
    first().numbers.exclude(pk=keep.pk).update(active=False)
    return bridge


@pytest.fixture(autouse=True)
def other(bridge: Bridge) -> Iterator[Network]:
    with Network() as network:
        add_number(bridge, factories.vendor_account(slug="second", options={"url": network.url}))
        fails(second())
        yield network


def the_first() -> Number:
    return first().numbers.get(active=True)


def moves(bridge: Bridge) -> None:
    """A conversation is texted about from the first account's number, then from the second one's."""
    one = told(bridge, "first")
    round_()
    works(second())
    fails(first())
    again(bridge, one, "second")
    round_()
    assert Lease.objects.get(left_at=None).number.account == second()


def another(bridge: Bridge) -> None:
    """The same person is told of another conversation."""
    user = Lease.objects.get(left_at=None).user_id
    notice(bridge, message(conversation(bridge.hook.chat_app), "another", unread_by=[user]), user)


def comes(number: Number, text: str = "yes") -> InboundSms:
    return factories.inbound(number, text)


def posted(came: InboundSms) -> bool:
    reply()
    came.refresh_from_db()
    return came.state == "posted"


def test_it_stands_for_nothing_else_on_that_phone_so_that_an_answer_to_it_goes_nowhere_wrong(
    bridge: Bridge, network: Network, chat: Chat
) -> None:
    moves(bridge)
    works(first())
    another(bridge)
    round_()
    late = comes(the_first())
    assert not posted(late)
    assert (late.state, chat.said) == ("unrouted", [])
    assert not any("another" in text for text in network.texts)


def test_once_its_time_is_over_another_conversation_may_have_it(bridge: Bridge, network: Network) -> None:
    moves(bridge)
    works(first())
    Lease.objects.exclude(left_at=None).update(expires_at=timezone.now())
    another(bridge)
    round_()
    assert network.texts[-1] == "This is Acme.\nAnn: another"
    assert not Lease.objects.exclude(left_at=None).exists()


def test_then_it_counts_as_one_that_the_phone_had(bridge: Bridge) -> None:
    moves(bridge)
    works(first())
    Lease.objects.exclude(left_at=None).update(expires_at=timezone.now())
    fresh = add_number(bridge, first())
    another(bridge)
    compose()
    assert Lease.objects.filter(number=fresh).exists()


def test_its_own_conversation_takes_it_back_and_introduces_itself(bridge: Bridge, network: Network, chat: Chat) -> None:
    moves(bridge)
    since = Lease.objects.exclude(left_at=None).get().linked_at
    works(first())
    fails(second())
    add_number(bridge, first())  # that the phone never had this one does not count
    again(bridge, notice_of(bridge), "third")
    round_()
    own = Lease.objects.get(left_at=None)
    assert (own.number, own.linked_at) == (the_first_used(), since)
    assert network.texts == ["This is Acme.\nAnn: first", "This is Acme.\nAnn: third"]
    assert posted(comes(own.number))


def the_first_used() -> Number:
    return first().numbers.filter(active=True).order_by("pk")[0]


def notice_of(bridge: Bridge) -> Notice:
    return bridge.notice_set.order_by("pk")[0]


def test_what_was_answered_before_the_move_and_is_posted_after_it_belongs_to_its_conversation(
    bridge: Bridge, network: Network, chat: Chat
) -> None:
    one = told(bridge, "first")
    round_()
    early = comes(the_first())
    chat.script = [servers.answer(503)]
    assert not posted(early)
    works(second())
    fails(first())
    again(bridge, one, "second")
    round_()
    left = Lease.objects.exclude(left_at=None).get()
    InboundSms.objects.update(next_at=timezone.now() - MINUTE)
    assert posted(early)
    assert Lease.objects.get(pk=left.pk).expires_at == left.expires_at, "it is not renewed"


def test_who_loses_the_last_number_of_another_account_keeps_his_own(
    bridge: Bridge, network: Network, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = told(bridge, "first")
    round_()
    own = Lease.objects.get()
    works(second())
    fails(first())
    choose = leases._choose

    def overtaken(*args: object) -> object:
        chosen = choose(*args)  # type: ignore[arg-type]
        if chosen and not Lease.objects.filter(user_id="cat").exists():
            factories.lease(second().numbers.get(), conversation(bridge.hook.chat_app), "cat", BENS_PHONE)
        return chosen

    monkeypatch.setattr(leases, "_choose", overtaken)
    two = again(bridge, one, "second")
    compose()
    after = Lease.objects.get(pk=own.pk)
    assert (after.left_at, after.linked_at, account_of(two)) == (None, own.linked_at, "first")
    assert two.sms is not None
    assert two.sms.text == "Ann: second", "it is introduced already"
    came = comes(own.number)
    assert posted(came), f"{came.state}: {came.reason}"


def test_what_was_ready_when_it_was_left_is_not_sent_from_it(bridge: Bridge, network: Network) -> None:
    told(bridge, "first")
    compose()
    Lease.objects.update(left_at=timezone.now())
    send()
    assert network.requests == []
    assert bridge.outboundsms_set.get().reason == "Its number no longer stands for this conversation."


def test_the_admin_tells_it_from_those_that_are_alive(admin_client: Client, bridge: Bridge, network: Network) -> None:
    moves(bridge)
    page = pages.url("lease", Lease.objects.exclude(left_at=None).get().pk, "change")
    assert "left for another number" in html(admin_client, page)
    listed = {key: admin_client.get(f"{pages.url('lease')}?alive={key}").context["cl"] for key in ("yes", "left", "no")}
    assert {key: [row.number for row in rows.queryset] for key, rows in listed.items()} == {
        "yes": [second().numbers.get()],
        "left": [the_first()],
        "no": [],
    }
    standing = admin_client.get(pages.url("number")).context["cl"].queryset
    assert [row.e164 for row in standing if row.live] == [second().numbers.get().e164]
