"""Creating, finding, changing and deleting conversations. Who is first is decided by unique constraints."""

import hashlib
import json
from collections.abc import Iterable
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from smsbridge.simulator import events
from smsbridge.simulator.errors import LayerError, gone, not_found
from smsbridge.simulator.models import Block, Conversation, Participant, User
from smsbridge.simulator.operations import Operation, apply_metadata, apply_participants


class Found(Enum):
    NEW = "created now"
    REPEATED = "the same de-duplication key made it before"
    DISTINCT = "the distinct conversation of these participants"


def create(
    *, uid: UUID | None, participants: Iterable[str], distinct: bool, metadata: dict[str, Any] | None
) -> tuple[Conversation, Found]:
    """Create a conversation, or find the one that this request means.

    `uid` is the de-duplication key and becomes the id. Raises LayerError: `participant_blocked`, 410.
    """
    members = sorted(set(participants))
    key = distinct_key(members) if distinct else None
    for _ in range(3):  # a found one may be deleted between the insert that failed and the look for it
        if known := _known(uid, key):
            return known
        try:
            with transaction.atomic():
                return _insert(uid or uuid4(), key, members, metadata or {}), Found.NEW
        except IntegrityError:
            continue
    raise LayerError("service_unavailable", "The conversation is being created and deleted; try again.")


def _known(uid: UUID | None, key: str | None) -> tuple[Conversation, Found] | None:
    if uid is not None and (row := Conversation.objects.filter(uid=uid).first()):
        if row.deleted_at is not None:
            raise gone("conversation")
        return row, Found.REPEATED
    if key is not None and (row := Conversation.objects.filter(distinct_key=key).first()):
        return row, Found.DISTINCT
    return None


def _insert(uid: UUID, key: str | None, members: list[str], metadata: dict[str, Any]) -> Conversation:
    conversation = Conversation.objects.create(uid=uid, distinct_key=key, metadata=metadata)
    add_members(conversation, members)
    events.conversation_event("conversation.created", conversation)
    return conversation


def add_members(conversation: Conversation, members: Iterable[str]) -> None:
    """Raises `participant_blocked` (422) when one of the conversation's people has blocked another."""
    added = list(members)
    everyone = {*added, *conversation.members.values_list("user_id", flat=True)}
    blocks = Block.objects.filter(Q(owner__in=added) | Q(blocked__in=added))
    if any(block.owner in everyone and block.blocked in everyone for block in blocks):
        raise LayerError("participant_blocked", "A participant has blocked another one.")
    User.objects.bulk_create([User(user_id=member) for member in added], ignore_conflicts=True)
    Participant.objects.bulk_create(
        [Participant(conversation=conversation, user_id=member) for member in added], ignore_conflicts=True
    )


def get(uid: UUID, *, lock: bool = False) -> Conversation:
    """Raises `not_found` (404), and 410 when it was deleted. `lock` keeps others from changing it until the commit."""
    rows = Conversation.objects.select_for_update() if lock else Conversation.objects.all()
    row = rows.filter(uid=uid).first()
    if row is None:
        raise not_found("conversation")
    if row.deleted_at is not None:
        raise gone("conversation")
    return row


@transaction.atomic
def patch(uid: UUID, operations: list[Operation]) -> None:
    """All operations or none. A change of participants makes the conversation non-distinct."""
    conversation = get(uid, lock=True)
    before = set(conversation.members.values_list("user_id", flat=True))
    members, metadata = set(before), json.loads(json.dumps(conversation.metadata))
    for operation in operations:
        if operation.path:
            apply_metadata(metadata, operation)
        else:
            members = apply_participants(members, operation)
    _store_members(conversation, before, members)
    if metadata != conversation.metadata:
        conversation.metadata = metadata
        conversation.save(update_fields=["metadata"])
        events.conversation_event("conversation.updated.metadata", conversation)


def _store_members(conversation: Conversation, before: set[str], after: set[str]) -> None:
    if before == after:
        return
    conversation.members.filter(user_id__in=before - after).delete()
    add_members(conversation, after - before)
    conversation.distinct_key = None
    conversation.save(update_fields=["distinct_key"])
    events.conversation_event("conversation.updated.participants", conversation)


@transaction.atomic
def delete(uid: UUID) -> None:
    """For everybody; deleting what is deleted changes nothing. A new distinct one can then be made."""
    conversation = Conversation.objects.select_for_update().filter(uid=uid).first()
    if conversation is None:
        raise not_found("conversation")
    if conversation.deleted_at is None:
        conversation.deleted_at, conversation.distinct_key = timezone.now(), None
        conversation.save(update_fields=["deleted_at", "distinct_key"])
        events.conversation_event("conversation.deleted", conversation)


def distinct_key(members: Iterable[str]) -> str:
    """A digest of the set of participants, whatever their order."""
    return hashlib.sha256(json.dumps(sorted(set(members))).encode()).hexdigest()
