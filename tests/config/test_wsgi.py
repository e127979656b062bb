"""The front door: bodies without a length, bodies that are too long, and the short way for webhooks."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any, cast

import pytest
from django.core.handlers.wsgi import WSGIHandler

from config.wsgi import Environ, Front, StartResponse, application

LIMIT, LARGEST_PUT = 100, 200
WEBHOOK = "/webhooks/chat/layer/"


class Dribble(BytesIO):
    """A stream that gives a few bytes at a time, as a slow network does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size, 7) if size and size > 0 else 7)


class Seen:
    """Stands in for a handler and keeps the body that it could read."""

    body: bytes | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("200 OK", [])
        return [b"seen"]


@pytest.fixture
def bare() -> Seen:
    return Seen()


@pytest.fixture
def whole() -> Seen:
    return Seen()


@pytest.fixture
def front(bare: Seen, whole: Seen) -> Front:
    return Front(cast(WSGIHandler, bare), cast(WSGIHandler, whole), LIMIT, LARGEST_PUT)


def call(handler: Any, path: str, body: bytes = b"", **environ: object) -> tuple[str, dict[str, str]]:
    """A POST: the status and the headers that come back."""
    answers: list[tuple[str, list[tuple[str, str]]]] = []
    base = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "SERVER_NAME": "localhost", "SERVER_PORT": "80"}
    handler(
        {**base, "wsgi.url_scheme": "http", "wsgi.input": Dribble(body), **environ},
        lambda *answer: answers.append(answer),
    )
    return answers[0][0], dict(answers[0][1])


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def test_a_chunked_body_is_read_whole(front: Front, bare: Seen) -> None:
    assert call(front, WEBHOOK, b"x" * LIMIT, **CHUNKED)[0] == "200 OK"
    assert bare.body == b"x" * LIMIT


def test_a_chunked_body_above_the_limit_is_refused(front: Front, bare: Seen) -> None:
    status, _ = call(front, WEBHOOK, b"x" * (LIMIT + 1), **CHUNKED)
    assert status.startswith("413 ")
    assert bare.body is None


def test_a_server_that_does_not_end_chunked_bodies_is_not_read_from(front: Front) -> None:
    assert call(front, WEBHOOK, b"x", HTTP_TRANSFER_ENCODING="chunked")[0].startswith("411 ")


def test_a_webhook_that_announces_too_much_is_refused_unread(front: Front, bare: Seen) -> None:
    assert call(front, WEBHOOK, b"", CONTENT_LENGTH=str(LIMIT + 1))[0].startswith("413 ")
    assert bare.body is None


def test_a_transaction_of_a_platform_may_be_larger(front: Front, bare: Seen) -> None:
    assert call(front, WEBHOOK, CONTENT_LENGTH=str(LARGEST_PUT), REQUEST_METHOD="PUT")[0] == "200 OK"
    assert call(front, WEBHOOK, CONTENT_LENGTH=str(LARGEST_PUT + 1), REQUEST_METHOD="PUT")[0].startswith("413 ")


def test_but_not_where_it_would_have_to_be_read_to_know_its_length(front: Front, bare: Seen) -> None:
    status, _ = call(front, WEBHOOK, b"x" * LARGEST_PUT, REQUEST_METHOD="PUT", **CHUNKED)
    assert status.startswith("413 ")
    assert bare.body is None


def test_a_page_may_be_sent_a_file(front: Front, whole: Seen) -> None:
    assert call(front, "/admin/", b"x" * (LIMIT + 1), CONTENT_LENGTH=str(LIMIT + 1))[0] == "200 OK"
    assert whole.body is not None


@pytest.mark.django_db
@pytest.mark.once
def test_webhooks_pass_by_all_middleware() -> None:
    assert "Content-Security-Policy" not in call(application, "/webhooks/nobody/")[1]
    assert "Content-Security-Policy" in call(application, "/nobody/")[1]
