"""Everything that the page shows, as plain JSON: who talks with whom, and what stands on which phone."""

from collections import defaultdict
from typing import Any

from django.utils import timezone

from smsbridge.simulator import messages
from smsbridge.simulator.models import Conversation, Delivery, Identity, Message, Number, Phone, Text, Webhook
from smsbridge.simulator.render import RANKS
from smsbridge.simulator.wire import date

#: the page shows this many of the newest; scripts that need older ones ask Layer's API
MAX_CONVERSATIONS, MAX_MESSAGES, MAX_TEXTS = 30, 400, 1000
TITLE_KEY = "conversationName"


def everything() -> dict[str, Any]:
    names = {row.user_id: row.properties.get("display_name", "") for row in Identity.objects.all()}
    return {
        "people": people(),
        "conversations": conversations(names),
        "phones": phones(),
        "numbers": [{"number": row.e164, "inbound_url": row.inbound_url} for row in Number.objects.order_by("e164")],
        "webhooks": [webhook(row) for row in Webhook.objects.order_by("id")],
        "waiting": Delivery.objects.count(),
    }


def people() -> list[dict[str, str]]:
    rows = Identity.objects.order_by("user_id")
    return [
        {
            "user_id": row.user_id,
            "name": row.properties.get("display_name", ""),
            "phone": row.properties.get("phone_number", ""),
        }
        for row in rows
    ]


def conversations(names: dict[str, str]) -> list[dict[str, Any]]:
    """The newest ones, oldest first, so that the page grows downwards."""
    rows = Conversation.objects.filter(deleted_at=None).prefetch_related("members").order_by("-id")[:MAX_CONVERSATIONS]
    shown = sorted(rows, key=lambda row: row.pk)
    texts = _messages([row.pk for row in shown])
    return [
        {
            "id": str(row.uid),
            "title": row.metadata.get(TITLE_KEY, ""),
            "participants": [
                {"user_id": user, "name": names.get(user) or user}
                for user in sorted(member.user_id for member in row.members.all())
            ],
            "messages": texts[row.pk],
        }
        for row in shown
    ]


def _messages(conversations: list[int]) -> dict[int, list[dict[str, Any]]]:
    rows = Message.objects.filter(conversation__in=conversations, sent_at__lte=timezone.now())
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in reversed(messages.complete(rows).order_by("-id")[:MAX_MESSAGES]):
        found[row.conversation_id].append(message(row))
    return found


def message(row: Message) -> dict[str, Any]:
    deleted = row.deleted_at is not None
    return {
        "id": str(row.uid),
        "sender": row.sender_user,
        "sender_name": row.sender_name,
        "text": "" if deleted else text(row),
        "sent_at": date(row.sent_at),
        "deleted": deleted,
        "recipients": [
            {"user_id": receipt.user_id, "status": RANKS[receipt.rank]}
            for receipt in sorted(row.receipts.all(), key=lambda receipt: receipt.user_id)
            if receipt.user_id != row.sender_user
        ],
    }


def text(row: Message) -> str:
    """Text parts as they are, others by their type."""
    shown = (
        part.body if part.mime_type.startswith("text/") and not part.encoding else f"[{part.mime_type}]"
        for part in row.parts.all()
    )
    return "\n".join(shown)


def phones(only: str | None = None) -> list[dict[str, Any]]:
    """Each phone with its threads, one for each number, as an SMS app shows them."""
    texts = Text.objects.order_by("-id")
    rows = Phone.objects.order_by("e164")
    if only is not None:
        texts, rows = texts.filter(phone_id=only), rows.filter(e164=only)
    threads: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in reversed(texts[:MAX_TEXTS]):
        threads[row.phone_id][row.number].append(phone_text(row))
    return [
        {
            "phone": row.e164,
            "owner": row.owner,
            "threads": [{"number": number, "messages": thread} for number, thread in threads[row.e164].items()],
        }
        for row in rows
    ]


def phone_text(row: Text) -> dict[str, Any]:
    return {
        "id": row.uid,
        "direction": "received" if row.received else "sent",
        "text": row.text,
        "at": date(row.at),
        "status": row.status,
        "segments": row.segments,
    }


def webhook(row: Webhook) -> dict[str, Any]:
    return {
        "id": str(row.uid),
        "target_url": row.target_url,
        "status": row.status,
        "status_reason": row.status_reason,
        "events": row.events,
    }
