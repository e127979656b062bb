"""Bandwidth's numbers, which are ordered and given back by orders that take their time, and its look-up of phones."""

import json
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bandwidth import PhoneNumberLookupApi, SyncLookupRequest
from hypothesis import given
from hypothesis import strategies as st

from notifier.wire import Answer, Failure, Response
from smsbridge.vendors.bandwidth import Bandwidth
from smsbridge.vendors.base import (
    AskAgain,
    OfferedNumber,
    OwnedNumber,
    PaidStep,
    PhoneFacts,
    PhoneStatus,
    StepKind,
    VendorError,
    Wanted,
)
from tests.notifier import servers
from tests.vendors.accounts import BANDWIDTH_OPTIONS, bandwidth, bandwidth_fixture, basic
from tests.vendors.contract import REFERENCE, answered
from tests.vendors.number_contract import NumberContract
from tests.vendors.sdk import certificate
from tests.vendors.test_bandwidth import genuine

ACCOUNT = BANDWIDTH_OPTIONS["account_id"]
NUMBERS = f"https://dashboard.bandwidth.com/api/accounts/{ACCOUNT}"
OFFER = OfferedNumber(e164="+19195550142")
OWNED = OwnedNumber(e164="+12025550001", inbound_url="")
PHONE = "+12025550101"


def page(name: str) -> Answer:
    return answered(200, bandwidth_fixture(f"{name}.xml"))


def xml(body: bytes) -> str:
    """Without the declaration and line ends."""
    return re.sub(r"^<\?xml[^>]*>\s*", "", body.decode())


@pytest.mark.parametrize(
    ("api_url", "numbers_url", "expected"),
    [
        ("", "", NUMBERS),
        ("https://messaging.bandwidth.com", "", NUMBERS),
        ("http://127.0.0.1:9/b/", "", f"http://127.0.0.1:9/b/accounts/{ACCOUNT}"),
        ("http://127.0.0.1:9", "http://127.0.0.1:8/n", f"http://127.0.0.1:8/n/accounts/{ACCOUNT}"),
        ("", "https://api.bandwidth.com/api/v2", f"https://api.bandwidth.com/api/v2/accounts/{ACCOUNT}"),
    ],
)
def test_an_imitation_serves_everything(api_url: str, numbers_url: str, expected: str) -> None:
    vendor = bandwidth(api_url=api_url, numbers_url=numbers_url)
    assert vendor.numbers_request(1).url.startswith(f"{expected}/inserviceNumbers?")
    lookup = "http://127.0.0.1:9" if "127" in api_url else "https://api.bandwidth.com/v2/"
    assert vendor.look_up_request(PHONE).url.startswith(lookup)


def test_it_lists_numbers_and_asks_for_the_page_that_the_last_one_named() -> None:
    vendor = bandwidth()
    first = vendor.numbers_request(1)
    assert first.headers["Authorization"] == basic("api-user", "the-password")
    assert parse_qs(urlsplit(first.url).query) == {"size": ["500"], "page": ["1"]}
    found, more = vendor.numbers(page("numbers"))
    assert ([number.e164 for number in found], more) == (["+12025550001", "+12025550002"], True)
    assert parse_qs(urlsplit(vendor.numbers_request(2).url).query)["page"] == ["2025550003"]
    with pytest.raises(ValueError, match="one after another"):
        bandwidth().numbers_request(2)


@pytest.mark.parametrize("link", ["&lt;http://[?page=2&gt;", "&lt;https://h/?page=&gt;", "2"])
def test_a_list_is_not_taken_for_whole_when_the_next_page_cannot_be_asked_for(link: str) -> None:
    body = f"<TNs><TotalCount>9</TotalCount><Links><next>{link}</next></Links></TNs>".encode()
    with pytest.raises(VendorError, match="more pages"):
        bandwidth().numbers(answered(200, body))


def listing(total: object, *numbers: int, following: str = "") -> Response:
    rows = "".join(f"<TelephoneNumber>{number}</TelephoneNumber>" for number in numbers)
    links = f"<Links><next>Link=&lt;https://h/?page={following}&gt;</next></Links>" if following else ""
    count = f"<TotalCount>{total}</TotalCount>" if total is not None else ""
    return answered(200, f"<TNs>{count}{links}<TelephoneNumbers>{rows}</TelephoneNumbers></TNs>".encode())


class TestNumberContract(NumberContract):
    def vendor(self) -> Bandwidth:
        return bandwidth()

    def whole(self) -> dict[str, tuple[list[Response], int]]:
        last = listing(4, 2025550003, 2025550004)
        return {
            "none": ([listing(0)], 0),
            "one page": ([listing(2, 2025550001, 2025550002)], 2),
            "two pages": ([answered(200, bandwidth_fixture("numbers.xml")), last], 4),
        }

    def incomplete(self) -> dict[str, list[Response]]:
        return {
            "no rows": [listing(5)],
            "too few rows": [listing(3, 2025550001)],
            "a short second page": [answered(200, bandwidth_fixture("numbers.xml")), listing(4, 2025550003)],
            "the same page twice": [
                listing(4, 2025550001, 2025550002, following="2"),
                listing(4, 2025550001, 2025550002),
            ],
            "no count": [listing(None, 2025550001)],
            "an empty list without a count": [answered(200, b"<TNs><TelephoneNumbers/></TNs>")],
            "a count that is none": [listing("two", 2025550001)],
        }


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (answered(401), "user and password"),
        (answered(403, b"<Error><Code>4014</Code></Error>"), "may use the Numbers API"),
        (answered(429), "wait a minute"),
        (answered(200, b"<html>"), "not XML"),
        (answered(200, b"<html/>"), "documented form"),
        (
            answered(200, b"<TNs><TotalCount>1</TotalCount><TelephoneNumber>x</TelephoneNumber></TNs>"),
            "no phone number",
        ),
        (Failure(reached=True, detail="reset"), "did not answer"),
    ],
)
def test_it_says_why_there_is_no_list(answer: Answer, remedy: str) -> None:
    with pytest.raises(VendorError, match=remedy):
        bandwidth().numbers(answer)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<TNs><TotalCount>&c;</TotalCount></TNs>"""


@pytest.mark.parametrize("body", [BOMB, BOMB.decode().encode("utf-16"), b"<TNs>&x;</TNs>", b"\xff"])
def test_it_reads_no_xml_that_declares_anything(body: bytes) -> None:
    with pytest.raises(VendorError, match="not XML"):
        bandwidth().numbers(answered(200, body))


def test_it_searches_by_area_code() -> None:
    request = bandwidth().offers_request(Wanted(country="US", area="919", limit=3))
    assert request.url == f"{NUMBERS}/availableNumbers?areaCode=919&quantity=3"
    assert [offer.e164 for offer in bandwidth().offers(page("offers"))] == ["+19195550142", "+19195550188"]
    assert bandwidth().offers(answered(200, b"<SearchResult/>")) == []


@pytest.mark.parametrize(("country", "area", "remedy"), [("US", "", "area code"), ("PL", "22", "US and CA only")])
def test_it_says_what_it_cannot_search(country: str, area: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        bandwidth().offers_request(Wanted(country=country, area=area))


def selling(**options: str) -> Bandwidth:
    where = {"site_id": "2858", "peer_id": "500651"} | options
    return bandwidth(site_id=where["site_id"], peer_id=where["peer_id"])


def test_it_orders_one_number_under_our_reference() -> None:
    request = selling().buy_request(OFFER, inbound_url="https://bridge.example/", reference=REFERENCE)
    assert (request.method, request.url) == ("POST", f"{NUMBERS}/orders")
    assert request.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert xml(request.body) == (
        f"<Order><CustomerOrderId>{REFERENCE}</CustomerOrderId><Name>{REFERENCE}</Name>"
        "<ExistingTelephoneNumberOrderType><TelephoneNumberList><TelephoneNumber>9195550142</TelephoneNumber>"
        "</TelephoneNumberList></ExistingTelephoneNumberOrderType><SiteId>2858</SiteId><PeerId>500651</PeerId></Order>"
    )


def test_it_orders_into_the_sites_default_location_when_none_is_named() -> None:
    body = selling(peer_id="").buy_request(OFFER, inbound_url="", reference=REFERENCE).body
    assert b"PeerId" not in body
    assert b"&lt;2858&gt;" in selling(site_id="<2858>").buy_request(OFFER, inbound_url="", reference=REFERENCE).body


@pytest.mark.parametrize(
    ("options", "offer", "reference", "remedy"),
    [
        ({"site_id": ""}, OFFER, REFERENCE, "site_id"),
        ({}, OFFER, "r_1", "at most 40"),
        ({}, OfferedNumber(e164="9195550142"), REFERENCE, "not of the form"),
    ],
)
def test_it_orders_nothing_that_bandwidth_would_not_take(
    options: dict[str, str], offer: OfferedNumber, reference: str, remedy: str
) -> None:
    with pytest.raises(ValueError, match=remedy):
        selling(**options).buy_request(offer, inbound_url="", reference=reference)


def completed(name: str) -> Answer:
    return answered(200, bandwidth_fixture(f"{name}.xml").replace(b"RECEIVED", b"COMPLETE"))


def test_an_order_is_pending_until_it_is_complete() -> None:
    step = bandwidth().bought(answered(201, bandwidth_fixture("order-received.xml")))
    assert (step.kind, step.order) == (StepKind.PENDING, "orders/c7fbc2a7-16d7-4d3d-a842-d5402692f65d")
    assert bandwidth().order_request(step.order).url == f"{NUMBERS}/{step.order}"
    assert bandwidth().ordered(page("order-received")).kind is StepKind.PENDING
    assert bandwidth().ordered(completed("order-received")).kind is StepKind.DONE


def test_an_order_that_failed_bought_nothing() -> None:
    step = bandwidth().ordered(page("order-failed"))
    assert step.kind is StepKind.REFUSED
    assert "search again" in step.reason
    assert "9195550142" not in step.reason


def test_an_order_in_a_refusal_is_followed() -> None:
    received = bandwidth_fixture("order-received.xml")
    step = bandwidth().bought(answered(400, received))
    assert (step.kind, step.order) == (StepKind.PENDING, "orders/c7fbc2a7-16d7-4d3d-a842-d5402692f65d")
    assert bandwidth().bought(answered(409, received.replace(b"RECEIVED", b"COMPLETE"))).kind is StepKind.DONE


def test_what_is_complete_with_errors_is_uncertain() -> None:
    odd = bandwidth_fixture("order-failed.xml").replace(b"FAILED", b"COMPLETE")
    assert bandwidth().bought(answered(201, odd)).kind is StepKind.UNCERTAIN


def test_a_part_of_an_order_is_uncertain() -> None:
    part = bandwidth_fixture("order-failed.xml").replace(b"FAILED", b"PARTIAL")
    assert bandwidth().ordered(answered(200, part)).kind is StepKind.UNCERTAIN


def test_it_gives_a_number_back_by_an_order() -> None:
    request = bandwidth().release_request(OWNED)
    assert request.url == f"{NUMBERS}/disconnects"
    assert xml(request.body) == (
        "<DisconnectTelephoneNumberOrder><name>SMS Bridge</name><DisconnectTelephoneNumberOrderType>"
        "<TelephoneNumberList><TelephoneNumber>2025550001</TelephoneNumber></TelephoneNumberList>"
        "</DisconnectTelephoneNumberOrderType></DisconnectTelephoneNumberOrder>"
    )
    step = bandwidth().released(answered(201, bandwidth_fixture("disconnect-received.xml")))
    assert (step.kind, step.order) == (StepKind.PENDING, "disconnects/ba05e04b-192a-47cb-b182-b1bf6cfef0d7")
    assert bandwidth().ordered(completed("disconnect-received")).kind is StepKind.DONE


def test_a_number_that_is_gone_already_is_given_back() -> None:
    gone = bandwidth_fixture("disconnect-gone.xml")
    steps = [bandwidth().released(answered(status, gone)) for status in (201, 400)]
    assert {step.kind for step in [*steps, bandwidth().ordered(answered(200, gone))]} == {StepKind.DONE}
    other = answered(200, gone.replace(b"it is not associated with your account", b"an order is in progress"))
    assert bandwidth().ordered(other).kind is StepKind.REFUSED
    bought = answered(201, gone.replace(b"DisconnectTelephoneNumberOrderResponse", b"OrderResponse"))
    assert bandwidth().bought(bought).kind is StepKind.REFUSED


@pytest.mark.parametrize("read", [Bandwidth.bought, Bandwidth.released])
def test_what_is_not_told_for_certain_is_uncertain(read: Callable[[Bandwidth, Answer], PaidStep]) -> None:
    unclear = [answered(500, bandwidth_fixture("order-failed.xml")), answered(201), answered(201, b"<OrderResponse/>")]
    unclear += [answered(400, b"<x/>"), answered(400, b"<x><OrderStatus>RECEIVED</OrderStatus></x>")]
    lost: list[Answer] = [Failure(reached=True, detail="reset"), answered(408), answered(302), answered(400)]
    assert {read(bandwidth(), answer).kind for answer in (*unclear, *lost)} == {StepKind.UNCERTAIN}
    certain: list[Answer] = [
        answered(401),
        answered(429),
        answered(400, b"<x><Error><Code>5016</Code></Error></x>"),
        Failure(reached=False, detail="refused"),
    ]
    assert {read(bandwidth(), answer).kind for answer in certain} == {StepKind.REFUSED}


@pytest.mark.parametrize("answer", [answered(500), answered(404), answered(200), Failure(reached=False, detail="no")])
def test_an_order_stays_pending_as_long_as_nothing_is_told(answer: Answer) -> None:
    assert bandwidth().ordered(answer).kind is StepKind.PENDING


@pytest.mark.parametrize("order", ["", "orders/", "orders/../sites", "sites/1", "orders/1?x=1"])
def test_it_asks_only_about_orders(order: str) -> None:
    with pytest.raises(ValueError, match="order"):
        bandwidth().order_request(order)


def test_it_asks_about_a_phone_as_the_genuine_package_does(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    step = servers.answer(200, bandwidth_fixture("look-up.json"), {"Content-Type": "application/json"})
    with servers.Server(step, context=context) as server:
        url = f"https://localhost:{server.port}"
        told = PhoneNumberLookupApi(genuine(f"{url}/v2", ca=str(file))).create_sync_lookup(
            ACCOUNT, SyncLookupRequest(phone_numbers=[PHONE]), _request_timeout=5
        )
    assert told.data is not None
    (theirs,) = server.requests
    ours = bandwidth(api_url=url).look_up_request(PHONE)
    assert (theirs.method, theirs.path, theirs.body) == (ours.method, urlsplit(ours.url).path, ours.body)
    assert theirs.headers["authorization"] == ours.headers["Authorization"]


def looked_up(status: int = 200, **changes: Any) -> PhoneFacts | AskAgain:
    """What the recorded answer comes to, with changes to its only row; None leaves a field out."""
    told = json.loads(bandwidth_fixture("look-up.json"))
    row = told["data"]["results"][0] | changes
    told["data"]["results"] = [{name: value for name, value in row.items() if value is not None}]
    return bandwidth().looked_up(PHONE, answered(status, json.dumps(told).encode()))


def test_it_tells_line_type_carrier_and_country() -> None:
    facts = PhoneFacts(status=PhoneStatus.TEXTABLE, line_type="mobile", carrier="Verizon Wireless", country="US")
    assert looked_up() == facts


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"lineType": "VOIP"}, PhoneStatus.TEXTABLE),
        ({"lineType": "VOIP-FIXED"}, PhoneStatus.TEXTABLE),
        ({"lineType": "FIXED", "messagingProvider": None}, PhoneStatus.LANDLINE),
        ({"lineType": "FIXED"}, PhoneStatus.UNKNOWN),
        ({"lineType": "FIXED", "latestMessageDeliveryStatus": "ACTIVE"}, PhoneStatus.TEXTABLE),
        ({"lineType": "SATELLITE"}, PhoneStatus.UNKNOWN),
        ({"lineType": None}, PhoneStatus.UNKNOWN),
        ({"deactivationEvent": "DEACTIVATED"}, PhoneStatus.NOT_IN_SERVICE),
        ({"latestMessageDeliveryStatus": "DEACTIVATED"}, PhoneStatus.NOT_IN_SERVICE),
        ({"deactivationEvent": "DEACTIVATED", "latestMessageDeliveryStatus": "ACTIVE"}, PhoneStatus.TEXTABLE),
        ({"phoneNumber": "+12025550199"}, PhoneStatus.UNKNOWN),
    ],
)
def test_it_judges_by_what_is_certain(changes: dict[str, Any], status: PhoneStatus) -> None:
    facts = looked_up(**changes)
    assert isinstance(facts, PhoneFacts)
    assert facts.status is status


def test_it_asks_again_when_it_was_told_nothing() -> None:
    assert looked_up(429) == AskAgain("Bandwidth answered 429")
    for answer in (
        answered(500),
        answered(401, b"{}"),
        answered(200, b"<html>"),
        Failure(reached=True, detail="reset"),
    ):
        assert isinstance(bandwidth().looked_up(PHONE, answer), AskAgain)
    refused = bandwidth().looked_up(PHONE, answered(400, b'{"errors": [{"code": "invalid-phone"}]}'))
    assert refused == PhoneFacts(status=PhoneStatus.UNKNOWN, code="invalid-phone")


BYTES = st.binary(max_size=80) | st.text(alphabet="<>/&;?! TNsOrderStausCdePAILD5006", max_size=80).map(str.encode)


@given(status=st.sampled_from([200, 201, 400, 404, 500]), body=BYTES)
def test_whatever_is_answered_raises_only_what_is_promised(status: int, body: bytes) -> None:
    vendor, answer = bandwidth(), answered(status, body)
    for step in (vendor.bought(answer), vendor.released(answer), vendor.ordered(answer)):
        assert step.kind is not StepKind.DONE
    with suppress(VendorError):
        assert vendor.numbers(answer) == ([], False)
    with suppress(VendorError):
        assert vendor.offers(answer) == []
    told = vendor.looked_up(PHONE, answer)
    assert isinstance(told, AskAgain) or told.status is PhoneStatus.UNKNOWN
