"""The resources as Layer writes them; in a user's view when `user` is given."""

from collections.abc import Iterable
from typing import Any

from smsbridge.simulator import conf
from smsbridge.simulator.models import Announcement, Conversation, Identity, Message, Part, Receipt, Webhook
from smsbridge.simulator.wire import app_url, date

RANKS = {Receipt.Rank.SENT.value: "sent", Receipt.Rank.DELIVERED.value: "delivered", Receipt.Rank.READ.value: "read"}
IDENTITY_FIELDS = (
    "display_name", "first_name", "last_name", "avatar_url", "phone_number", "email_address", "public_key", "metadata",
)  # fmt: skip


def conversation(row: Conversation) -> dict[str, Any]:
    return {
        "id": f"layer:///conversations/{row.uid}",
        "url": app_url("conversations", row.uid),
        "messages_url": app_url("conversations", row.uid, "messages"),
        "created_at": date(row.created_at),
        "participants": sorted(member.user_id for member in row.members.all()),
        "distinct": row.distinct_key is not None,
        "metadata": row.metadata,
    }


def conversation_for(row: Conversation, user: str, last: Message | None, unread: int) -> dict[str, Any]:
    """The user's view: his URLs, the last message and how many he has not read."""
    return conversation(row) | {
        "url": app_url("users", user, "conversations", row.uid),
        "messages_url": app_url("users", user, "conversations", row.uid, "messages"),
        "last_message": message(last, user) if last else None,
        "unread_message_count": unread,
    }


def message(row: Message, user: str | None = None) -> dict[str, Any]:
    receipts = list(row.receipts.all())
    mine = next((receipt for receipt in receipts if receipt.user_id == user), None)
    url = app_url("messages", row.uid) if user is None else app_url("users", user, "messages", row.uid)
    received = mine.received_at if mine else None
    return {
        "id": f"layer:///messages/{row.uid}",
        "url": url,
        "conversation": {
            "id": f"layer:///conversations/{row.conversation.uid}",
            "url": app_url("conversations", row.conversation.uid),
        },
        "parts": parts(f"layer:///messages/{row.uid}", row.parts.all()),
        "sender": {"user_id": row.sender_user, "name": row.sender_name},
        "sent_at": date(row.sent_at),
        "is_unread": None if user is None else bool(mine and mine.rank < Receipt.Rank.READ),
        "received_at": date(received) if received else None,
        "recipient_status": {receipt.user_id: RANKS[receipt.rank] for receipt in receipts},
    }


def parts(owner: str, rows: Iterable[Part]) -> list[dict[str, Any]]:
    return [
        {"id": f"{owner}/parts/{row.position}", "mime_type": row.mime_type, "body": row.body}
        | ({"encoding": row.encoding} if row.encoding else {})
        for row in rows
    ]


def announcement(row: Announcement) -> dict[str, Any]:
    owner = f"layer:///announcements/{row.uid}"
    shown = [part | {"id": f"{owner}/parts/{n}"} for n, part in enumerate(row.content["parts"])]
    return {
        "id": owner,
        "url": app_url("announcements", row.uid),
        "sent_at": date(row.sent_at),
        **row.content,
        "parts": shown,
    }


def identity(row: Identity) -> dict[str, Any]:
    """Every field is present, `null` where unset, as Layer did since mid 2016."""
    fields = {name: row.properties.get(name) for name in IDENTITY_FIELDS}
    return {"url": app_url("users", row.user_id, "identity"), "user_id": row.user_id, **fields}


def webhook(row: Webhook) -> dict[str, Any]:
    """Never with the secret; `status_reason` only where there is one."""
    shown = {
        "id": f"layer:///apps/{conf.app_id()}/webhooks/{row.uid}",
        "url": app_url("webhooks", row.uid),
        "version": row.version,
        "target_url": row.target_url,
        "events": row.events,
        "status": row.status,
        "created_at": date(row.created_at),
        "config": row.config,
    }
    return shown | ({"status_reason": row.status_reason} if row.status_reason else {})
