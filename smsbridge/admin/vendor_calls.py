"""Calls to vendors within a request of the admin: somebody waits for the page, and a web process with him."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest

from smsbridge.services.vendor_calls import Calls

#: no call begins after so many seconds, so that a page takes at most these and one HTTP_TIMEOUT_SECONDS
SECONDS = 15.0
#: what is bought or given back at once: commands take more
MOST = 5


def calls() -> Calls:
    return Calls(seconds=SECONDS)


def tell(request: HttpRequest, done: Iterable[str], failed: Iterable[str] = (), kept: Iterable[str] = ()) -> None:
    for sentence in done:
        messages.success(request, sentence)
    for sentence in kept:
        messages.warning(request, sentence)
    for sentence in failed:
        messages.error(request, sentence[:1].upper() + sentence[1:])
