"""The order of a conversation: where a message stands in it, up to where somebody has read, since when he takes part.

The rule. Where events come in the order in which they happened (`Platform.in_order`), that is the order of the inbox:
its number of the delivery, and within one delivery the place in it. Elsewhere it is the platform's stamp, in
microseconds since 1970. A chat app has one platform, so the two never meet in one conversation.
"""

from datetime import UTC, datetime, timedelta

from notifier.platforms.base import Kind
from notifier.services.conversations import Arrived

_IN_ONE_DELIVERY = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def position_of(arrived: Arrived, *, in_order: bool) -> int:
    """The place of an event, or of the message that it tells of as sent."""
    received_at, event, trace, place = arrived
    if in_order and trace is not None:
        return trace * _IN_ONE_DELIVERY + min(place, _IN_ONE_DELIVERY - 1)
    if event.kind is Kind.SENT and event.message is not None:
        return place_of(event.message.sent_at or received_at)
    return place_of(event.at or received_at)


def place_of(stamp: datetime) -> int:
    """In the order of stamps."""
    return (stamp - _EPOCH) // _MICROSECOND
