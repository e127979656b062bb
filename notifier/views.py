"""The chat platforms' way in: check, store, answer. All work happens later, in `drain_inbox`."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifier import doorbell
from notifier.calls import answer, body_of, call_of, unavailable
from notifier.counters import DELIVERIES
from notifier.platforms.base import Delivered, Reply
from notifier.services import inbox
from notifier.services.hooks import LiveHook, forget_hooks, live_hook
from notifier.wire import BadCall, Call, Forged

_NO_HOOK = "There is no such hook: see the admin for the hooks and their URLs."
_METHODS = ["GET", "HEAD", "POST", "PUT"]


@csrf_exempt
@require_http_methods(_METHODS)
def chat_webhook(request: HttpRequest, slug: str, rest: str = "") -> HttpResponse:
    """A delivery is answered once it is committed, anything else as the platform wants it, such as a handshake.

    Not signed rightly: 403. Not readable: 400. Database away: 503, so that the platform repeats it.
    """
    hook = None
    try:
        hook = _find(slug)
        if hook is None:
            _count(request, None, "unknown hook")
            return answer(404, _NO_HOOK)
        return _take(hook, _call(hook, request, rest))
    except BadCall as error:
        _count(request, hook, "forged" if isinstance(error, Forged) else "unreadable")
        return _said(hook.platform.refusal(error)) if hook else answer(error.status, str(error))
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


def _call(hook: LiveHook, request: HttpRequest, rest: str) -> Call:
    """A platform that delivers by PUT says how much it may bring, before it is read. Raises BadCall."""
    if request.method != "PUT":
        return call_of(request, rest)
    head = call_of(request, rest, with_body=False)
    return replace(head, body=body_of(request, hook.platform.most_bytes(head, hook.secrets)))


def _take(hook: LiveHook, call: Call) -> HttpResponse:
    received = hook.platform.receive(call, hook.secrets)
    if isinstance(received, Reply):
        return _said(received)
    if received:
        _accept(hook, received)
    return _said(hook.platform.accepted)


def _accept(hook: LiveHook, events: Sequence[Delivered]) -> None:
    try:
        inbox.accept(hook, events)
    except (OperationalError, InterfaceError):
        # A kept connection may be dead although the database is back; the insert can be repeated safely.
        connection.close()
        inbox.accept(hook, events)
    doorbell.bell.ring(inbox.STAGE)
    DELIVERIES.add(_kind(hook), "accepted")


def _said(reply: Reply) -> HttpResponse:
    return answer(reply.status, reply.text, reply.content_type)


def _count(request: HttpRequest, hook: LiveHook | None, outcome: str) -> None:
    """A delivery that was not accepted; a handshake is none."""
    if request.method in ("POST", "PUT"):
        DELIVERIES.add(_kind(hook), outcome)


def _kind(hook: LiveHook | None) -> str:
    return "unknown" if hook is None else "receipts" if hook.receipts else "listen"
