"""Vonage's error codes in words.

Sends and receipts use the same small numbers for different things, so a receipt's code is written `receipt:6`.
An HTTP status is written `http:401`. Sources: the two pages linked below.
"""

from smsbridge.vendors.answers import http_error
from smsbridge.vendors.base import ErrorInfo, ErrorKind, PhoneStatus

RECEIPT = "receipt:"

_SEND_LINK = "https://developer.vonage.com/en/api-errors/sms"
_RECEIPT_LINK = "https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts"

_R, _A, _T, _U = ErrorKind.RECIPIENT, ErrorKind.ACCOUNT, ErrorKind.TEMPORARY, ErrorKind.UNKNOWN

_SEND: dict[str, tuple[ErrorKind, str]] = {
    "1": (_T, "sent faster than the account or the number may"),
    "2": (_R, "a required parameter is missing"),
    "3": (_R, "a parameter has a value that Vonage does not take"),
    "4": (_A, "the API key or secret is wrong or disabled: correct it in the account's settings"),
    "5": (_T, "an error inside Vonage"),
    "6": (_R, "Vonage cannot handle this message, for instance because of the number's prefix"),
    "7": (_R, "the number is on the list of barred numbers"),
    "8": (_A, "the account is suspended: ask Vonage's support"),
    "9": (_A, "the account has too little credit: top it up"),
    "10": (_T, "more simultaneous connections than the account may have"),
    "11": (_A, "the account may not use the SMS API: ask Vonage's support"),
    "12": (_R, "the text is too long"),
    "14": (_A, "the signature is wrong: compare signature secret and method with the Vonage dashboard"),
    "15": (_A, "the sender is not allowed for this destination: use one of the account's own numbers"),
    "22": (_A, "the network code is wrong or not of this destination"),
    "23": (_A, "the URL for delivery receipts is not accepted: check PUBLIC_URL"),
    "29": (_A, "a demo account may text only numbers on its list: add the number there, or top the account up"),
    "32": (_A, "signed requests and an API secret exclude one another: use one of them"),
    "33": (_R, "the number is deactivated"),
}

_RECEIPTS: dict[str, tuple[ErrorKind, str]] = {
    "1": (_U, "not delivered, and the network gives no reason"),
    "2": (_T, "the handset was out of reach"),
    "3": (_R, "the number is no longer in use"),
    "4": (_R, "the recipient's network bars texts at his wish"),
    "5": (_R, "the number was moved between networks and cannot be found"),
    "6": (_R, "the carrier's spam filter blocked the text"),
    "7": (_T, "the handset was busy"),
    "8": (_T, "an error in the network"),
    "9": (ErrorKind.OPTED_OUT, "the recipient does not want texts from this service"),
    "10": (_R, "the network takes this message for malformed"),
    "11": (_A, "Vonage has no route to this network: ask Vonage's support"),
    "12": (_R, "the network cannot reach the number"),
    "13": (_R, "the recipient is too young for this content"),
    "14": (_R, "the carrier blocks the number: the recipient must ask it to allow texts"),
    "15": (_R, "the recipient's prepaid account is empty"),
    "50": (_A, "the country's rules: the sending entity is not registered"),
    "51": (_A, "the country's rules: the sender name is not registered"),
    "52": (_A, "the country's rules: the content is not registered"),
    "53": (_A, "the country's rules: the recipient's consent is not registered"),
    "54": (_A, "the country's rules forbid the message"),
    "99": (_U, "not delivered, for a reason without a code of its own"),
}

#: refusals of the account that are about the recipient's number or network: others are still accepted
_SOME_ONLY = frozenset({"15", "22", "29"})
_PROVES = {"33": PhoneStatus.NOT_IN_SERVICE, f"{RECEIPT}3": PhoneStatus.NOT_IN_SERVICE}


def vonage_error(code: str) -> ErrorInfo:
    """Any code in words; see the module for how codes are written. An unknown one is of kind UNKNOWN."""
    if code.startswith("http:"):
        return http_error("Vonage", code.removeprefix("http:"), _SEND_LINK)
    if code.startswith(RECEIPT):
        return _entry(code, _RECEIPTS.get(code.removeprefix(RECEIPT)), _RECEIPT_LINK)
    return _entry(code, _SEND.get(code), _SEND_LINK)


def _entry(code: str, entry: tuple[ErrorKind, str] | None, link: str) -> ErrorInfo:
    kind, text = entry or (_U, "a code that Vonage's list did not hold when this was written")
    shown, proves = f"{text} (Vonage code {code})", _PROVES.get(code, PhoneStatus.UNKNOWN)
    return ErrorInfo(code, shown, link, kind, some_only=code in _SOME_ONLY, proves=proves)
