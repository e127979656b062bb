"""Between Django's requests and the adapters' calls: what the webhook views of both halves share."""

import logging

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path

from notifier.wire import Call, TooLarge

log = logging.getLogger(__name__)

PLAIN = "text/plain; charset=utf-8"


def call_of(request: HttpRequest, rest: str = "", *, with_body: bool = True) -> Call:
    """The request as an adapter reads it, with the URL that the caller knows us by. `with_body`: its body is read.

    URL signatures cover what was sent, so the query stays as it is: Django would write |, {, }, ", ^ and blanks in it
    as percent codes. WSGI gives the path only decoded, so which of its characters were sent as percent codes is not
    known; those of our webhooks need none. `path` begins with SCRIPT_NAME, which is a part of the public path.
    """
    query = request.META.get("QUERY_STRING", "")
    return Call(
        method=request.method or "",
        url=settings.PUBLIC_URL + escape_uri_path(request.path) + (f"?{query}" if query else ""),
        query=query,
        headers=_headers(request),
        body=request.body if with_body else b"",
        rest=rest,
    )


def body_of(request: HttpRequest, most_bytes: int) -> bytes:
    """A body that is larger than Django lets one be. Raises TooLarge, with nothing of it read."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or int(announced) > most_bytes:
        raise TooLarge(f"The body may have {most_bytes} bytes at most.")
    return bytes(request.read())


def _headers(request: HttpRequest) -> dict[str, str]:
    """The headers by lower-case name; Django's own mapping costs ten times as much, which this path would feel."""
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in request.META.items() if name.startswith("HTTP_")
    }
    return {"content-type": request.META.get("CONTENT_TYPE", ""), **headers}


def answer(status: int, text: str = "", content_type: str = PLAIN) -> HttpResponse:
    """An answer that no browser takes for anything else."""
    response = HttpResponse(text, status=status, content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    if text:
        response["Content-Length"] = str(len(response.content))  # else it would go out in chunks
    return response


def unavailable(error: Error) -> HttpResponse:
    """The database is away: whoever called is to come again."""
    log.warning("The database is away (%s); the caller is asked to repeat.", type(error).__name__)
    connection.close()
    response = answer(503, "The database is away; please repeat.")
    response["Retry-After"] = "5"
    return response
