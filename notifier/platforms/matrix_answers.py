"""Reading a homeserver's answers: what is done, what is worth repeating, and what was refused.

No reason holds what people wrote or the homeserver's own prose; of an error only its status and code are told.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from notifier.platforms.answers import Answers
from notifier.platforms.fields import needed_object, needed_text, optional_list, optional_text
from notifier.platforms.values import Done, Identity, Later, Reading
from notifier.texts import clean_json, clean_text, loads_object
from notifier.wire import Answer, Response, Unreadable, retry_after_seconds

T = TypeVar("T")

_CODE = re.compile(r"M_[A-Z0-9_]{1,60}", re.ASCII)
_DIGITS = re.compile(r"\+?[0-9]{3,20}", re.ASCII)

_NAMESPACE = (
    "the application service may not act as this user: the regular expression under namespaces in its registration "
    "file must fit all users of server_name (MATRIX_SERVER_NAME); see `manage.py register_webhooks`"
)
_REMEDY_BY_CODE = {
    "M_UNKNOWN_TOKEN": "the homeserver does not know as_token (MATRIX_AS_TOKEN): put the registration file in place, "
    "as `manage.py register_webhooks` prints it, and restart the homeserver",
    "M_MISSING_TOKEN": "as_token (MATRIX_AS_TOKEN) did not arrive: nothing on the way may take headers away",
    "M_UNRECOGNIZED": "check homeserver_url (MATRIX_HOMESERVER_URL): it is the homeserver's base, without /_matrix",
    "M_TOO_LARGE": "the message is too long for a room",
}
_REMEDY_BY_STATUS = {
    401: "check as_token (MATRIX_AS_TOKEN)",
    403: "the user may have left the room, may not write there, or does not exist any more",
    404: "it does not exist; otherwise check homeserver_url (MATRIX_HOMESERVER_URL)",
}


def absent(answer: Answer) -> bool:
    """Whether the homeserver says that there is no such thing, or none that the user may see, at a right address."""
    return isinstance(answer, Response) and answer.status == 404 and code_of(answer) == "M_NOT_FOUND"


def without_profile(answer: Answer) -> bool:
    """Whether this user shows nothing of himself: Synapse says M_UNKNOWN of one who was erased."""
    erased = isinstance(answer, Response) and answer.status == 404 and code_of(answer) == "M_UNKNOWN"
    return erased or absent(answer) or forbidden(answer)


def forbidden(answer: Answer) -> bool:
    """Whether the homeserver says that it is not for this user, who is none of its own or takes no part there.

    Not so where we ourselves may not act as that user, which is a fault of the registration.
    """
    found = isinstance(answer, Response) and answer.status == 403 and code_of(answer) == "M_FORBIDDEN"
    return found and not _outside_namespace(answer)


def said(response: Response) -> str:
    code = code_of(response)
    return f"The homeserver answered {response.status}{f' ({code})' if code else ''}"


def code_of(response: Response) -> str:
    """The error's code; a proxy's HTML and an empty body have none."""
    code = _error(response).get("errcode")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def status_at_ours(response: Response) -> int | None:
    """What our own web process answered the homeserver, as its answer to a ping tells it."""
    status = _error(response).get("status")
    return status if type(status) is int and 100 <= status < 600 else None


def phone_in(told: Mapping[str, Any]) -> str:
    """The first phone among an account's third-party ids, with a plus; "" for none.

    The specification (appendices, 4.5.2) has digits alone, administrators may have entered a plus as well.
    """
    for one in optional_list(told, "threepids") or ():
        if isinstance(one, dict) and one.get("medium") == "msisdn" and isinstance(one.get("address"), str):
            address = re.sub(r"[\s().-]", "", clean_text(one["address"]))
            if _DIGITS.fullmatch(address):
                return f"+{address.removeprefix('+')}"
    return ""


def identity(user: str, phone: str, profile: Mapping[str, Any]) -> Identity:
    """By his name to be shown, else by the part of his id before the server; the profile's other fields as custom."""
    fields = clean_json(dict(profile))
    told = fields.pop("displayname", None)
    name = told.strip() if isinstance(told, str) else ""
    return Identity(user_id=user, name=name or user[1:].partition(":")[0] or user, phone=phone, custom=fields)


def members(told: Mapping[str, Any]) -> Sequence[str]:
    """Raises Unreadable."""
    return [user for user in needed_object(told, "joined") if user and clean_text(user) == user]


def alias(answer: Answer) -> Reading[str]:
    """The address by which a room without a name is known, "" for none."""
    return Done("") if absent(answer) else read(answer, lambda told: optional_text(told, "alias") or "")


def exists(answer: Answer) -> Reading[bool]:
    """Whether there is such a thing."""
    return Done(False) if absent(answer) else read(answer, lambda _: True)


def members_by_admin(answer: Answer) -> Sequence[str] | Later:
    """As Synapse's admin API lists them; nobody where it is not for us, for most have no need of it."""
    reading = read(answer, lambda told: optional_list(told, "members") or [])
    if isinstance(reading, Later):
        return reading
    return [one for one in reading.value if isinstance(one, str)] if isinstance(reading, Done) else []


def posted_id(told: Mapping[str, Any]) -> str:
    """Raises Unreadable."""
    return needed_text(told, "event_id")


def _after(response: Response) -> float | None:
    """What the homeserver wishes: the header, or of older ones milliseconds in the body; in seconds."""
    told = _error(response).get("retry_after_ms")
    wish = told / 1000 if type(told) is int and 0 <= told < 10**10 else None
    header = retry_after_seconds(response.headers)
    return wish if header is None else header


def _outside_namespace(answer: Answer) -> bool:
    """Only the prose tells this refusal from the others, in Synapse's words."""
    text = _error(answer).get("error") if isinstance(answer, Response) else None
    return isinstance(text, str) and "masquerade" in text


def _error(response: Response) -> Mapping[str, Any]:
    try:
        return loads_object(response.body)
    except Unreadable:
        return {}


def _remedy(response: Response) -> str:
    if _outside_namespace(response):
        return _NAMESPACE
    if 300 <= response.status < 400:
        return "redirects are not followed, set homeserver_url (MATRIX_HOMESERVER_URL) to the final address"
    found = _REMEDY_BY_CODE.get(code_of(response)) or _REMEDY_BY_STATUS.get(response.status)
    return found or "it would be refused again"


_ANSWERS = Answers("The homeserver", said, _remedy, _after)
read, done = _ANSWERS.read_object, _ANSWERS.done
