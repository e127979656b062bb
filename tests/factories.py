"""What a test stands on, made in one line each: rows, Layer events as they come in, and the stages run by hand."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from notifier import stages
from notifier.models import ChatApp, Conversation, Hook, Message, Receipt
from smsbridge.models import Bridge, Contact, InboundSms, Lease, Notice, Number, OutboundSms, Pool, VendorAccount

SECRET = "a webhook secret for tests"
DELAY = timedelta(minutes=10)

_serial = count(1)


def chat_app(slug: str = "", **fields: Any) -> ChatApp:
    """A Layer application; its API is nowhere unless `options` say so."""
    slug = slug or f"chat-{next(_serial)}"
    values: dict[str, Any] = {
        "name": "Acme",
        "platform": "layer",
        "options": {"app_id": str(uuid.uuid4()), "api_url": "http://127.0.0.1:9"},
        "secrets": {"bearer_token": "token"},
    }
    return ChatApp.objects.create(slug=slug, **{**values, **fields})


def receipts_hook(app: ChatApp | None = None, *, delay: timedelta | int = DELAY, **fields: Any) -> Hook:
    return _hook(app, Hook.Kind.RECEIPTS, delay, fields)


def notifying_hook(app: ChatApp | None = None, *, delay: timedelta | int = DELAY, **fields: Any) -> Hook:
    return _hook(app, Hook.Kind.NOTIFY, delay, fields)


def listening_hook(app: ChatApp | None = None, *, delay: timedelta | int = timedelta(0), **fields: Any) -> Hook:
    return _hook(app, Hook.Kind.LISTEN, delay, fields)


def _hook(app: ChatApp | None, kind: str, delay: timedelta | int, fields: dict[str, Any]) -> Hook:
    """`delay` as a number is milliseconds, as everywhere."""
    slug = fields.pop("slug", "") or f"hook-{next(_serial)}"
    made = Hook.objects.create(
        chat_app=app or chat_app(),
        slug=slug,
        kind=kind,
        delay=timedelta(milliseconds=delay) if isinstance(delay, int) else delay,
        **{"name": slug, "secret": SECRET, **fields},
    )
    forget()
    return made


def vendor_account(slug: str = "", **fields: Any) -> VendorAccount:
    """An account at the fake vendor, whose network is nowhere unless `options` say so."""
    slug = slug or f"vendor-{next(_serial)}"
    values: dict[str, Any] = {
        "name": "Vendor",
        "vendor": "fake",
        "options": {"url": "http://127.0.0.1:9"},
        "secrets": {"token": "token", "signing_secret": "a vendor's secret for tests"},
    }
    made = VendorAccount.objects.create(slug=slug, **{**values, **fields})
    forget()
    return made


def pool(numbers: int = 3, *, account: VendorAccount | None = None) -> Pool:
    """A pool with so many active numbers of one account."""
    made = Pool.objects.create(name=f"pool-{next(_serial)}")
    account = account or vendor_account()
    Number.objects.bulk_create(
        Number(e164=f"+1555{next(_serial):07}", account=account, pool=made) for _ in range(numbers)
    )
    forget()
    return made


def bridge(hook: Hook | None = None, numbers: Pool | None = None, **policy: Any) -> Bridge:
    made = Bridge.objects.create(
        name=f"bridge-{next(_serial)}", hook=hook or receipts_hook(), pool=numbers or pool(), **policy
    )
    forget()
    return made


def layer_event(
    type: str = "message.sent",  # noqa: A002 (Layer's own word)
    *,
    message: uuid.UUID | str | None = None,
    conversation: uuid.UUID | str | None = None,
    sender: str = "ann",
    bot: str | None = None,
    recipients: Mapping[str, str] | None = None,
    text: str | None = "Hello",
    parts: Sequence[Mapping[str, Any]] | None = None,
    participants: Sequence[str] = ("ann", "ben"),
    metadata: Mapping[str, Any] | None = None,
    actor: str | None = None,
    at: datetime | None = None,
    key: uuid.UUID | str | None = None,
) -> dict[str, Any]:
    """The body of one delivery. `recipients` maps users to sent, delivered or read; Layer lists the sender as read."""
    stamp = (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z")
    event: dict[str, Any] = {"id": str(key or uuid.uuid4()), "type": type, "created_at": stamp}
    if actor or not bot:
        event["actor"] = {"user_id": actor or sender}
    place = f"layer:///conversations/{conversation or uuid.uuid4()}"
    if type.startswith("conversation."):
        about = {"id": place, "participants": list(participants), "metadata": dict(metadata or {})}
        return {"event": event, "conversation": about, "config": {"name": "smsbridge"}}
    told = {sender: "read"} if not bot else {}
    return {
        "event": event,
        "message": {
            "id": f"layer:///messages/{message or uuid.uuid4()}",
            "conversation": {"id": place},
            "parts": list(parts) if parts is not None else [{"mime_type": "text/plain", "body": text}],
            "sent_at": stamp,
            "sender": {"name": bot} if bot else {"user_id": sender, "name": None},
            "recipient_status": told | dict({"ben": "sent"} if recipients is None else recipients),
        },
        "config": {"name": "smsbridge"},
    }


def body_of(event: Mapping[str, Any] | bytes) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event).encode()


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def deliver(client: Client, hook: Hook, event: Mapping[str, Any] | bytes, *, secret: str = SECRET) -> HttpResponse:
    """POST a delivery to the hook, signed."""
    body = body_of(event)
    return client.post(  # type: ignore[return-value]
        f"/webhooks/chat/{hook.slug}/",
        body,
        content_type="application/json",
        headers={"layer-webhook-signature": signature(body, secret)},
    )


def run_stage(name: str) -> int:
    """Run a stage of the work in this thread for as long as it says that there is more; how many rows it did."""
    done = 0
    while True:
        step = stages.STAGES[name].stage.step()
        done += step.done
        if not step.more:
            return done


def drain() -> int:
    return run_stage("drain")


def forget() -> None:
    """Rows that this process keeps for some seconds are read anew."""
    from notifier.services.hooks import forget_hooks
    from smsbridge.services.accounts import forget_accounts

    forget_hooks()
    forget_accounts()


# The SMS side

ANN, BEN = "ann", "ben"
BENS_PHONE = "+12025550101"


def phone(serial: int) -> str:
    """A valid phone number, another one for each serial under 9,000."""
    return f"+1202555{serial + 1000:04}"


def conversation(app: ChatApp, **fields: Any) -> Conversation:
    return Conversation.objects.create(chat_app=app, **{"key": str(uuid.uuid4()), "title": "Tea", **fields})


def message(place: Conversation, text: str = "Hello", *, unread_by: Sequence[str] = (BEN,), **fields: Any) -> Message:
    """A message of Ann's in `place`, which those named have not read."""
    values: dict[str, Any] = {
        "key": str(uuid.uuid4()),
        "sender_id": ANN,
        "sent_at": timezone.now() - timedelta(seconds=1),
    }
    made = Message.objects.create(chat_app_id=place.chat_app_id, conversation=place, text=text, **{**values, **fields})
    Receipt.objects.bulk_create(Receipt(message=made, user_id=user, rank=0) for user in unread_by)
    return made


def contact(app: ChatApp, user_id: str = BEN, phone: str = BENS_PHONE, **fields: Any) -> Contact:
    """Somebody as an operator entered him, so that the platform is not asked."""
    values: dict[str, Any] = {"name": user_id.title(), "source": "admin", "fetched_at": timezone.now()}
    return Contact.objects.create(chat_app=app, user_id=user_id, phone=phone, **{**values, **fields})


def notice(of: Bridge, about: Message | None = None, user_id: str = BEN, **fields: Any) -> Notice:
    """A notice that is due now."""
    about = about or message(conversation(of.hook.chat_app), unread_by=[user_id])
    values: dict[str, Any] = {"due_at": about.sent_at, "next_at": timezone.now() - timedelta(seconds=1)}
    return Notice.objects.create(
        bridge=of, message=about, conversation_id=about.conversation_id, user_id=user_id, **{**values, **fields}
    )


def lease(
    number: Number,
    place: Conversation,
    user_id: str = BEN,
    phone: str = BENS_PHONE,
    *,
    lasts: float = 3600.0,
    **fields: Any,
) -> Lease:
    """A link that has stood for two hours and lasts so many seconds more; negative: expired."""
    now = timezone.now()
    values: dict[str, Any] = {
        "linked_at": now - timedelta(hours=2),
        "last_used_at": now - timedelta(hours=1),
        "expires_at": now + timedelta(seconds=lasts),
    }
    return Lease.objects.create(number=number, conversation=place, user_id=user_id, phone=phone, **{**values, **fields})


def outbound(of: Bridge, told: Sequence[Message] = (), user_id: str = BEN, **fields: Any) -> OutboundSms:
    """A text to Ben that is ready, with a notice for each message that it tells of."""
    place = told[0].conversation if told else conversation(of.hook.chat_app)
    number = fields.pop("number", None) or of.pool.numbers.order_by("pk")[0]
    now = timezone.now() - timedelta(milliseconds=5)
    values: dict[str, Any] = {
        "phone": BENS_PHONE,
        "text": "Ann: Hello",
        "segments": 1,
        "unicode": False,
        "due_at": now,
        "next_at": now,
        "created_at": now,
    }
    made = OutboundSms.objects.create(
        bridge=of,
        number=number,
        account_id=number.account_id,
        conversation=place,
        user_id=user_id,
        **{**values, **fields},
    )
    for one in told:
        notice(of, one, user_id, state=Notice.State.IN_SMS, sms=made)
    return made


def linked(of: Bridge, told: Sequence[Message] = (), user_id: str = BEN, **fields: Any) -> OutboundSms:
    """As `outbound`, from a number that stands for its conversation: it may be sent.

    What is not about messages goes on in the conversation that the number stands for already.
    """
    made = outbound(of, told, user_id, **fields)
    link = Lease.objects.filter(phone=made.phone, number=made.number).first()
    if link is None:
        assert made.conversation is not None
        lease(made.number, made.conversation, user_id, made.phone)
    elif not told:
        made.conversation, made.user_id = link.conversation, link.user_id
        made.save(update_fields=["conversation", "user_id"])
    return made


def texted(link: Lease, **fields: Any) -> OutboundSms:
    """The text by which the person learnt, as soon as the link was made, what the number stands for."""
    values: dict[str, Any] = {"created_at": link.linked_at, "sent_at": link.linked_at, "state": OutboundSms.State.SENT}
    return OutboundSms.objects.create(
        number=link.number,
        account_id=link.number.account_id,
        conversation_id=link.conversation_id,
        user_id=link.user_id,
        **{
            "phone": link.phone,
            "text": "Ann: Hello",
            "segments": 1,
            "unicode": False,
            "due_at": link.linked_at,
            "next_at": link.linked_at,
            **values,
            **fields,
        },
    )


def inbound(number: Number, text: str = "On my way", phone: str = BENS_PHONE, **fields: Any) -> InboundSms:
    """A text that came in just now and waits to be posted."""
    values: dict[str, Any] = {"vendor_id": f"in-{next(_serial)}", "next_at": timezone.now() - timedelta(milliseconds=5)}
    return InboundSms.objects.create(
        account_id=number.account_id, number=number.e164, phone=phone, text=text, **{**values, **fields}
    )
