"""What we send must equal what the vendor's own SDK sends for the same message, captured on a socket."""

import json
import ssl
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from notifier.wire import Request
from smsbridge.vendors.base import OutgoingSms
from tests.notifier.servers import Received, Server, answer
from tests.vendors.contract import SMS, SendContract
from tests.vendors.sdk import certificate

SAME = {
    "plain": SMS,
    "awkward characters": replace(SMS, text="a+b c%d & e=f\n~*'\"<>"),
    "beyond GSM-7": replace(SMS, text="\u017c\u00f3\u0142w & \U0001f422 = 2 \u20ac", unicode=True),
    "no receipts wanted": replace(SMS, status_url=""),
}
#: by an address that does not say what it is
PICTURE = replace(SMS, media=("https://chat.example/content?id=7",), media_types=("image/png",))


class SdkContract(SendContract):
    #: headers that must be equal, besides the body
    compared: ClassVar[tuple[str, ...]] = ("authorization", "content-type")

    @abstractmethod
    def send_genuinely(self, sms: OutgoingSms, url: str) -> None:
        """Have the SDK send the message to the server at `url`, whose answer is that of `sent`."""

    @pytest.fixture
    def imitation(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
        """Over TLS, which most SDKs insist on, by a certificate that they will trust."""
        file = certificate(tmp_path)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        accepting, _ = self.sent()
        headers = {"Content-Type": "application/json"}
        with Server(answer(accepting.status, accepting.body, headers), context=context) as server:
            yield server

    @pytest.mark.parametrize("sms", SAME.values(), ids=SAME)
    def test_it_sends_what_the_genuine_sdk_sends(self, sms: OutgoingSms, imitation: Server) -> None:
        self._sends_the_same(sms, imitation)

    def test_it_sends_a_picture_as_the_genuine_sdk_does(self, imitation: Server) -> None:
        if self.vendor().most_media:
            self._sends_the_same(PICTURE, imitation)
        else:
            with pytest.raises(ValueError, match="media"):
                self.vendor().request_for(PICTURE)

    def _sends_the_same(self, sms: OutgoingSms, imitation: Server) -> None:
        url = f"https://localhost:{imitation.port}"
        self.send_genuinely(sms, url)
        (theirs,) = imitation.requests
        assert self._wire(self.vendor(url).request_for(sms)) == self._wire(theirs)

    def _wire(self, request: Request | Received) -> dict[str, object]:
        """What must be equal, whatever order the fields are in."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = urlsplit(request.url if isinstance(request, Request) else request.path)
        kept = {name: headers.get(name, "").partition(";")[0] for name in self.compared}
        return {"method": request.method, "path": target.path, "query": parse_qsl(target.query), **kept} | {
            "body": content_of(headers.get("content-type", ""), request.body)
        }


def content_of(content_type: str, body: bytes) -> object:
    """A form as its sorted pairs, JSON as its value."""
    if "json" in content_type:
        return json.loads(body)
    return sorted(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
