"""A process may end anywhere. What the next one leaves is what an undisturbed run would have left.

The one exception is what the design allows: a text whose call may have been made ends as uncertain, and visible.
"""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from notifier import doorbell
from notifier.models import Conversation, Message, Receipt
from smsbridge.models import Bridge, Contact, InboundSms, Lease, Notice, OptOut, OutboundSms
from tests import factories
from tests.crashing import lives, restarted
from tests.factories import BENS_PHONE, conversation, inbound, message, notice, phone
from tests.notifier.listeners import Rings
from tests.notifier.servers import Peer, Received
from tests.smsbridge import calls
from tests.smsbridge.stages import compose, crash_at, reply, send
from tests.smsbridge.upstreams import Chat, Network, refused

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = ("Tea", "Work", "Home", "Club")
CEM = "cem"


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "bell", Rings())


def clear() -> None:
    for model in (Notice, InboundSms, OutboundSms, Lease, OptOut, Receipt, Message, Conversation):
        model.objects.all().delete()


# Composing


@pytest.fixture
def unread(bridge: Bridge, chat: Chat) -> Callable[[], None]:
    """A digest, single texts, one whom only the platform knows, one who has read, and too few numbers for Ben."""
    Bridge.objects.update(introduction="Hi from <%= conversation.title %>.")
    chat.identities[CEM] = {"display_name": "Cem", "phone_number": phone(7)}

    def begin() -> None:
        clear()
        Contact.objects.filter(user_id=CEM).delete()
        for title in PLACES:
            place = conversation(bridge.hook.chat_app, title=title)
            for index in range(2 if title == "Tea" else 1):
                sent_at = timezone.now() - timedelta(seconds=60 - index)
                notice(bridge, message(place, f"{title} {index}", sent_at=sent_at))
        place = conversation(bridge.hook.chat_app, title="Bar")
        notice(bridge, message(place, "Bar 0", unread_by=[CEM]), CEM)
        notice(bridge, message(conversation(bridge.hook.chat_app), "seen"))
        Receipt.objects.filter(message__text="seen").update(rank=2)

    return begin


def test_composing_ends_as_if_nothing_had_happened(unread: Callable[[], None]) -> None:
    unread()
    restarted({"compose": compose})
    wanted = composed()
    for life in lives(unread, compose):
        restarted({"compose": compose})
        assert composed() == wanted, life
        texts = [one.text.partition(".\n")[2] for one in OutboundSms.objects.all()]
        assert len(texts) == len(set(texts)) == 4, life


def composed() -> list[Any]:
    """How many notices ended how, and leases: which of Ben's conversations got no number is as it comes."""
    introduced = Lease.objects.filter(introduced_by__conversation=F("conversation")).count()
    ends = Notice.objects.exclude(message__text="Tea 1").values_list("state", "reason")  # goes wherever "Tea 0" goes
    people = sorted(Contact.objects.values_list("user_id", "phone"))
    return [introduced, Lease.objects.count(), Counter(ends), people]


# Sending


class Picky(Network):
    """A vendor that refuses one text for good, as the person opted out with it."""

    def accept(self, peer: Peer, received: Received) -> None:
        take = refused("21610") if b"refuse me" in received.body else super().accept
        take(peer, received)


@pytest.fixture
def picky(bridge: Bridge) -> Any:
    with Picky() as vendor:
        account = bridge.pool.numbers.all()[0].account
        account.options = {"url": vendor.url}
        account.save()
        yield vendor


@pytest.fixture
def ready(bridge: Bridge) -> Callable[[], None]:
    """Texts that go, are refused, wait for another of their thread, or must not leave any more."""

    def begin() -> None:
        clear()
        told = [message(conversation(bridge.hook.chat_app), text) for text in ("one", "seen", "stop")]
        factories.linked(bridge, told[:1], text="one", phone=phone(1))
        factories.linked(bridge, text="two", phone=phone(1))
        refused_one = factories.linked(bridge, text="refuse me", phone=phone(2), introduces=True)
        Lease.objects.filter(phone=phone(2)).update(introduced_by=refused_one)
        factories.linked(bridge, told[1:2], text="seen", phone=phone(3))
        factories.linked(bridge, told[2:], text="stop", phone=BENS_PHONE)
        Receipt.objects.filter(message__text="seen").update(rank=2)
        OptOut.objects.create(phone=BENS_PHONE, source="sms")

    return begin


def states() -> dict[str, str]:
    return dict(OutboundSms.objects.values_list("text", "state"))


def test_sending_ends_sent_or_visibly_uncertain_and_never_twice(ready: Callable[[], None], picky: Picky) -> None:
    steps = {"send": send, "compose": compose}
    ready()
    restarted(steps)
    wanted = states()
    assert wanted == {"one": "sent", "two": "sent", "refuse me": "dead", "seen": "withdrawn", "stop": "withdrawn"}
    ends = notices()
    seen = set()
    for life in lives(ready, send):
        perhaps = set(OutboundSms.objects.filter(state="sending").values_list("text", flat=True))
        restarted(steps)
        assert states() == wanted | dict.fromkeys(perhaps, "uncertain"), life
        assert notices() == ends, life
        called = picky_calls(picky)
        assert set(called.values()) <= {1}, life
        assert all(called[text] for text, state in states().items() if state in ("sent", "dead")), life
        assert not called["seen"] + called["stop"], life
        assert Lease.objects.get(phone=phone(2)).introduced_by is None, life
        assert OptOut.objects.filter(phone=phone(2)).exists() == (states()["refuse me"] == "dead"), life
        seen.add(frozenset(perhaps))
    assert len(seen) > 1, "no process ended while it was sending"


def notices() -> list[Any]:
    return sorted(Notice.objects.values_list("message__text", "state", "reason"))


def picky_calls(vendor: Network) -> Counter[str]:
    """How often the vendor was called for each text of this round."""
    ours = {id_.hex for id_ in OutboundSms.objects.values_list("pk", flat=True)}
    return Counter(one["text"] for one in vendor.requests if one["reference"] in ours)


def test_an_uncertain_text_is_settled_by_its_receipt_after_the_crash(bridge: Bridge, network: Network) -> None:
    sms = factories.linked(bridge)
    with crash_at("smsbridge.services.sending.outcomes.write"):
        send()
    restarted({"send": send})
    assert OutboundSms.objects.get().state == "uncertain"
    calls.receipt(sms.account, "delivered", vendor_id="v-1", reference=network.requests[0]["reference"])
    assert OutboundSms.objects.get().state == "delivered"


# Replies


@pytest.fixture
def replies(bridge: Bridge, chat: Chat) -> Callable[[], None]:
    """Two replies of one conversation with a keyword between them, one of another, and one that belongs nowhere."""

    def begin() -> None:
        clear()
        chat.posts.clear()
        first, second = bridge.pool.numbers.order_by("pk")[:2]
        for number, texts in ((first, ("one", "STOP", "two")), (second, ("three",))):
            link = factories.lease(number, conversation(bridge.hook.chat_app), lasts=60)
            factories.outbound(bridge, [message(link.conversation)], number=number, state="sent")
            for text in texts:
                inbound(number, text)
        inbound(first, "four", phone(9))

    return begin


def test_replies_end_as_if_nothing_had_happened(replies: Callable[[], None], chat: Chat) -> None:
    for life in lives(replies, reply):
        restarted({"reply": reply})
        said = [text for _, text in chat.said]
        assert (sorted(said), said.index("one") < said.index("two")) == (["one", "three", "two"], True), life
        ends = list(InboundSms.objects.order_by("pk").values_list("state", flat=True))
        assert ends == ["posted", "keyword", "posted", "posted", "unrouted"], life
        assert list(Receipt.objects.values_list("rank", flat=True)) == [2, 2], life
        assert Lease.objects.filter(expires_at__gt=timezone.now() + timedelta(days=6)).count() == 2, life
        assert OptOut.objects.count() == 1, life


# What is answered only once it is stored: a caller who got no answer calls again


@pytest.mark.parametrize("text", ["On my way", "STOP"])
def test_a_text_that_comes_in_is_stored_once_with_all_that_follows(bridge: Bridge, text: str) -> None:
    number = bridge.pool.numbers.order_by("pk")[0]

    def comes() -> None:
        assert calls.text_to(number, text, vendor_id="in-1").status_code == 200

    for life in lives(clear, comes):
        if life.crashed:
            comes()
        assert InboundSms.objects.get().state == ("keyword" if text == "STOP" else "waiting"), life
        assert OptOut.objects.count() == (text == "STOP"), life


@pytest.mark.parametrize(("status", "code"), [("delivered", ""), ("undelivered", "21610")])
def test_a_receipt_is_taken_over_with_all_that_follows(bridge: Bridge, status: str, code: str) -> None:
    def sent() -> None:
        clear()
        sms = factories.linked(bridge, state="sent", vendor_id="v-1")
        Lease.objects.update(introduced_by=sms)

    account = bridge.pool.numbers.all()[0].account

    def comes() -> None:
        assert calls.receipt(account, status, vendor_id="v-1", code=code) == 200

    for life in lives(sent, comes):
        if life.crashed:
            comes()
        assert OutboundSms.objects.get().state == status, life
        assert (Lease.objects.get().introduced_by is None) == (status == "undelivered"), life
        assert OptOut.objects.exists() == bool(code), life
