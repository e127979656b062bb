"""libcurl's handles, as `notifier.transport.Exchange` uses them: one request each at a time, never written twice."""

import select
import time
from typing import Generic, TypeVar

import pycurl

from notifier import transport_rules as rules
from notifier.wire import Failure, Request, Response

T = TypeVar("T")

#: seconds within which a connection is used again without looking whether the server has closed it
_JUST_USED = 0.01
#: headers that libcurl would add otherwise; a later one of the same name is the request's own and goes out
_NOT_OF_ITSELF = [b"Expect:", b"Content-Type:"]

_SENTENCES = {
    pycurl.E_COULDNT_RESOLVE_HOST: rules.NO_NAME,
    pycurl.E_COULDNT_CONNECT: rules.NO_CONNECTION,
    pycurl.E_GOT_NOTHING: "the server closed the connection without an answer",
    pycurl.E_SEND_ERROR: rules.LOST,
    pycurl.E_RECV_ERROR: rules.LOST,
    pycurl.E_PARTIAL_FILE: rules.LOST,
    pycurl.E_ABORTED_BY_CALLBACK: rules.LOST,
    pycurl.E_FILESIZE_EXCEEDED: rules.too_long(rules.MAX_BODY),
    pycurl.E_FTP_WEIRD_SERVER_REPLY: rules.NOT_HTTP,  # the same number as CURLE_WEIRD_SERVER_REPLY
    pycurl.E_UNSUPPORTED_PROTOCOL: rules.NOT_HTTP,
    pycurl.E_URL_MALFORMAT: "the URL is malformed",
}
_TLS = {
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_CACERT_BADFILE,
    pycurl.E_SSL_ISSUER_ERROR,
}


class Sockets:
    """The open connections that libcurl may use again, by their local port: descriptor and time of last use."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[int, tuple[int, float]] = {}

    def used(self, port: int, descriptor: int) -> None:
        if len(self._known) >= self._most:
            self._known.clear()  # what is forgotten is merely not looked at before its next use
        self._known[port] = descriptor, time.monotonic()

    def closed(self, port: int) -> bool:
        """Whether the server has closed an idle connection, or said something on it that nobody asked for."""
        descriptor, used = self._known.get(port, (-1, 0.0))
        if descriptor < 0 or time.monotonic() - used < _JUST_USED:
            return False
        del self._known[port]  # libcurl drops a connection that was refused to it: looked at once, it is not met again
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))


class Slot(Generic[T]):
    """One libcurl handle, used for one request after the other."""

    def __init__(self, sockets: Sockets, curl: pycurl.Curl) -> None:
        self.curl = curl
        self.sockets = sockets
        self.head: list[bytes] = []
        self.body: list[bytes] = []
        self.tag: T
        self.origin = ""
        self.port = 0
        self.issued = self.stale = self.no_body = False
        curl.setopt(pycurl.PREREQFUNCTION, self.permit)
        curl.setopt(pycurl.HEADERFUNCTION, self.head.append)
        curl.setopt(pycurl.WRITEFUNCTION, self.body.append)

    def load(self, tag: T, origin: str, request: Request, lines: list[bytes]) -> None:
        self.tag, self.origin = tag, origin
        self.issued = self.stale = False
        self.head.clear()
        self.body.clear()
        curl = self.curl
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            curl.setopt(pycurl.POSTFIELDS, request.body)
        else:
            curl.setopt(pycurl.HTTPGET, 1)
        curl.setopt(pycurl.CUSTOMREQUEST, request.method)
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.HTTPHEADER, _NOT_OF_ITSELF + lines)
        if request.method == "HEAD" or self.no_body:
            self.no_body = request.method == "HEAD"
            curl.setopt(pycurl.NOBODY, int(self.no_body))

    def permit(self, _ip: str, _local_ip: str, _port: int, local_port: int) -> int:
        """libcurl asks this when a connection stands and before it writes the request to it, each time it would."""
        self.port = local_port
        if self.issued:
            return int(pycurl.PREREQFUNC_ABORT)
        if self.sockets.closed(local_port):
            self.stale = True
            return int(pycurl.PREREQFUNC_ABORT)
        self.issued = True
        return int(pycurl.PREREQFUNC_OK)

    def response(self) -> Response:
        curl = self.curl
        self.sockets.used(self.port, curl.getinfo(pycurl.ACTIVESOCKET))
        return Response(curl.getinfo(pycurl.RESPONSE_CODE), _headers(self.head), b"".join(self.body))

    def failure(self, code: int, text: str) -> Failure:
        if code == pycurl.E_OPERATION_TIMEDOUT:
            sentence = rules.NO_ANSWER_IN_TIME if self.issued else rules.NO_CONNECTION_IN_TIME
        elif code in _TLS and not self.issued:
            sentence = f"TLS failed ({text})"
        else:
            sentence = _SENTENCES.get(code, f"{rules.LOST} (libcurl error {code})")
        return Failure(self.issued, f"{self.origin}: {sentence}")


def options(connect_timeout: float, timeout: float, idle_seconds: float, ca_file: str) -> dict[int, int | str]:
    return {
        pycurl.NOSIGNAL: 1,
        pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
        pycurl.FOLLOWLOCATION: 0,
        pycurl.PROXY: "",  # an empty one switches the environment's off
        pycurl.CAINFO: ca_file,
        pycurl.USERAGENT: rules.USER_AGENT,
        pycurl.MAXFILESIZE: rules.MAX_BODY,
        pycurl.CONNECTTIMEOUT_MS: max(1, int(connect_timeout * 1000)),
        pycurl.TIMEOUT_MS: max(1, int(timeout * 1000)),
        pycurl.MAXAGE_CONN: max(1, int(idle_seconds)),
    }


def _headers(lines: list[bytes]) -> dict[str, str]:
    """The fields of the last head of those that came (an interim 1xx has one of its own), and of the trailers."""
    headers: dict[str, str] = {}
    for line in lines:
        text = line.decode("latin-1")
        if text.startswith("HTTP/"):
            headers.clear()
            continue
        name, colon, value = text.partition(":")
        if colon:
            key, value = name.lower(), value.strip()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
