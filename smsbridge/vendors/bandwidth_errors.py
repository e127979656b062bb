"""Bandwidth's error codes in words.

Delivery receipts carry four digits: the first says whose error it is (4 the client's, 5 a server's, 9 unclear), the
second who found it (7 and 6 the carrier). A refused send has no number: its code here is the `type` of the answer and
the field that it is about, such as `request-validation:to`. An HTTP status is written `http:401`.
Source: https://dev.bandwidth.com/docs/messaging/errors
"""

import re

from smsbridge.vendors.answers import http_error
from smsbridge.vendors.base import ErrorInfo, ErrorKind, PhoneStatus

LINK = "https://dev.bandwidth.com/docs/messaging/errors"
VALIDATION = "request-validation"

#: no delivery receipt came in time: the text may well have arrived
NO_RECEIPT = "9902"

_R, _A, _T, _O, _U = ErrorKind.RECIPIENT, ErrorKind.ACCOUNT, ErrorKind.TEMPORARY, ErrorKind.OPTED_OUT, ErrorKind.UNKNOWN
_CODE = re.compile(r"[1-9]\d{3}", re.ASCII)

_ERRORS: dict[str, tuple[ErrorKind, str]] = {
    "4001": (_A, "the account may not use this service: ask Bandwidth's support"),
    "4301": (_R, "the text holds characters that cannot be encoded for its destination"),
    "4302": (_A, "our number is not a number that can be routed"),
    "4303": (_R, "the recipient's number is not one that can be routed"),
    "4350": (_R, "the text is malformed for its destination, most likely because of an invalid number"),
    "4360": (_R, "the text expired before it could be sent"),
    "4401": (_R, "the text cannot be routed, for instance because sender and recipient are the same"),
    "4403": (_A, "our number may not send texts: check that it is the account's and enabled for messaging"),
    "4404": (_R, "texts to this number are forbidden: it may be inactive or not enabled for messaging"),
    "4405": (_A, "our number is not an active one: check it in the Bandwidth App"),
    "4406": (_R, "the number is not assigned to any carrier"),
    "4407": (_A, "our number does not belong to this account: check the number"),
    "4408": (_R, "the recipient's number is not set up to receive texts"),
    "4409": (_R, "the destination takes no such message, most often no media"),
    "4410": (_R, "the media could not be fetched: check that their URLs are open to the world"),
    "4411": (_R, "the media are too large together"),
    "4412": (_R, "a medium has a content type that is not supported"),
    "4420": (_R, "there is no route to the recipient's carrier"),
    "4421": (_A, "the account may not send to this destination: ask Bandwidth's support"),
    "4431": (_A, "the account is not set up for short codes"),
    "4432": (_A, "the account may not text this country: ask Bandwidth's support to enable it"),
    "4433": (_A, "the account may not text from toll-free numbers: ask Bandwidth's support"),
    "4434": (_R, "texts to this toll-free number are not allowed"),
    "4435": (_R, "too many recipients"),
    "4451": (_A, "the account ID is wrong: correct it in the account's settings"),
    "4452": (_A, "the application ID is wrong: correct it in the account's settings"),
    "4470": (_R, "the text was blocked as spam"),
    "4475": (_O, "the recipient does not want texts"),
    "4476": (_A, "our number is not registered for this traffic: register its campaign (10DLC) with Bandwidth"),
    "4481": (_A, "our number is barred from sending: ask Bandwidth's support"),
    "4482": (_R, "the recipient's number is barred from receiving texts"),
    "4492": (_R, "emergency numbers cannot be texted"),
    "4493": (_A, "the sender is not authorised for this account: check our number and the account's credentials"),
    "4700": (_R, "the carrier or the handset takes no such messages"),
    "4701": (_R, "the destination is out of reach, or has no SMS service"),
    "4702": (_R, "the subscriber is not available: the phone may be off, barred or full"),
    "4710": (_R, "the carrier could not fetch the media"),
    "4711": (_R, "the media are too large for the carrier"),
    "4712": (_R, "a medium has a content type that the carrier does not take"),
    "4720": (_R, "the carrier takes the number for invalid, or it cannot receive texts, as a landline"),
    "4721": (_R, "the number is deactivated"),
    "4730": (_R, "there is no route to the recipient's carrier"),
    "4735": (_R, "too many recipients"),
    "4740": (_A, "the carrier takes our number for invalid: check it in the Bandwidth App"),
    "4750": (_R, "the carrier rejected the text without a reason"),
    "4751": (_R, "the text is too long for the carrier"),
    "4752": (_R, "the carrier takes the text for malformed"),
    "4753": (_R, "the handset rejected the text"),
    "4754": (_R, "the carrier does not support this kind of message"),
    "4770": (_R, "the carrier blocked the text as spam"),
    "4771": (_R, "the carrier blocked the text for a shortened link: write links in full"),
    "4772": (_A, "the carrier blocks our number: ask Bandwidth's support"),
    "4773": (_A, "our number's campaign is not active: check its registration (10DLC)"),
    "4774": (_A, "our number is not fully set up at the carrier: ask Bandwidth's support"),
    "4775": (_O, "the recipient does not want texts"),
    "4780": (_A, "the carrier's limit for this traffic was passed: send more slowly, or ask Bandwidth's support"),
    "4781": (_A, "the carrier's limit for this traffic was passed: send more slowly, or ask Bandwidth's support"),
    "4785": (_A, "the carrier's limit for this traffic was passed: send more slowly, or ask Bandwidth's support"),
    "4790": (_R, "the destination takes no texts from short codes"),
    "4791": (_A, "the carrier does not allow our short code's campaign"),
    "4792": (_A, "our short code is not set up at the carrier"),
    "4793": (_A, "our short code has expired at the carrier"),
    "4794": (_R, "the text expired at the carrier"),
    "4795": (_A, "our toll-free number is not verified: submit it for verification with Bandwidth"),
    "5100": (_T, "an error inside Bandwidth"),
    "5101": (_T, "a Bandwidth server was stopping"),
    "5106": (_T, "Bandwidth's attempts to deliver the text failed"),
    "5111": (_T, "a connection inside Bandwidth was closed"),
    "5201": (_T, "Bandwidth's attempts to deliver the text failed until it expired"),
    "5211": (_T, "a Bandwidth server was busy"),
    "5220": (_T, "Bandwidth could not store the text"),
    "5231": (_T, "Bandwidth did not receive all parts of the text"),
    "5500": (_T, "the destination carrier reported a failure of its service"),
    "5501": (_T, "no destination was available"),
    "5600": (_T, "the carrier's service is congested"),
    "5610": (_T, "the carrier's application failed"),
    "5611": (_T, "the carrier's attempts to deliver the text failed until it expired"),
    "5620": (_T, "the carrier's application failed"),
    "5630": (_T, "the carrier did not acknowledge the text"),
    "5650": (_T, "the carrier's service failed"),
    "5999": (_U, "an error inside Bandwidth without a reason"),
    NO_RECEIPT: (_U, "no delivery receipt came in time: the text may have arrived"),
    "9999": (_U, "not delivered, and the carrier gives no reason"),
    VALIDATION: (_U, "Bandwidth takes this request for malformed or invalid"),
    f"{VALIDATION}:to": (_R, "Bandwidth does not take the recipient's number"),
    f"{VALIDATION}:text": (_R, "Bandwidth does not take this text"),
    f"{VALIDATION}:media": (_R, "Bandwidth does not take a medium of this text"),
    f"{VALIDATION}:tag": (_R, "Bandwidth does not take the reference of this text"),
    f"{VALIDATION}:from": (_A, "Bandwidth does not take our number: check that it is the application's"),
    f"{VALIDATION}:applicationId": (_A, "the application ID is wrong: correct it in the account's settings"),
}

#: errors of the account that are about some numbers or destinations: other texts are still accepted
_SOME_ONLY = frozenset(
    "4001 4302 4403 4405 4407 4421 4431 4432 4433 4476 4481 4493 4740 4772 4773 4774 4780 4781 4785 4791 4792 4793"
    f" 4795 {VALIDATION}:from".split()
)

#: the same words may pass without what goes along
_ABOUT_MEDIA = frozenset(f"4409 4410 4411 4412 4710 4711 4712 {VALIDATION}:media".split())

#: 4720 is not among them: it also stands for invalid numbers, and for a block of toll-free texts at T-Mobile
_PROVES = {"4406": PhoneStatus.NOT_IN_SERVICE, "4721": PhoneStatus.NOT_IN_SERVICE}


def bandwidth_error(code: str) -> ErrorInfo:
    """Any code in words; see the module for how codes are written. An unknown one is of kind UNKNOWN."""
    if code.startswith("http:"):
        return http_error("Bandwidth", code.removeprefix("http:"), LINK)
    kind, text = _ERRORS.get(code, (_U, "a code that Bandwidth's list did not hold when this was written"))
    proves = _PROVES.get(code, PhoneStatus.UNKNOWN)
    named = f"{text} (Bandwidth code {code})"
    return ErrorInfo(code, named, LINK, kind, code in _SOME_ONLY, proves, code in _ABOUT_MEDIA)


def code_of(value: object) -> str:
    """The code of a receipt, which is a number in its JSON; "" for anything else."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _CODE.fullmatch(text) else ""


def refusal_code(kind: str, field: str) -> str:
    """The code of a refused send, of the answer's `type` and the first field it complains of, such as `to[0]`."""
    named = f"{kind}:{re.split(r'[^A-Za-z]', field, maxsplit=1)[0]}"
    return named if named in _ERRORS else kind
