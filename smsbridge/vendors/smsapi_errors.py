"""SMSAPI's error codes, and its statuses of texts, in words.

A text's status comes as a number like an error does, so it is written `status:405`; an HTTP status is written
`http:401`. Source of both lists: https://www.smsapi.com/docs.
"""

from smsbridge.vendors.answers import http_error
from smsbridge.vendors.base import ErrorInfo, ErrorKind, PhoneStatus, ReceiptState

STATUS = "status:"
LINK = "https://www.smsapi.com/docs"

_R, _A, _T, _U = ErrorKind.RECIPIENT, ErrorKind.ACCOUNT, ErrorKind.TEMPORARY, ErrorKind.UNKNOWN
_OUT = ErrorKind.OPTED_OUT

#: a text with the same idx was accepted before: proof that this one is, or will be, on its way
REPEATED = "53"
#: what SMSAPI says when something broke inside: it does not tell whether before or after the text was taken
INSIDE = frozenset({"200", "201", "998", "999"})

_ERRORS: dict[str, tuple[ErrorKind, str]] = {
    "8": (_R, "an error in the request"),
    "11": (_R, "the text is missing or too long"),
    "12": (_R, "the text has more parts than allowed"),
    "13": (_R, "SMSAPI takes it for no valid phone number"),
    "14": (_A, "the sender name or number is not active in the account: add it in SMSAPI's panel"),
    "17": (_R, "the text holds characters that such a message cannot carry"),
    "19": (_R, "too many texts in one request"),
    "20": (_R, "the number of references does not match that of the recipients"),
    "27": (_R, "our reference is too long"),
    "33": (_R, "SMSAPI takes it for no valid phone number"),
    "50": (_R, "a text can be planned three months ahead at most"),
    "52": (_T, "more than ten texts to one number within a minute"),
    REPEATED: (_U, "SMSAPI has accepted this text before, and refused to send it twice"),
    "57": (_OUT, "the recipient is on the account's list of blocked numbers"),
    "70": (_A, "the URL for delivery receipts is not accepted: check PUBLIC_URL"),
    "71": (_A, "the URL for delivery receipts is not accepted for this request"),
    "72": (_A, "the URL for delivery receipts is not accepted for this request"),
    "74": (_R, "the recipient's country lets no texts through at this time of day"),
    "94": (_A, "the account may not send links: ask SMSAPI's support"),
    "98": (_A, "a trial account may text only verified numbers: verify the number there, or top the account up"),
    "101": (_A, "the token is wrong or was withdrawn: correct it in the account's settings"),
    "102": (_A, "the credentials are wrong: correct the token in the account's settings"),
    "103": (_A, "the account has too little credit: top it up"),
    "104": (_A, "there is no such template"),
    "105": (_A, "SMSAPI's address filter keeps this server out: add its address in SMSAPI's panel"),
    "110": (_A, "the account may not do that: give the token the right to send in SMSAPI's panel"),
    "200": (_U, "SMSAPI could not hand the text over"),
    "201": (_U, "an error inside SMSAPI"),
    "202": (_T, "too many requests at the same time"),
    "203": (_T, "too many requests"),
    "998": (_U, "an error inside SMSAPI"),
    "999": (_U, "an error inside SMSAPI"),
    "1000": (_A, "only the main user of the account may do that"),
}

_STATUSES: dict[str, tuple[str, ReceiptState, ErrorKind, str]] = {
    "401": ("NOT_FOUND", ReceiptState.UNKNOWN, _U, "SMSAPI does not find the text"),
    "402": ("EXPIRED", ReceiptState.EXPIRED, _T, "the text could not be delivered in time"),
    "403": ("SENT", ReceiptState.SENT, _U, ""),
    "404": ("DELIVERED", ReceiptState.DELIVERED, _U, ""),
    "405": ("UNDELIVERED", ReceiptState.UNDELIVERED, _U, "not delivered, and the network gives no reason"),
    "406": ("FAILED", ReceiptState.UNDELIVERED, _U, "the text failed"),
    "407": ("REJECTED", ReceiptState.UNDELIVERED, _R, "the network rejected the text"),
    "408": ("UNKNOWN", ReceiptState.UNKNOWN, _U, "the network tells nothing"),
    "409": ("QUEUE", ReceiptState.QUEUED, _U, ""),
    "410": ("ACCEPTED", ReceiptState.SENT, _U, ""),
    "411": ("RENEWAL", ReceiptState.QUEUED, _U, ""),
    "412": ("STOP", ReceiptState.UNDELIVERED, _OUT, "the recipient does not want texts"),
}
_BY_NAME = {name: code for code, (name, *_) in _STATUSES.items()}

#: refusals of the account that are about this text, recipient or sender: others are still accepted
_SOME_ONLY = frozenset({"14", "94", "98"})
_NO_NUMBER = frozenset({"13", "33"})


def smsapi_error(code: str) -> ErrorInfo:
    """Any code in words; see the module for how codes are written. An unknown one is of kind UNKNOWN."""
    if code.startswith("http:"):
        return http_error("SMSAPI", code.removeprefix("http:"), LINK)
    if code.startswith(STATUS):
        status = _STATUSES.get(code.removeprefix(STATUS))
        kind, text = (status[2], status[3]) if status and status[3] else _STRANGE
    else:
        kind, text = _ERRORS.get(code, _STRANGE)
    return ErrorInfo(
        code,
        f"{text} (SMSAPI code {code})",
        LINK,
        kind,
        some_only=code in _SOME_ONLY,
        proves=PhoneStatus.NOT_KNOWN if code in _NO_NUMBER else PhoneStatus.UNKNOWN,
    )


_STRANGE = (_U, "a code that SMSAPI's list did not hold when this was written")


def status_of(word: str) -> tuple[ReceiptState, ErrorInfo | None]:
    """What a status in a receipt means, told as a number or by its name; what is not known is UNKNOWN."""
    code = _BY_NAME.get(word.upper(), word)
    state = _STATUSES[code][1] if code in _STATUSES else ReceiptState.UNKNOWN
    told = state in (ReceiptState.UNDELIVERED, ReceiptState.EXPIRED)
    return state, smsapi_error(STATUS + code) if told else None
