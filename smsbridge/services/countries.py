"""Which countries a bridge texts, and which numbers are texted nowhere.

Whoever can have chat messages texted to a phone of his choice can earn by it, if that phone is dear to text: "SMS
pumping". So only the countries of the pool's own numbers are texted unless the bridge lists others.
"""

import phonenumbers

from smsbridge.models import Notice
from smsbridge.phones import costly_kind, country_of
from smsbridge.services.accounts import LiveBridge

Reason = Notice.Reason


def refusal(bridge: LiveBridge, phone: str) -> tuple[str, str] | None:
    """Why this phone (E.164) must not be texted, as a notice's reason and note; None when it may be."""
    country, kind = country_of(phone), costly_kind(phone)
    if kind:
        return Reason.PREMIUM, f"A {kind} number{f' of {country}' if country else ''} is never texted."
    return refusal_of(bridge, country)


def refusal_of(bridge: LiveBridge, country: str) -> tuple[str, str] | None:
    """As `refusal`, by the country alone (ISO 3166; empty: a number of none, such as a satellite phone's).

    A pool without anything to text from has its own reason why nobody is texted.
    """
    texts_from = bridge.numbers or bridge.lineup.senders.ids
    if bridge.countries is None or country in bridge.countries or not (bridge.countries or texts_from):
        return None
    named = f"{country} is" if country else "A number of no country: that is"
    return Reason.COUNTRY, f"{named} not among the countries of the bridge {bridge.name}."


def list_problems(countries: str) -> list[str]:
    """What is wrong with a bridge's list of countries, with the remedy."""
    codes = [code.strip() for code in countries.split(",") if code.strip()]
    unknown = [code for code in codes if code != "*" and code.upper() not in phonenumbers.SUPPORTED_REGIONS]
    told = [f"There is no country {code!r}: use ISO codes such as US, CA, or * for all." for code in unknown]
    return told or (["* stands for all countries: leave out the others."] if "*" in codes and len(codes) > 1 else [])
