"""What a person texts is posted into his conversation as his own message: once, in order, or visibly not."""

import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from notifier.models import Conversation, Message, Receipt
from notifier.platforms.layer import LayerPlatform
from notifier.wire import Request
from smsbridge.models import Bridge, Contact, InboundSms, Lease, Notice, Number, OptOut, OutboundSms, VendorAccount
from smsbridge.services import replies, routing
from smsbridge.services.accounts import live_accounts
from smsbridge.services.inbound import again
from tests import factories
from tests.factories import BENS_PHONE, conversation, inbound, message
from tests.notifier import servers
from tests.smsbridge.calls import post, text_to
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, reply, send
from tests.smsbridge.upstreams import Chat, Network, after, refused


@pytest.fixture
def link(bridge: Bridge) -> Lease:
    """The pool's first number stands for a conversation on Ben's phone."""
    return known(bridge.pool.numbers.order_by("pk")[0], conversation(bridge.hook.chat_app))


def known(number: Number, place: Conversation, *whose: str, **fields: Any) -> Lease:
    """A link of which the person was told by a text."""
    link = factories.lease(number, place, *whose, **fields)
    factories.texted(link)
    return link


def now_of(sms: InboundSms) -> InboundSms:
    sms.refresh_from_db()
    return sms


def fate(sms: InboundSms) -> str:
    return now_of(sms).state


def make_due(sms: InboundSms) -> None:
    InboundSms.objects.filter(pk=sms.pk).update(next_at=timezone.now() - timedelta(milliseconds=1))


# Posting


def test_a_text_is_posted_as_that_person(link: Lease, chat: Chat) -> None:
    assert text_to(link.number, "On my way").status_code == 200
    assert reply() == 1
    assert chat.said == [("ben", "On my way")]
    one = InboundSms.objects.get()
    assert (one.state, one.conversation, one.user_id) == ("posted", link.conversation, "ben")
    assert one.posted_as
    assert one.settled_at is not None
    assert reply() == 0


def test_it_goes_to_the_conversation_that_the_number_stands_for_on_this_phone(
    bridge: Bridge, link: Lease, chat: Chat
) -> None:
    second = bridge.pool.numbers.order_by("pk")[1]
    other_phone = factories.phone(3)
    on_second = known(second, conversation(bridge.hook.chat_app), "cat")
    elsewhere = known(link.number, conversation(bridge.hook.chat_app), "dan", other_phone)
    texts = [inbound(link.number, "a"), inbound(second, "b"), inbound(link.number, "c", other_phone)]
    reply()
    assert [now_of(one).conversation for one in texts] == [
        link.conversation,
        on_second.conversation,
        elsewhere.conversation,
    ]
    assert sorted(chat.said) == [("ben", "a"), ("cat", "b"), ("dan", "c")]


def test_a_lost_answer_is_made_good_with_the_same_key(link: Lease, chat: Chat) -> None:
    sms = inbound(link.number)
    chat.script = [chat.lose]
    reply()
    assert fate(sms) == "waiting"
    assert sms.next_at > timezone.now()
    make_due(sms)
    reply()
    assert fate(sms) == "posted"
    assert len(chat.tries) == 2
    assert len(set(chat.tries)) == 1
    assert chat.said == [("ben", "On my way")]


def test_the_key_is_of_the_account_and_the_vendors_id(bridge: Bridge, link: Lease, chat: Chat) -> None:
    other = factories.pool(1).numbers.get()
    known(other, conversation(bridge.hook.chat_app))
    for number, vendor_id in ((link.number, "1"), (link.number, "2"), (other, "1")):
        inbound(number, vendor_id=vendor_id)
    reply()
    assert len(chat.posts) == 3


@pytest.mark.parametrize("step", [servers.answer(503), servers.answer(429), servers.reset, servers.close])
def test_it_is_tried_again_while_the_platform_cannot(link: Lease, chat: Chat, step: servers.Step) -> None:
    sms = inbound(link.number)
    chat.script = [step]
    reply()
    assert fate(sms) == "waiting"
    assert timedelta(seconds=1) < sms.next_at - timezone.now() < timedelta(seconds=5)
    assert sms.reason
    make_due(sms)
    reply()
    assert fate(sms) == "posted"


def test_it_waits_as_long_as_the_platform_asks(link: Lease, chat: Chat) -> None:
    sms = inbound(link.number)
    chat.script = [servers.answer(429, b"{}", {"Retry-After": "100"})]
    reply()
    assert timedelta(seconds=95) < now_of(sms).next_at - timezone.now() <= timedelta(seconds=100)


def test_a_refusal_is_final_visible_and_may_be_tried_again_by_hand(link: Lease, chat: Chat) -> None:
    sms = inbound(link.number)
    chat.script = [servers.answer(403, b'{"id": "access_denied", "code": 101}')]
    reply()
    assert fate(sms) == "dead"
    assert "403" in sms.reason or "101" in sms.reason
    make_due(sms)
    assert reply() == 0
    assert again([sms.pk]) == 1
    reply()
    assert (fate(sms), chat.said) == ("posted", [("ben", "On my way")])


def test_it_is_given_up_after_a_day(link: Lease, chat: Chat) -> None:
    Lease.objects.update(linked_at=timezone.now() - timedelta(days=3))
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(days=2), sent_at=None)
    sms = inbound(link.number, received_at=timezone.now() - timedelta(hours=25))
    chat.script = [servers.answer(503)]
    reply()
    assert fate(sms) == "dead"
    assert sms.reason


def test_an_address_that_is_none_makes_its_own_replies_wait_and_no_others(
    bridge: Bridge, link: Lease, chat: Chat
) -> None:
    other = factories.bridge()
    app = other.hook.chat_app
    app.options = {**app.options, "api_url": "nowhere"}
    app.save()
    factories.forget()
    astray = known(other.pool.numbers.all()[0], conversation(app))
    stuck, well = inbound(astray.number), inbound(link.number)
    reply()
    assert [fate(stuck), fate(well)] == ["waiting", "posted"]


@pytest.mark.parametrize("when", ["unusable", "just made"])
def test_a_text_of_an_account_that_this_worker_does_not_know_is_posted_and_holds_up_nobody(
    bridge: Bridge, link: Lease, chat: Chat, when: str
) -> None:
    if when == "unusable":
        other = known(factories.pool(1).numbers.get(), conversation(bridge.hook.chat_app))
        VendorAccount.objects.filter(pk=other.number.account_id).update(vendor="no such vendor")
        factories.forget()
    else:
        live_accounts()
        account = VendorAccount.objects.create(slug="new", name="New", vendor="fake")
        number = Number.objects.create(e164="+15559990001", account=account)
        other = known(number, conversation(bridge.hook.chat_app))
    texts = [inbound(other.number), inbound(link.number)]
    reply()
    assert [fate(one) for one in texts] == ["posted", "posted"]


def test_a_text_that_trips_the_adapter_is_given_up_visibly_and_alone(
    link: Lease, chat: Chat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = LayerPlatform.post_requests

    def tripping(self: LayerPlatform, conversation: str, *, as_user: str, text: str, key: str) -> list[Request]:
        if text == "odd":
            raise KeyError(text)
        return real(self, conversation, as_user=as_user, text=text, key=key)

    monkeypatch.setattr(LayerPlatform, "post_requests", tripping)
    odd, well = inbound(link.number, "odd"), inbound(link.number)
    reply()
    assert [fate(odd), fate(well)] == ["dead", "posted"]
    assert "KeyError" in odd.reason
    assert "'odd'" not in caplog.text


def test_a_platform_may_need_several_requests_for_one_text(
    link: Lease, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LayerPlatform.post_requests

    def in_two(self: LayerPlatform, conversation: str, *, as_user: str, text: str, key: str) -> list[Request]:
        first = real(self, conversation, as_user=as_user, text=text[:3], key=f"{key}/a")
        return first + real(self, conversation, as_user=as_user, text=text[3:], key=f"{key}/b")

    monkeypatch.setattr(LayerPlatform, "post_requests", in_two)
    sms = inbound(link.number, "On my way")
    reply()
    assert chat.said == [("ben", "On "), ("ben", "my way")]
    assert (fate(sms), sms.attempts) == ("posted", 1)


# Order


def test_texts_of_one_phone_are_posted_in_order(link: Lease, chat: Chat) -> None:
    for index in range(5):
        inbound(link.number, f"{index}")
    reply()
    assert [text for _, text in chat.said] == ["0", "1", "2", "3", "4"]


def test_a_later_text_waits_for_an_earlier_one_that_is_tried_again(bridge: Bridge, link: Lease, chat: Chat) -> None:
    first, second = inbound(link.number, "first"), inbound(link.number, "second")
    other = known(bridge.pool.numbers.order_by("pk")[1], conversation(bridge.hook.chat_app))
    chat.script = [servers.answer(503)]
    reply()
    assert [fate(first), fate(second)] == ["waiting", "waiting"]
    assert now_of(second).attempts == 0
    elsewhere = inbound(other.number, "elsewhere")
    reply()
    assert fate(elsewhere) == "posted"
    make_due(first)
    reply()
    assert [text for _, text in chat.said] == ["elsewhere", "first", "second"]


def test_a_text_that_was_given_up_does_not_hold_up_the_next(link: Lease, chat: Chat) -> None:
    first, second = inbound(link.number, "first"), inbound(link.number, "second")
    chat.script = [servers.answer(403)]
    reply()
    assert [fate(first), fate(second)] == ["dead", "posted"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_workers_never_post_one_text_twice(bridge: Bridge, chat: Chat) -> None:
    numbers = list(factories.pool(30).numbers.all())
    for number in numbers:
        known(number, conversation(bridge.hook.chat_app))
        for index in range(3):
            inbound(number, f"{number.pk} {index}")
    together([reply, reply, reply])
    assert len(chat.tries) == len(chat.posts) == 90
    for number in numbers:
        mine = [text for _, text in chat.said if text.startswith(f"{number.pk} ")]
        assert mine == [f"{number.pk} {index}" for index in range(3)]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_froze_while_claiming_does_not_make_the_others_wait(
    link: Lease, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, thaw, real, steps = threading.Event(), threading.Event(), routing._routed, []
    sms = inbound(link.number)

    def freeze(*args: Any) -> Any:
        frozen.set()
        assert thaw.wait(20)
        return real(*args)

    def wait_and_look() -> None:
        assert frozen.wait(10)
        steps.append(replies.Poster().step())
        thaw.set()

    monkeypatch.setattr(routing, "_routed", freeze)
    together([reply, wait_and_look])
    assert [(step.done, step.more, step.next_in) for step in steps] == [(0, False, 0.0)], "it looks again in a moment"
    assert fate(sms) == "posted"


# What follows from a reply


def told(bridge: Bridge, link: Lease, text: str, state: str = "sent") -> OutboundSms:
    return factories.outbound(bridge, [message(link.conversation, text)], number=link.number, state=state)


def test_the_messages_that_he_was_texted_are_marked_read_there_and_here(
    bridge: Bridge, link: Lease, chat: Chat
) -> None:
    texted = [told(bridge, link, "One"), told(bridge, link, "Two", "delivered")]
    waiting = message(link.conversation, "not texted yet")
    inbound(link.number)
    reply()
    keys = {one.notices.get().message.key for one in texted}
    assert {user for user, _ in chat.read} == {"ben"}
    assert {key for _, key in chat.read} == keys
    assert set(Receipt.objects.filter(rank=2).values_list("message__key", flat=True)) == keys
    assert Receipt.objects.get(message=waiting).rank == 0


def test_where_a_mark_is_for_all_up_to_it_only_the_newest_is_marked(
    bridge: Bridge, link: Lease, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LayerPlatform, "marks_up_to", True)
    newest, *older = [message(link.conversation, str(place), position=place) for place in (30, 10, 20)]
    factories.outbound(bridge, [newest, *older], number=link.number, state="sent")
    inbound(link.number)
    reply()
    assert chat.read == [("ben", newest.key)]
    assert set(Receipt.objects.filter(user_id="ben").values_list("rank", flat=True)) == {2}


def test_what_he_has_read_already_is_not_marked_again(bridge: Bridge, link: Lease, chat: Chat) -> None:
    told(bridge, link, "One")
    Receipt.objects.update(rank=2)
    inbound(link.number)
    reply()
    assert chat.read == []


def keys_of(texts: list[OutboundSms]) -> set[str]:
    return set(Message.objects.filter(notice__sms__in=texts).values_list("key", flat=True))


def test_what_did_not_reach_him_is_not_marked(bridge: Bridge, link: Lease, chat: Chat) -> None:
    told(bridge, link, "Lost", "undelivered"), told(bridge, link, "Given up", "dead")
    reached = [told(bridge, link, state, state) for state in ("sending", "uncertain", "sent", "delivered")]
    inbound(link.number)
    reply()
    assert {key for _, key in chat.read} == keys_of(reached)


def test_what_he_was_texted_after_he_had_answered_is_not_marked(
    bridge: Bridge, link: Lease, chat: Chat, network: Network
) -> None:
    factories.notice(bridge, early := message(link.conversation, "early"))
    compose(), send()
    sms = inbound(link.number)
    chat.script = [servers.answer(503)]
    reply()
    factories.notice(bridge, message(link.conversation, "late"))
    compose(), send()
    make_due(sms)
    reply()
    assert network.texts == ["Ann: early", "Ann: late"]
    assert {key for _, key in chat.read} == {early.key}


def test_what_left_only_after_he_had_answered_is_not_marked(bridge: Bridge, link: Lease, chat: Chat) -> None:
    now, minutes = timezone.now(), timedelta(minutes=1)
    sent, sending = told(bridge, link, "One"), told(bridge, link, "Two", "sending")
    OutboundSms.objects.filter(pk__in=[sent.pk, sending.pk]).update(created_at=now - 30 * minutes)
    OutboundSms.objects.filter(pk=sent.pk).update(sent_at=now - 5 * minutes)
    OutboundSms.objects.filter(pk=sending.pk).update(next_at=now + minutes)
    inbound(link.number, received_at=now - 20 * minutes)
    reply()
    assert chat.read == []


def test_others_are_not_marked(bridge: Bridge, link: Lease, chat: Chat) -> None:
    one = message(link.conversation, unread_by=["ben", "cat"])
    factories.outbound(bridge, [one], state="sent")
    inbound(link.number)
    reply()
    assert Receipt.objects.get(user_id="cat").rank == 0


def test_a_mark_that_fails_does_not_undo_the_post(
    bridge: Bridge, link: Lease, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    told(bridge, link, "One")
    sms = inbound(link.number)
    post = lambda peer, received: servers.answer(201, chat.post(received))(peer, received)  # noqa: E731
    chat.script = [post, servers.answer(503)]
    with caplog.at_level(logging.WARNING):
        reply()
    assert fate(sms) == "posted"
    assert "could not be marked read" in caplog.text
    assert BENS_PHONE not in caplog.text


def test_he_is_not_notified_of_what_he_answered(bridge: Bridge, link: Lease, chat: Chat) -> None:
    sms = told(bridge, link, "One")
    second = factories.bridge(bridge.hook, factories.pool(1))
    pending = factories.notice(second, sms.notices.get().message)
    inbound(link.number)
    reply()
    compose()
    pending.refresh_from_db()
    assert (pending.state, pending.reason) == ("skipped", Notice.Reason.READ)


def test_a_reply_renews_the_lease(bridge: Bridge, link: Lease, chat: Chat) -> None:
    Bridge.objects.update(lease_lifetime=timedelta(days=3))
    factories.forget()
    inbound(link.number)
    reply()
    left = Lease.objects.get().expires_at - timezone.now()
    assert timedelta(days=3) - timedelta(minutes=1) < left <= timedelta(days=3)


def test_a_reply_that_was_not_posted_renews_nothing(link: Lease, chat: Chat) -> None:
    inbound(link.number)
    chat.script = [servers.answer(503)]
    reply()
    assert Lease.objects.get().expires_at == link.expires_at


# What belongs nowhere


def without_lease(link: Lease) -> None:
    link.delete()


def expired(link: Lease) -> None:
    Lease.objects.update(expires_at=timezone.now() - timedelta(minutes=1))


def on_another_phone(link: Lease) -> None:
    Lease.objects.update(phone=factories.phone(8))


def linked_since(link: Lease) -> None:
    Lease.objects.update(linked_at=timezone.now() + timedelta(minutes=1))


def former_phone(link: Lease) -> None:
    Contact.objects.filter(user_id="ben").update(phone=factories.phone(7))


def never_told(link: Lease) -> None:
    OutboundSms.objects.update(state="ready")


@pytest.mark.parametrize("happen", [without_lease, expired, on_another_phone, linked_since, former_phone, never_told])
def test_a_text_that_belongs_to_no_conversation_is_kept_visibly(link: Lease, chat: Chat, happen: object) -> None:
    happen(link)  # type: ignore[operator]
    sms = inbound(link.number)
    reply()
    assert fate(sms) == "unrouted"
    assert sms.reason
    assert sms.text == "On my way"
    assert chat.tries == []


@pytest.mark.parametrize("text", ["forged words", "STOP", "START"])
def test_a_text_by_another_account_than_its_numbers_has_no_effect(link: Lease, chat: Chat, text: str) -> None:
    """Only who delivers a text is verified: another account's vendor could name any number and any phone."""
    OptOut.objects.create(phone=factories.phone(5), source="keyword")
    other = factories.vendor_account()
    for phone in (BENS_PHONE, factories.phone(5)):
        post(other, "inbound", {"id": phone, "from": phone, "to": link.number.e164, "text": text})
    reply()
    assert set(InboundSms.objects.values_list("state", flat=True)) == {"unrouted"}
    assert all("account" in one.reason for one in InboundSms.objects.all())
    assert [one.phone for one in OptOut.objects.all()] == [factories.phone(5)]
    assert chat.tries == []


@pytest.mark.parametrize("how", ["paused", "refused"])
def test_an_answer_does_not_go_to_a_conversation_of_which_the_person_was_never_told(
    bridge: Bridge, network: Network, chat: Chat, how: str
) -> None:
    number = bridge.pool.numbers.order_by("pk")[0]
    Number.objects.exclude(pk=number.pk).update(active=False)
    factories.forget()
    factories.notice(bridge, message(conversation(bridge.hook.chat_app), "about the first"))
    compose(), send()
    expired(Lease.objects.get())
    factories.notice(bridge, message(conversation(bridge.hook.chat_app), "about the second"))
    compose()
    VendorAccount.objects.update(paused=how == "paused")
    factories.forget()
    network.script = [refused("30007")]
    send()
    text_to(number)
    reply()
    assert InboundSms.objects.get().state == "unrouted"
    assert chat.said == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_an_answer_may_be_faster_than_the_vendors(bridge: Bridge, network: Network, chat: Chat) -> None:
    factories.notice(bridge, about := message(conversation(bridge.hook.chat_app)))

    def answer() -> None:
        text_to(Number.objects.get(e164=network.requests[0]["from"]), "faster")
        assert OutboundSms.objects.get().state == "sending"
        reply()
        connection.close()

    network.script = [after(answer, network.accept)]
    compose(), send()
    assert chat.said == [("ben", "faster")]
    assert chat.read == [("ben", about.key)]


def test_a_text_that_was_delivered_late_belongs_to_what_its_number_stood_for_then(link: Lease, chat: Chat) -> None:
    Lease.objects.update(linked_at=timezone.now() - timedelta(hours=1))
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(minutes=30))
    late = inbound(link.number, sent_at=timezone.now() - timedelta(hours=2))
    in_time = inbound(link.number)
    reply()
    assert (fate(late), fate(in_time)) == ("unrouted", "posted")


def test_it_may_be_tried_again_when_it_has_a_conversation(link: Lease, chat: Chat) -> None:
    expired(link)
    sms = inbound(link.number)
    reply()
    Lease.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert again([sms.pk]) == 1
    assert (now_of(sms).settled_at, sms.attempts) == (None, 0)
    reply()
    assert (fate(sms), chat.said) == ("posted", [("ben", "On my way")])


@pytest.mark.parametrize("state", ["posted", "keyword", "waiting"])
def test_nothing_else_is_tried_again(link: Lease, state: str) -> None:
    sms = inbound(link.number, state=state)
    assert again([sms.pk]) == 0
    assert fate(sms) == state


def test_an_empty_text_is_kept_visibly(link: Lease, chat: Chat) -> None:
    sms = inbound(link.number, "")
    reply()
    assert fate(sms) == "unrouted"
    assert "empty" in sms.reason


def test_a_text_to_a_number_that_left_the_pool_is_posted_as_long_as_its_link_stands(link: Lease, chat: Chat) -> None:
    Number.objects.update(pool=None, active=False)
    sms = inbound(link.number)
    reply()
    assert fate(sms) == "posted"


# Keywords


def test_stop_is_obeyed_and_never_posted(link: Lease, chat: Chat) -> None:
    sms = inbound(link.number, " Stop! ")
    reply()
    assert (fate(sms), chat.tries) == ("keyword", [])
    assert sms.reason
    assert OptOut.objects.get().phone == BENS_PHONE


def test_start_brings_him_back(bridge: Bridge, link: Lease, chat: Chat) -> None:
    inbound(link.number, "STOP"), inbound(link.number, "start"), inbound(link.number, "hello")
    reply()
    assert not OptOut.objects.exists()
    assert chat.said == [("ben", "hello")]


def test_stop_counts_without_a_conversation(bridge: Bridge, chat: Chat) -> None:
    sms = inbound(bridge.pool.numbers.all()[0], "STOP")
    reply()
    assert fate(sms) == "keyword"
    assert OptOut.objects.exists()


@pytest.mark.parametrize("sender", ["+12345", "BANK"])
def test_a_stop_of_something_that_is_no_phone_holds_up_nobody(link: Lease, chat: Chat, sender: str) -> None:
    odd, well = inbound(link.number, "STOP", sender), inbound(link.number)
    reply()
    assert [fate(odd), fate(well)] == ["keyword", "posted"]


def test_stop_is_obeyed_at_once_although_an_earlier_text_cannot_be_posted(
    bridge: Bridge, link: Lease, chat: Chat, network: Network
) -> None:
    chat.script = [servers.answer(503, b"", {"Retry-After": "3000"})]
    text_to(link.number, "hello")
    reply()
    text_to(link.number, "STOP")
    factories.linked(bridge)
    send()
    assert list(InboundSms.objects.order_by("pk").values_list("state", flat=True)) == ["waiting", "keyword"]
    assert [text for text in network.texts if "START" not in text] == [], "nothing but the confirmation"


# Claims


def test_a_claim_that_ran_out_is_posted_by_another_with_the_same_key(
    link: Lease, chat: Chat, settings: Settings
) -> None:
    sms = inbound(link.number)
    routing.claim(10)
    assert reply() == 0, "the claim stands"
    make_due(sms)
    reply()
    assert (fate(sms), sms.attempts, len(chat.posts)) == ("posted", 2, 1)


def test_a_late_end_changes_nothing_of_somebody_elses_try(link: Lease, chat: Chat) -> None:
    from smsbridge.services import filing

    sms = inbound(link.number)
    _, (mine,) = routing.claim(10)
    make_due(sms)
    _, (theirs,) = routing.claim(10)
    before = now_of(sms).next_at
    filing.file([filing.Filed(mine, "waiting", "too late", 900.0)])
    assert now_of(sms).next_at == before
    assert sms.claim == theirs.claim
    filing.file([filing.Filed(theirs, "posted")])
    assert fate(sms) == "posted"


def test_what_another_account_delivers_holds_up_no_text_of_the_numbers_own(link: Lease, chat: Chat) -> None:
    """Its vendor could name any phone and any number."""
    alien = inbound(link.number, "alien", next_at=timezone.now() + timedelta(hours=1))
    InboundSms.objects.filter(pk=alien.pk).update(account=factories.pool(1).numbers.get().account)
    mine = inbound(link.number)
    reply()
    assert fate(mine) == "posted"


def test_tries_without_end_are_not_counted_without_end(link: Lease, chat: Chat) -> None:
    chat.script = [servers.answer(503)]
    sms = inbound(link.number, attempts=32_767)
    reply()
    assert (fate(sms), sms.attempts) == ("waiting", 32_767)


def test_it_says_when_the_next_text_is_due(link: Lease) -> None:
    inbound(link.number, next_at=timezone.now() + timedelta(seconds=30))
    step = replies.Poster().step()
    assert step.next_in is not None
    assert 25 < step.next_in < 31


def test_a_text_that_waits_for_an_earlier_one_does_not_keep_the_worker_busy(link: Lease) -> None:
    inbound(link.number, next_at=timezone.now() + timedelta(seconds=30))
    inbound(link.number)
    step = replies.Poster().step()
    assert (step.done, step.more) == (0, False)
    assert step.next_in is not None
    assert 25 < step.next_in < 31
