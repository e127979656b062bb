from dataclasses import replace

from notifier.platforms.base import Platform
from notifier.wire import Call
from tests.platforms.contract import PlatformContract
from tests.platforms.matrix_cases import call, matrix


class TestMatrix(PlatformContract):
    fixtures = "matrix"
    user = "@ann:chat.test"

    def make_platform(self) -> Platform:
        return matrix()

    def call(self, body: bytes, secret: str) -> Call:
        """The fixtures are single events, as they are stored."""
        return call("_matrix/app/v1/transactions/1", body, token=secret)

    def unsigned(self, call: Call) -> Call:
        headers = {name: value for name, value in call.headers.items() if name != "authorization"}
        return replace(call, headers=headers)
