"""Webhook events: what happened, written down for every active webhook that asked for it."""

import json
from typing import Any
from uuid import uuid4

from django.utils import timezone

from smsbridge.simulator import conf, queue, render
from smsbridge.simulator.models import Conversation, Delivery, Message, Webhook
from smsbridge.simulator.wire import date

EVENT_TYPES = frozenset({
    "message.sent", "message.delivered", "message.read", "message.deleted",
    "conversation.created", "conversation.updated.participants", "conversation.updated.metadata",
    "conversation.deleted",
})  # fmt: skip


def message_event(event_type: str, message: Message, actor: dict[str, Any] | None) -> None:
    """Queue an event about a message in its present state; belongs into the transaction that changed it.

    A message that is scheduled for later has its events then.
    """
    if webhooks := _listening(event_type):
        _emit(webhooks, event_type, {"message": render.message(message)}, actor, due_at=message.sent_at)


def conversation_event(event_type: str, conversation: Conversation) -> None:
    """As `message_event`; Layer names no actor for conversations."""
    if webhooks := _listening(event_type):
        _emit(webhooks, event_type, {"conversation": render.conversation(conversation)}, None)


def _listening(event_type: str) -> list[Webhook]:
    active = Webhook.objects.filter(status=Webhook.Status.ACTIVE).order_by("id")
    return [webhook for webhook in active if event_type in webhook.events]


def _emit(
    webhooks: list[Webhook], event_type: str, content: dict[str, Any], actor: dict[str, Any] | None, due_at: Any = None
) -> None:
    queue.put(*(_delivery(webhook, event_type, content, actor, due_at) for webhook in webhooks))


def _delivery(
    webhook: Webhook, event_type: str, content: dict[str, Any], actor: dict[str, Any] | None, due_at: Any
) -> Delivery:
    now = timezone.now()
    event: dict[str, Any] = {"id": str(uuid4()), "type": event_type, "created_at": date(now)}
    if actor is not None:
        event["actor"] = actor
    body = {"event": event, **content, "config": webhook.config}
    return Delivery(
        kind=Delivery.Kind.EVENT,
        lane=f"webhook {webhook.uid}",
        webhook=webhook,
        url=webhook.target_url,
        event_type=event_type,
        content_type="application/vnd.layer.webhooks+json; version=1.0",
        body=json.dumps(body, ensure_ascii=conf.escape_non_ascii()),
        due_at=max(due_at or now, now),
    )
