"""Who calls the web process from outside: a platform, a vendor, an operator; and how long each was kept waiting."""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Self

import requests
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password

from smsbridge.demo.services import free_port
from tests import factories
from tests.flows.town import NUMBERS, Town

PASSWORD = "open sesame"
WAIT_SECONDS = 30

_serial = count(1)


class Caller:
    """Calls one web process over connections that it keeps. All times are milliseconds."""

    def __init__(self, here: Town, url: str = "") -> None:
        self._url, self._environment = url or here.url, here.processes.environment
        self._session = requests.Session()
        self._user = f"operator-{next(_serial)}"

    @classmethod
    @contextmanager
    def fresh(cls, here: Town) -> Iterator[Self]:
        """Of a web process that was started just now; the check of its health is all that it was asked so far."""
        port = free_port()
        web = here.processes.web(port)
        try:
            yield cls(here, f"http://127.0.0.1:{port}")
        finally:
            web.kill()

    def call(self, what: str) -> float:
        """One webhook, "chat" or "sms": it must be taken."""
        answer = self.chat() if what == "chat" else self.sms()
        assert answer.ok, answer.text
        return 1000 * answer.elapsed.total_seconds()

    def round(self, calls: int) -> dict[str, list[float]]:
        """So many webhooks of each kind, one after the other."""
        return {what: [self.call(what) for _ in range(calls)] for what in ("chat", "sms")}

    def chat(self) -> requests.Response:
        """An event that the platform delivers right now."""
        body = factories.body_of(factories.layer_event("message.read", conversation=uuid.uuid4()))
        signature = factories.signature(body, self._environment["LAYER_WEBHOOK_SECRET"])
        return self._post("chat/layer/", body, {"layer-webhook-signature": signature})

    def sms(self) -> requests.Response:
        """A text to a number that stands for nothing."""
        told = {"id": uuid.uuid4().hex, "from": "+12025559999", "to": NUMBERS[0], "text": "Hello?"}
        body, stamp = json.dumps(told).encode(), str(int(time.time()))
        secret = self._environment["FAKE_SIGNING_SECRET"].encode()
        signed = hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return self._post("sms/fake/inbound/", body, {"X-Fake-Signature": f"t={stamp},v1={signed}"})

    def operator(self) -> None:
        """Somebody who may log in."""
        password = make_password(PASSWORD, hasher="pbkdf2_sha256")  # the tests' own is unknown to the server
        get_user_model().objects.create(username=self._user, password=password, is_staff=True, is_superuser=True)

    def pages(self) -> dict[str, float]:
        """A wrong login, a right one, and the first page, in a browser of its own."""
        login, times = f"{self._url}/admin/login/", {}
        with requests.Session() as browser:
            browser.get(login, timeout=WAIT_SECONDS)
            for name, password in (("wrong login", "no"), ("login", PASSWORD)):
                token = browser.cookies["csrftoken"]
                form = {"username": self._user, "password": password, "csrfmiddlewaretoken": token, "next": "/admin/"}
                begun = time.monotonic()
                answer = browser.post(login, data=form, timeout=WAIT_SECONDS)
                times[name] = 1000 * (time.monotonic() - begun)
            assert answer.ok, answer.text
            begun = time.monotonic()
            assert browser.get(f"{self._url}/admin/", timeout=WAIT_SECONDS).ok
            times["page"] = 1000 * (time.monotonic() - begun)
        return times

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        headers = {"Content-Type": "application/json", **headers}
        return self._session.post(f"{self._url}/webhooks/{path}", data=body, headers=headers, timeout=WAIT_SECONDS)
