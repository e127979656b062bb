"""The chat platforms' way in: check, store, answer. All work happens later, in `drain_inbox`."""

from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifier import doorbell
from notifier.calls import answer, call_of, query_of, unavailable
from notifier.counters import DELIVERIES
from notifier.services import inbox
from notifier.services.hooks import LiveHook, forget_hooks, live_hook
from notifier.wire import BadCall, Call, Forged

_NO_HOOK = "There is no such hook: see the admin for the hooks and their URLs."


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def chat_webhook(request: HttpRequest, slug: str) -> HttpResponse:
    """GET answers a registration handshake, POST takes one delivery: 204 once it is committed.

    Not signed rightly: 403. Not readable: 400. Database away: 503, so that the platform repeats it.
    """
    hook = None
    try:
        hook = _find(slug)
        if hook is None:
            _count(request, None, "unknown hook")
            return answer(404, _NO_HOOK)
        if request.method == "POST":
            return _take(hook, call_of(request))
        challenge = hook.platform.challenge(query_of(request))
        return answer(200, challenge or "")
    except BadCall as error:
        _count(request, hook, "forged" if isinstance(error, Forged) else "unreadable")
        return answer(error.status, str(error))
    except IntegrityError:  # the hook was deleted since it was read
        forget_hooks()
        return answer(404, _NO_HOOK)
    except (OperationalError, InterfaceError) as error:
        _count(request, hook, "database away")
        return unavailable(error)


def _find(slug: str) -> LiveHook | None:
    try:
        return live_hook(slug)
    except (OperationalError, InterfaceError):
        connection.close()  # see _take
        return live_hook(slug)


def _take(hook: LiveHook, call: Call) -> HttpResponse:
    hook.platform.verify(call, hook.secrets)
    envelope = hook.platform.envelope(call)
    try:
        inbox.accept(hook, envelope, call.body)
    except (OperationalError, InterfaceError):
        # A kept connection may be dead although the database is back; the insert can be repeated safely.
        connection.close()
        inbox.accept(hook, envelope, call.body)
    doorbell.bell.ring(inbox.STAGE)
    DELIVERIES.add(_kind(hook), "accepted")
    return answer(204)


def _count(request: HttpRequest, hook: LiveHook | None, outcome: str) -> None:
    """A delivery that was not accepted; a handshake is none."""
    if request.method == "POST":
        DELIVERIES.add(_kind(hook), outcome)


def _kind(hook: LiveHook | None) -> str:
    return "unknown" if hook is None else "receipts" if hook.receipts else "listen"
