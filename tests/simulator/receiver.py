"""A receiver of webhooks: records every call, and answers as the test says."""

from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Got:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, bytes]


def echo(call: Got) -> Answer:
    """A good receiver: echoes challenges, takes everything else."""
    challenge = call.query.get("verification_challenge")
    return (200, challenge.encode()) if challenge is not None else (204, b"")


class Receiver:
    """`calls` holds what came, in order; `url` is where to send it; `answer` may be replaced at any time."""

    def __init__(self) -> None:
        self.answer: Callable[[Got], Answer] = echo
        self.arrived: Queue[Got] = Queue()
        self.calls: list[Got] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_call(self) -> None:
                outer.take(self)

            do_GET = do_POST = handle_call  # noqa: N815 (http.server looks for these names)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?fixed=1"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        target = urlsplit(handler.path)
        query = {key: values[-1] for key, values in parse_qs(target.query, keep_blank_values=True).items()}
        headers = {key.lower(): value for key, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        call = Got(handler.command, target.path, query, headers, body)
        status, content = self.answer(call)
        self.calls.append(call)
        try:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except OSError:
            handler.close_connection = True  # the caller gave up waiting
        self.arrived.put(call)

    @property
    def posts(self) -> list[Got]:
        return [call for call in self.calls if call.method == "POST"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
