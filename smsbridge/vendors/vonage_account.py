"""What any Vonage account can do, whichever of Vonage's APIs its texts go by: numbers, look-ups of phones, its credit.

All of these calls authenticate with the API key and secret (basic auth), as the `vonage` package does.
"""

from base64 import b64encode
from typing import ClassVar

from notifier.wire import Answer, Request
from smsbridge.vendors.abilities import Checker, NumberSettings, NumberShop, PhoneLookup
from smsbridge.vendors.answers import base_url_problem, secret_list
from smsbridge.vendors.base import (
    AccountConfig,
    AskAgain,
    OfferedNumber,
    OwnedNumber,
    PaidStep,
    PhoneFacts,
    Wanted,
)
from smsbridge.vendors.listing import Listing
from smsbridge.vendors.vonage_insight import insight_query, read_insight
from smsbridge.vendors.vonage_numbers import PAGE_SIZE, list_query, read_balance, read_numbers, read_update, update_form
from smsbridge.vendors.vonage_shop import (
    number_form,
    read_cancelled,
    read_offers,
    read_purchase,
    search_query,
)

REST_URL = "https://rest.nexmo.com"
API_URL = "https://api.nexmo.com"
FORM = "application/x-www-form-urlencoded"

SIGNATURE_SECRET_HELP = "Signature secret of the account; comma-separated while it is being changed."  # noqa: S105


class VonageAccount(NumberSettings, NumberShop, PhoneLookup, Checker):
    """The part of an adapter that is about the account. Sending and webhooks are each API's own.

    Of lists, one instance reads one after the other, each from its first page.
    """

    currency = "EUR"
    option_help: ClassVar = {
        "api_key": "API key of the account.",
        "rest_url": f"Base URL for texts of the SMS API, numbers and credit (default {REST_URL}).",
        "api_url": f"Base URL for texts of the Messages API and look-ups of phones (default {API_URL}).",
    }
    secret_help: ClassVar = {"api_secret": "API secret of the account."}

    def __init__(self, config: AccountConfig) -> None:
        super().__init__(config)
        self._api_key = config.options.get("api_key", "")
        self._rest_url = (config.options.get("rest_url") or REST_URL).rstrip("/")
        self._api_url = (config.options.get("api_url") or API_URL).rstrip("/")
        self._signature_secrets = secret_list(config.secrets, "signature_secret")
        self._listing = Listing()
        pair = f"{self._api_key}:{config.secrets.get('api_secret', '')}"
        authorization = f"Basic {b64encode(pair.encode()).decode()}"
        self._basic = {"Accept": "application/json", "Authorization": authorization}
        self._basic_form = {**self._basic, "Content-Type": FORM}

    def configured(self) -> list[str]:
        options, problems = self.config.options, []
        if not self._api_key:
            problems.append("The API key is missing: set VONAGE_API_KEY, or api_key of the account.")
        if not self.config.secrets.get("api_secret"):
            problems.append("The API secret is missing: set VONAGE_API_SECRET, or api_secret of the account.")
        for name, default in (("rest_url", REST_URL), ("api_url", API_URL)):
            problems += base_url_problem(name, options.get(name) or default)
        return problems

    # Numbers
    def numbers_request(self, page: int) -> Request:
        if page == 1:
            self._listing = Listing()
        return Request("GET", f"{self._rest_url}/account/numbers?{list_query(page)}", self._basic)

    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        rows, count = read_numbers(answer)
        news = self._listing.add(rows, count)
        more = news and len(rows) >= PAGE_SIZE and self._listing.lacks_some
        if not more:
            self._listing.check_whole("Vonage")
        return rows, more

    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        """Repeats the other settings of the number, as `numbers` gave them: Vonage's update replaces them all."""
        return self._post("number/update", update_form(number, mo_http_url=url))

    def inbound_url_set(self, answer: Answer) -> None:
        read_update(answer)

    # Buying and releasing
    def offers_request(self, wanted: Wanted) -> Request:
        return Request("GET", f"{self._rest_url}/number/search?{search_query(wanted)}", self._basic)

    def offers(self, answer: Answer) -> list[OfferedNumber]:
        return read_offers(answer)

    def buy_request(self, offer: OfferedNumber, *, inbound_url: str, reference: str) -> Request:
        """Vonage takes neither an inbound URL nor a reference with a purchase."""
        return self._post("number/buy", number_form(offer))

    def bought(self, answer: Answer) -> PaidStep:
        return read_purchase(answer)

    def release_request(self, number: OwnedNumber) -> Request:
        return self._post("number/cancel", number_form(number))

    def released(self, answer: Answer) -> PaidStep:
        return read_cancelled(answer)

    # Look-ups
    def look_up_request(self, phone: str) -> Request:
        return Request("GET", f"{self._api_url}/ni/standard/json?{insight_query(phone)}", self._basic)

    def looked_up(self, phone: str, answer: Answer) -> PhoneFacts | AskAgain:
        return read_insight(answer)

    # Checking
    def check_request(self) -> Request:
        return Request("GET", f"{self._rest_url}/account/get-balance", self._basic)

    def checked(self, answer: Answer) -> str:
        return read_balance(answer)

    def _post(self, path: str, form: str) -> Request:
        return Request("POST", f"{self._rest_url}/{path}", self._basic_form, form.encode())
