from dataclasses import replace
from typing import ClassVar

from notifier.platforms.base import Platform
from notifier.wire import Call
from tests.platforms.contract import PlatformContract
from tests.platforms.generic_cases import delivery, generic


class TestGeneric(PlatformContract):
    fixtures = "generic"
    volatile_headers: ClassVar[frozenset[str]] = frozenset({"webhook-timestamp", "webhook-signature"})

    def make_platform(self) -> Platform:
        return generic()

    def call(self, body: bytes, secret: str) -> Call:
        return delivery(body, secret)

    def unsigned(self, call: Call) -> Call:
        headers = {name: value for name, value in call.headers.items() if name != "webhook-signature"}
        return replace(call, headers=headers)
