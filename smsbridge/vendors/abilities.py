"""What only some vendors can do, one class for each ability: an adapter that can derives from it instead of `Vendor`.

A service asks `isinstance(vendor, NumberShop)`; nothing else says what a vendor can do. All of it is sans-IO: pairs of
a method that builds a request and one that reads its answer.
"""

from abc import abstractmethod
from typing import ClassVar

from notifier.wire import Answer, Request
from smsbridge.vendors.base import Vendor
from smsbridge.vendors.number_values import MessagingService, OfferedNumber, OwnedNumber, PaidStep, Wanted
from smsbridge.vendors.values import AskAgain, Finding, LostSms, PhoneFacts


class Finder(Vendor):
    """Can be asked whether it accepted a text whose answer was lost. Only if it then knows all that it accepted."""

    #: seconds after which a text that the vendor does not know was certainly not accepted, and is sent again: longer
    #: than a request may linger on the way and in the vendor's queues, and than the list lags behind
    find_grace: ClassVar[float] = 600.0

    @abstractmethod
    def find_request(self, sms: LostSms) -> Request:
        """Ask what became of a text. Asking costs nothing and changes nothing. Raises ValueError when it cannot be."""

    @abstractmethod
    def found(self, sms: LostSms, answer: Answer) -> Finding:
        """What the vendor knows. Total. NotFound only by a decoded answer that leaves no doubt: it is sent again then.

        An error, a list that may be incomplete, and an answer of another form are all AskAgain.
        """


class Checker(Vendor):
    """Can be asked whether the credentials are right, which costs nothing and changes nothing."""

    @abstractmethod
    def check_request(self) -> Request:
        """The cheapest call that needs all the credentials that sending needs."""

    @abstractmethod
    def checked(self, answer: Answer) -> str:
        """A sentence for the operator, such as the credit that is left. Raises VendorError with the remedy."""


class NumberList(Vendor):
    """Lists the numbers that the account owns."""

    @abstractmethod
    def numbers_request(self, page: int) -> Request:
        """Ask for a page (from 1) of the numbers that the account owns."""

    @abstractmethod
    def numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        """The numbers of a page, and whether there are more. Raises VendorError.

        Also where the list may leave something out, as by its own count: what is missing counts as not owned, and is
        bought again, or taken for released.
        """


class NumberSettings(NumberList):
    """Sets where the texts to a number go; elsewhere that is a setting of the account, made by hand."""

    @abstractmethod
    def set_inbound_url_request(self, number: OwnedNumber, url: str) -> Request:
        """Leaves every other setting of the number as `numbers` told it."""

    @abstractmethod
    def inbound_url_set(self, answer: Answer) -> None:
        """Raises VendorError unless the vendor did it."""

    def inbound_target(self, url: str) -> str:
        """What `inbound_url` of a number reads once its texts go to `url`; another setting than a URL in words."""
        return url

    def by_hand(self, url: str) -> str:
        """What no call can set so that texts reach `url`, as a sentence for the operator; empty: nothing."""
        return ""


class NumberShop(NumberList):
    """Offers numbers, sells them and takes them back. Both cost money, and neither is ever repeated blindly."""

    @abstractmethod
    def offers_request(self, wanted: Wanted) -> Request:
        """Ask which numbers there are. Raises ValueError, in words for the operator, for what cannot be asked."""

    @abstractmethod
    def offers(self, answer: Answer) -> list[OfferedNumber]:
        """The numbers on offer that can be texted. Raises VendorError."""

    @abstractmethod
    def buy_request(self, offer: OfferedNumber, *, inbound_url: str, reference: str) -> Request:
        """Buy one number. `inbound_url` is set along with it where one call does both; `reference` is ours."""

    @abstractmethod
    def bought(self, answer: Answer) -> PaidStep:
        """What became of it. Total."""

    @abstractmethod
    def release_request(self, number: OwnedNumber) -> Request:
        """Give one number back."""

    @abstractmethod
    def released(self, answer: Answer) -> PaidStep:
        """What became of it. Total. A number that is gone already is DONE."""

    def order_request(self, order: str) -> Request:
        """Ask how far a pending order is; only where `bought` or `released` may be PENDING."""
        raise NotImplementedError("this vendor's orders are done at once")

    def ordered(self, answer: Answer) -> PaidStep:
        """How far a pending order is. Total; PENDING as long as nothing certain is told."""
        raise NotImplementedError("this vendor's orders are done at once")


class PhoneLookup(Vendor):
    """Tells the line type and the carrier of a phone."""

    #: whether each look-up costs money
    lookups_cost: ClassVar[bool] = True

    @abstractmethod
    def look_up_request(self, phone: str) -> Request:
        """Ask about a phone."""

    @abstractmethod
    def looked_up(self, phone: str, answer: Answer) -> PhoneFacts | AskAgain:
        """What the vendor knows of it. Total. What was not told for certain is UNKNOWN or AskAgain."""


class ServiceKeeper(Vendor):
    """Groups numbers in messaging services, which some countries' rules and senders of many texts need.

    Its option `messaging_service` holds the id of the one by which all texts go, with our number as the sender.
    """

    @abstractmethod
    def services_request(self, page: int) -> Request:
        """Ask for a page (from 1) of the account's messaging services."""

    @abstractmethod
    def services(self, answer: Answer) -> tuple[list[MessagingService], bool]:
        """The services of a page, and whether there are more. Raises VendorError."""

    @abstractmethod
    def make_service_request(self, name: str, *, inbound_url: str, status_url: str) -> Request:
        """Make a messaging service whose numbers' texts and receipts go to these URLs."""

    @abstractmethod
    def service_made(self, answer: Answer) -> MessagingService:
        """Raises VendorError."""

    @abstractmethod
    def service_numbers_request(self, service: str, page: int) -> Request:
        """Ask for a page (from 1) of the numbers in a service."""

    @abstractmethod
    def service_numbers(self, answer: Answer) -> tuple[list[OwnedNumber], bool]:
        """The numbers of a page, and whether there are more. Raises VendorError."""

    @abstractmethod
    def put_into_service_request(self, service: str, number: OwnedNumber) -> Request:
        """Put a number of the account into a service."""

    @abstractmethod
    def take_out_of_service_request(self, service: str, number: OwnedNumber) -> Request:
        """Take a number out of a service; the account keeps it."""

    @abstractmethod
    def drop_service_request(self, service: str) -> Request:
        """Delete a service; the account keeps its numbers."""

    @abstractmethod
    def service_changed(self, answer: Answer) -> None:
        """Of the last three. Raises VendorError unless it is so now, also if it was so before."""
