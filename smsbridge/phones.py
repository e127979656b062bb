"""Phone numbers: from whatever people and platforms write to E.164, and back to something fit for a list."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

_CACHED: Final = 16_384

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


@lru_cache(maxsize=_CACHED)
def region_of(phone: str) -> str | None:
    """The ISO 3166 region of an E.164 number, None when it has none (international freephone) or is not valid."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(phone, None))
    except NumberParseException:
        return None
    return None if region == "001" else region


def mask(phone: str) -> str:
    """The number for lists, "+1415•••0101": at least three characters are hidden, of what is under seven all are."""
    if len(phone) < 7:
        return "•••" if phone else ""
    shown = min(5, len(phone) - 7)
    return f"{phone[:shown]}•••{phone[-4:]}"


def _valid(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
