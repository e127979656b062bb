"""The number list of the pretend SMS network and of Vonage, on a socket."""

import json
from urllib.parse import parse_qs, unquote, urlsplit

from tests.notifier.servers import Peer, Received, Server, answer

TOKEN = "the token"


class FakeNetwork:
    """`numbers` maps each number that the account owns to its inbound URL; `changed` are those that were set."""

    def __init__(self, **numbers: str) -> None:
        self.numbers = {"+" + number.removeprefix("n"): url for number, url in numbers.items()}
        self.changed: list[str] = []
        self.refuse_changes = False
        self._server = Server(self._serve)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> "FakeNetwork":
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    def _serve(self, peer: Peer, received: Received) -> None:
        if received.headers.get("authorization") != f"Bearer {TOKEN}":
            answer(401)(peer, received)
        elif received.path.endswith("/account"):
            answer(200, b'{"credit": "7.50", "currency": "EUR"}')(peer, received)
        elif received.method == "GET":
            rows = [{"number": number, "inbound_url": url} for number, url in self.numbers.items()]
            answer(200, json.dumps({"numbers": rows}).encode())(peer, received)
        elif self.refuse_changes:
            answer(500)(peer, received)
        else:
            number = unquote(received.path.rpartition("/")[2])
            self.numbers[number] = json.loads(received.body)["inbound_url"]
            self.changed.append(number)
            answer()(peer, received)


class VonageNumbers:
    """An account with so many numbers, in pages; `updates` are the forms that came in."""

    def __init__(self, count: int) -> None:
        self.updates: list[dict[str, list[str]]] = []
        self._rows = [
            {"country": "US", "msisdn": f"1202555{number:04}", "voiceCallbackType": "tel", "voiceCallbackValue": "1"}
            for number in range(100, 100 + count)
        ]
        self._server = Server(self._serve)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> "VonageNumbers":
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    def _serve(self, peer: Peer, received: Received) -> None:
        url = urlsplit(received.path)
        if url.path == "/number/update":
            self.updates.append(parse_qs(received.body.decode()))
            answer(200, b'{"error-code": "200", "error-code-label": "success"}')(peer, received)
            return
        query = parse_qs(url.query)
        size, index = int(query["size"][0]), int(query["index"][0])
        page = {"count": len(self._rows), "numbers": self._rows[(index - 1) * size : index * size]}
        answer(200, json.dumps(page).encode())(peer, received)
