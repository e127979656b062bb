"""Sending, reading, receipting and deleting messages."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from smsbridge.simulator import events
from smsbridge.simulator.drafts import Draft
from smsbridge.simulator.errors import LayerError, not_found
from smsbridge.simulator.models import Conversation, Message, Part, Receipt


def send(*, conversation: Conversation, draft: Draft, uid: UUID | None = None) -> tuple[Message, bool]:
    """Send a message, and whether it is new; `uid` is the de-duplication key and becomes the id.

    Raises `access_denied` (403) when the sender is not a participant.
    """
    if uid is not None and (known := Message.objects.filter(uid=uid).first()):
        return get(known.uid), False
    try:
        with transaction.atomic():
            message = _insert(conversation, draft, uid or uuid4())
            actor = {"user_id": draft.user} if draft.user is not None else {"name": draft.name}
            events.message_event("message.sent", message, actor)
    except IntegrityError:
        if uid is None or not Message.objects.filter(uid=uid).exists():
            raise
        return get(uid), False
    return message, True


def _insert(conversation: Conversation, draft: Draft, uid: UUID) -> Message:
    members = list(conversation.members.values_list("user_id", flat=True))
    if draft.user is not None and draft.user not in members:
        raise LayerError("access_denied", "The sender is not a participant of the conversation.")
    now = timezone.now()
    message = Message.objects.create(
        uid=uid,
        conversation=conversation,
        sender_user=draft.user,
        sender_name=draft.name,
        sent_at=now + timedelta(seconds=draft.delay_seconds),
    )
    Part.objects.bulk_create(
        Part(message=message, position=n, mime_type=part.mime_type, body=part.body, encoding=part.encoding)
        for n, part in enumerate(draft.parts)
    )
    Receipt.objects.bulk_create(_receipt(message, member) for member in members)
    return get(message.uid)


def _receipt(message: Message, member: str) -> Receipt:
    """The sender has read his message from the start."""
    if member == message.sender_user:
        return Receipt(message=message, user_id=member, rank=Receipt.Rank.READ, received_at=message.sent_at)
    return Receipt(message=message, user_id=member)


def complete(rows: "QuerySet[Message]") -> "QuerySet[Message]":
    """With all that an answer shows, in a fixed number of queries."""
    return rows.select_related("conversation").prefetch_related("parts", "receipts")


def get(uid: UUID) -> Message:
    """A message with all that an answer shows, deleted or not. Raises `not_found`."""
    row = complete(Message.objects.filter(uid=uid)).first()
    if row is None:
        raise not_found("message")
    return row


def visible(conversation: Conversation) -> "QuerySet[Message]":
    """What there is to be read now, newest first: not deleted, and not scheduled for later."""
    return conversation.messages.filter(deleted_at=None, sent_at__lte=timezone.now()).order_by("-sent_at", "-id")


def get_visible(uid: UUID, conversation: UUID | None = None) -> Message:
    """Raises `not_found` also for a deleted message, and for one of another conversation."""
    row = get(uid)
    elsewhere = conversation is not None and row.conversation.uid != conversation
    if row.deleted_at is not None or row.conversation.deleted_at is not None or elsewhere:
        raise not_found("message")
    return row


def get_for(user: str, uid: UUID) -> Message:
    """As the user sees it. Raises `not_found` when he is no participant of its conversation."""
    row = get_visible(uid)
    if not row.conversation.members.filter(user_id=user).exists():
        raise not_found("message")
    return row


def receipt(message: Message, user: str, rank: Receipt.Rank) -> bool:
    """Raise one recipient's status, and whether it did rise: never down, and never for those who have none."""
    with transaction.atomic():
        below = Receipt.objects.filter(message=message, user_id=user, rank__lt=rank)
        now = timezone.now()
        below.filter(received_at=None).update(received_at=now)
        risen = bool(below.update(rank=rank))
        if risen:
            kind = "message.read" if rank == Receipt.Rank.READ else "message.delivered"
            events.message_event(kind, get(message.uid), {"user_id": user})
    return risen


@transaction.atomic
def delete(uid: UUID, by: str | None = None) -> None:
    """For everybody. `by` is who did it, where that is known. Raises `not_found`."""
    message = get_visible(uid)
    if Message.objects.filter(pk=message.pk, deleted_at=None).update(deleted_at=timezone.now()):
        events.message_event("message.deleted", message, {"user_id": by} if by is not None else None)
