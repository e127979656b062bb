"""Error reports: what failed and where, as it arrives at a Sentry, and nothing of the people it happened to."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config.sentry import without_people
from tests.processes import ROOT

PHONE, TEXT = "+12025550123", "a private word"

PROGRAM = f"""
import logging
from config import sentry
sentry.start(DSN, environment="tests", worker=True)
text = {TEXT!r}
def fails():
    phone = {PHONE!r}
    raise ValueError("Key (phone)=(" + phone + ") " + text)
try:
    fails()
except ValueError:
    logging.getLogger("django.request").exception("Internal Server Error: %s", text, extra={{"request": text}})
logging.getLogger("notifier.services").error("The hook %s cannot be used.", "layer")
import sentry_sdk
sentry_sdk.flush(5)
"""


class Reports(ThreadingHTTPServer):
    """A Sentry that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.bodies: list[str] = []

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server_port}/1"


class _Take(BaseHTTPRequestHandler):
    server: Reports

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.server.bodies.append((gzip.decompress(raw) if packed else raw).decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Its lines would be in the way of the tests' own."""


@pytest.fixture(scope="module")
def reported() -> Iterator[str]:
    with Reports() as sentry:
        threading.Thread(target=sentry.serve_forever, daemon=True).start()
        command = [sys.executable, "-c", f"DSN = {sentry.dsn!r}\n{PROGRAM}"]
        subprocess.run(command, cwd=ROOT, check=True, timeout=30)
        sentry.shutdown()
        yield "\n".join(sentry.bodies)


def test_it_tells_what_failed_and_where(reported: str) -> None:
    assert "ValueError" in reported
    assert '"function":"fails"' in reported
    assert "The hook %s cannot be used." in reported
    assert '"layer"' in reported, "our own lines hold nothing personal and are kept whole"


@pytest.mark.parametrize("personal", [PHONE, PHONE[1:], TEXT])
def test_it_tells_nothing_of_people(reported: str, personal: str) -> None:
    sent = [line for line in reported.splitlines() if '"exception"' in line or '"logentry"' in line]
    assert sent
    # Source lines around a call are those of the program itself, which in this test holds the words.
    told = [{name: value for name, value in json.loads(line).items() if name != "exception"} for line in sent]
    assert personal not in json.dumps(told)
    values = [one["value"] for line in sent for one in json.loads(line).get("exception", {}).get("values", [])]
    assert values == [""]


def test_requests_users_and_breadcrumbs_are_left_out() -> None:
    event = {
        "level": "error",
        "request": {"url": "/x"},
        "user": {"id": 1},
        "breadcrumbs": {},
        "extra": {"phone": PHONE},
    }
    assert without_people(event, {}) == {"level": "error"}  # type: ignore[arg-type]


def test_without_a_dsn_nothing_is_reported() -> None:
    program = (
        "from config import sentry; sentry.start('', environment='', worker=False);"
        "import sentry_sdk; assert not sentry_sdk.get_client().is_active()"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=30)
