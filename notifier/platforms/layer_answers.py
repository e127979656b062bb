"""Reading the answers of Layer's server API: what is done, what is worth repeating, and what was refused.

No reason holds what people wrote or Layer's own prose; of an error only its number, id and code are told.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from notifier.platforms.answers import Answers
from notifier.platforms.base import Done, Identity, Question, Rank, Reading, Standing
from notifier.platforms.layer_events import message_statuses
from notifier.platforms.layer_values import bare_uuid, needed_uuid, title_of
from notifier.texts import clean_json, clean_text, loads_object
from notifier.wire import Answer, Response, Unreadable

T = TypeVar("T")

_ERROR_ID = re.compile(r"[a-z_]{1,40}", re.ASCII)
_INVALID_ENDPOINT: Final = 106
_ID_IN_USE: Final = 111

_REMEDY_BY_CODE = {
    2: "check app_id (LAYER_APP_ID)",
    101: "the user may have left the conversation; otherwise check that bearer_token belongs to app_id",
    _INVALID_ENDPOINT: "check api_url (LAYER_API_URL)",
    107: "check that api_url (LAYER_API_URL) is Layer's server API and nothing on the way changes headers",
    110: "a participant has blocked this user",
}
_REMEDY_BY_STATUS = {
    401: "check bearer_token (LAYER_BEARER_TOKEN)",
    403: "check that bearer_token (LAYER_BEARER_TOKEN) belongs to app_id (LAYER_APP_ID)",
    404: "it does not exist",
    406: "check that api_url (LAYER_API_URL) is Layer's server API",
    410: "it was deleted",
}


def gone(answer: Answer) -> bool:
    """Whether Layer says that the thing does not exist (any more), and not that the address is wrong."""
    return isinstance(answer, Response) and answer.status in (404, 410) and _error(answer)[0] != _INVALID_ENDPOINT


def read_posted(answer: Answer) -> Reading[str]:
    """The id of the message, also out of the refusal that says that it is in use: by this message, posted before."""
    if isinstance(answer, Response) and answer.status == 409:
        code, _, data = _error(answer)
        found = bare_uuid(data.get("id")) if code == _ID_IN_USE else None
        if found is not None:
            return Done(found)
    return read(answer, lambda body: needed_uuid(loads_object(body).get("id"), "id"))


def read_identity(user_id: str, body: bytes) -> Identity:
    """`display_name`, `phone_number`, and everything else in `custom`. Raises Unreadable."""
    data = {name: value for name, value in loads_object(body).items() if value is not None}
    name = _text(data.pop("display_name", ""))
    full_name = f"{_text(data.get('first_name'))} {_text(data.get('last_name'))}".strip()
    phone = _text(data.pop("phone_number", ""))
    data.pop("user_id", None)
    return Identity(user_id=user_id, name=name or full_name, phone=phone, custom=clean_json(data))


def read_title(title_key: str, body: bytes) -> str:
    """Raises Unreadable."""
    return title_of(loads_object(body), title_key) or ""


def read_standing(question: Question, body: bytes) -> Standing:
    """How one message of a list stands; UNKNOWN when it is not in it or its map is null. Raises Unreadable."""
    for entry in loads_list(body):
        if isinstance(entry, dict) and bare_uuid(entry.get("id")) == bare_uuid(question.message):
            rank = (message_statuses(entry) or {}).get(question.user)
            return Standing.UNKNOWN if rank is None else Standing.READ if rank is Rank.READ else Standing.UNREAD
    return Standing.UNKNOWN


def loads_list(body: bytes) -> list[Any]:
    """A JSON array. Raises Unreadable, with nothing of the body in it."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, list):
        raise Unreadable("the body is not a JSON array")
    return data


def _error(response: Response) -> tuple[int | None, str, Mapping[str, Any]]:
    """Code, id and data of an error; a proxy's HTML and an empty body have none."""
    try:
        told = loads_object(response.body)
    except Unreadable:
        return None, "", {}
    code, name, data = told.get("code"), told.get("id"), told.get("data")
    return (
        code if isinstance(code, int) else None,
        name if isinstance(name, str) and _ERROR_ID.fullmatch(name) else "",
        data if isinstance(data, dict) else {},
    )


def _said(response: Response) -> str:
    code, name, _ = _error(response)
    if code is None or not 0 <= code < 10_000:
        return f"Layer answered {response.status}"
    return f"Layer answered {response.status} ({name or 'no id'}, code {code})"


def _remedy(response: Response) -> str:
    code = _error(response)[0]
    if code in _REMEDY_BY_CODE:
        return _REMEDY_BY_CODE[code]
    if 300 <= response.status < 400:
        return "redirects are not followed, set api_url (LAYER_API_URL) to the final address"
    return _REMEDY_BY_STATUS.get(response.status, "it would be refused again")


def _text(value: object) -> str:
    return clean_text(value).strip() if isinstance(value, str) else ""


_ANSWERS = Answers("Layer", _said, _remedy)
accepted, read, done = _ANSWERS.accepted, _ANSWERS.read, _ANSWERS.done
