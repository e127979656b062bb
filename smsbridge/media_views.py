"""Pictures that came in by SMS, for whoever has the link that stands in the chat."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from notifier.calls import answer, unavailable
from smsbridge.services import media
from smsbridge.services.media import Elsewhere, NoMedia


def inbound_media(request: HttpRequest, token: str) -> HttpResponse:
    """Passed on as a download, which no browser runs; nobody between us and the browser keeps it.

    Only GET and HEAD: 405. Database away: 503.
    """
    response = _response(token) if request.method in ("GET", "HEAD") else _not_allowed()
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def _response(token: str) -> HttpResponse:
    try:
        found = media.fetch(token)
    except NoMedia as reason:
        return answer(reason.status, str(reason))
    except (OperationalError, InterfaceError) as error:
        return unavailable(error)
    if isinstance(found, Elsewhere):
        response = answer(302)
        response["Location"] = found.url
        return response
    response = HttpResponse(found.body, content_type=found.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return response


def _not_allowed() -> HttpResponse:
    response = answer(405)
    response["Allow"] = "GET, HEAD"
    return response
