"""Twilio's error codes in words. Sends, receipts and the rare calls share one list; an HTTP status is `http:401`.

Source: https://www.twilio.com/docs/api/errors, one page for each code. Twilio refines over time which code a failure
gets, so an unknown one is final for the text and says nothing about the phone.
"""

from urllib.parse import quote

from smsbridge.vendors.answers import http_error
from smsbridge.vendors.base import ErrorInfo, ErrorKind, PhoneStatus

_LINK = "https://www.twilio.com/docs/api/errors/"

_RECIPIENT: dict[str, str] = {
    "21211": "the recipient's number is not a possible one",
    "21214": "the recipient's number cannot be reached",
    "21217": "the recipient's number does not appear to be valid",
    "21602": "the text is missing",
    "21604": "the recipient is missing",
    "21605": "the text is too long",
    "21614": "the recipient's number is no mobile number",
    "21617": "the text has more than 1600 characters",
    "21618": "the text cannot be sent as it is",
    "21619": "there is neither text nor media",
    "21620": "a media URL is not valid",
    "21623": "there are more media than a text may carry",
    "21635": "the recipient's number is a landline",
    "30004": "the recipient's phone or carrier blocks the text",
    "30005": "the number is not known to its network, and perhaps no longer in use",
    "30006": "the number is a landline, or its carrier cannot be reached",
    "30007": "Twilio or the carrier filtered the text",
    "30011": "the recipient's number takes no media",
    "30019": "the media are larger than the carrier takes",
    "11751": "the media are larger than Twilio takes",
    "12300": "a medium has a content type that Twilio does not take",
}

_TEMPORARY: dict[str, str] = {
    "20429": "more requests at once than the account may make",
    "21611": "too many texts from this number wait at Twilio",
    "30001": "too many texts waited at Twilio",
    "30003": "the handset is switched off or out of reach",
    "30008": "not delivered, and the carrier gives no reason",
    "30017": "the carrier's network is congested",
    "30022": "sent faster than the carriers allow the campaign",
    "30023": "the carrier's daily limit of the campaign is used up until midnight, Pacific time",
    "30036": "the text waited at Twilio for longer than its validity period",
}

_ACCOUNT: dict[str, str] = {
    "10001": "the account is not active: look at it in the Twilio Console",
    "20003": "the account SID or the auth token is wrong: correct them in the account's settings",
    "20005": "the account is not active: look at it in the Twilio Console",
    "20008": "these are test credentials: enter the live ones in the account's settings",
    "20404": "Twilio does not find it: check the account SID and the base URLs",
    "21422": "the number is not on offer any more: choose another one",
    "21609": "Twilio does not take the URL for receipts: check PUBLIC_URL",
    "21701": "the messaging service does not exist: check messaging_service of the account",
    "21703": "the messaging service has no number to send from: add the account's numbers to it",
    "21704": "the messaging service holds no numbers: add the account's numbers to it",
    "21705": "the messaging service is not valid: check messaging_service of the account",
    "21712": "the number is in another messaging service: take it out of that one first",
    "21714": "the messaging service is full, by default at 400 numbers: make another one",
    "30002": "the account is suspended: look at it in the Twilio Console",
    "30037": "the account may not send texts: ask Twilio's support",
}

#: of the account, but about one number, one destination or one price: other texts are still accepted
_SOME: dict[str, str] = {
    "21212": "the sender is not a possible number: correct it in the pool",
    "21408": "the account may not text this country: permit it under Geo Permissions in the Twilio Console",
    "21601": "the sender is not a number of this account: remove it from the pool",
    "21606": "the sender cannot text this destination: use another number",
    "21608": "a trial account may text only numbers that are verified in the Twilio Console: upgrade it",
    "21612": "this sender and this recipient cannot be joined: use a number of the recipient's country",
    "21621": "the sender sends no media: switch media off, or use another number",
    "21659": "the sender is not a number at Twilio, or a short code of another country",
    "21660": "the sender is a number of another account: remove it from the pool",
    "21661": "the sender cannot text at all: remove it from the pool",
    "30010": "the text costs more than the highest price that is set",
    "30018": "the destination's carrier wants the sender to be registered: register it in the Twilio Console",
    "30024": "the sender is not provisioned at the recipient's carrier: complete its registration",
    "30032": "the toll-free number is not verified: verify it in the Twilio Console",
    "30033": "the campaign of the number is suspended: look at it in the Twilio Console",
    "30034": "the number is not registered for texts to the United States (A2P 10DLC): register it",
    "30035": "the number is still being registered for texts to the United States: wait, or use another one",
}

_OPTED_OUT = {"21610": "the recipient has answered STOP to this number or service, and Twilio blocks what is sent"}

_ABOUT_MEDIA = frozenset({"11751", "12300", "21620", "21621", "21623", "30011", "30019"})

_PROVES = {
    "21614": PhoneStatus.LANDLINE,
    "21635": PhoneStatus.LANDLINE,
    "30005": PhoneStatus.NOT_IN_SERVICE,
}

_KINDS = {
    **dict.fromkeys(_RECIPIENT, ErrorKind.RECIPIENT),
    **dict.fromkeys(_TEMPORARY, ErrorKind.TEMPORARY),
    **dict.fromkeys((*_ACCOUNT, *_SOME), ErrorKind.ACCOUNT),
    **dict.fromkeys(_OPTED_OUT, ErrorKind.OPTED_OUT),
}
_TEXTS = {**_RECIPIENT, **_TEMPORARY, **_ACCOUNT, **_SOME, **_OPTED_OUT}


def twilio_error(code: str) -> ErrorInfo:
    """Any code in words; an unknown one is of kind UNKNOWN.

    Two of them prove nothing of the phone: 21211 is also given for a text to the sender itself, and for a short code;
    30006 also for a carrier that cannot be reached from a number of the sender's kind, and that kind is not known here.
    """
    if code.startswith("http:"):
        return http_error("Twilio", code.removeprefix("http:"))
    return ErrorInfo(
        code,
        f"{_TEXTS.get(code, 'a code that Twilio had not explained when this was written')} (Twilio code {code})",
        _LINK + quote(code, safe="", errors="replace"),
        _KINDS.get(code, ErrorKind.UNKNOWN),
        some_only=code in _SOME,
        proves=_PROVES.get(code, PhoneStatus.UNKNOWN),
        about_media=code in _ABOUT_MEDIA,
    )
