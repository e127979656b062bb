"""The vendors that the simulator imitates: how each names texts, and how it tells of texts and receipts.

One line for each, imported only when it is used. A dialect's module has a class `Wire` that derives from `Dialect`.
"""

from abc import ABC, abstractmethod
from functools import cache
from importlib import import_module
from uuid import uuid4

from smsbridge.simulator.models import Delivery, Text

DIALECTS = {
    "bandwidth": "smsbridge.simulator.bandwidth_wire",
    "fake": "smsbridge.simulator.fake_wire",
    "smsapi": "smsbridge.simulator.smsapi_wire",
    "twilio": "smsbridge.simulator.twilio_wire",
    "vonage": "smsbridge.simulator.vonage_wire",
    "vonage-messages": "smsbridge.simulator.vonage_messages_wire",
}


class Dialect(ABC):
    """What the calls of one vendor look like. `row.number` is ours, `row.phone_id` the phone's, both E.164."""

    def uid(self, *, inbound: bool) -> str:
        """A new id of a text, as the vendor writes them."""
        return uuid4().hex

    def default_inbound_url(self) -> str:
        """Where texts to a number without an inbound URL of its own go; "": nowhere."""
        return ""

    @abstractmethod
    def inbound(self, row: Text, url: str) -> list[Delivery]:
        """The calls that bring us a text."""

    @abstractmethod
    def receipts(self, row: Text, url: str) -> list[Delivery]:
        """The calls that tell us what became of a text."""

    def headers(self, row: Delivery, body: bytes) -> dict[str, str]:
        """The headers of one attempt: signatures that tell the time are made anew for each."""
        return {"content-type": row.content_type} if row.content_type else {}


@cache
def dialect(key: str) -> Dialect:
    """Raises KeyError for a vendor that is not imitated."""
    made: Dialect = import_module(DIALECTS[key]).Wire()
    return made
