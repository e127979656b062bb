"""Rows for the tests of the admin's pages: a small installation in which something of everything has happened."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from notifier.models import (
    ChatApp,
    Conversation,
    Departure,
    Hook,
    InboxEvent,
    ListenedEvent,
    Listener,
    Message,
    Participant,
    Receipt,
    ReceiptCheck,
    Rule,
)
from smsbridge.models import (
    Breaker,
    Bridge,
    ConsentEvent,
    Contact,
    InboundSms,
    Lease,
    Notice,
    Number,
    NumberOrder,
    OptOut,
    OutboundSms,
    PhoneFact,
    Pool,
    VendorAccount,
)

APP_ID = "24f43c32-4d95-11e4-b3a2-0fd00000020d"
BEARER_TOKEN = "bearer-token-that-nobody-may-see-7Q"
HOOK_SECRET = "hook-secret-that-nobody-may-see-4Z"
VENDOR_TOKEN = "vendor-token-that-nobody-may-see-9K"
SIGNING_SECRET = "signing-secret-that-nobody-may-see-3W"
SECRETS = (BEARER_TOKEN, HOOK_SECRET, VENDOR_TOKEN, SIGNING_SECRET)
PHONE_STATES = (1, 0, -1, -2, -4)
NAMES = ["Ada Lovelace", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov", "Alan Kay", "Radia Perlman"]
TEXT = "the words of this message are nobody's business"


def phone(index: int) -> str:
    return f"+1202555{1000 + index}"


@dataclass
class Installation:
    """The configuration that facts hang on."""

    app: ChatApp
    hook: Hook
    account: VendorAccount
    pool: Pool
    numbers: list[Number]
    bridge: Bridge

    @property
    def listener(self) -> Hook:
        return Hook.objects.get(slug="listener")


def installation(*, numbers: int = 3) -> Installation:
    """One chat app with a hook of either kind, one vendor account, a pool and a bridge, all as they would be saved."""
    app = ChatApp.objects.create(
        slug="layer",
        name="Shop chat",
        platform="layer",
        options={"app_id": APP_ID},
        secrets={"bearer_token": BEARER_TOKEN},
    )
    hook = Hook.objects.create(
        chat_app=app, slug="layer", name="sms-bridge", delay=timedelta(minutes=10), secret=HOOK_SECRET
    )
    Hook.objects.create(
        chat_app=app, slug="listener", name="listener", kind="listen", delay=timedelta(0), secret=HOOK_SECRET
    )
    account = VendorAccount.objects.create(
        slug="fake",
        name="Pretend network",
        vendor="fake",
        options={"url": "http://localhost:8000/simulator/fake"},
        secrets={"token": VENDOR_TOKEN, "signing_secret": SIGNING_SECRET},
    )
    pool = Pool.objects.create(name="Main pool")
    rows = [Number.objects.create(e164=f"+1415555{2671 + n}", account=account, pool=pool) for n in range(numbers)]
    bridge = Bridge.objects.create(name="Layer to SMS", hook=hook, pool=pool)
    return Installation(app, hook, account, pool, rows, bridge)


def person(here: Installation, index: int) -> Contact:
    return Contact.objects.get_or_create(
        chat_app=here.app,
        user_id=f"user-{index}",
        defaults={
            "name": f"{NAMES[index % len(NAMES)]} {index // len(NAMES) or ''}".strip(),
            "phone": phone(index),
            "source": "platform",
            "fetched_at": timezone.now(),
        },
    )[0]


def conversation(here: Installation, index: int) -> Conversation:
    title = None if index % 4 == 3 else f"Order {1000 + index}"
    key = f"layer:///conversations/f3cc7b32-3c92-11e4-baad-{index:012x}"
    return Conversation.objects.get_or_create(chat_app=here.app, key=key, defaults={"title": title})[0]


def message(here: Installation, index: int, **more: Any) -> Message:
    """A message of the conversation of that index, unread by the person of that index."""
    values = {"sender_id": f"user-{index + 1}", "text": TEXT, "sent_at": _ago(minutes=30 + index), **more}
    key = f"layer:///messages/940de862-3c96-11e4-baad-{Message.objects.count():012x}"
    row = Message.objects.create(chat_app=here.app, conversation=conversation(here, index), key=key, **values)
    Receipt.objects.create(message=row, user_id=f"user-{index}", rank=0)
    Receipt.objects.create(message=row, user_id="somebody-else", rank=2)
    return row


def outbound(here: Installation, index: int, state: str, **more: Any) -> OutboundSms:
    """An SMS about one message, with its notice; its number goes round the pool."""
    values = {
        "reason": "" if state in ("sent", "delivered", "ready") else "The network said no.",
        "code": "" if state in ("sent", "delivered", "ready") else "30007",
        "sent_at": _ago(minutes=18) if state in ("sent", "delivered", "undelivered") else None,
        "log": [["2026-03-01T10:00:00.123+00:00", "ready", "The vendor is busy."]] if index % 2 else [],
        **more,
    }
    sms = OutboundSms.objects.create(
        bridge=here.bridge,
        account=here.account,
        number=here.numbers[index % len(here.numbers)],
        conversation=conversation(here, index),
        user_id=person(here, index).user_id,
        phone=phone(index),
        text=f"Somebody: {TEXT}",
        segments=1,
        unicode=False,
        due_at=_ago(minutes=20 + index),
        state=state,
        next_at=_ago(minutes=1),
        attempts=1,
        **values,
    )
    notice(here, index, state="in_sms", sms=sms)
    return sms


def notice(here: Installation, index: int, *, state: str = "waiting", **more: Any) -> Notice:
    about, due = message(here, index), _ago(minutes=20)
    return Notice.objects.create(
        bridge=here.bridge,
        message=about,
        conversation=about.conversation,
        user_id=person(here, index).user_id,
        due_at=due,
        next_at=due,
        state=state,
        **more,
    )


def lease(here: Installation, index: int, *, days_left: float, introduced_by: OutboundSms | None = None) -> Lease:
    return Lease.objects.create(
        number=here.numbers[index % len(here.numbers)],
        phone=person(here, index).phone,
        conversation=conversation(here, index),
        user_id=f"user-{index}",
        linked_at=_ago(days=3),
        expires_at=timezone.now() + timedelta(days=days_left),
        last_used_at=_ago(days=1),
        introduced_by=introduced_by,
    )


def inbound(here: Installation, index: int, state: str, **more: Any) -> InboundSms:
    return InboundSms.objects.create(
        account=here.account,
        vendor_id=f"in-{InboundSms.objects.count()}",
        number=here.numbers[0].e164,
        phone=phone(index),
        text=TEXT,
        state=state,
        **more,
    )


def failed_event(here: Installation, index: int, **more: Any) -> InboxEvent:
    values = {"state": InboxEvent.State.FAILED, "error": "The body has no 'event': is this a Layer webhook?", **more}
    body = json.dumps({"operation": "sent", "text": TEXT, "number": index, "umlaut": "Zürich"}).encode()
    return InboxEvent.objects.create(hook=here.hook, key=f"event-{index}", body=body, **values)


def listened(here: Installation, index: int, state: str) -> ListenedEvent:
    return ListenedEvent.objects.create(
        hook=here.listener,
        key=f"told-{index}",
        body="" if state == "done" else '{"event": "yes"}',
        received_at=_ago(hours=1),
        next_at=_ago(hours=1),
        state=state,
        attempts=12,
        error="" if state == "done" else "ValueError in a receiver of event_received",
    )


def everything(*, people: int = 8) -> Installation:
    """At least one row of every kind, in as many states as `people` allow."""
    here = installation()
    for index in range(people):
        states = OutboundSms.State.values
        sms = outbound(here, index, states[index % len(states)])
        lease(here, index, days_left=(3 - index) + 0.5, introduced_by=sms if index % 3 else None)
        notice(here, index, state="skipped", reason=Notice.Reason.values[1 + index % 12])
        inbound(here, index, InboundSms.State.values[index % 5], reason="" if index % 5 < 2 else "It says why.")
        failed_event(here, index)
        listened(here, index, ListenedEvent.State.values[index % 3])
        OptOut.objects.create(phone=phone(500 + index), source="keyword", note="stop")
        status = PHONE_STATES[index % len(PHONE_STATES)]
        PhoneFact.objects.create(phone=phone(700 + index), status=status, source="look-up", looked_at=_ago(days=3))
        what = ConsentEvent.What.values[index % 3]
        ConsentEvent.objects.create(phone=phone(500 + index), what=what, source="keyword", account=here.account)
    for index, state in enumerate(NumberOrder.State.values):
        NumberOrder.objects.create(
            account=here.account, action="buy", e164=f"+1415555{3000 + index}", pool=here.pool, state=state, price=1
        )
    VendorAccount.objects.filter(pk=here.account.pk).update(looks_up=True)
    about = message(here, 0)
    ReceiptCheck.objects.create(hook=here.hook, message=about, due_at=timezone.now() + timedelta(minutes=5))
    Conversation.objects.filter(pk=about.conversation_id).update(roster_error="Nobody told.")
    Participant.objects.create(conversation=about.conversation, user_id="user-0")
    Rule.objects.create(chat_app=here.app, name="board", recipients="phones", phones=[phone(600), phone(601)])
    Listener.objects.create(hook=here.hook)
    Departure.objects.create(conversation=about.conversation, user_id="user-9", left_at=_ago(hours=2))
    Breaker.objects.create(account=here.account, failures=5, openings=1, opened_at=_ago(), probe_at=_ago(minutes=-9))
    return here


def _ago(**since: float) -> datetime:
    return timezone.now() - timedelta(**since)
