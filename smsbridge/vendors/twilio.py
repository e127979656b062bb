"""Twilio (https://www.twilio.com/docs/messaging/api): texts, numbers, look-ups and messaging services.

What is sent equals what the `twilio` package sends. The package itself only checks signatures, and is loaded when the
first call comes in: for calls it has no time-out of its own, and it hides Retry-After.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar
from urllib.parse import quote, quote_plus, urlsplit

from notifier.wire import Answer, Call, Forged, Request, Unreadable
from smsbridge.vendors import twilio_finding, twilio_inbound, twilio_lookup, twilio_numbers, twilio_services
from smsbridge.vendors.abilities import Checker, Finder, NumberSettings, NumberShop, PhoneLookup, ServiceKeeper
from smsbridge.vendors.answers import has_utf8
from smsbridge.vendors.base import (
    AccountConfig,
    AskAgain,
    DeliveryReceipt,
    ErrorInfo,
    Finding,
    InboundText,
    LostSms,
    MessagingService,
    OfferedNumber,
    Outcome,
    OutgoingSms,
    OwnedNumber,
    PaidStep,
    PhoneFacts,
    Reply,
    Wanted,
)
from smsbridge.vendors.twilio_account import API_URL, LONGEST_VALIDITY, LOOKUPS_URL, MESSAGING_URL, Account
from smsbridge.vendors.twilio_answers import content_of, read_outcome
from smsbridge.vendors.twilio_errors import twilio_error
from smsbridge.vendors.twilio_signature import check

_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
#: behind the account's own path
_MEDIUM = r"/Messages/[0-9A-Za-z]{1,64}/Media/[0-9A-Za-z]{1,64}"
_quote_url = lru_cache(maxsize=64)(quote_plus)  # one receipt URL per account, in every message


class Twilio(Finder, Checker, NumberSettings, NumberShop, PhoneLookup, ServiceKeeper):
    """One account at Twilio. Of lists, one instance reads one after the other, each from its first page."""

    key = "twilio"
    title = "Twilio"
    most_media = 10
    #: https://www.twilio.com/docs/api/errors/11751
    most_media_bytes = 5_000_000
    #: https://help.twilio.com/articles/223179808: others are turned into a link, or refused
    media_countries = (frozenset({"US", "CA"}), frozenset({"AU"}))
    currency = "USD"
    # Twilio lists a text before it answers, so only what is still on its way there has to be waited for: bytes that a
    # dying connection or a proxy holds, which is a minute or two.
    find_grace = 300.0
    option_help: ClassVar = {
        "account_sid": "SID of the account: AC and 32 hexadecimal digits.",
        "messaging_service": "SID of a messaging service that all texts go by, with our number as the sender; or none.",
        "validity_period": f"For how many seconds a text may wait at Twilio, up to {LONGEST_VALIDITY} (its default).",
        "api_url": f"Base URL for texts and numbers (default {API_URL}).",
        "lookups_url": f"Base URL for look-ups (default {LOOKUPS_URL}; api_url where that is not Twilio's).",
        "messaging_url": f"Base URL for messaging services (default {MESSAGING_URL}, as above).",
    }
    secret_help: ClassVar = {
        "auth_token": "Auth token of the account; comma-separated while it is being changed, the first one sends.",
        "webhook_key": "Secret of the shared key that signs webhooks, where one is set up; comma-separated as above.",
    }

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        self._account = Account(config)
        self._send_url = f"{self._account.base}/Messages.json"
        self._next: dict[str, str] = {}  # of each list, the query of the page after the one that was read last

    def configured(self) -> list[str]:
        return self._account.problems()

    # Sending
    def request_for(self, sms: OutgoingSms) -> Request:
        return Request("POST", self._send_url, self._account.form_headers, "&".join(self._fields(sms)).encode())

    def _fields(self, sms: OutgoingSms) -> Iterator[str]:
        """The form of a text, in the package's order. Raises ValueError, without phone or text."""
        _check(sms)
        yield f"To=%2B{sms.recipient[1:]}"
        if sms.status_url:
            joint = "&" if "?" in sms.status_url else "?"
            asking = _quote_url(f"{sms.status_url}{joint}{twilio_inbound.REFERENCE}=")
            yield f"StatusCallback={asking}{quote_plus(quote_plus(sms.reference))}"
        if self._account.validity:
            yield f"ValidityPeriod={quote_plus(self._account.validity)}"
        yield f"From=%2B{sms.sender[1:]}"
        if self._account.service:
            yield f"MessagingServiceSid={quote_plus(self._account.service)}"
        yield f"Body={quote_plus(sms.text)}"
        for url in sms.media:
            yield f"MediaUrl={quote_plus(url)}"

    def outcome(self, answer: Answer) -> Outcome:
        return read_outcome(answer)

    def error(self, code: str) -> ErrorInfo:
        return twilio_error(code)

    def find_request(self, sms: LostSms) -> Request:
        query = twilio_finding.find_query(sms, in_service=bool(self._account.service))
        return self._account.get(f"{self._send_url}?{query}")

    def found(self, sms: LostSms, answer: Answer) -> Finding:
        return twilio_finding.read_found(sms, answer)

    # Incoming
    def verify(self, call: Call) -> None:
        if not self._account.keys:
            raise Forged("Webhooks cannot be verified and are refused: set TWILIO_AUTH_TOKEN, or auth_token.")
        check(call, self._account.keys)
        try:
            told = twilio_inbound.fields_of(call).get("AccountSid")
        except Unreadable as problem:
            raise Forged(str(problem)) from None
        if told != self._account.sid:
            raise Forged("the call is of another Twilio account: compare its account SID with this account's")

    def parse_inbound(self, call: Call) -> list[InboundText]:
        return twilio_inbound.read_inbound(twilio_inbound.fields_of(call))

    def parse_receipts(self, call: Call) -> list[DeliveryReceipt]:
        return twilio_inbound.read_receipts(twilio_inbound.fields_of(call), call.query)

    def media_request(self, url: str) -> Request:
        """Twilio answers with a redirection to where the file is, for which no credentials are needed."""
        try:
            given, own = urlsplit(url), urlsplit(self._account.base)
            ours = (given.scheme, given.netloc.lower()) == (own.scheme, own.netloc.lower())
        except ValueError:
            ours = False
        plain = url.isascii() and url.isprintable() and not any(mark in url for mark in "\\?#")
        if not ours or not plain or not re.fullmatch(re.escape(own.path) + _MEDIUM, given.path, re.ASCII):
            raise ValueError("the media are not at the account's own place at Twilio")
        return self._account.get(url)

    def inbound_reply(self) -> Reply:
        """Any text here would be sent to the phone; an empty response sends nothing."""
        body = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
        return Reply(content_type="text/xml; charset=utf-8", body=body)

    # Account and look-ups
    def check_request(self) -> Request:
        return self._account.get(f"{self._account.base}.json")

    def checked(self, answer: Answer) -> str:
        return twilio_lookup.read_account(answer, self._account.sid)

    def look_up_request(self, phone: str) -> Request:
        place = f"{self._account.lookups}/v2/PhoneNumbers/{quote(phone, safe='+')}"
        return self._account.get(f"{place}?Fields=line_type_intelligence")

    def looked_up(self, phone: str, answer: Answer) -> PhoneFacts | AskAgain:
        return twilio_lookup.read_facts(answer)

    # Numbers
    def numbers_request(self, page: int) -> Request:
        return self._page("numbers", f"{self._account.base}/IncomingPhoneNumbers.json", page, twilio_numbers.PAGE_SIZE)

    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        rows, self._next["numbers"] = twilio_numbers.read_numbers(answer)
        return rows, bool(self._next["numbers"])

    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        return self._account.post(self._number_url(number), twilio_numbers.update_form(number, url))

    def inbound_url_set(self, answer: Answer) -> None:
        content_of(answer)

    def offers_request(self, wanted: Wanted) -> Request:
        return self._account.get(f"{self._account.base}/{twilio_numbers.offers_path(wanted)}")

    def offers(self, answer: Answer) -> list[OfferedNumber]:
        return twilio_numbers.read_offers(answer)

    def buy_request(self, offer: OfferedNumber, *, inbound_url: str, reference: str) -> Request:
        """Buys the number by its digits, so that a second try cannot buy another one; Twilio takes no reference."""
        form = twilio_numbers.buy_form(offer, inbound_url)
        return self._account.post(f"{self._account.base}/IncomingPhoneNumbers.json", form)

    def bought(self, answer: Answer) -> PaidStep:
        return twilio_numbers.read_bought(answer)

    def release_request(self, number: OwnedNumber) -> Request:
        return self._account.delete(self._number_url(number))

    def released(self, answer: Answer) -> PaidStep:
        return twilio_numbers.read_released(answer)

    def _number_url(self, number: OwnedNumber) -> str:
        return f"{self._account.base}/IncomingPhoneNumbers/{twilio_numbers.sid_of(number)}.json"

    # Messaging services
    def services_request(self, page: int) -> Request:
        return self._page("services", self._account.services, page, twilio_services.PAGE_SIZE)

    def services(self, answer: Answer) -> tuple[list[MessagingService], bool]:
        rows, self._next["services"] = twilio_services.read_services(answer)
        return rows, bool(self._next["services"])

    def make_service_request(self, name: str, *, inbound_url: str, status_url: str) -> Request:
        form = twilio_services.make_form(name, inbound_url, status_url)
        return self._account.post(self._account.services, form)

    def service_made(self, answer: Answer) -> MessagingService:
        return twilio_services.read_service(answer)

    def service_numbers_request(self, service: str, page: int) -> Request:
        return self._page("service", self._pool_url(service), page, twilio_services.PAGE_SIZE)

    def service_numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        rows, self._next["service"] = twilio_services.read_service_numbers(answer)
        return rows, bool(self._next["service"])

    def put_into_service_request(self, service: str, number: OwnedNumber) -> Request:
        form = f"PhoneNumberSid={twilio_numbers.sid_of(number)}".encode()
        return self._account.post(self._pool_url(service), form)

    def take_out_of_service_request(self, service: str, number: OwnedNumber) -> Request:
        return self._account.delete(f"{self._pool_url(service)}/{twilio_numbers.sid_of(number)}")

    def drop_service_request(self, service: str) -> Request:
        return self._account.delete(f"{self._account.services}/{twilio_services.service_id(service)}")

    def service_changed(self, answer: Answer) -> None:
        twilio_services.read_changed(answer)

    def _pool_url(self, service: str) -> str:
        return f"{self._account.services}/{twilio_services.service_id(service)}/PhoneNumbers"

    def _page(self, name: str, url: str, page: int, size: int) -> Request:
        """Twilio's pages after the first are asked for by a token that stands on the page before."""
        query = self._next.get(name) if page > 1 else ""
        counted = f"PageSize={size}" + (f"&Page={page - 1}" if page > 1 else "")
        return self._account.get(f"{url}?{query or counted}")


def _check(sms: OutgoingSms) -> None:
    if not sms.text or len(sms.text) > Twilio.max_characters:
        raise ValueError(f"the text is empty or has more than {Twilio.max_characters} characters")
    if not _PHONE.fullmatch(sms.sender) or not _PHONE.fullmatch(sms.recipient):
        raise ValueError("sender or recipient is not a phone number of the form +12025550100")
    if len(sms.media) > Twilio.most_media:
        raise ValueError(f"the text has more than {Twilio.most_media} media")
    if not has_utf8(sms.text):
        raise ValueError("the text holds half a character, which cannot be sent")
