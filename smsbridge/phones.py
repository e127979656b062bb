"""Phone numbers: from whatever people and platforms write to E.164, and back to something fit for a list."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    format_number,
    length_of_national_destination_code,
    national_significant_number,
    number_type,
    region_code_for_country_code,
    region_code_for_number,
)
from phonenumbers.timezone import time_zones_for_number

from smsbridge.zones import zone_named

_CACHED: Final = 16_384
_NO_COUNTRY: Final = ("001", "ZZ")  # libphonenumber's words for all the world, and for none

# Texting them may be charged beyond an ordinary SMS, and fraud lives of that; nobody reads a text there anyway.
_COSTLY: Final = {
    PhoneNumberType.PREMIUM_RATE: "premium-rate",  # a part of the price goes to its owner
    PhoneNumberType.SHARED_COST: "shared-cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",  # forwarded at the caller's cost, such as 070 in Britain
    PhoneNumberType.PAGER: "pager",  # dearer than a phone, such as 076 in Britain
    PhoneNumberType.UAN: "company",  # a company's line, at whatever price it chose
    PhoneNumberType.VOICEMAIL: "voicemail",  # a machine
}

# What contact lists put around a copied number: zero-width and direction marks.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# No letters: a vanity number or an alphanumeric sender is not a phone to be texted, nor is an extension.
_WRITTEN = re.compile(r"[+\uff0b]?[\d\s().\-/\u2010-\u2015\u2212]{3,40}")


@lru_cache(maxsize=_CACHED)
def to_e164(raw: str, region: str | None = None) -> str | None:
    """The number in E.164 ("+14155550101"), or None when it is not a possible and valid one.

    Accepts a leading plus or 00, and the usual punctuation. Bare digits are read as a national number of `region`
    (ISO 3166, "CH") when one is given and that is valid, else as an international number without its plus.
    """
    text = _INVISIBLE.sub("", raw).strip().removeprefix("tel:").strip()
    if not _WRITTEN.fullmatch(text):
        return None
    if text[0] in "+\uff0b":
        return _valid(text, None)
    national = _valid(text, region) if region else None
    return national or _valid("+" + text.removeprefix("00"), None)


def region_of(phone: str) -> str | None:
    """The ISO 3166 region of an E.164 number, None when it has none (international freephone) or is not valid."""
    known = _read(phone, None)
    return known.country or None if known and known.kind != PhoneNumberType.UNKNOWN else None


def country_of(phone: str) -> str:
    """The country (ISO 3166) of an E.164 number, empty when it has none: satellites, international freephone.

    One that no plan assigns to a country counts to the main one of its calling code, such as US of +1.
    """
    known = _read(phone, None)
    return known.country if known else ""


@lru_cache(maxsize=_CACHED)
def area_of(phone: str) -> str:
    """The national destination code (ITU-T E.164) of a number, such as 415 of +14155550101; empty if it has none."""
    known = _read(phone, None)
    if known is None:
        return ""
    return national_significant_number(known.number)[: length_of_national_destination_code(known.number)]


def costly_kind(phone: str) -> str:
    """What kind of number it is if it is one that nobody carries in his pocket and that may cost whoever texts it."""
    known = _read(phone, None)
    return _COSTLY.get(known.kind, "") if known else ""


def landline_by_plan(phone: str) -> bool:
    """Whether the country's numbering plan has this E.164 number for fixed lines alone."""
    known = _read(phone, None)
    return known is not None and known.kind == PhoneNumberType.FIXED_LINE


def mobile_by_plan(phone: str) -> bool:
    """Whether the country's numbering plan has this E.164 number for mobile phones alone; +1 has both in one range."""
    known = _read(phone, None)
    return known is not None and known.kind == PhoneNumberType.MOBILE


@lru_cache(maxsize=_CACHED)
def zones_of(phone: str) -> tuple[str, ...]:
    """The time zones (IANA) that an E.164 number may be in; several for a mobile of a wide country, often none.

    By the area code, else by the country: `phonenumbers.timezone`. Whoever travels takes his number with him.
    """
    known = _read(phone, None)
    zones = time_zones_for_number(known.number) if known else ()
    return tuple(zone for zone in zones if zone_named(zone))


def mask(phone: str) -> str:
    """The number for lists, "+1415•••0101": at least three characters are hidden, of what is under seven all are."""
    if len(phone) < 7:
        return "•••" if phone else ""
    shown = min(5, len(phone) - 7)
    return f"{phone[:shown]}•••{phone[-4:]}"


@dataclass(frozen=True, slots=True)
class _Read:
    number: PhoneNumber
    country: str
    kind: int


@lru_cache(maxsize=_CACHED)
def _read(text: str, region: str | None) -> _Read | None:
    """None for what is no number at all; of one that is not assigned the kind is UNKNOWN."""
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    country = region_code_for_number(number) or region_code_for_country_code(number.country_code or 0)
    return _Read(number, "" if country in _NO_COUNTRY else country, number_type(number))


def _valid(text: str, region: str | None) -> str | None:
    known = _read(text, region)
    if known is None or known.kind == PhoneNumberType.UNKNOWN:
        return None
    return format_number(known.number, PhoneNumberFormat.E164)
