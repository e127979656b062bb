"""One rare HTTP call from any thread: registrations, numbers, look-ups. Hundreds at once belong in `Exchange`."""

import contextlib
import socket
import threading

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from notifier import transport_rules as rules
from notifier.wire import Answer, Failure, Request, Response

_current = threading.local()


def call(
    request: Request,
    *,
    timeout: float = rules.TIMEOUT,
    connect_timeout: float = rules.CONNECT_TIMEOUT,
    ca_file: str | None = None,
    most_bytes: int = rules.MAX_BODY,
) -> Answer:
    """Make one request on a connection of its own, with the promises of `notifier.transport`.

    Returns within `timeout` seconds, name resolution and dribbling servers included; `connect_timeout` is for each
    address of the host. An answer longer than `most_bytes` is a Failure. Raises ValueError for what is not an HTTP
    request, before anything is sent.
    """
    rules.check(request)
    rules.header_lines(request)
    attempt = _Attempt(request, timeout, connect_timeout, ca_file or certifi.where(), most_bytes)
    thread = threading.Thread(target=attempt.run, name="http-call", daemon=True)
    thread.start()
    thread.join(timeout)
    return attempt.give_up() if thread.is_alive() else attempt.result()


class _Attempt:
    """A call in a thread of its own, because nothing else bounds the system's resolver and a dribbling server."""

    def __init__(self, request: Request, timeout: float, connect_timeout: float, ca_file: str, most_bytes: int) -> None:
        self._request, self._timeout, self._ca_file, self._most_bytes = request, timeout, ca_file, most_bytes
        self._connect_timeout = min(connect_timeout, timeout)
        self._lock = threading.Lock()
        self._issued = self._given_up = False
        self._socket: socket.socket | None = None
        self._result: Answer | Exception | None = None

    def permit(self, connected: socket.socket) -> None:
        """A connection stands and nothing is written yet. Raises OSError when nobody waits for the answer any more."""
        with self._lock:
            if self._given_up or self._issued:
                raise OSError("no longer wanted")
            self._issued, self._socket = True, connected

    def give_up(self) -> Failure:
        with self._lock:
            self._given_up = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # so that the thread ends, however the server dribbles
            return self._failure(rules.NO_ANSWER_IN_TIME if self._issued else rules.NO_CONNECTION_IN_TIME)

    def result(self) -> Answer:
        if isinstance(self._result, Response | Failure):
            return self._result
        raise self._result or RuntimeError("the call ended without a result")

    def run(self) -> None:
        _current.attempt = self
        try:
            self._result = self._make()
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            self._result = self._failure(_sentence(error, self._issued))
        except Exception as error:  # a fault of ours: raised again by result(), in the thread of the caller
            self._result = error

    def _make(self) -> Answer:
        with _Session() as session:
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Once())
            with session.send(
                self._prepared(),
                timeout=(self._connect_timeout, self._timeout),
                allow_redirects=False,
                stream=True,
                verify=self._ca_file,
            ) as answer:
                body = bytearray()
                for piece in answer.raw.stream(1 << 16, decode_content=False):
                    body += piece
                    if len(body) > self._most_bytes:
                        return self._failure(rules.too_long(self._most_bytes))
                return Response(answer.status_code, rules.headers_of(answer.raw.headers.items()), bytes(body))

    def _prepared(self) -> requests.PreparedRequest:
        headers = {"User-Agent": rules.USER_AGENT, "Accept": "*/*", **self._request.headers}
        prepared = requests.Request(
            self._request.method, self._request.url, headers=headers, data=self._request.body or None
        ).prepare()
        prepared.url = self._request.url  # requests re-quotes it, and a signature may cover it
        return prepared

    def _failure(self, sentence: str) -> Failure:
        return Failure(self._issued, f"{rules.origin(self._request.url)}: {sentence}")


class _Session(requests.Session):
    """Looks at no redirect: to prepare the next request, requests would read the body without a limit."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _HttpConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _current.attempt.permit(self.sock)


class _HttpsConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()  # includes the TLS handshake and the certificate's verification
        _current.attempt.permit(self.sock)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Once(HTTPAdapter):
    """An adapter that repeats nothing and asks `_Attempt.permit` before each write."""

    def __init__(self) -> None:
        super().__init__(max_retries=urllib3.Retry(total=0, redirect=False, read=False))
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


def _sentence(error: Exception, issued: bool) -> str:
    if isinstance(error, requests.exceptions.InvalidURL):
        return "the URL is malformed"
    if isinstance(error, requests.exceptions.SSLError) and not issued:
        return "TLS failed: the certificate or the protocol is not accepted"
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return rules.NO_ANSWER_IN_TIME if issued else rules.NO_CONNECTION_IN_TIME
    return rules.LOST if issued else f"{rules.NO_CONNECTION}, or {rules.NO_NAME}"
