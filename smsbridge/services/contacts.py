"""Contacts: chat users as we may text them, asked for when what we know is too old, written when it changed."""

import json
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from notifier.models import Hook, Rule
from notifier.platforms.base import Done, Identity, Later, Reading
from notifier.services.hooks import LiveHook
from notifier.services.identities import Found, identities
from notifier.sql import Rows, run
from notifier.texts import clean_json, clean_text
from notifier.transport import Exchange
from smsbridge.models import Contact
from smsbridge.phones import to_e164
from smsbridge.zones import zone_named

log = logging.getLogger(__name__)

ADMIN, IMPORT = "admin", "import"
#: what people entered here: it never grows stale, and no other source overwrites it
LASTING = (ADMIN, IMPORT)
#: a user who is no more than a phone, named by the plain form of RFC 3966, section 5.1.4
_PHONE = re.compile(r"tel:(\+[1-9][0-9]{6,14})")
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
    found: People = {user: _person(contact) for user, contact in stored.items() if _counts(hook, contact)}
    found |= _phones(hook, [user for user in users if user not in found])
    asked = [user for user in users if user not in found]
    told = _ask(hook, asked, exchange, deadline)
    fetched = {user: _read(user, told.get(user), region) for user in asked}
    _store(hook, [person for person in fetched.values() if isinstance(person, Person)], stored)
    return found | fetched


def _counts(hook: LiveHook, contact: Contact) -> bool:
    """Whether nobody need be asked about him now."""
    if contact.source in LASTING or hook.identities == Hook.Identities.DIRECTORY:
        return True
    return contact.fetched_at > timezone.now() - settings.IDENTITY_CACHE


def phone_in(user: str) -> str:
    """The phone that a user id such as "tel:+12025550100" names; empty for any other id."""
    named = _PHONE.fullmatch(user)
    return named[1] if named else ""


def phones_of_rules(hook: LiveHook, users: Collection[str]) -> dict[str, str]:
    """Those of these users who are no more than a phone that a rule names, with it.

    Anybody else of such an id is a user like others: people may choose their ids, and could have anybody texted.
    """
    named = {user: phone for user in users if (phone := phone_in(user))}
    if not named:
        return {}
    rules = Rule.objects.filter(chat_app=hook.chat_app, enabled=True, recipients=Rule.Recipients.PHONES)
    ours = {phone for phones in rules.values_list("phones", flat=True) for phone in phones}
    return {user: phone for user, phone in named.items() if phone in ours}


def _phones(hook: LiveHook, users: Collection[str]) -> People:
    """Each called by his phone."""
    return {user: Person(user, phone, to_e164(phone) or "") for user, phone in phones_of_rules(hook, users).items()}


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


_COLUMNS = {"user_id": "text", "name": "text", "phone": "text", "time_zone": "text", "custom": "text"}


def _store(hook: LiveHook, people: list[Person], stored: dict[str, Contact]) -> None:
    """Keep what changed, and when it was asked as long as that is of use; never over what was entered here since."""
    rows = [
        (person.user_id, person.name, person.phone, person.time_zone, json.dumps(person.custom))
        for person in sorted(people, key=lambda person: person.user_id)
        if person.known and (settings.IDENTITY_CACHE or _is_news(person, stored.get(person.user_id)))
    ]
    if not rows:
        return
    custom = "cast(new.custom as jsonb)" if connection.vendor == "postgresql" else "new.custom"
    names = "name, phone, time_zone, custom, source, fetched_at"
    run(
        f"insert into smsbridge_contact (chat_app_id, user_id, {names})"
        f" select %(chat_app)s, new.user_id, new.name, new.phone, new.time_zone, {custom}, %(source)s, {{now}}"
        " from {rows:new} where true on conflict (chat_app_id, user_id) do update set"
        f" {', '.join(f'{name} = excluded.{name}' for name in names.split(', '))}"
        f" where smsbridge_contact.source not in {LASTING}",
        chat_app=hook.chat_app,
        source="function" if hook.identities == Hook.Identities.FUNCTION else "platform",
        new=Rows(_COLUMNS, rows),
    )


def _is_news(person: Person, known: Contact | None) -> bool:
    return known is None or _person(known) != person
