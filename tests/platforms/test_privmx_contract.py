from collections.abc import Sequence
from typing import ClassVar

from notifier.platforms.base import Delivered, Platform
from notifier.wire import Call
from tests.platforms.contract import PlatformContract
from tests.platforms.privmx_cases import START, THREAD, Talk, container, lunch, message, privmx, push


class TestPrivmx(PlatformContract):
    fixtures = "privmx"
    user: ClassVar[str] = "ben"

    def make_platform(self) -> Platform:
        return privmx()

    def call(self, body: bytes, secret: str) -> Call:
        """Nobody delivers by webhook; whatever is tried must be forged."""
        return Call("POST", "https://us.example/webhooks/chat/privmx/", "", {"authorization": secret}, body)

    def unsigned(self, call: Call) -> Call:
        return Call("POST", call.url, "", {}, call.body)

    def pushed_and_caught_up(self) -> tuple[Sequence[Delivered], Sequence[Delivered]]:
        platform = privmx(channels="thread,store,stream,kvdb")
        there, away = Talk(platform, lunch()).open(), Talk(platform, lunch()).open()
        news = {
            "threadNewMessage": message(1, 20_000),
            "storeFileCreated": {"id": message(2, 20_000)["id"], "storeId": "S", "created": START + 20_000},
            "kvdbNewEntry": {"kvdbEntryKey": "menu", "kvdbId": "K", "createDate": START + 20_000, "author": "ann"},
            "streamRoomCreated": {**container(message(3, 20_000)["id"]), "createDate": START + 20_000},
        }
        for (type_, data), channel in zip(news.items(), ("thread", "store", "kvdb", "stream"), strict=True):
            there.push(push(type_, data, 21_000, channel))
        world = lunch()
        world.containers = {
            "thread": [container(THREAD, START + 20_000)],
            "store": [container("S", START + 20_000)],
            "kvdb": [container("K", START + 20_000)],
            "stream": [news["streamRoomCreated"]],
        }
        world.items = {THREAD: [news["threadNewMessage"]], "S": [news["storeFileCreated"]], "K": [news["kvdbNewEntry"]]}
        return there.told, Talk(platform, world, away.place).open().told
