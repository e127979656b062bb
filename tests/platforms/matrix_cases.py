"""What the tests of the Matrix adapter share: a homeserver, what it sends and answers, and what is made of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from notifier.platforms.base import ChatEvent, Delivered, PlatformConfig, Question, Reply, Steps
from notifier.platforms.matrix import MatrixPlatform
from notifier.wire import Answer, Call, Request, Response
from tests.platforms.contract import FIXTURES

T = TypeVar("T")

SERVER = "https://matrix.test"
AS_TOKEN = "the-as-token"
SECRET = "the-hs-token"
ROOM = "!OGEhHVWSdvArJzumhm6Gz8bJXVyMZhPOMkPSwBZ9cDk"
EVENT = "$Vq3dY9ZQmY0l8gq4b1m5cPZkQXn3n5y0w7u2Zs6t1aA"
ANN, BEN = "@ann:chat.test", "@ben:chat.test"
AT = 1_700_000_000_000


def matrix(*, token: str = AS_TOKEN, **options: str) -> MatrixPlatform:
    usual = {"homeserver_url": SERVER, "server_name": "chat.test"}
    return MatrixPlatform(PlatformConfig(options={**usual, **options}, secrets={"as_token": token}))


def fixture(name: str) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads((FIXTURES / "matrix" / f"{name}.json").read_bytes()))


def parsed(event: Mapping[str, Any], **options: str) -> ChatEvent:
    """The one event in our words."""
    (found,) = matrix(**options).parse(json.dumps(event).encode())
    return found


def message(text: str = "lunch?", **content: Any) -> dict[str, Any]:
    """A message of Ann's; `content` may change all that it is."""
    return event("m.room.message", {"msgtype": "m.text", "body": text, **content})


def event(kind: str, content: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    common = {"event_id": EVENT, "room_id": ROOM, "sender": ANN, "origin_server_ts": AT, "unsigned": {"age": 40}}
    return {**common, "type": kind, "content": content, **fields}


def call(
    rest: str, body: object = None, *, method: str = "PUT", token: str | None = SECRET, query: str = "", **headers: str
) -> Call:
    """A homeserver's call. `body` is sent as JSON unless it is bytes."""
    sent = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    given = {"authorization": f"Bearer {token}"} if token is not None else {}
    return Call(method, f"https://us.test/webhooks/chat/matrix/{rest}", query, {**given, **headers}, sent, rest)


def transaction(*events: object, number: str = "1", more: Mapping[str, object] | None = None) -> Call:
    return call(f"_matrix/app/v1/transactions/{number}", {"events": list(events), **(more or {})})


def received(made: Call, **options: str) -> list[Delivered]:
    found = matrix(**options).receive(made, [SECRET])
    assert not isinstance(found, Reply), found
    return list(found)


def answer(status: int, data: object = None, **headers: str) -> Response:
    return Response(status, headers, b"" if data is None else json.dumps(data).encode())


def refusal(status: int, code: str, /, text: str = "What ann wrote may stand here", **more: object) -> Response:
    return answer(status, {"errcode": code, "error": text, **more})


def path_of(request: Request) -> str:
    """What is asked, with the names of rooms and events as they are."""
    return unquote(urlsplit(request.url).path).removeprefix("/_matrix/client/")


def query_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.url).query))


def ends(steps: Steps[T], *answers: Answer | Callable[[Request], Answer]) -> tuple[T, list[Request]]:
    """What comes of these answers, in turn, and what was asked; all of them must be asked for, and no more."""
    asked = [next(steps)]
    for place, given in enumerate(answers):
        try:
            asked.append(steps.send(given(asked[-1]) if callable(given) else given))
        except StopIteration as end:
            assert place == len(answers) - 1, f"it asked only {[path_of(one) for one in asked]}"
            return cast(T, end.value), asked
    raise AssertionError(f"it asks for more: {path_of(asked[-1])}")


def question(message: str = EVENT, user: str = BEN, conversation: str = ROOM, **fields: Any) -> Question:
    return Question(conversation, message, user, **fields)
