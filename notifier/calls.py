"""Between Django's requests and the adapters' calls: what the webhook views of both halves share."""

import logging

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path

from notifier.wire import BadCall, Call

log = logging.getLogger(__name__)

PLAIN = "text/plain; charset=utf-8"


def call_of(request: HttpRequest) -> Call:
    """The request as an adapter reads it, with the URL that the caller knows us by.

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
        body=request.body,
    )


def query_of(request: HttpRequest) -> dict[str, str]:
    """The query's parameters, of repeated ones the last. Raises BadCall for more of them than Django counts."""
    try:
        return request.GET.dict()
    except SuspiciousOperation:
        raise BadCall("The query has too many parameters.") from None


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
