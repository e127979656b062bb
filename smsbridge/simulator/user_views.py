"""Layer's endpoints under `/users/{u}`: a user's view of conversations and messages, receipts, identity, blocks."""

from uuid import UUID

from django.db.models import Max, Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from smsbridge.simulator import conversations, messages, render, users
from smsbridge.simulator.api import LayerView
from smsbridge.simulator.errors import invalid, missing, not_found
from smsbridge.simulator.layer_views import message_page
from smsbridge.simulator.models import Conversation, Receipt
from smsbridge.simulator.wire import (
    PATCH_TYPE,
    answer,
    no_content,
    page_of,
    path_id,
    read_json,
    read_object,
)

RECEIPTS = {"read": Receipt.Rank.READ, "delivery": Receipt.Rank.DELIVERED}


def conversation_of(user: str, given: str) -> Conversation:
    """Raises `not_found` for a stranger to the conversation and for an unknown user."""
    users.check_known(user)
    row = conversations.get(path_id(given, "conversation"))
    if not row.members.filter(user_id=user).exists():
        raise not_found("conversation")
    return row


def in_view(row: Conversation, user: str) -> dict[str, object]:
    last = messages.complete(messages.visible(row)).first()
    unread = Receipt.objects.filter(
        message__in=messages.visible(row).order_by(), user_id=user, rank__lt=Receipt.Rank.READ
    ).count()
    return render.conversation_for(row, user, last, unread)


class UserConversations(LayerView):
    def get(self, request: HttpRequest, user: str) -> HttpResponse:
        users.check_known(user)
        wanted, headers = page_of(request, _sorted_uids(user, request.GET.get("sort_by")), "conversation")
        rows = {row.uid: row for row in Conversation.objects.filter(uid__in=wanted).prefetch_related("members")}
        return answer([in_view(rows[uid], user) for uid in wanted if uid in rows], headers=headers)


def _sorted_uids(user: str, sort_by: str | None) -> list[UUID]:
    """Newest first; by `last_message`, a conversation without messages stands where its creation puts it."""
    rows = Conversation.objects.filter(members__user_id=user, deleted_at=None)
    if sort_by in (None, "created_at"):
        rows = rows.order_by("-created_at", "-id")
    elif sort_by == "last_message":
        readable = Q(messages__deleted_at=None, messages__sent_at__lte=timezone.now())
        last = Coalesce(Max("messages__sent_at", filter=readable), "created_at")
        rows = rows.annotate(last=last).order_by("-last", "-id")
    else:
        raise invalid("sort_by", "must be created_at or last_message")
    return list(rows.values_list("uid", flat=True))


class OneUserConversation(LayerView):
    def get(self, request: HttpRequest, user: str, conversation: str) -> HttpResponse:
        return answer(in_view(conversation_of(user, conversation), user))


class UserMessages(LayerView):
    def get(self, request: HttpRequest, user: str, conversation: str) -> HttpResponse:
        return message_page(request, conversation_of(user, conversation), user)


class OneUserMessage(LayerView):
    def get(self, request: HttpRequest, user: str, message: str) -> HttpResponse:
        users.check_known(user)
        return answer(render.message(messages.get_for(user, path_id(message, "message")), user))


class Receipts(LayerView):
    def post(self, request: HttpRequest, user: str, message: str) -> HttpResponse:
        users.check_known(user)
        kind = read_object(request).get("type")
        if kind is None:
            raise missing("type")
        if not isinstance(kind, str) or kind not in RECEIPTS:
            raise invalid("type", "must be read or delivery")
        messages.receipt(messages.get_for(user, path_id(message, "message")), user, RECEIPTS[kind])
        return no_content()


class IdentityView(LayerView):
    def post(self, request: HttpRequest, user: str) -> HttpResponseBase:
        users.identity_create(user, read_object(request))
        created = HttpResponse(status=201)
        del created["Content-Type"]
        return created

    def get(self, request: HttpRequest, user: str) -> HttpResponse:
        return answer(render.identity(users.identity_get(user)))

    def put(self, request: HttpRequest, user: str) -> HttpResponse:
        users.identity_replace(user, read_object(request))
        return no_content()

    def patch(self, request: HttpRequest, user: str) -> HttpResponse:
        users.identity_patch(user, read_json(request, PATCH_TYPE))
        return no_content()

    def delete(self, request: HttpRequest, user: str) -> HttpResponse:
        users.identity_delete(user)
        return no_content()


class Blocks(LayerView):
    def get(self, request: HttpRequest, user: str) -> HttpResponse:
        users.check_known(user)
        return answer([{"user_id": blocked} for blocked in users.blocks(user)])

    def post(self, request: HttpRequest, user: str) -> HttpResponse:
        users.check_known(user)
        users.block(user, read_object(request).get("user_id"))
        return no_content()


class OneBlock(LayerView):
    def delete(self, request: HttpRequest, user: str, blocked: str) -> HttpResponse:
        users.check_known(user)
        users.unblock(user, blocked)
        return no_content()
