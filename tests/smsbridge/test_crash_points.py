"""The process may end at any commit boundary. What a second run leaves is what an undisturbed run would have left.

The one exception is what the design allows: a text whose call may have been made ends as uncertain, and visible.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from notifier.models import Conversation, Receipt
from smsbridge.models import Bridge, InboundSms, Lease, Notice, OutboundSms
from smsbridge.services import unsettled
from tests import factories
from tests.factories import conversation, inbound, message, notice
from tests.smsbridge.stages import compose, crash_at, reply, send
from tests.smsbridge.upstreams import Chat, Network

pytestmark = pytest.mark.django_db

PLACES = ("Tea", "Work", "Home", "Club")


def claims_run_out() -> None:
    past = timezone.now() - timedelta(milliseconds=1)
    Notice.objects.filter(state="waiting").update(next_at=past)
    OutboundSms.objects.filter(state__in=["ready", "sending"]).update(next_at=past)
    InboundSms.objects.filter(state="waiting").update(next_at=past)
    unsettled.lose_track()


def run(stage: Callable[[], int], target: str, *, after: bool = False) -> None:
    """Run a stage, end it at `target` if there is one, and run it again when the claims have run out."""
    if target:
        with crash_at(target, after=after):
            stage()
        claims_run_out()
    stage()


# Composing


def unread_messages(bridge: Bridge) -> None:
    """A digest, single texts, one who has read, and one conversation more than there are numbers."""
    Bridge.objects.update(introduction="Hi from <%= conversation.title %>.")
    factories.forget()
    for title in PLACES:
        place = conversation(bridge.hook.chat_app, title=title)
        for index in range(2 if title == "Tea" else 1):
            sent_at = timezone.now() - timedelta(seconds=60 - index)
            notice(bridge, message(place, f"{title} {index}", sent_at=sent_at))
    notice(bridge, message(conversation(bridge.hook.chat_app), "seen"))
    Receipt.objects.filter(message__text="seen").update(rank=2)


def composed() -> list[Any]:
    """What was decided, without what differs between any two runs: ids, moments, and who got the last number."""
    texts = sorted(one.text.partition(".\n")[2] for one in OutboundSms.objects.all())
    introduced = Lease.objects.filter(introduced_by__conversation=F("conversation")).count()
    ends = sorted(Notice.objects.values_list("message__text", "state", "reason"))
    return [texts, introduced, Lease.objects.count(), ends]


COMPOSING = [
    ("smsbridge.services.gathering._facts", False),
    ("smsbridge.services.gathering.skip", True),
    ("smsbridge.services.composing.gather", True),
    ("smsbridge.services.composing.people", False),
    ("smsbridge.services.composing.people", True),
    ("smsbridge.services.composing.write", False),
    ("smsbridge.services.storing.leases._take", True),
    ("smsbridge.services.storing.leases.allot", True),
    ("smsbridge.services.storing.word", True),
    ("smsbridge.services.storing._store", False),
    ("smsbridge.services.storing._store", True),
    ("smsbridge.services.storing.leases.introduced", False),
    ("smsbridge.services.storing.leases.introduced", True),
    ("smsbridge.services.composing.write", True),
]


@pytest.fixture
def undisturbed(bridge: Bridge) -> list[Any]:
    """What a run without a crash decides; afterwards everything is as it was."""
    unread_messages(bridge)
    compose()
    wanted = composed()
    Notice.objects.all().delete()
    Lease.objects.all().delete()
    OutboundSms.objects.all().delete()
    Conversation.objects.all().delete()
    return wanted


@pytest.mark.parametrize(("target", "after"), COMPOSING)
def test_composing_ends_as_if_nothing_had_happened(
    bridge: Bridge, undisturbed: list[Any], target: str, after: bool
) -> None:
    unread_messages(bridge)
    run(compose, target, after=after)
    claims_run_out()
    compose()
    told = composed()
    assert told[1:3] == undisturbed[1:3] == [3, 3]
    assert ended(told) == ended(undisturbed)
    assert len(told[0]) == len(undisturbed[0]) == 3
    assert len(set(told[0])) == 3, "no message was told twice"


def ended(story: list[Any]) -> dict[tuple[str, str], int]:
    """How many notices ended how: which conversation got no number is as it comes."""
    counted: dict[tuple[str, str], int] = {}
    for text, state, reason in story[3]:
        if text != "Tea 1":  # goes wherever "Tea 0" goes
            counted[state, reason] = counted.get((state, reason), 0) + 1
    return counted


# Sending


SENDING = [
    # nothing was committed: sent as if nothing had happened
    ("smsbridge.services.clearance._due", True, "sent"),
    ("smsbridge.services.clearance._to_sending", True, "sent"),
    ("smsbridge.services.clearance._flight", False, "sent"),
    # `sending` was committed, and nobody knows what became of the call
    ("smsbridge.services.sending.claim", True, "uncertain"),
    ("smsbridge.services.sending.outcomes.write", False, "uncertain"),
    ("smsbridge.services.outcomes._write", False, "uncertain"),
    ("smsbridge.services.outcomes._write", True, "uncertain"),
    # the outcome was committed
    ("smsbridge.services.sending.outcomes.write", True, "sent"),
]


@pytest.mark.parametrize(("target", "after", "state"), SENDING)
def test_sending_ends_sent_or_visibly_uncertain_and_never_twice(
    bridge: Bridge, network: Network, target: str, after: bool, state: str
) -> None:
    factories.linked(bridge)
    run(send, target, after=after)
    claims_run_out()
    send()
    assert OutboundSms.objects.get().state == state
    assert len(network.requests) <= 1
    assert len(network.requests) == 1 or target == "smsbridge.services.sending.claim"


def test_an_uncertain_text_is_settled_by_its_receipt_after_the_crash(bridge: Bridge, network: Network) -> None:
    from tests.smsbridge.calls import receipt

    sms = factories.linked(bridge)
    run(send, "smsbridge.services.sending.outcomes.write")
    receipt(sms.account, "delivered", vendor_id="v-1", reference=network.requests[0]["reference"])
    assert OutboundSms.objects.get().state == "delivered"


@pytest.mark.parametrize("target", ["notices.of_withdrawn", "leases.introduce_again"])
def test_withdrawing_is_all_or_nothing(bridge: Bridge, network: Network, target: str) -> None:
    sms = factories.linked(bridge, [message(conversation(bridge.hook.chat_app))])
    Receipt.objects.update(rank=2)
    with crash_at(f"smsbridge.services.withdrawing.{target}"):
        send()
    sms.refresh_from_db()
    assert (sms.state, Notice.objects.get().state) == ("ready", "in_sms")
    claims_run_out()
    send(), compose()
    sms.refresh_from_db()
    assert (sms.state, Notice.objects.get().reason, network.requests) == ("withdrawn", "read", [])


# Replies


REPLYING = [
    ("", False),
    ("smsbridge.services.routing._without_keywords", False),
    ("smsbridge.services.routing._routed", True),
    ("smsbridge.services.routing.claim", True),
    ("smsbridge.services.replies._go_on", False),
    ("smsbridge.services.replies.filing.file", False),
    ("smsbridge.services.filing._let_wait", False),
    ("smsbridge.services.filing._read", False),
    ("smsbridge.services.filing._renew", False),
    ("smsbridge.services.filing._renew", True),
    ("smsbridge.services.replies.filing.file", True),
]


@pytest.mark.parametrize(("target", "after"), REPLYING)
def test_replies_end_as_if_nothing_had_happened(bridge: Bridge, chat: Chat, target: str, after: bool) -> None:
    link = factories.lease(bridge.pool.numbers.order_by("pk")[0], conversation(bridge.hook.chat_app), lasts=60)
    factories.outbound(bridge, [message(link.conversation)], number=link.number, state="sent")
    inbound(link.number, "one"), inbound(link.number, "STOP"), inbound(link.number, "two")
    run(reply, target, after=after)
    claims_run_out()
    reply()
    assert chat.said == [("ben", "one"), ("ben", "two")]
    assert list(InboundSms.objects.order_by("pk").values_list("state", flat=True)) == ["posted", "keyword", "posted"]
    assert Receipt.objects.get().rank == 2
    assert Lease.objects.get().expires_at > timezone.now() + timedelta(days=6)
