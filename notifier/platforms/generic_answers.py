"""Reading the answers of a chat of one's own: what is done, what is worth repeating, and what was refused.

No reason holds anything of an answer but its status: it is another program's text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from notifier.platforms.answers import Answers
from notifier.platforms.asking import Question, Roster, Standing
from notifier.platforms.fields import optional_list, optional_object, optional_text
from notifier.platforms.values import Identity
from notifier.texts import clean_json, clean_text
from notifier.wire import Answer, Response

T = TypeVar("T")

_REMEDIES = {
    401: "it does not accept our signature: both sides need the same secret (GENERIC_WEBHOOK_SECRET) and a right clock",
    403: "it does not accept our signature: both sides need the same secret (GENERIC_WEBHOOK_SECRET) and a right clock",
    404: "it does not exist there: check api_url (GENERIC_API_URL)",
    410: "it was deleted",
}


def _said(response: Response) -> str:
    return f"The chat answered {response.status}"


def _remedy(response: Response) -> str:
    if 300 <= response.status < 400:
        return "redirects are not followed: set api_url (GENERIC_API_URL) to the final address"
    return _REMEDIES.get(response.status, "it would be refused again")


_ANSWERS = Answers("The chat", _said, _remedy)
read, done = _ANSWERS.read_object, _ANSWERS.done


def gone(answer: Answer) -> bool:
    return isinstance(answer, Response) and answer.status in (404, 410)


def deleted(answer: Answer) -> bool:
    """A 404 would not do: it is also what a wrong address answers, and a chat that cannot be asked this."""
    return isinstance(answer, Response) and answer.status == 410


def identity(user_id: str, told: Mapping[str, Any]) -> Identity:
    fields = clean_json(dict(told))
    name, phone = optional_text(fields, "name"), optional_text(fields, "phone")
    custom = {key: value for key, value in fields.items() if key not in ("id", "name", "phone")}
    return Identity(user_id=user_id, name=name or user_id, phone=phone or "", custom=custom)


def title(told: Mapping[str, Any]) -> str:
    return (optional_text(told, "title") or "").strip()


def roster(told: Mapping[str, Any]) -> Roster | None:
    """None when the chat does not list who takes part."""
    users = optional_list(told, "participants")
    if users is None:
        return None
    return Roster(users=[clean_text(user) for user in users if isinstance(user, str) and user], title=title(told))


def posted(told: Mapping[str, Any]) -> str:
    """The id of the message; "" when the chat does not tell it."""
    message = optional_object(told, "message") or {}
    return optional_text(message, "id", "message.") or ""


def standings(asked: Sequence[Question], told: Mapping[str, Any]) -> dict[Question, Standing]:
    """Each question's answer; what the chat does not list, it does not tell."""
    listed = optional_list(told, "messages") or []
    by_id = {one.get("id"): one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)}
    return {question: _standing(by_id.get(question.message), question.user) for question in asked}


def _standing(message: Mapping[str, Any] | None, user: str) -> Standing:
    if message is None:
        return Standing.UNKNOWN
    if message.get("deleted") is True:
        return Standing.DELETED
    unread = optional_list(message, "unread_by")
    if user in (optional_list(message, "muted_by") or ()):
        return Standing.MUTED
    if unread is None:
        return Standing.UNKNOWN
    return Standing.UNREAD if user in unread else Standing.READ
