"""The SMS vendors' way in: check, store, answer. Replies are posted later, in `post_replies`.

Each webhook takes what comes, texts and receipts alike: some vendors have one URL for both, and where there are two,
people enter the same one twice. A STOP must not be lost by that.
"""

from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifier import doorbell
from notifier.calls import answer, call_of, unavailable
from notifier.wire import BadCall, Call, Forged, Unreadable
from smsbridge.counters import REFUSED
from smsbridge.services import inbound, settling
from smsbridge.services.accounts import LiveAccount, live_account
from smsbridge.services.replies import STAGE as REPLY
from smsbridge.vendors.base import Reply

#: takes what is of its kind in a call; whether anything was, and the vendor wants to hear this then
Take = Callable[[LiveAccount, Call], tuple[bool, Reply]]


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def inbound_webhook(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes texts from phones; answered as the vendor wants once they are committed."""
    return _answered(request, slug, _take_texts, _take_receipts)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def status_webhook(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes delivery receipts; one about an SMS that is not ours is answered 2xx and forgotten."""
    return _answered(request, slug, _take_receipts, _take_texts)


def _take_texts(account: LiveAccount, call: Call) -> tuple[bool, Reply]:
    texts = account.vendor.parse_inbound(call)
    try:
        due = inbound.accept(account, texts)
    except (OperationalError, InterfaceError):
        # A kept connection may be dead although the database is back; the insert can be repeated safely.
        connection.close()
        due = inbound.accept(account, texts)
    if due:
        doorbell.bell.ring(REPLY)
    return bool(texts), account.vendor.inbound_reply()


def _take_receipts(account: LiveAccount, call: Call) -> tuple[bool, Reply]:
    receipts = account.vendor.parse_receipts(call)
    if receipts:
        settling.settle(account, receipts)
    return bool(receipts), account.vendor.receipt_reply()


def _taken(account: LiveAccount, call: Call, usual: Take, other: Take) -> Reply:
    """Take what the URL is meant for, and what else is in the call. Raises Unreadable for what is neither."""
    some, reply = usual(account, call)
    try:
        more, other_reply = other(account, call)
    except Unreadable:  # it was readable as the usual kind, so it holds nothing of the other
        return reply
    return other_reply if more and not some else reply


def _answered(request: HttpRequest, slug: str, usual: Take, other: Take) -> HttpResponse:
    """Not signed rightly: 403. Not readable: 400. Database away: 503, so that the vendor repeats it."""
    account = None
    try:
        account = live_account(slug)
        if account is None:
            return answer(404, "There is no such vendor account: see the admin for the accounts and their URLs.")
        call = call_of(request)
        if request.method == "HEAD" or account.vendor.probe(call):
            return answer(200)
        account.vendor.verify(call)
        reply = _taken(account, call, usual, other)
    except BadCall as error:
        _count(account, "forged" if isinstance(error, Forged) else "unreadable")
        return answer(error.status, str(error))
    except (OperationalError, InterfaceError) as error:
        _count(account, "database away")
        return unavailable(error)
    return answer(reply.status, reply.body, reply.content_type)


def _count(account: LiveAccount | None, outcome: str) -> None:
    REFUSED.add("unknown" if account is None else account.slug, outcome)
