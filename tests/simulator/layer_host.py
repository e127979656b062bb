"""The program with Layer's API at the root, as api.layer.com has it: the genuine client knows no other place."""

from collections.abc import Callable, Iterable
from typing import Any

from config.wsgi import application as program


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"].startswith("/apps/"):
        environ["PATH_INFO"] = "/simulator/layer" + environ["PATH_INFO"]
    return program(environ, start_response)
