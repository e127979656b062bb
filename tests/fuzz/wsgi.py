"""One call to the program as a web server hands it over: past Django's test client, which would tidy it up."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds: float


def call(
    method: str, path: str, *, query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None, **raw: str
) -> Answered:
    """`raw` are further variables of the environment, such as CONTENT_LENGTH as the caller claims it."""
    from config.wsgi import application

    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **_variables(headers or {}),
        **raw,
    }
    heard: list[tuple[str, list[tuple[str, str]]]] = []
    began = time.monotonic()
    pieces = application(environ, lambda status, sent, _=None: heard.append((status, sent)))
    told = b"".join(pieces)
    if hasattr(pieces, "close"):
        pieces.close()
    (status, sent), *_ = heard
    lower = {name.lower(): value for name, value in sent}
    return Answered(int(status.split()[0]), told, lower, time.monotonic() - began)


def _variables(headers: Mapping[str, str]) -> dict[str, str]:
    """As a server passes headers on: bytes as Latin-1 text."""
    named = {name.upper().replace("-", "_"): value for name, value in headers.items()}
    return {name if name == "CONTENT_TYPE" else f"HTTP_{name}": value for name, value in named.items()}
