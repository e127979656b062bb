"""Layer's endpoints for conversations, messages and announcements."""

from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from smsbridge.simulator import conversations, drafts, messages, operations, render
from smsbridge.simulator.api import LayerView
from smsbridge.simulator.conversations import Found
from smsbridge.simulator.errors import LayerError, invalid
from smsbridge.simulator.models import Announcement, Message
from smsbridge.simulator.wire import (
    PATCH_TYPE,
    answer,
    app_url,
    dedupe_key,
    no_content,
    page_of,
    path_id,
    read_json,
    read_object,
)


class Conversations(LayerView):
    def post(self, request: HttpRequest) -> HttpResponse:
        content, uid = read_object(request), dedupe_key(request)
        metadata = content.get("metadata")
        distinct = content.get("distinct", False)
        participants = _participants(content)
        if not isinstance(distinct, bool | None):
            raise invalid("distinct", "must be true or false")
        if metadata is not None:
            _check_metadata(metadata)
        row, found = conversations.create(
            uid=uid, participants=participants, distinct=bool(distinct), metadata=metadata
        )
        shown = render.conversation(row)
        if found is Found.DISTINCT and metadata is not None and metadata != row.metadata:
            raise LayerError("conflict", "The distinct conversation has other metadata.", data=shown)
        headers = {"Location": app_url("conversations", row.uid)} if found is Found.DISTINCT else {}
        return answer(shown, 201 if found is Found.NEW else 200, headers)


def _participants(content: dict[str, Any]) -> list[str]:
    participants = operations.user_ids("participants", content.get("participants"))
    if not participants or isinstance(content["participants"], str):
        raise invalid("participants", "must be an array with at least one user id")
    return participants


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise invalid("metadata", "must be an object")
    operations.check_metadata(metadata, "metadata")


class OneConversation(LayerView):
    def get(self, request: HttpRequest, conversation: str) -> HttpResponse:
        return answer(render.conversation(conversations.get(path_id(conversation, "conversation"))))

    def patch(self, request: HttpRequest, conversation: str) -> HttpResponse:
        changes = operations.read_operations(read_json(request, PATCH_TYPE))
        conversations.patch(path_id(conversation, "conversation"), changes)
        return no_content()

    def delete(self, request: HttpRequest, conversation: str) -> HttpResponse:
        conversations.delete(path_id(conversation, "conversation"))
        return no_content()


class Messages(LayerView):
    def get(self, request: HttpRequest, conversation: str) -> HttpResponse:
        row = conversations.get(path_id(conversation, "conversation"))
        return message_page(request, row)

    def post(self, request: HttpRequest, conversation: str) -> HttpResponse:
        row = conversations.get(path_id(conversation, "conversation"))
        draft = drafts.read_draft(read_object(request))
        message, new = messages.send(conversation=row, draft=draft, uid=dedupe_key(request))
        return answer(render.message(message), 201 if new else 200)


class OneMessage(LayerView):
    def get(self, request: HttpRequest, conversation: str, message: str) -> HttpResponse:
        return answer(render.message(self._find(conversation, message)))

    def delete(self, request: HttpRequest, conversation: str, message: str) -> HttpResponse:
        messages.delete(self._find(conversation, message).uid)
        return no_content()

    def _find(self, conversation: str, message: str) -> Message:
        holder = conversations.get(path_id(conversation, "conversation"))
        return messages.get_visible(path_id(message, "message"), holder.uid)


class Announcements(LayerView):
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accepted, and no event is made of it."""
        content, uid = drafts.read_announcement(read_object(request)), dedupe_key(request) or uuid4()
        return answer(render.announcement(_announcement(uid, content)), 202)


def _announcement(uid: UUID, content: dict[str, Any]) -> Announcement:
    try:
        return Announcement.objects.get_or_create(uid=uid, defaults={"content": content})[0]
    except IntegrityError:  # the other of two at once was first, and its row is visible now
        return Announcement.objects.get(uid=uid)


def message_page(request: HttpRequest, conversation: Any, user: str | None = None) -> HttpResponse:
    """One page of a conversation's messages, newest first."""
    uids = messages.visible(conversation).values_list("uid", flat=True)
    wanted, headers = page_of(request, uids, "message")
    rows = {row.uid: row for row in messages.complete(Message.objects.filter(uid__in=wanted))}
    return answer([render.message(rows[uid], user) for uid in wanted if uid in rows], headers=headers)
