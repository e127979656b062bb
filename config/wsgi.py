"""The entry point of web servers: chunked bodies made readable, and a short way for webhooks past all middleware.

Django reads no body without a Content-Length, which a chunked request does not have: it would look empty, its
signature would not match, and its sender would be refused for good. So such a body is read here, up to the limit.
"""

import os
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, cast

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from celery import current_app  # noqa: E402
from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.handlers.exception import convert_exception_to_response  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest, get_script_name  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import get_resolver, set_script_prefix  # noqa: E402
from encrypted_fields.fields import EncryptedFieldMixin  # noqa: E402

from notifier.wire import LARGEST_CALL  # noqa: E402

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Body = Iterable[bytes]

#: probes as well: they ask by addresses that ALLOWED_HOSTS does not know
BARE_PATHS = ("/webhooks/", "/healthz", "/readyz", "/metrics")


class BareHandler(WSGIHandler):
    """Django without middleware: callers here are programs that prove themselves by signature, not by session.

    Nor does it send the request signals, which cost a sixth of such a call. What they do otherwise, the views do:
    a database connection that has died is closed and the call repeated once.
    """

    def __call__(self, environ: Environ, start_response: StartResponse) -> Body:  # type: ignore[override]
        set_script_prefix(get_script_name(environ))
        response = cast(HttpResponse, self.get_response(WSGIRequest(environ)))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]


def refuse(start_response: StartResponse, status: str, sentence: str) -> Body:
    body = f"{sentence}\n".encode()
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


def read_up_to(stream: Any, limit: int) -> bytes:
    """At most `limit` bytes of a stream that ends by itself; a read may return less than asked for."""
    pieces, left = [], limit
    while left > 0 and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


class Front:
    """Settles the body's length, then hands the request to the handler for its path."""

    def __init__(self, bare: WSGIHandler, whole: WSGIHandler, limit: int, largest_put: int) -> None:
        self.bare, self.whole, self.limit, self.largest_put = bare, whole, limit, largest_put

    def __call__(self, environ: Environ, start_response: StartResponse) -> Body:
        bare = environ.get("PATH_INFO", "").startswith(BARE_PATHS)
        limit = self.limit
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            if not environ.get("wsgi.input_terminated"):
                return refuse(start_response, "411 Length Required", "Send a Content-Length; this server needs one.")
            body = read_up_to(environ["wsgi.input"], self.limit + 1)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        elif not bare:
            return self.whole(environ, start_response)  # Django itself limits what is not a file
        elif environ.get("REQUEST_METHOD") == "PUT":
            limit = self.largest_put  # a platform's transaction, of which the view reads nothing before its token
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > limit:
            return refuse(start_response, "413 Content Too Large", f"The body may have {limit} bytes at most.")
        handler = self.bare if bare else self.whole
        return handler(environ, start_response)


def warm_up() -> None:
    """What the first call would wait for in vain: the pages' code, the broker's client, and the keys of secrets."""
    get_resolver().url_patterns  # noqa: B018 (it is loaded, and kept)
    current_app.connection_for_write().transport_cls  # noqa: B018 (as above)
    for model in apps.get_models():
        for field in model._meta.fields:
            if isinstance(field, EncryptedFieldMixin):
                field.f  # noqa: B018 (made of SECRET_KEY in 100,000 rounds)


warm_up()
application = Front(BareHandler(), WSGIHandler(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE, LARGEST_CALL)
