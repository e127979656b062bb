"""The chat platforms' way in: check, store, answer. All work happens later, in `drain_inbox`."""

import logging

from django.conf import settings
from django.db import DatabaseError, OperationalError, close_old_connections, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifier import doorbell
from notifier.services import inbox
from notifier.services.hooks import LiveHook, live_hook
from notifier.wire import BadCall, Call

log = logging.getLogger(__name__)

PLAIN = "text/plain; charset=utf-8"


def call_of(request: HttpRequest) -> Call:
    """The request as an adapter reads it, with the URL that the caller knows us by."""
    return Call(
        method=request.method or "",
        url=settings.PUBLIC_URL + request.get_full_path(),
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )


def answer(status: int, text: str = "") -> HttpResponse:
    """A plain answer that no browser takes for anything else."""
    response = HttpResponse(text, status=status, content_type=PLAIN)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def chat_webhook(request: HttpRequest, slug: str) -> HttpResponse:
    """GET answers a registration handshake, POST takes one delivery: 204 once it is committed.

    Not signed rightly: 403. Not readable: 400. Database away: 503, so that the platform repeats it.
    """
    try:
        hook = live_hook(slug)
        if hook is None:
            return answer(404, "There is no such hook: see the admin for the hooks and their URLs.")
        if request.method == "POST":
            return _take(hook, call_of(request))
        challenge = hook.platform.challenge(request.GET.dict())
        return answer(200, challenge or "")
    except BadCall as error:
        return answer(error.status, str(error))
    except OperationalError as error:
        return unavailable(error)


def unavailable(error: DatabaseError) -> HttpResponse:
    """The database is away: whoever called is to come again."""
    log.warning("The database is away (%s); the caller is asked to repeat.", type(error).__name__)
    connection.close()
    response = answer(503, "The database is away; please repeat.")
    response["Retry-After"] = "5"
    return response


def _take(hook: LiveHook, call: Call) -> HttpResponse:
    hook.platform.verify(call, hook.secrets)
    envelope = hook.platform.envelope(call)
    try:
        inbox.accept(hook, envelope, call.body)
    except OperationalError:
        # A kept connection may be dead although the database is back; the insert can be repeated safely.
        connection.close()
        close_old_connections()
        inbox.accept(hook, envelope, call.body)
    doorbell.bell.ring(inbox.STAGE)
    return answer(204)
