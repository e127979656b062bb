"""What `Exchange` and `call` have in common: the limits, and how requests and failures are written down."""

from collections.abc import Iterable

from notifier.wire import Request

CONNECT_TIMEOUT = 3.0
TIMEOUT = 10.0
MAX_BODY = 1 << 20
USER_AGENT = "sms-bridge"

NO_NAME = "the host name was not found"
NO_CONNECTION = "the connection was refused, or the host cannot be reached"
NO_CONNECTION_IN_TIME = "no connection was made in time"
NO_ANSWER_IN_TIME = "no complete answer came in time"
LOST = "the connection was lost before the answer was complete"
NOT_HTTP = "the answer is not HTTP"


def too_long(limit: int) -> str:
    return f"the answer is longer than {limit} bytes"


def origin(url: str) -> str:
    """`https://user@host:1/path?query` -> `https://host:1`: all of a URL that may be shown."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    return f"{scheme}://{authority.rpartition('@')[2]}"


def check(request: Request) -> None:
    """Raise ValueError for a URL or a method that is none, above all one that smuggles in more with a line break."""
    url = request.url
    if not url.startswith(("http://", "https://")) or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("A request's URL begins with http:// or https:// and is printable ASCII: quote the rest")
    if not (request.method.isascii() and request.method.isalpha()):
        raise ValueError("A request's method is a word such as POST")


def header_lines(request: Request) -> list[bytes]:
    """The request's headers as they go out. Raises ValueError for a character that a header cannot hold."""
    fields = request.headers.items()
    try:
        lines = [(f"{name}: {value}" if value else f"{name};").encode("latin-1") for name, value in fields]
    except UnicodeEncodeError:
        raise ValueError("A header of a request holds a character beyond Latin-1: encode it") from None
    joined = b"".join(lines)
    if b"\n" in joined or b"\r" in joined or b"\0" in joined:
        raise ValueError("A header of a request holds a line break or a NUL")
    return lines


def headers_of(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Header fields with lower-case names; repeated ones are joined with a comma (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
