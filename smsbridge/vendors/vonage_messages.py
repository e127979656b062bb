"""Vonage's Messages API (https://developer.vonage.com/en/api/messages).

The message models and the tokens are those of the `vonage` package; sending is the transport's, because the package
repeats a POST whose answer is lost, and each repetition is another SMS.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from time import time
from typing import ClassVar
from urllib.parse import urlsplit

from notifier.texts import loads_object
from notifier.wire import Answer, Call, Failure, Forged, Request
from smsbridge.vendors.answers import failed
from smsbridge.vendors.base import (
    AccountConfig,
    DeliveryReceipt,
    ErrorInfo,
    InboundText,
    Outcome,
    OutgoingSms,
    OwnedNumber,
)
from smsbridge.vendors.vonage_account import SIGNATURE_SECRET_HELP, VonageAccount
from smsbridge.vendors.vonage_messages_errors import messages_error
from smsbridge.vendors.vonage_messages_inbound import read_inbound, read_receipts
from smsbridge.vendors.vonage_messages_send import LONGEST_TEXT, message_of, read_outcome
from smsbridge.vendors.vonage_numbers import LINKED, update_form
from smsbridge.vendors.vonage_tokens import bearer, check, private_pem

_HOST = re.compile(r"[a-z0-9.-]{1,200}\.(nexmo|vonage)\.com(:443)?", re.ASCII | re.IGNORECASE)
_LINK = re.compile(r"[!-\[\]-~]{1,2000}")  # printable ASCII without the backslash


class VonageMessages(VonageAccount):
    """One Vonage account whose texts go by the Messages API.

    With an application id and a private key it authenticates with a JWT, else with API key and secret. A number's texts
    come to us when it is linked to the application, at the inbound URL that this has in the Vonage dashboard. A text
    whose answer was lost cannot be looked up, for the reasons that `Vonage` has; receipts carry our reference.
    """

    key = "vonage-messages"
    title = "Vonage Messages"
    max_characters = LONGEST_TEXT
    most_media = 1
    #: https://developer.vonage.com/en/messages/concepts/mms
    media_countries = (frozenset({"US", "CA"}),)
    option_help: ClassVar = {
        **VonageAccount.option_help,
        "application_id": "The application that our numbers are linked to, and in whose name texts are sent.",
    }
    secret_help: ClassVar = {
        **VonageAccount.secret_help,
        "private_key": "Private key of the application, to authenticate with a JWT instead of the API secret.",
        "signature_secret": SIGNATURE_SECRET_HELP,
    }

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        self._application = config.options.get("application_id", "")
        self._given_key = config.secrets.get("private_key", "")
        self._pem = private_pem(self._given_key) if self._given_key else ""
        self._send_url = f"{self._api_url}/v1/messages"

    def configured(self) -> list[str]:
        problems = super().configured()
        if self._given_key and not self._pem:
            problems.append(_BAD_KEY)
        if self._given_key and not self._application:
            problems.append(f"The private key needs its application: {_SET_APPLICATION}.")
        if not self._signature_secrets:
            problems.append(_UNVERIFIABLE)
        return problems

    # Sending
    def request_for(self, sms: OutgoingSms) -> Request:
        body = json.dumps(message_of(sms)).encode()
        return Request("POST", self._send_url, {**self._authorized(), "Content-Type": "application/json"}, body)

    def outcome(self, answer: Answer) -> Outcome:
        return failed(self.title, answer) if isinstance(answer, Failure) else read_outcome(answer)

    def error(self, code: str) -> ErrorInfo:
        return messages_error(code)

    def _authorized(self) -> Mapping[str, str]:
        if self._application and self._pem:
            return {"Accept": "application/json", "Authorization": bearer(self._application, self._pem)}
        return self._basic

    # Incoming
    def verify(self, call: Call) -> None:
        if not self._signature_secrets:
            raise Forged(_UNVERIFIABLE)
        ours = {"api_key": self._api_key, "application_id": self._application}
        check(call, secrets=self._signature_secrets, ours=ours, now=time())

    def parse_inbound(self, call: Call) -> list[InboundText]:
        return read_inbound(loads_object(call.body))

    def parse_receipts(self, call: Call) -> list[DeliveryReceipt]:
        return read_receipts(loads_object(call.body))

    def media_request(self, url: str) -> Request | None:
        """Vonage keeps what came in, and gives it to the account's credentials.

        Libraries read a backslash, credentials before the host and control characters in different ways, so that what
        looks like a host of Vonage's may be a path elsewhere: such a link is refused.
        """
        parts, own = urlsplit(url if _LINK.fullmatch(url) else ""), urlsplit(self._api_url)
        at_vonage = parts.scheme == "https" and bool(_HOST.fullmatch(parts.netloc))
        if not at_vonage and (parts.scheme, parts.netloc) != (own.scheme, own.netloc):
            raise ValueError("the link is not to Vonage")
        return Request("GET", url, {"Authorization": self._authorized()["Authorization"]})

    # Numbers
    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        """Where a number's texts go is told as its application, if it is linked to one."""
        rows, more = super().numbers(answer)
        return [_linked(row) for row in rows], more

    def inbound_target(self, url: str) -> str:
        return _target(self._application) if self._application else url

    def by_hand(self, url: str) -> str:
        if not self._application:
            return f"Numbers are linked to an application: {_SET_APPLICATION}."
        where = f"the application {self._application} in the Vonage dashboard"
        return f"Enter {url} as the inbound URL of the capability Messages of {where}: no call of ours sets it."

    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        """Links the number to our application, and leaves an inbound URL for the SMS API as it is."""
        if not self._application:
            raise ValueError(f"numbers are linked to an application: {_SET_APPLICATION}")
        return self._post("number/update", update_form(number, app_id=self._application))


_SET_APPLICATION = "set VONAGE_APPLICATION_ID, or application_id of the account"
_BAD_KEY = (
    "The private key cannot be read: set VONAGE_PRIVATE_KEY, or private_key of the account, to the whole of the file "
    "that Vonage made with the application, from BEGIN to END."
)
_UNVERIFIABLE = (
    "Webhooks cannot be verified and are refused: copy the signature secret from the settings in the Vonage dashboard "
    "to VONAGE_SIGNATURE_SECRET, or to signature_secret of the account."
)


def _target(application: str) -> str:
    return f"the application {application}"


def _linked(row: OwnedNumber) -> OwnedNumber:
    application, url = row.handle.get(LINKED, ""), row.inbound_url
    kept = {**row.handle, "mo_http_url": url} if url else row.handle
    return replace(row, inbound_url=_target(application) if application else url, handle=kept)
