"""Looking phones up at vendors: what composing wished for, a few at a time, and never in its way.

A look-up that told nothing is tried again less and less often, and after MOST_ATTEMPTS the phone is left alone for
LOOKUP_CACHE.
"""

from collections.abc import Sequence

from django.conf import settings

from notifier.runner import Step
from notifier.transport import Exchange
from notifier.wire import Answer
from smsbridge.services.lookup_rows import Asked, Told, claim, write
from smsbridge.vendors.base import AskAgain, PhoneFacts

_BATCH = 16
_SOON = 1.0
_TURN_SECONDS = 0.05


class LookUp:
    """The look_up stage: one per process, as it keeps connections to the vendors."""

    def __init__(self) -> None:
        self._exchange: Exchange[Asked] | None = None

    def step(self) -> Step:
        """Look up a batch of phones."""
        claimed = claim(_BATCH)
        if claimed is None:
            return Step(next_in=_TURN_SECONDS)
        exchange = self._opened()
        try:
            write(_start(exchange, claimed))
            while exchange.in_flight:
                write([(asked, _facts(asked, answer)) for asked, answer in exchange.finished(_SOON)])
        except BaseException:
            exchange.close()  # what is still in flight must not come back among the answers of the next batch
            raise
        return Step(done=len(claimed), more=len(claimed) == _BATCH)

    def close(self) -> None:
        """Let go of the connections."""
        if self._exchange is not None:
            self._exchange.close()

    def _opened(self) -> Exchange[Asked]:
        if self._exchange is None:
            self._exchange = Exchange(connections=_BATCH, timeout=settings.HTTP_TIMEOUT_SECONDS)
        return self._exchange


def _start(exchange: Exchange[Asked], claimed: Sequence[Asked]) -> list[Told]:
    """Begin to ask; those that could not even be asked."""
    failed: list[Told] = []
    for asked in claimed:
        try:
            exchange.start(asked, asked.vendor.look_up_request(asked.phone))
        except Exception as error:  # an adapter's mistake costs this look-up, not those that were claimed with it
            failed.append((asked, AskAgain(f"asking raised {type(error).__name__}")))
    return failed


def _facts(asked: Asked, answer: Answer) -> PhoneFacts | AskAgain:
    try:
        return asked.vendor.looked_up(asked.phone, answer)
    except Exception as error:  # as above
        return AskAgain(f"reading the answer raised {type(error).__name__}")
