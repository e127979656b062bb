"""Pictures that go along with a text, where its bridge wants it and its vendor can; all others are told in words.

A picture goes by the address at which the platform shows it to anybody, which may not be for long: the vendor fetches
it when it sends. Small pictures that a platform puts into the message itself have no address, and are told in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from smsbridge.phones import country_of
from smsbridge.services.accounts import live_accounts, live_numbers
from smsbridge.services.wording import Picture, Said
from smsbridge.vendors.base import Vendor

#: what every carrier of multimedia messages takes (3GPP TS 26.140, 4.3; Twilio and Bandwidth name the same three)
_KINDS = ("image/jpeg", "image/png", "image/gif")
#: for how long it must still be there when the text is composed: it waits for its turn, and the vendor for its own
_LEAST = timedelta(minutes=10)


def usable(rows: Sequence[Sequence[Any]], now: datetime) -> list[Picture]:
    """The pictures among a message's parts, as `Message.parts` keeps them, that can be fetched for long enough."""
    found = [_picture(place, *row) for place, row in enumerate(rows) if len(row) > 2 and row[0] in _KINDS]
    return [one for one in found if one.until is None or one.until > now + _LEAST]


def _picture(
    place: int, mime_type: str, _: str | None, url: str, until: str | None, size: int | None = None
) -> Picture:
    ends = datetime.fromisoformat(until) if until else None
    return Picture(place=place, url=url, mime_type=mime_type, until=ends, size=size)


@dataclass(slots=True)
class _Room:
    """What one text may still carry; `bytes` None: as much as it likes."""

    count: int
    bytes: int | None

    def take(self, picture: Picture) -> bool:
        size = picture.size or 0
        if not self.count or (self.bytes is not None and size > self.bytes):
            return False
        self.count -= 1
        self.bytes = None if self.bytes is None else self.bytes - size
        return True


def going_along(said: Sequence[Said], pictures: Sequence[Sequence[Picture]], number: int, phone: str) -> list[Said]:
    """What is said, oldest first, with as many of its `pictures` as the account of the number carries, newest first.

    Those that are too large for what room is left stay words. None at all where no multimedia message goes from the
    number to the phone.
    """
    sender = live_numbers()[number]
    account = live_accounts().get(sender.account)
    if account is None or not _reaches(account.vendor, sender.e164, phone):
        return list(said)
    room = _Room(account.vendor.most_media, account.vendor.most_media_bytes or None)
    chosen: list[Said] = []
    for one, found in zip(reversed(said), reversed(pictures), strict=True):
        along = tuple(picture for picture in found if room.take(picture))
        chosen.append(replace(one, along=along) if along else one)
    return chosen[::-1]


def _reaches(vendor: Vendor, sender: str, phone: str) -> bool:
    countries = {country_of(sender), country_of(phone)}
    return not vendor.media_countries or any(countries <= group for group in vendor.media_countries)
