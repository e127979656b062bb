"""Quiet hours: nobody is texted while it is night where he is. What is due then waits, and is tested anew afterwards.

Where somebody is: in the time zone that the platform, an own function or an operator told; else where his phone is
from, and if that may be several zones, in all of them; else, as with a satellite phone, in UTC.
"""

from datetime import datetime

from smsbridge.phones import zones_of
from smsbridge.services.accounts import LiveBridge
from smsbridge.services.contacts import Person
from smsbridge.zones import Quiet, quiet, zone_named

_NOWHERE = ("UTC",)
_LONGEST = 255  # of the column


def quiet_for(bridge: LiveBridge, person: Person, now: datetime) -> Quiet | None:
    """Whether it is quiet where this person is, and until when."""
    return quiet_at(bridge, person.time_zone, person.phone, now)


def quiet_at(bridge: LiveBridge, zones: str, phone: str, now: datetime) -> Quiet | None:
    """The same by a text's own zones, if it has some that are known here, else by its phone."""
    if bridge.quiet is None:
        return None
    known = tuple(filter(None, map(zone_named, zones.split(","))))
    return quiet(bridge.quiet, known or zones_of(phone) or _NOWHERE, now)


def zones_to_store(bridge: LiveBridge, person: Person) -> str:
    """What a text keeps of where its recipient may be, by comma. What is not kept is found again by the phone."""
    if person.time_zone or bridge.quiet is None:
        return zone_named(person.time_zone)
    zones = ",".join(zones_of(person.phone))
    return zones if len(zones) <= _LONGEST else ""
