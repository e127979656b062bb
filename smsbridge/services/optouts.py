"""Consent: whoever texts STOP is not texted again, from whatever number or vendor, until he texts START.

The words are those of the FCC's list and of the vendors' own (47 CFR 64.1200(a)(10)); they count as a whole message
only, whatever its case, accents and punctuation.
"""

import re
import unicodedata

from smsbridge.models import E164, Number, OptOut

STOP = frozenset(["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "arret"])
START = frozenset(["start", "unstop"])
KEYWORD = "keyword"


def keyword(text: str) -> str:
    """The text as a keyword is compared: "  Stop All! " is "stopall"."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


def is_keyword(text: str) -> bool:
    return len(text) < 40 and keyword(text) in STOP | START


def obey_received(account: int, number: str, phone: str, text: str) -> str | None:
    """`obey`, of a text that an account's vendor delivered; None also when the number is not that account's.

    Only the account is verified: another one's vendor could name any phone.
    """
    if not is_keyword(text) or not Number.objects.filter(account_id=account, e164=number).exists():
        return None
    return obey(phone, text)


def obey(phone: str, text: str) -> str | None:
    """Do what a keyword asks for, and say it in words; None when the text is no keyword."""
    word = keyword(text) if is_keyword(text) else ""
    if word and not re.fullmatch(E164, phone):
        return "A keyword from a sender that is no phone and is never texted."
    if word in STOP:
        OptOut.objects.get_or_create(phone=phone, defaults={"source": KEYWORD, "note": word})
        return "The phone opted out."
    if word in START:
        OptOut.objects.filter(phone=phone).delete()
        return "The phone opted in again."
    return None
