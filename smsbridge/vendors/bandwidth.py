"""Bandwidth's messaging API (https://dev.bandwidth.com/docs/messaging/), Numbers API and phone number look-up.

Bodies are those of the `bandwidth-sdk` package's models, loaded with the first text; sending is the transport's. The
Numbers API speaks XML, for which the package has nothing.
"""

import re
from base64 import b64encode
from importlib.util import find_spec
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from notifier.wire import Answer, Call, Failure, Forged, Request
from smsbridge.vendors import bandwidth_numbers as numbers_api
from smsbridge.vendors import bandwidth_orders as orders_api
from smsbridge.vendors.abilities import Checker, NumberShop, PhoneLookup
from smsbridge.vendors.answers import base_url_problem, failed, secret_list
from smsbridge.vendors.bandwidth_callbacks import check_application, check_credentials
from smsbridge.vendors.bandwidth_errors import bandwidth_error
from smsbridge.vendors.bandwidth_events import read_inbound, read_receipts
from smsbridge.vendors.bandwidth_lookups import read_lookup
from smsbridge.vendors.bandwidth_outcome import read_outcome
from smsbridge.vendors.base import (
    AccountConfig,
    AskAgain,
    DeliveryReceipt,
    ErrorInfo,
    InboundText,
    OfferedNumber,
    Outcome,
    OutgoingSms,
    OwnedNumber,
    PaidStep,
    PhoneFacts,
    VendorError,
    Wanted,
)
from smsbridge.vendors.listing import Listing

API_URL = "https://messaging.bandwidth.com"
LOOKUP_URL = "https://api.bandwidth.com"
NUMBERS_URL = "https://dashboard.bandwidth.com/api"

_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 \-+_&]{1,11}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_PATH = re.compile(r"[0-9A-Za-z._~/%+@(),-]{1,1000}", re.ASCII)
_REMEDIES = {
    401: "check user and password of the account",
    403: "check that the account's user may use the messaging API, and the account ID",
    404: "check the account ID and api_url",
    429: "wait a minute and repeat",
}


class Bandwidth(Checker, NumberShop, PhoneLookup):
    """One application of one account at Bandwidth.

    A text whose answer was lost cannot be looked up for certain: the list of messages
    (https://dev.bandwidth.com/apis/messaging/#operation/listMessages) shows neither our tag nor the text, and promises
    nothing about when a message appears in it; so one that is missing there proves nothing, and one that is there may
    be another. Delivery receipts carry our tag, and settle all that was accepted.

    Where texts and receipts are pushed to is a setting of the application, made once in the Bandwidth App, and not of
    a number: a new number gets it by the location (`peer_id`) that the application is assigned to.
    """

    key = "bandwidth"
    title = "Bandwidth"
    max_characters = 2048
    most_media = 10
    #: https://www.bandwidth.com/support/en/articles/12823216; carriers may take less
    most_media_bytes = 3_500_000
    media_countries = (frozenset({"US", "CA"}),)
    sender_names = True
    option_help: ClassVar = {
        "account_id": "ID of the account.",
        "user": "User of the API.",
        "application_id": "ID of the messaging application that our numbers belong to.",
        "callback_user": "User that Bandwidth calls us with, as set in the application.",
        "api_url": f"Base URL for texts (default {API_URL}).",
        "numbers_url": f"Base URL of the Numbers API (default {NUMBERS_URL}; an imitation at api_url serves it too).",
        "site_id": "ID of the site (sub-account) that new numbers go into; only for buying.",
        "peer_id": "ID of the location (SIP peer) in that site; only for buying, empty for the site's default.",
    }
    secret_help: ClassVar = {
        "password": "Password of the API user.",
        "callback_password": "Password that Bandwidth calls us with; comma-separated while it is being changed.",
    }

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        options = config.options
        self._application = options.get("application_id", "")
        self._callback_users = secret_list(options, "callback_user")
        self._callback_passwords = secret_list(config.secrets, "callback_password")
        api_url, lookup_url, numbers_url = _bases(options.get("api_url", ""), options.get("numbers_url", ""))
        account = options.get("account_id", "")
        self._messaging = f"{api_url}/api/v2/users/{account}"
        self._lookups = f"{lookup_url}/v2/accounts/{account}/phoneNumberLookup"
        self._numbers = f"{numbers_url}/accounts/{account}"
        pair = f"{options.get('user', '')}:{config.secrets.get('password', '')}"
        basic = f"Basic {b64encode(pair.encode()).decode()}"
        self._json = {"Accept": "application/json", "Authorization": basic, "Content-Type": "application/json"}
        self._xml = {"Accept": "application/xml", "Authorization": basic}
        self._send_url = f"{self._messaging}/messages"
        self._next_page, self._listing = "", Listing()

    def configured(self) -> list[str]:
        options, secrets = self.config.options, self.config.secrets
        problems = [
            f"{title} is missing: set {variable}, or {name} of the account."
            for name, (variable, title) in _NEEDED.items()
            if not (secrets if name == "password" else options).get(name)
        ]
        if options.get("account_id") and not _ACCOUNT.fullmatch(options["account_id"]):
            problems.append("account_id is malformed: it has only letters, digits and dashes.")
        if ":" in options.get("user", ""):
            problems.append("user is malformed: basic authentication allows no colon in it.")
        if not self._callback_users or not self._callback_passwords:
            problems.append(_UNVERIFIABLE)
        for name, default in (("api_url", API_URL), ("numbers_url", NUMBERS_URL)):
            problems += base_url_problem(name, options.get(name) or default)
        if find_spec("bandwidth") is None:
            problems.append("The package bandwidth-sdk is missing: pip install -r requirements.txt.")
        return problems

    # Sending
    def request_for(self, sms: OutgoingSms) -> Request:
        """Receipts go to the URL that is set in the application: a text cannot name another."""
        if not sms.text or len(sms.text) > self.max_characters:
            raise ValueError(f"the text is empty or has more than {self.max_characters} characters")
        if len(sms.media) > self.most_media:
            raise ValueError(f"the text has more than {self.most_media} media")
        if not _PHONE.fullmatch(sms.recipient):
            raise ValueError("the recipient is not a phone number of the form +12025550100")
        if not _PHONE.fullmatch(sms.sender) and not _NAME.fullmatch(sms.sender):
            raise ValueError("the sender is neither a phone number of the form +12025550100 nor a sender name")
        from smsbridge.vendors.bandwidth_models import message_body  # with the package, which takes a second

        return Request("POST", self._send_url, self._json, message_body(sms, self._application))

    def outcome(self, answer: Answer) -> Outcome:
        return failed(self.title, answer) if isinstance(answer, Failure) else read_outcome(answer)

    def error(self, code: str) -> ErrorInfo:
        """Codes of receipts as they are ("4720"), refused sends by type and field ("request-validation:to")."""
        return bandwidth_error(code)

    # Incoming
    def verify(self, call: Call) -> None:
        if not self._callback_users or not self._callback_passwords:
            raise Forged(_UNVERIFIABLE)
        check_credentials(call, self._callback_users, self._callback_passwords)
        check_application(call, self._application)

    def parse_inbound(self, call: Call) -> list[InboundText]:
        return read_inbound(call.body)

    def parse_receipts(self, call: Call) -> list[DeliveryReceipt]:
        return read_receipts(call.body)

    def media_request(self, url: str) -> Request | None:
        """With credentials only for the account's own media at Bandwidth; a link elsewhere raises ValueError."""
        ours = f"{self._messaging}/media/"
        rest = url.removeprefix(ours)
        told = unquote(rest)
        # What is still encoded after that could become a way out where it is decoded once more.
        odd = any(part in told for part in ("..", "%", "\\")) or not told.isprintable()
        if rest == url or not _PATH.fullmatch(rest) or odd:
            raise ValueError("this is not a link to the account's media at Bandwidth: its credentials go nowhere else")
        return Request("GET", url, {"Authorization": self._json["Authorization"]})

    # The account
    def check_request(self) -> Request:
        """Lists the media that were uploaded, mostly none: it needs what sending needs, and costs nothing."""
        return Request("GET", f"{self._messaging}/media", self._json)

    def checked(self, answer: Answer) -> str:
        if isinstance(answer, Failure):
            raise VendorError(f"Bandwidth did not answer: {answer.detail}. Repeat it when it is reachable.")
        if answer.status != 200:
            remedy = _REMEDIES.get(answer.status, "look at the account in the Bandwidth App")
            raise VendorError(f"Bandwidth answered {answer.status}: {remedy}")
        return "Bandwidth knows the account and its credentials."

    # Numbers
    def numbers_request(self, page: int) -> Request:
        """Each page tells what the next one is called, so one adapter is asked for page after page, else ValueError."""
        if page == 1:
            self._listing, self._next_page = Listing(), numbers_api.FIRST_PAGE
        named = self._next_page
        if not named:
            raise ValueError("Bandwidth's pages are asked for one after another, from the first")
        return Request("GET", f"{self._numbers}/inserviceNumbers?{numbers_api.list_query(named)}", self._xml)

    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        found, total, self._next_page = numbers_api.read_numbers(answer)
        self._listing.add(found, total)
        if not self._next_page:
            self._listing.check_whole(self.title)
        return found, bool(self._next_page)

    def offers_request(self, wanted: Wanted) -> Request:
        return Request("GET", f"{self._numbers}/availableNumbers?{numbers_api.offers_query(wanted)}", self._xml)

    def offers(self, answer: Answer) -> list[OfferedNumber]:
        return numbers_api.read_offers(answer)

    def buy_request(self, offer: OfferedNumber, *, inbound_url: str, reference: str) -> Request:
        """The inbound URL is the application's. Raises ValueError without `site_id`."""
        options = self.config.options
        body = orders_api.order_body(offer.e164, reference, options.get("site_id", ""), options.get("peer_id", ""))
        return self._post_xml("orders", body)

    def bought(self, answer: Answer) -> PaidStep:
        return orders_api.read_placed(answer, "orders")

    def release_request(self, number: OwnedNumber) -> Request:
        return self._post_xml("disconnects", orders_api.disconnect_body(number.e164))

    def released(self, answer: Answer) -> PaidStep:
        return orders_api.read_placed(answer, "disconnects")

    def order_request(self, order: str) -> Request:
        """Raises ValueError for what no order of ours is called."""
        return Request("GET", f"{self._numbers}/{orders_api.order_path(order)}", self._xml)

    def ordered(self, answer: Answer) -> PaidStep:
        return orders_api.read_order(answer)

    def _post_xml(self, resource: str, body: bytes) -> Request:
        headers = {**self._xml, "Content-Type": "application/xml; charset=utf-8"}
        return Request("POST", f"{self._numbers}/{resource}", headers, body)

    # Phones
    def look_up_request(self, phone: str) -> Request:
        from smsbridge.vendors.bandwidth_models import lookup_body  # with the package, which takes a second

        return Request("POST", self._lookups, self._json, lookup_body(phone))

    def looked_up(self, phone: str, answer: Answer) -> PhoneFacts | AskAgain:
        return read_lookup(phone, answer)


_NEEDED = {
    "account_id": ("BANDWIDTH_ACCOUNT_ID", "The account ID"),
    "user": ("BANDWIDTH_USER", "The user"),
    "password": ("BANDWIDTH_PASSWORD", "The password"),
    "application_id": ("BANDWIDTH_APPLICATION_ID", "The application ID"),
}
_UNVERIFIABLE = (
    "Webhooks cannot be verified and are refused: set callback user and password in the application in the Bandwidth "
    "App, then BANDWIDTH_CALLBACK_USER and BANDWIDTH_CALLBACK_PASSWORD, or callback_user and callback_password of the "
    "account."
)


def _bases(api_url: str, numbers_url: str) -> tuple[str, str, str]:
    """Where texts, look-ups and numbers are served: Bandwidth has a host for each, an imitation serves everything."""
    api = (api_url or API_URL).rstrip("/")
    try:
        host = urlsplit(api).hostname or ""
    except ValueError:
        host = ""
    genuine = host.endswith(".bandwidth.com")
    return api, LOOKUP_URL if genuine else api, (numbers_url or (NUMBERS_URL if genuine else api)).rstrip("/")
