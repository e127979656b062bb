"""Error codes of Vonage's Messages API in words: of answers to sends and of delivery receipts, which share one list.

Sources: https://developer.vonage.com/en/api-errors/messages (numbers) and https://developer.vonage.com/en/api-errors
(words, which every newer API of Vonage's uses). An error is a problem by RFC 9457: its code stands behind the `#` of
its `type`, in a receipt also in its `title`. An HTTP status is written `http:401`.
"""

import re
from collections.abc import Mapping
from typing import Any

from smsbridge.vendors.answers import http_error
from smsbridge.vendors.base import ErrorInfo, ErrorKind, PhoneStatus

#: the vendor has had this message before: it is on its way, and not to be sent again
ALREADY_SENT = "1320"
#: the time that a message may take was over
EXPIRED = "1360"

_LINK = "https://developer.vonage.com/en/api-errors/messages"
_WORDS_LINK = "https://developer.vonage.com/en/api-errors"
_R, _A, _T, _U, _O = (
    ErrorKind.RECIPIENT,
    ErrorKind.ACCOUNT,
    ErrorKind.TEMPORARY,
    ErrorKind.UNKNOWN,
    ErrorKind.OPTED_OUT,
)

_NUMBERS: dict[str, tuple[ErrorKind, str]] = {
    "1000": (_T, "sent faster than the account may"),
    "1010": (_R, "a required parameter is missing"),
    "1020": (_R, "a parameter has a value that Vonage does not take"),
    "1021": (_R, "the tag is not one that Vonage takes"),
    "1022": (_R, "the template or its parameters are not ones that Vonage takes"),
    "1030": (_T, "an error inside Vonage"),
    "1040": (_R, "Vonage cannot handle this message, for instance because of the number's prefix"),
    "1050": (_O, "the number is barred: its owner does not want texts"),
    "1060": (_A, "the account is suspended: ask Vonage's support"),
    "1070": (_A, "the account has too little credit: top it up"),
    "1080": (_A, "the account may not send in this way: ask Vonage's support"),
    "1090": (_R, "the text is too long"),
    "1100": (_T, "Vonage could not pass the message on"),
    "1110": (_A, "the signature is wrong: compare the credentials with the Vonage dashboard"),
    "1120": (_A, "the sender is not allowed for this destination: use one of the account's own numbers"),
    "1130": (_R, "the time to live is not one that Vonage takes"),
    "1140": (_A, "the account may not do this: ask Vonage's support"),
    "1150": (_R, "the kind of message is not one that Vonage takes"),
    "1160": (_A, "a demo account may text only numbers on its list: add the number there, or top the account up"),
    "1170": (_R, "the recipient is not a phone number"),
    "1180": (_T, "the handset was out of reach"),
    "1190": (_R, "the number is no longer in use"),
    "1200": (_R, "the number was moved between networks and cannot be found"),
    "1210": (_R, "the carrier's spam filter blocked the text"),
    "1220": (_T, "the handset was busy"),
    "1230": (_T, "an error in the network"),
    "1240": (_O, "the recipient has sent STOP and does not want texts"),
    "1241": (_T, "too many texts to this number: wait"),
    "1250": (_A, "Vonage has no route to this network: ask Vonage's support"),
    "1260": (_R, "the network cannot reach the number"),
    "1270": (_R, "the recipient is too young for this content"),
    "1280": (_R, "the carrier blocks the number: the recipient must ask it to allow texts"),
    "1290": (_R, "the recipient's prepaid account is empty"),
    "1300": (_R, "the number is not in this network"),
    "1310": (_R, "the recipient's device cannot show it"),
    ALREADY_SENT: (_U, "Vonage has had this message before"),
    "1330": (_U, "the carrier gives no reason; the number may be wrong"),
    "1331": (_T, "an error at the carrier"),
    "1340": (_R, "the time in which an answer is allowed is over"),
    EXPIRED: (_U, "it was not delivered in time"),
}

_WORDS: dict[str, tuple[ErrorKind, str]] = {
    "unauthorized": (_A, "the credentials are wrong: correct API key and secret, or application id and private key"),
    "forbidden": (_A, "the account may not do this: check its credentials and that the Messages API is switched on"),
    "not-found": (_A, "there is no such address: check the account's base URL"),
    "low-balance": (_A, "the account has too little credit: top it up"),
    "unprovisioned": (_A, "the account may not use the Messages API: ask Vonage's support"),
    "account-suspended": (_A, "the account is suspended: ask Vonage's support"),
    "jwt-expired": (_A, "the token is too old: check this machine's clock"),
    "jwt-revoked": (_A, "the token was revoked: make a new private key for the application"),
    "invalid-api-key": (_A, "there is no such API key: correct it"),
    "invalid-signature": (_A, "the signature is wrong: compare application id and private key with the dashboard"),
    "invalid-params": (_R, "a parameter has a value that Vonage does not take"),
    "invalid-json": (_R, "Vonage cannot read the request"),
    "throttled": (_T, "sent faster than the account may"),
}

#: refusals of the account that are about the recipient's number or network: others are still accepted
_SOME_ONLY = frozenset({"1120", "1160", "1250"})
#: of a text with a picture: the same words may pass without it
_ABOUT_MEDIA = frozenset({"1150", "1310"})
_PROVES: Mapping[str, PhoneStatus] = {"1190": PhoneStatus.NOT_IN_SERVICE}

_CODE = re.compile(r"[1-9]\d{3}", re.ASCII)
_WORD = re.compile(r"[a-z][a-z-]{2,39}", re.ASCII)


def messages_error(code: str) -> ErrorInfo:
    """Any code in words; an unknown one is of kind UNKNOWN."""
    if code.startswith("http:"):
        return http_error("Vonage", code.removeprefix("http:"), _LINK)
    kind, text = _NUMBERS.get(code) or _WORDS.get(code) or (_U, "a code that Vonage's list did not hold so far")
    return ErrorInfo(
        code,
        f"{text} (Vonage code {code})",
        _WORDS_LINK if code in _WORDS else _LINK,
        kind,
        some_only=code in _SOME_ONLY,
        proves=_PROVES.get(code, PhoneStatus.UNKNOWN),
        about_media=code in _ABOUT_MEDIA,
    )


def error_code(problem: Mapping[str, Any]) -> str:
    """The code in a problem, or "" when it holds none. Never raises.

    A number stands in `title` or `code` where it is one, as in receipts, else behind the `#` of `type`.
    """
    for name in ("title", "code"):
        told = problem.get(name)
        number = str(told) if isinstance(told, str | int) and not isinstance(told, bool) else ""
        if _CODE.fullmatch(number):
            return number
    kind = problem.get("type")
    behind = kind.rpartition("#")[2] if isinstance(kind, str) and "#" in kind else ""
    return behind if _CODE.fullmatch(behind) or _WORD.fullmatch(behind) else ""
