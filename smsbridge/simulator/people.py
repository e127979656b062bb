"""What people do, for the page and for scripts: JSON in, JSON out.

Every POST must carry the header `X-Simulator: 1`, which a form of a strange site cannot set.
"""

import json
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from smsbridge.simulator import conversations, drafts, faults, messages, phones, state, users
from smsbridge.simulator.dialects import DIALECTS
from smsbridge.simulator.errors import LayerError
from smsbridge.simulator.models import Conversation, Identity, Message, Number, Phone, Receipt, User
from smsbridge.simulator.pump import pump
from smsbridge.simulator.wire import cleaned, parse_id


class BadInputError(Exception):
    """The text says what is missing or wrong."""


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class PeopleView(View):
    """Errors are answered as {"error": sentence}: 400 for input, 403 without the header, Layer's status otherwise."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        pump.start()
        if request.method not in ("GET", "HEAD") and request.headers.get("X-Simulator") != "1":
            return JsonResponse({"error": "Send the header X-Simulator: 1."}, status=403)
        try:
            return super().dispatch(request, *args, **kwargs)
        except (BadInputError, phones.NumberFormatError) as error:
            return JsonResponse({"error": str(error)}, status=400)
        except LayerError as error:
            return JsonResponse({"error": error.message}, status=error.status)


class State(PeopleView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse(state.everything())


class People(PeopleView):
    """{"user_id", "name", "phone"}: a new person, or the same one changed; without a phone he has none."""

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read(request)
        user, name = text_of(content, "user_id"), text_of(content, "name")
        phone = phones.e164(content["phone"]) if content.get("phone") else ""
        given = {"display_name": name, "phone_number": phone or None, "metadata": content.get("metadata")}
        with transaction.atomic():
            User.objects.get_or_create(user_id=user)
            properties = users.read_identity(given)
            Identity.objects.update_or_create(user_id=user, defaults={"properties": properties})
            if phone:
                Phone.objects.update_or_create(e164=phone, defaults={"owner": name})
        return JsonResponse({"user_id": user, "name": name, "phone": phone}, status=201)


class Numbers(PeopleView):
    """{"vendor", "number"}: the account at a pretend vendor owns a number, as if it had bought it."""

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read(request)
        vendor = text_of(content, "vendor")
        if vendor not in DIALECTS:
            raise BadInputError(f"The simulator imitates no vendor {vendor}: use one of {', '.join(DIALECTS)}.")
        row, _ = Number.objects.get_or_create(e164=phones.e164(content.get("number")), defaults={"dialect": vendor})
        if row.dialect != vendor:
            Number.objects.filter(pk=row.pk).update(dialect=vendor, inbound_url="")
        return JsonResponse({"number": row.e164})


class Conversations(PeopleView):
    """{"participants": [user ids], "title"}: a new conversation, never the same one twice."""

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read(request)
        members = content.get("participants")
        if not isinstance(members, list) or not members or not all(isinstance(one, str) and one for one in members):
            raise BadInputError("participants must be an array with at least one user id.")
        title = content.get("title") or ""
        row, _ = conversations.create(
            uid=None,
            participants=members,
            distinct=False,
            metadata={state.TITLE_KEY: str(title)} if title else {},
        )
        return JsonResponse({"id": str(row.uid), "participants": sorted(set(members)), "title": title}, status=201)


class Send(PeopleView):
    """{"conversation", "sender", "text"}: as a participant; or "bot" with a name instead of "sender"."""

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read(request)
        text = text_of(content, "text")
        if content.get("bot"):
            draft = drafts.text_draft(name=text_of(content, "bot"), text=text)
        else:
            draft = drafts.text_draft(user=text_of(content, "sender"), text=text)
        row, _ = messages.send(conversation=conversation_of(content), draft=draft)
        return JsonResponse(state.message(row), status=201)


class Read(PeopleView):
    """{"message" or "conversation", "user"}: the user reads one or all; with "status": "delivered" they only arrive."""

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read(request)
        user = text_of(content, "user")
        ranks = {"read": Receipt.Rank.READ, "delivered": Receipt.Rank.DELIVERED}
        rank = ranks.get(str(content.get("status", "read")))
        if rank is None:
            raise BadInputError("status must be read or delivered.")
        rows = [message_of(content)] if content.get("message") else unread(conversation_of(content), user)
        changed = sum(messages.receipt(row, user, rank) for row in rows)
        return JsonResponse({"changed": changed})


class Delete(PeopleView):
    """{"message"}: gone for everybody."""

    def post(self, request: HttpRequest) -> HttpResponse:
        row = message_of(read(request))
        messages.delete(row.uid, by=row.sender_user)
        return JsonResponse({"id": str(row.uid), "deleted": True})


class TextFromPhone(PeopleView):
    """{"phone", "number", "text"}: the person at the phone texts a number."""

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read(request)
        row = phones.answer(
            phone=phones.e164(content.get("phone")),
            number=phones.e164(content.get("number")),
            text=text_of(content, "text"),
        )
        return JsonResponse(state.phone_text(row), status=201)


class OnePhone(PeopleView):
    def get(self, request: HttpRequest, phone: str) -> HttpResponse:
        found = state.phones(only=phones.e164(phone))
        return JsonResponse(found[0]) if found else JsonResponse({"error": "There is no such phone."}, status=404)


class FaultPlan(PeopleView):
    """GET shows the faults, POST sets those that it names (see `faults`)."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse(faults.shown(faults.current()))

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            return JsonResponse(faults.shown(faults.change(read(request))))
        except ValueError as error:
            raise BadInputError(str(error)) from error


def read(request: HttpRequest) -> dict[str, Any]:
    try:
        content = cleaned(json.loads(request.body))
    except (ValueError, RecursionError) as error:
        raise BadInputError("The body must be JSON.") from error
    if not isinstance(content, dict):
        raise BadInputError("The body must be a JSON object.")
    return content


def text_of(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadInputError(f"{name} is missing.")
    return value


def id_of(content: dict[str, Any], name: str) -> UUID:
    uid = parse_id(text_of(content, name))
    if uid is None:
        raise BadInputError(f"{name} must be an id.")
    return uid


def conversation_of(content: dict[str, Any]) -> Conversation:
    return conversations.get(id_of(content, "conversation"))


def message_of(content: dict[str, Any]) -> Message:
    return messages.get_visible(id_of(content, "message"))


def unread(conversation: Conversation, user: str) -> list[Message]:
    below = messages.visible(conversation).filter(receipts__user_id=user, receipts__rank__lt=Receipt.Rank.READ)
    return list(below.order_by("id"))
