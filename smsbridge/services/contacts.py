"""Contacts: chat users as we may text them, asked for when what we know is too old, written when it changed."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from notifier.models import Hook
from notifier.platforms.base import Done, Identity, Later, Reading
from notifier.services.hooks import LiveHook
from notifier.services.identities import Found, identities
from notifier.texts import clean_json, clean_text
from notifier.transport import Exchange
from smsbridge.models import Contact
from smsbridge.phones import to_e164
from smsbridge.zones import zone_named

log = logging.getLogger(__name__)

ADMIN = "admin"
#: custom fields that may name a user's time zone, the first that does counts; also within `metadata`, as Layer has it
_ZONE_FIELDS = ("time_zone", "timezone", "tz")


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a user. `phone` is E.164 or empty; `known` is False when the source does not know him.

    `time_zone` is the IANA name of the one that he is in, as far as the source told it.
    """

    user_id: str
    name: str
    phone: str = ""
    custom: dict[str, Any] = field(default_factory=dict)
    known: bool = True
    time_zone: str = ""

    @property
    def values(self) -> dict[str, Any]:
        """As templates see him: custom fields, with the fixed ones on top."""
        return {**self.custom, "name": self.name, "phone": self.phone, "user_id": self.user_id, "id": self.user_id}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The source could not be asked, for the reason given; worth another try. Not `asked`: there was no time to."""

    reason: str
    asked: bool = True


People = dict[str, Person | Unavailable]


def people(
    hook: LiveHook, users: Collection[str], region: str | None, exchange: Exchange[str], *, deadline: float
) -> People:
    """Each user as a Person, or why not now. No transaction may be open: it may call the platform.

    `deadline` is a moment of the monotonic clock, after which nobody is asked any more.
    """
    stored = {contact.user_id: contact for contact in Contact.objects.filter(_of(hook, users))}
    fresh_from = timezone.now() - settings.IDENTITY_CACHE
    found: People = {
        user: _person(contact)
        for user, contact in stored.items()
        if contact.source == ADMIN or contact.fetched_at > fresh_from
    }
    asked = [user for user in users if user not in found]
    told = _ask(hook, asked, exchange, deadline)
    fetched = {user: _read(user, told.get(user), region) for user in asked}
    _store(hook, [person for person in fetched.values() if isinstance(person, Person)], stored)
    return found | fetched


def _ask(hook: LiveHook, users: Collection[str], exchange: Exchange[str], deadline: float) -> Found:
    """A source that cannot be asked, such as one whose address is none, fails for its own users only."""
    try:
        return identities(hook, users, exchange, deadline=deadline)
    except (AttributeError, TypeError, ValueError) as error:
        log.error("Nobody can be identified for the hook %s (%s): see `manage.py doctor`.", hook.slug, error)
        exchange.close()  # what is still in flight must not come back among the answers of the next batch
        return dict.fromkeys(users, Later(f"the source of identities cannot be asked: {type(error).__name__}"))


def _of(hook: LiveHook, users: Collection[str]) -> Q:
    return Q(chat_app_id=hook.chat_app, user_id__in=list(users))


def _person(contact: Contact) -> Person:
    name = contact.name or contact.user_id
    return Person(contact.user_id, name, contact.phone, contact.custom, time_zone=contact.time_zone)


def _read(user: str, reading: Reading[Identity | None] | None, region: str | None) -> Person | Unavailable:
    if isinstance(reading, Done):
        identity = reading.value
        if identity is None:
            return Person(user, user, known=False)
        name, custom = clean_text(identity.name)[:255], clean_json(dict(identity.custom))
        phone = to_e164(identity.phone, region) or ""
        return Person(user, name or user, phone, custom, time_zone=_zone_in(custom))
    if reading is None:
        return Unavailable("no answer in time", asked=False)
    return Unavailable(reading.reason)


def _zone_in(custom: Mapping[str, Any]) -> str:
    """A name that is no time zone is passed over: then the phone tells."""
    metadata = custom.get("metadata")
    places = (custom, metadata) if isinstance(metadata, Mapping) else (custom,)
    return next(filter(None, (zone_named(place.get(name)) for place in places for name in _ZONE_FIELDS)), "")


def _store(hook: LiveHook, people: list[Person], stored: dict[str, Contact]) -> None:
    """Keep what changed, and when it was asked as long as that is of use."""
    source = "function" if hook.identities == Hook.Identities.FUNCTION else "platform"
    rows = []
    for person in sorted(people, key=lambda person: person.user_id):
        known = stored.get(person.user_id)
        if person.known and (settings.IDENTITY_CACHE or known is None or _person(known) != person):
            rows.append(_row(hook, person, source))
    if rows:
        Contact.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["chat_app", "user_id"],
            update_fields=["name", "phone", "time_zone", "custom", "source", "fetched_at"],
        )


def _row(hook: LiveHook, person: Person, source: str) -> Contact:
    return Contact(
        chat_app_id=hook.chat_app,
        user_id=person.user_id,
        name=person.name,
        phone=person.phone,
        time_zone=person.time_zone,
        custom=person.custom,
        source=source,
        fetched_at=timezone.now(),
    )
