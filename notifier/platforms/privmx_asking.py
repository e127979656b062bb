"""Asking a Bridge over HTTP whether something is still there: it knows nothing of who has read it."""

from collections.abc import Mapping
from typing import Final

from notifier.platforms.base import Done, Later, No, Question, Reading, Standing, Steps
from notifier.platforms.privmx_auth import ApiKey
from notifier.platforms.privmx_kinds import KVDB, STREAM
from notifier.platforms.privmx_rpc import FINAL_CODES, GONE_CODES, TOKEN_CODES, Answered, call, read
from notifier.wire import Answer, Failure, Request, Unreadable, retry_after_seconds

_PAUSE: Final = 1.0
_DIGEST: Final = "sha256:"


def get_call(message: str) -> tuple[str, Mapping[str, str]] | None:
    """The call that asks for what we call `message`, and its parameters; None when its id was too long to be kept."""
    kind, colon, rest = message.partition(":")
    if _DIGEST in message:
        return None
    if not colon or kind not in ("file", "room", "kvdb"):
        return "thread/getThreadMessage", {"threadMessageId": message}
    if kind == "kvdb":
        kvdb, _, entry = rest.partition("/")
        return "kvdb/getKvdbEntry", {KVDB.id_field: kvdb, "kvdbEntryKey": entry}
    return (
        ("store/getStoreFile", {"storeFileId": rest}) if kind == "file" else (STREAM.get_call, {STREAM.id_field: rest})
    )


def ask(url: str, key: ApiKey, message: str, questions: list[Question]) -> Steps[Mapping[Question, Reading[Standing]]]:
    """One request answers all questions about one message."""
    found: Reading[Standing] = Done(Standing.UNKNOWN)
    asked = get_call(message)
    if asked is not None:
        method, params = asked
        body = call(1, method, params).encode(errors="replace")
        headers = {"Content-Type": "application/json", "Authorization": key.authorization(body, _path(url))}
        found = standing((yield Request("POST", url, headers, body)), method)
    return dict.fromkeys(questions, found)


def standing(answer: Answer, method: str) -> Reading[Standing]:
    """Of something that is still there: unread, for the Bridge tells no more."""
    if isinstance(answer, Failure):
        return Later(answer.detail)
    if answer.status in (408, 429) or answer.status >= 500:
        return Later(f"PrivMX Bridge answered {answer.status}", retry_after_seconds(answer.headers))
    if not 200 <= answer.status < 300:
        return No(f"PrivMX Bridge answered {answer.status}: check api_url, key_id and key_secret (PRIVMX_API_URL, ...)")
    try:
        told = read(answer.body)
    except Unreadable as error:
        return Later(f"PrivMX Bridge answered {answer.status}, but {error}")
    return _standing(told, method) if isinstance(told, Answered) else Later("PrivMX Bridge answered another call")


def _standing(told: Answered, method: str) -> Reading[Standing]:
    if told.limited:
        return Later("PrivMX Bridge's rate limit is used up", _PAUSE)
    error = told.failure(method)
    if error is None:
        is_there = isinstance(told.result, dict) and any(isinstance(one, dict) for one in told.result.values())
        return Done(Standing.UNREAD) if is_there else Later("PrivMX Bridge answered in a form that is not promised")
    if error.code in GONE_CODES:
        return Done(Standing.DELETED)
    return No(str(error)) if error.code in FINAL_CODES | TOKEN_CODES else Later(str(error))


def _path(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2]
