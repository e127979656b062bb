"""What SMSAPI answers when it is asked for the account's credit, or about a phone."""

from typing import Any

from notifier.wire import Answer, Failure, retry_after_seconds
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import AskAgain, ErrorKind, PhoneFacts, PhoneStatus, VendorError
from smsbridge.vendors.smsapi_errors import smsapi_error
from smsbridge.vendors.smsapi_outcome import amount, code_of


def read_credit(answer: Answer) -> str:
    """How much credit is left, as a sentence. Raises VendorError."""
    if isinstance(answer, Failure):
        raise VendorError(f"SMSAPI did not answer: {answer.detail}. Check api_url of the account, and repeat.")
    content = decoded(answer.body) or {}
    if code := code_of(content):
        raise VendorError(f"SMSAPI refuses: {smsapi_error(code).text}.")
    points = amount(content.get("points"))
    if answer.status != 200 or points is None:
        raise VendorError(
            f"SMSAPI answered {answer.status} without the credit: check token and api_url of the account."
        )
    return f"SMSAPI knows the token; {points} points of credit are left."


def read_phone(answer: Answer) -> PhoneFacts | AskAgain:
    """What SMSAPI says of a phone. Total.

    The bare "OK" of an answer means only that SMSAPI took the question: where it then tells the network by a callback
    of its own, nothing is known here.
    """
    if isinstance(answer, Failure):
        return AskAgain(f"SMSAPI did not answer: {answer.detail}")
    content = decoded(answer.body)
    if answer.status != 200 or content is None:
        return AskAgain(f"SMSAPI answered {answer.status}", retry_after_seconds(answer.headers))
    if code := code_of(content):
        return _refused(code)
    status, network = content.get("status"), _network(content)
    if status == "FAIL":
        return PhoneFacts(status=PhoneStatus.NOT_IN_SERVICE, carrier=network)
    if status == "OK":
        return PhoneFacts(status=PhoneStatus.TEXTABLE if network else PhoneStatus.UNKNOWN, carrier=network)
    return AskAgain("SMSAPI answered without a status of the phone")


def _refused(code: str) -> PhoneFacts | AskAgain:
    error = smsapi_error(code)
    if error.proves is not PhoneStatus.UNKNOWN:
        return PhoneFacts(status=error.proves, code=code)
    return AskAgain(error.text, 60.0 if error.kind is ErrorKind.TEMPORARY else None)


def _network(content: dict[str, Any]) -> str:
    """The mobile network (MCC and MNC), where the answer tells it."""
    pair = [str(content.get(name) or "") for name in ("mcc", "mnc")]
    return "-".join(pair) if all(word.isascii() and word.isdecimal() and len(word) < 4 for word in pair) else ""
