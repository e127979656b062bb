"""What any Vonage account can do: numbers for sale, look-ups and credit, asked for as the genuine package asks."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage import Vonage
from vonage_number_insight import StandardInsightRequest
from vonage_numbers import NumberParams, SearchAvailableNumbersFilter

from notifier.wire import Answer, Failure, Request
from smsbridge.vendors.base import (
    AskAgain,
    OfferedNumber,
    OwnedNumber,
    PhoneFacts,
    PhoneStatus,
    StepKind,
    VendorError,
    Wanted,
)
from smsbridge.vendors.vonage_account import VonageAccount
from tests.notifier.servers import Peer, Received, answer
from tests.vendors.accounts import API_SECRET, fixture, vonage
from tests.vendors.contract import answered
from tests.vendors.messages_account import APPLICATION, messages
from tests.vendors.sdk import Genuine, imitation

HOSTS = ("https://rest.nexmo.com", "https://api.nexmo.com")
PHONE, NUMBER = "+12025550101", "+12025550001"
OFFER = OfferedNumber(e164=NUMBER, handle={"country": "US"})
OWNED = OwnedNumber(e164=NUMBER, inbound_url="", handle={"country": "US"})
DONE = b'{"error-code": "200", "error-code-label": "success"}'
FAILED = b'{"error-code": "420", "error-code-label": "method failed"}'
EVERY_ADAPTER = pytest.mark.parametrize("account", [vonage(), messages()], ids=lambda account: str(account.key))


def _vonage(peer: Peer, received: Received) -> None:
    bodies = {
        "/number/search": b'{"count": 0}',
        "/ni/standard/json": b'{"status": 0}',
        "/account/get-balance": b'{"value": 9.1}',
    }
    answer(200, bodies.get(received.path.partition("?")[0], DONE))(peer, received)


@pytest.fixture
def genuine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Genuine]:
    yield from imitation(_vonage, tmp_path, monkeypatch)


CALLS: dict[str, tuple[Callable[[VonageAccount], Request], Callable[[Vonage], object]]] = {
    "any number": (
        lambda ours: ours.offers_request(Wanted(country="US")),
        lambda theirs: theirs.numbers.search_available_numbers(
            SearchAvailableNumbersFilter(country="US", features="SMS", size=10)
        ),
    ),
    "a number of an area": (
        lambda ours: ours.offers_request(Wanted(country="gb", area="20", limit=500)),
        lambda theirs: theirs.numbers.search_available_numbers(
            SearchAvailableNumbersFilter(country="GB", features="SMS", size=100, pattern="4420", search_pattern=0)
        ),
    ),
    "buy": (
        lambda ours: ours.buy_request(OFFER, inbound_url="https://bridge.example/", reference="r"),
        lambda theirs: theirs.numbers.buy_number(NumberParams(country="US", msisdn=NUMBER[1:])),
    ),
    "cancel": (
        lambda ours: ours.release_request(OWNED),
        lambda theirs: theirs.numbers.cancel_number(NumberParams(country="US", msisdn=NUMBER[1:])),
    ),
    "look up": (
        lambda ours: ours.look_up_request(PHONE),
        lambda theirs: theirs.number_insight.get_standard_info(StandardInsightRequest(number=PHONE[1:])),
    ),
    "credit": (lambda ours: ours.check_request(), lambda theirs: theirs.account.get_balance()),
}


@EVERY_ADAPTER
@pytest.mark.parametrize("call", CALLS)
def test_it_asks_as_the_genuine_package_asks(call: str, account: VonageAccount, genuine: Genuine) -> None:
    ours, theirs = CALLS[call]
    theirs(genuine.client())
    request, received = ours(account), genuine.received
    host = HOSTS[call == "look up"]
    path, _, query = request.url.removeprefix(host).partition("?")
    their_path, _, their_query = received.path.partition("?")
    assert (request.method, path, request.body) == (received.method, their_path, received.body)
    assert sorted(parse_qsl(query)) == sorted(parse_qsl(their_query))
    assert request.headers["Authorization"] == received.headers["authorization"]
    assert not request.body or request.headers["Content-Type"] == received.headers["content-type"]
    assert API_SECRET not in request.url + request.body.decode()


class TestOffers:
    @pytest.mark.parametrize(
        ("wanted", "remedy"),
        [
            (Wanted(country="XX"), "two letters"),
            (Wanted(country=""), "two letters"),
            (Wanted(country="US", area="41x"), "its digits"),
            (Wanted(country="US", area="41555512345"), "its digits"),
        ],
    )
    def test_what_cannot_be_asked_is_told_with_the_remedy(self, wanted: Wanted, remedy: str) -> None:
        with pytest.raises(ValueError, match=remedy):
            vonage().offers_request(wanted)

    def test_only_numbers_that_can_be_texted_are_offers(self) -> None:
        rows = [
            {"country": "US", "msisdn": "14155550100", "cost": "0.90", "features": ["VOICE", "SMS"]},
            {"country": "US", "msisdn": "14155550101", "cost": "0.90", "features": ["VOICE"]},
            {"country": "US", "msisdn": "14155550102", "cost": None, "features": ["SMS"]},
            {"msisdn": "14155550103", "features": ["SMS"]},
            7,
        ]
        assert vonage().offers(answered(200, json.dumps({"count": 5, "numbers": rows}).encode())) == [
            OfferedNumber(e164="+14155550100", price=Decimal("0.90"), currency="EUR", handle={"country": "US"}),
            OfferedNumber(e164="+14155550102", handle={"country": "US"}),
        ]

    def test_a_missing_list_means_none(self) -> None:
        assert vonage().offers(answered(200, b'{"count": 0}')) == []

    @pytest.mark.parametrize(
        "bad", [Failure(reached=True, detail="reset"), answered(401), answered(200, b"<html>"), answered(500)]
    )
    def test_what_is_no_list_is_told(self, bad: Answer) -> None:
        with pytest.raises(VendorError):
            vonage().offers(bad)


class TestSteps:
    @pytest.mark.parametrize(
        ("told", "kind"),
        [
            (answered(200, DONE), StepKind.DONE),
            (answered(401, b""), StepKind.REFUSED),
            (answered(402, b'{"error-code": "402"}'), StepKind.REFUSED),
            (answered(429, b""), StepKind.REFUSED),
            (answered(200, b'{"error-code": "401"}'), StepKind.REFUSED),
            (answered(200, b"{}"), StepKind.UNCERTAIN),
            (answered(200, b"<html>"), StepKind.UNCERTAIN),
            (answered(201, DONE), StepKind.UNCERTAIN),
            (answered(302, b""), StepKind.UNCERTAIN),
            (answered(408, b'{"error-code": "408"}'), StepKind.UNCERTAIN),
            (answered(500, FAILED), StepKind.UNCERTAIN),
            (answered(500, DONE), StepKind.UNCERTAIN),
            (Failure(reached=True, detail="no answer in 10 seconds"), StepKind.UNCERTAIN),
            (Failure(reached=False, detail="connection refused"), StepKind.REFUSED),
        ],
    )
    def test_nothing_counts_as_done_or_refused_that_might_be_otherwise(self, told: Answer, kind: StepKind) -> None:
        assert (vonage().bought(told).kind, vonage().released(told).kind) == (kind, kind)
        assert kind is StepKind.DONE or vonage().bought(told).reason

    @pytest.mark.parametrize("status", [200, 420])
    def test_a_number_that_is_not_sold_was_not_bought(self, status: int) -> None:
        step = vonage().bought(answered(status, FAILED))
        assert step.kind is StepKind.REFUSED
        assert "another number" in step.reason

    @pytest.mark.parametrize("status", [200, 420])
    def test_only_the_list_tells_whether_a_number_is_gone(self, status: int) -> None:
        assert vonage().released(answered(status, FAILED)).kind is StepKind.UNCERTAIN

    @given(status=st.integers(100, 599), body=st.binary(max_size=60) | st.just(FAILED) | st.just(DONE))
    def test_any_answer_is_some_step(self, status: int, body: bytes) -> None:
        for step in (vonage().bought(answered(status, body)), vonage().released(answered(status, body))):
            assert step.kind is not StepKind.DONE or (status, body) == (200, DONE)

    def test_a_number_of_an_unknown_country_is_not_released(self) -> None:
        with pytest.raises(ValueError, match="country"):
            vonage().release_request(OwnedNumber(e164=NUMBER, inbound_url=""))


def insight(status: object, **more: object) -> Answer:
    return answered(200, json.dumps({"status": status, **more}).encode())


def looked_up(told: Answer) -> PhoneFacts | AskAgain:
    return vonage().looked_up(PHONE, told)


class TestLookUps:
    @pytest.mark.parametrize(
        ("line", "status"),
        [
            ("mobile", PhoneStatus.TEXTABLE),
            ("virtual", PhoneStatus.TEXTABLE),
            ("landline", PhoneStatus.LANDLINE),
            ("landline_premium", PhoneStatus.LANDLINE),
            ("landline_tollfree", PhoneStatus.LANDLINE),
            ("pager", PhoneStatus.UNKNOWN),
            ("unknown", PhoneStatus.UNKNOWN),
        ],
    )
    def test_the_line_type_decides(self, line: str, status: PhoneStatus) -> None:
        carrier = {"name": "Acme Mobile", "network_type": line}
        assert looked_up(insight(0, country_code="US", current_carrier=carrier)) == PhoneFacts(
            status=status, line_type=line, carrier="Acme Mobile", country="US"
        )

    @pytest.mark.parametrize("status", [43, 44, 45])
    def test_a_network_that_was_not_asked_only_leaves_gaps(self, status: int) -> None:
        moved = {"original_carrier": {"network_type": "landline"}, "current_carrier": None}
        assert looked_up(insight(status, country_code="US", **moved)) == PhoneFacts(
            status=PhoneStatus.UNKNOWN, country="US", code=str(status)
        )
        carrier = {"network_type": "mobile"}
        told = looked_up(insight(status, current_carrier=carrier))
        assert isinstance(told, PhoneFacts)
        assert told.status is PhoneStatus.TEXTABLE

    def test_a_number_of_no_valid_form_is_not_known(self) -> None:
        assert looked_up(insight(3)) == PhoneFacts(status=PhoneStatus.NOT_KNOWN, code="3")

    @pytest.mark.parametrize("status", [1, 2, 4, 5, 9, 19, 999, None, "0", True])
    def test_everything_else_tells_nothing_of_the_phone(self, status: object) -> None:
        told = looked_up(insight(status))
        assert isinstance(told, AskAgain)
        assert PHONE[1:] not in told.reason

    def test_it_leaves_vonage_alone_for_as_long_as_it_is_told(self) -> None:
        told = looked_up(answered(429, b"", retry_after="7"))
        assert isinstance(told, AskAgain)
        assert told.after == 7.0

    @given(status=st.integers(100, 599), body=st.binary(max_size=60))
    def test_any_answer_is_some_finding(self, status: int, body: bytes) -> None:
        assert isinstance(looked_up(answered(status, body)), AskAgain)
        assert isinstance(looked_up(Failure(reached=True, detail="reset")), AskAgain)


class TestCredit:
    def test_it_is_told_in_words(self) -> None:
        told = vonage().checked(answered(200, b'{"value": 9.1, "autoReload": true}'))
        assert told == "Vonage knows the API key and secret. The account has 9.10 EUR of credit, and reloads itself."

    @pytest.mark.parametrize(
        ("bad", "remedy"),
        [
            (answered(401, fixture("unauthorised")), "API key and secret"),
            (answered(200, b"{}"), "rest_url"),
            (answered(200, b'{"value": "a lot"}'), "rest_url"),
            (Failure(reached=False, detail="connection refused"), "connection refused"),
        ],
    )
    def test_wrong_credentials_and_a_wrong_address_are_told(self, bad: Answer, remedy: str) -> None:
        with pytest.raises(VendorError, match=remedy):
            vonage().checked(bad)


class TestNumbersOfAnApplication:
    """The Messages API's numbers are linked to an application instead of having an inbound URL of their own."""

    URL = "https://bridge.example/webhooks/sms/vonage-messages/inbound/"

    def listed(self) -> list[OwnedNumber]:
        return messages().numbers(answered(200, fixture("numbers")))[0]

    def test_a_number_leads_to_its_application_or_to_its_url_and_calls_do_not_count(self) -> None:
        mine = f"the application {APPLICATION}"
        assert [number.inbound_url for number in self.listed()] == ["https://old.example/in", mine, ""]
        assert messages().inbound_target(self.URL) == mine
        assert messages(application_id="other").inbound_target(self.URL) == "the application other"

    def test_linking_a_number_keeps_all_else(self) -> None:
        request = messages().set_inbound_url_request(self.listed()[0], self.URL)
        assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == {
            "country": "US",
            "msisdn": "12025550001",
            "app_id": APPLICATION,
            "moHttpUrl": "https://old.example/in",
            "voiceCallbackType": "sip",
            "voiceCallbackValue": "sip:desk@pbx.example",
        }

    def test_what_only_the_dashboard_sets_is_told(self) -> None:
        told = messages().by_hand(self.URL)
        assert self.URL in told
        assert APPLICATION in told

    def test_without_an_application_there_is_nothing_to_link_to(self) -> None:
        account = messages(application_id="", secrets={"private_key": ""})
        assert account.configured() == []
        assert "VONAGE_APPLICATION_ID" in account.by_hand(self.URL)
        with pytest.raises(ValueError, match="VONAGE_APPLICATION_ID"):
            account.set_inbound_url_request(self.listed()[0], self.URL)

    def test_numbers_of_the_sms_api_lead_to_a_url(self) -> None:
        assert (vonage().inbound_target(self.URL), vonage().by_hand(self.URL)) == (self.URL, "")
