"""What the tests of the PrivMX adapter share: a platform, pushes, and a scripted Bridge that is a function."""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from notifier.platforms.base import ChatEvent, Delivered, PlatformConfig
from notifier.platforms.privmx import PrivmxPlatform
from notifier.platforms.socket import Taken
from tests.platforms.contract import FIXTURES

KEY_ID = "the-key-id"
SECRET = "the-key-secret"
THREAD = "65a0000000000000000000aa"
STORE = "65a0000000000000000000bb"
KVDB = "65a0000000000000000000cc"
INBOX = "65a0000000000000000000ee"
START = 1_700_000_000_000
LIMITED = {"result": {"code": 429, "headers": {}, "body": "Too many requests"}}
ALL_SCOPES = ("thread", "store", "stream", "inbox", "kvdb", "context", "solution:*")

_LISTS = {
    "thread/listThreads": "thread",
    "store/listStores": "store",
    "kvdb/listKvdbs": "kvdb",
    "stream/listStreamRooms": "stream",
}
_ITEM_LISTS = {
    "thread/listThreadMessages": "threadId",
    "store/listStoreFiles": "storeId",
    "kvdb/listKvdbEntries": "kvdbId",
}
_GETS = {
    "thread/getThread": ("thread", "thread", "threadId", 24577),
    "store/getStore": ("store", "store", "storeId", 24855),
    "kvdb/getKvdb": ("kvdb", "kvdb", "kvdbId", 24892),
    "inbox/getInbox": ("inbox", "inbox", "inboxId", 24862),
}


def privmx(*, secret: str = SECRET, **options: str) -> PrivmxPlatform:
    told = {"api_url": "http://127.0.0.1:9111", "key_id": KEY_ID, **options}
    platform = PrivmxPlatform(PlatformConfig(options=told, secrets={"key_secret": secret}))
    platform._key = replace(platform._key, clock=lambda: START / 1000)
    return platform


def fixture(name: str) -> bytes:
    return (FIXTURES / "privmx" / f"{name}.json").read_bytes()


def container(id_: str, touched: int = START, users: Sequence[str] = ("ann", "ben"), **more: Any) -> dict[str, Any]:
    dates = dict.fromkeys(("createDate", "lastModificationDate"), START)
    stamps = dict.fromkeys(("lastMsgDate", "lastFileDate", "lastEntryDate"), touched)
    who = {"creator": "ann", "users": list(users), "managers": ["cid"], "version": 1}
    return {"id": id_, "contextId": "C1", **dates, **stamps, **who, "publicMeta": None, **more}


def message(number: int, at: int, thread: str = THREAD, **more: Any) -> dict[str, Any]:
    """Made `at` milliseconds after the start."""
    id_ = f"{(START + at) // 1000:08x}{number:016x}"
    told = {"id": id_, "contextId": "C1", "threadId": thread, "createDate": START + at, "author": "ann", "keyId": "k"}
    return {**told, "publicMeta": None, **more}


def push(type_: str, data: Mapping[str, Any], at: int = 0, channel: str = "thread") -> dict[str, Any]:
    return {"channel": channel, "type": type_, "data": data, "timestamp": START + at}


@dataclass
class World:
    """What the Bridge holds: `containers` by channel, `items` by container; `faults` are answered first, by method."""

    scope: Sequence[str] = ALL_SCOPES
    containers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    items: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: dict[str, deque[dict[str, Any]]] = field(default_factory=dict)

    def fails(self, method: str, *answers: dict[str, Any]) -> None:
        self.faults[method] = deque(answers)


def error(code: int, data: Any = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": "words for people", "data": data}}


def answer(world: World, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The result or error of a call."""
    if world.faults.get(method):
        return world.faults[method].popleft()
    if method == "manager/auth":
        return _token(world, params)
    if method == "context/listContexts":
        return {"result": {"list": [{"id": "C1"}][params["skip"] :], "count": 1}}
    if method in _LISTS:
        return _page(world.containers.get(_LISTS[method], []), params, "id")
    if method in _ITEM_LISTS:
        name = "kvdbEntryKey" if method.startswith("kvdb") else "id"
        return _page(world.items.get(params[_ITEM_LISTS[method]], []), params, name)
    if method in _GETS:
        channel, result, id_name, gone = _GETS[method]
        found = [one for one in world.containers.get(channel, []) if one["id"] == params[id_name]]
        return {"result": {result: found[0]}} if found else error(gone)
    return {"result": "OK"}


def _token(world: World, params: Mapping[str, Any]) -> dict[str, Any]:
    if params["grantType"] == "refresh_token":
        assert params["refreshToken"]
    asked = params.get("scope", world.scope)
    if not set(asked) <= set(world.scope):
        return error(24878, sorted(set(asked) - set(world.scope))[0])
    told = {"accessToken": "token", "accessTokenExpiry": 9 * START, "refreshToken": "again", "tokenType": "Bearer"}
    return {"result": {**told, "refreshTokenExpiry": 9 * START, "scope": list(asked)}}


def _page(rows: Sequence[Mapping[str, Any]], params: Mapping[str, Any], name: str) -> dict[str, Any]:
    after = [
        row for row in sorted(rows, key=lambda row: row[name]) if params["from"] is None or row[name] > params["from"]
    ]
    return {"result": {"list": after[: params["limit"]], "count": len(after)}}


class Talk:
    """A session at the scripted Bridge. It stops answering when `silent`."""

    def __init__(self, platform: PrivmxPlatform, world: World, place: Mapping[str, Any] | None = None) -> None:
        self.platform, self.world = platform, world
        self.session = platform.conversing(place or {})
        self.now, self.silent = 100.0, False
        self.asked: list[str] = []
        self.params: list[Mapping[str, Any]] = []
        self.told: list[Delivered] = []
        self.place: Mapping[str, Any] = place or {}
        self._unanswered: deque[str] = deque()

    def open(self) -> "Talk":
        self._took(self.session.opened(self.now))
        return self

    def push(self, *pushes: Mapping[str, Any]) -> "Talk":
        for one in pushes:
            self._took(self.session.take(json.dumps(one), self.now))
        return self

    def frame(self, frame: str | bytes) -> "Talk":
        self._took(self.session.take(frame, self.now))
        return self

    def wait(self, seconds: float) -> "Talk":
        """Let time pass, and wake the session as it wishes."""
        until = self.now + seconds
        while (at := self.session.wake_at()) is not None and at <= until:
            self.now = max(self.now, at)
            self._took(self.session.wake(self.now))
        self.now = until
        return self

    def answers(self) -> "Talk":
        """Speak again."""
        self.silent = False
        self._answer()
        return self

    @property
    def events(self) -> list[ChatEvent]:
        return [event for one in self.told for event in self.platform.parse(one.body)]

    @property
    def keys(self) -> list[str]:
        return [one.envelope.key for one in self.told]

    def count(self, method: str) -> int:
        return self.asked.count(method)

    def _took(self, taken: Taken) -> None:
        self.told += taken.events
        self.place = json.loads(json.dumps(taken.place)) if taken.place is not None else self.place
        self._unanswered.extend(taken.send)
        self._answer()

    def _answer(self) -> None:
        while self._unanswered and not self.silent:
            asked = json.loads(self._unanswered.popleft())
            self.asked.append(asked["method"])
            self.params.append(asked["params"])
            told = {"jsonrpc": "2.0", "id": asked["id"], **answer(self.world, asked["method"], asked["params"])}
            self._took(self.session.take(json.dumps(told), self.now))


def lunch(*messages: dict[str, Any], **more: Any) -> World:
    """A Bridge with one thread, of Ann, Ben and Cid."""
    newest = max([START, *(one["createDate"] for one in messages)])
    return World(containers={"thread": [container(THREAD, newest, **more)]}, items={THREAD: list(messages)})
