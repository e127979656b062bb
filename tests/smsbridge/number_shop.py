"""The shop of a pretend SMS vendor on a socket: what it owns, sells and takes back, and how often it was asked to."""

import json
import threading
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from smsbridge.models import Pool, VendorAccount
from tests import factories
from tests.notifier import servers
from tests.notifier.servers import Peer, Received, Step

INBOUND = "https://sms.example.com/webhooks/sms/shop/inbound/"


class Shop:
    """`on_offer` are the numbers for sale. `script` is done in turn by calls that cost money."""

    def __init__(self, *owned: str, on_offer: int = 8) -> None:
        self.owned = dict.fromkeys(owned, "")
        self.on_offer = [number(serial) for serial in range(on_offer)]
        self.sold: list[str] = []
        self.taken_back: list[str] = []
        self.orders: dict[str, str] = {}
        self.script: list[Step] = []
        self.lists_nothing = False
        self.price = "1.15"
        self._mutex = threading.Lock()
        self._server = servers.Server(self._serve)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.__exit__(*error)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def paid_calls(self) -> int:
        return sum(received.method in ("POST", "DELETE") for received in self._server.requests)

    # What a script may hold
    def lose(self, peer: Peer, received: Received) -> None:
        """Do it, and close without an answer."""
        self._paid(received)
        peer.close()

    def order(self, peer: Peer, received: Received) -> None:
        """Take an order; it is done as soon as `orders` says so."""
        e164 = json.loads(received.body)["number"]
        self.orders[f"o-{e164[1:]}"] = "pending"
        _answer(202, order=f"o-{e164[1:]}")(peer, received)

    def fulfil(self) -> None:
        for order in self.orders:
            self.orders[order] = "done"
            self._sell(f"+{order.removeprefix('o-')}")

    def _serve(self, peer: Peer, received: Received) -> None:
        path = urlsplit(received.path)
        if received.method in ("POST", "DELETE"):
            with self._mutex:
                step = self.script.pop(0) if self.script else None
            (step or self._paid(received))(peer, received)
        elif received.method == "PUT":
            self.owned[unquote(path.path.rpartition("/")[2])] = json.loads(received.body)["inbound_url"]
            servers.answer()(peer, received)
        elif path.path == "/offers":
            offers = [
                {"number": one, "price": self.price, "currency": "USD"} for one in self._offered(parse_qs(path.query))
            ]
            _answer(200, offers=offers)(peer, received)
        elif path.path.startswith("/orders/"):
            _answer(200, status=self.orders[path.path.rpartition("/")[2]])(peer, received)
        else:
            listed = {} if self.lists_nothing else dict(self.owned)
            _answer(200, numbers=[{"number": e164, "inbound_url": url} for e164, url in listed.items()])(peer, received)

    def _offered(self, query: dict[str, list[str]]) -> list[str]:
        area = query.get("area", [""])[0]
        found = [one for one in self.on_offer if one.startswith(f"+1{area}")]
        return found[: int(query["limit"][0])]

    def _paid(self, received: Received) -> Step:
        if received.method == "POST":
            return self._sell(json.loads(received.body)["number"])
        e164 = unquote(received.path.rpartition("/")[2])
        with self._mutex:
            if self.owned.pop(e164, None) is None:
                return refused("20404", 404)
            self.taken_back.append(e164)
        return _answer(200, number=e164)

    def _sell(self, e164: str) -> Step:
        with self._mutex:
            if e164 not in self.on_offer:
                return refused("21422")
            self.on_offer.remove(e164)
            self.owned[e164] = ""
            self.sold.append(e164)
        return _answer(201, number=e164)


def number(serial: int) -> str:
    """A number of the shop, of the US and area 415."""
    return f"+1415300{1000 + serial}"


def refused(code: str, status: int = 400) -> Step:
    return _answer(status, error={"code": code, "message": "no"})


def _answer(code: int, /, **content: Any) -> Step:
    return servers.answer(code, json.dumps(content).encode())


def account_at(shop: Shop, slug: str = "shop") -> VendorAccount:
    return factories.vendor_account(slug, options={"url": shop.url})


def empty_pool(name: str = "main") -> Pool:
    return Pool.objects.create(name=name)
