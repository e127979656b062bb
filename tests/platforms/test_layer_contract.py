from dataclasses import replace

from notifier.platforms.base import Platform
from notifier.wire import Call
from tests.platforms.contract import PlatformContract
from tests.platforms.layer_cases import delivery, layer


class TestLayer(PlatformContract):
    fixtures = "layer"
    challenge_name = "verification_challenge"

    def make_platform(self) -> Platform:
        return layer()

    def call(self, body: bytes, secret: str) -> Call:
        return delivery(body, secret)

    def unsigned(self, call: Call) -> Call:
        headers = {name: value for name, value in call.headers.items() if name != "layer-webhook-signature"}
        return replace(call, headers=headers)
