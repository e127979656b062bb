"""Twilio's numbers, look-ups and messaging services: asked as the package asks, and each answer with its meaning."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from notifier.wire import Answer, Failure, Request, Response
from smsbridge.vendors.base import (
    AskAgain,
    MessagingService,
    OfferedNumber,
    OwnedNumber,
    PhoneFacts,
    PhoneStatus,
    StepKind,
    VendorError,
    Wanted,
)
from smsbridge.vendors.twilio import Twilio
from tests.notifier.servers import Received, Server, answer, no_content
from tests.vendors.accounts import TWILIO_SID, twilio
from tests.vendors.contract import answered
from tests.vendors.number_contract import NumberContract
from tests.vendors.twilio_sdk import NUMBER_SID, SERVICE_SID, changed, client, recorded

INBOUND, STATUS = "https://bridge.example/in", "https://bridge.example/status"
OWNED = OwnedNumber(e164="+12025550001", inbound_url="", handle={"sid": NUMBER_SID})
OFFER = OfferedNumber(e164="+14155550003")
LOST = Failure(reached=True, detail="reset")

Sdk = Callable[[Any], object]
Ours = Callable[[Twilio], Request]

PAIRS: dict[str, tuple[str | None, Sdk, Ours]] = {
    "check": ("account", lambda sdk: sdk.api.accounts(TWILIO_SID).fetch(), lambda we: we.check_request()),
    "list": (
        "numbers",
        lambda sdk: sdk.incoming_phone_numbers.page(page_size=200),
        lambda we: we.numbers_request(1),
    ),
    "set the inbound URL": (
        "bought",
        lambda sdk: sdk.incoming_phone_numbers(NUMBER_SID).update(sms_url=INBOUND, sms_method="POST"),
        lambda we: we.set_inbound_url_request(OWNED, INBOUND),
    ),
    "offers": (
        "offers",
        lambda sdk: sdk.available_phone_numbers("US").local.page(area_code=415, sms_enabled=True, page_size=5),
        lambda we: we.offers_request(Wanted(country="US", area="415", limit=5)),
    ),
    "offers abroad": (
        "offers",
        lambda sdk: sdk.available_phone_numbers("GB").mobile.page(sms_enabled=True, page_size=10),
        lambda we: we.offers_request(Wanted(country="gb")),
    ),
    "buy": (
        "bought",
        lambda sdk: sdk.incoming_phone_numbers.create(phone_number=OFFER.e164, sms_url=INBOUND, sms_method="POST"),
        lambda we: we.buy_request(OFFER, inbound_url=INBOUND, reference="ours"),
    ),
    "release": (
        None,
        lambda sdk: sdk.incoming_phone_numbers(NUMBER_SID).delete(),
        lambda we: we.release_request(OWNED),
    ),
    "look up": (
        "look-up",
        lambda sdk: sdk.lookups.v2.phone_numbers("+12025550101").fetch(fields="line_type_intelligence"),
        lambda we: we.look_up_request("+12025550101"),
    ),
    "services": (
        "services",
        lambda sdk: sdk.messaging.v1.services.page(page_size=50),
        lambda we: we.services_request(1),
    ),
    "make a service": (
        "service",
        lambda sdk: sdk.messaging.v1.services.create(
            friendly_name="SMS Bridge",
            inbound_request_url=INBOUND,
            status_callback=STATUS,
            use_inbound_webhook_on_number=True,
        ),
        lambda we: we.make_service_request("SMS Bridge", inbound_url=INBOUND, status_url=STATUS),
    ),
    "numbers of a service": (
        "service-numbers",
        lambda sdk: sdk.messaging.v1.services(SERVICE_SID).phone_numbers.page(page_size=50),
        lambda we: we.service_numbers_request(SERVICE_SID, 1),
    ),
    "put into a service": (
        "service",
        lambda sdk: sdk.messaging.v1.services(SERVICE_SID).phone_numbers.create(phone_number_sid=NUMBER_SID),
        lambda we: we.put_into_service_request(SERVICE_SID, OWNED),
    ),
    "take out of a service": (
        None,
        lambda sdk: sdk.messaging.v1.services(SERVICE_SID).phone_numbers(NUMBER_SID).delete(),
        lambda we: we.take_out_of_service_request(SERVICE_SID, OWNED),
    ),
    "drop a service": (
        None,
        lambda sdk: sdk.messaging.v1.services(SERVICE_SID).delete(),
        lambda we: we.drop_service_request(SERVICE_SID),
    ),
}


def _wire(request: Request | Received) -> dict[str, object]:
    target = urlsplit(request.url if isinstance(request, Request) else request.path)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {
        "method": request.method,
        "path": target.path,
        "query": sorted(parse_qsl(target.query)),
        "body": sorted(parse_qsl(request.body.decode())),
        "credentials": headers["authorization"],
        "form": request.method == "POST" and headers["content-type"],
    }


@pytest.mark.parametrize(("reply", "theirs", "ours"), PAIRS.values(), ids=PAIRS)
def test_it_asks_as_the_genuine_package_asks(reply: str | None, theirs: Sdk, ours: Ours) -> None:
    with Server(answer(200, recorded(reply)) if reply else no_content) as server:
        theirs(client(server.url))
        (received,) = server.requests
        assert _wire(ours(twilio(api_url=server.url))) == _wire(received)


def test_it_reads_numbers_and_what_counts_as_their_inbound_url() -> None:
    numbers, more = twilio().numbers(answered(200, recorded("numbers")))
    assert [(one.e164, one.inbound_url) for one in numbers] == [
        ("+12025550001", "https://old.example/in"),
        ("+12025550002", ""),  # a TwiML application answers its texts
    ]
    assert more
    form = dict(parse_qsl(twilio().set_inbound_url_request(numbers[1], INBOUND).body.decode(), keep_blank_values=True))
    assert form == {"SmsApplicationSid": "", "SmsMethod": "POST", "SmsUrl": INBOUND}


@pytest.mark.parametrize(
    ("first", "read", "ask", "token"),
    [
        ("numbers", lambda we, told: we.numbers(told), lambda we: we.numbers_request(2), "PAPN"),
        ("services", lambda we, told: we.services(told), lambda we: we.services_request(2), "PAMG1"),
    ],
)
def test_it_asks_for_the_next_page_at_its_own_base_url(first: str, read: Any, ask: Any, token: str) -> None:
    account = twilio(api_url="http://127.0.0.1:9")
    read(account, answered(200, recorded(first)))
    url = ask(account).url
    assert url.startswith("http://127.0.0.1:9/")
    assert dict(parse_qsl(urlsplit(url).query))["PageToken"].startswith(token)


ROW = {"sid": "PN1", "phone_number": "+12025550009"}
URI = "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json"


def _listing(**told: object) -> Response:
    return answered(200, json.dumps({"incoming_phone_numbers": [ROW], **told}).encode())


class TestNumberContract(NumberContract):
    released_by = (204,)

    def vendor(self) -> Twilio:
        return twilio()

    def whole(self) -> dict[str, tuple[list[Response], int]]:
        return {
            "none": ([_listing(incoming_phone_numbers=[], next_page_uri=None)], 0),
            "one page": ([_listing(next_page_uri=None)], 1),
            "two pages": ([answered(200, recorded("numbers")), _listing(next_page_uri=None)], 3),
            "a page of the later APIs": ([_listing(meta={"next_page_url": None})], 1),
        }

    def incomplete(self) -> dict[str, list[Response]]:
        unusable = ["", URI, f"{URI}?", f"{URI}?Page=\u0661", f"{URI}?Page=1 2", "http://[?Page=1", 7, True, [URI]]
        pages = {repr(told): [_listing(next_page_uri=told)] for told in unusable}
        later = {f"meta {told!r}": [_listing(meta=told)] for told in ({}, None, "x", {"next_page_url": "x"})}
        both = _listing(next_page_uri=None, meta={"next_page_url": f"{URI}?Page=1"})
        return {**pages, **later, "not told": [_listing()], "a contradiction": [both]}


def test_no_list_of_services_is_whole_unless_it_says_so() -> None:
    for meta in ({}, {"next_page_url": "https://messaging.twilio.com/v1/Services"}, None):
        with pytest.raises(VendorError, match="whole"):
            twilio().services(answered(200, changed("services", meta=meta)))
        with pytest.raises(VendorError, match="whole"):
            twilio().service_numbers(answered(200, changed("service-numbers", meta=meta)))


def test_it_knows_the_last_page() -> None:
    assert twilio().numbers(answered(200, changed("numbers", next_page_uri=None)))[1] is False
    assert twilio().service_numbers(answered(200, recorded("service-numbers")))[1] is False


@pytest.mark.parametrize(
    ("bad", "remedy"),
    [
        (Failure(reached=False, detail="connection refused"), "connection refused"),
        (answered(401, recorded("unauthorised")), "auth token"),
        (answered(401), "auth token"),
        (answered(429), "wait"),
        (answered(500), "base URLs"),
        (answered(200, b"<html>"), "base URLs"),
        (answered(200, b"{}"), "base URLs"),
        (answered(200, b'{"incoming_phone_numbers": [7]}'), "base URLs"),
        (answered(200, b'{"incoming_phone_numbers": [{"sid": "PN1"}]}'), "Console"),
    ],
)
def test_it_says_what_to_do_when_it_gets_no_list(bad: Answer, remedy: str) -> None:
    with pytest.raises(VendorError, match=remedy):
        twilio().numbers(bad)


def test_it_changes_and_releases_only_what_it_was_told_of() -> None:
    stranger = OwnedNumber(e164="+12025550001", inbound_url="", handle={"sid": "../../x"})
    with pytest.raises(ValueError, match="list the account's numbers again"):
        twilio().set_inbound_url_request(stranger, INBOUND)
    with pytest.raises(ValueError, match="list the account's numbers again"):
        twilio().release_request(stranger)


def test_it_offers_what_can_be_texted() -> None:
    assert twilio().offers(answered(200, recorded("offers"))) == [OFFER]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(country="United States"), "two letters"),
        (Wanted(country="GB", area="161"), "area code only in"),
        (Wanted(country="US", area="41"), "three digits"),
    ],
)
def test_it_says_what_cannot_be_looked_for(wanted: Wanted, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        twilio().offers_request(wanted)


GONE = answered(404, recorded("not-found"))
UNAVAILABLE = answered(400, b'{"code": 21422, "message": "not available", "status": 400}')


@pytest.mark.parametrize(
    ("told", "bought", "released"),
    [
        (answered(201, recorded("bought")), StepKind.DONE, StepKind.UNCERTAIN),
        (answered(202, recorded("bought")), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (answered(201, changed("bought", sid="SM1")), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (answered(201, changed("bought", phone_number=True)), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (answered(400, changed("bought", code=21422)), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (answered(204), StepKind.UNCERTAIN, StepKind.DONE),
        (answered(200), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (answered(400, b'{"message": "no"}'), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (GONE, StepKind.REFUSED, StepKind.DONE),
        (answered(404, b"<html>"), StepKind.REFUSED, StepKind.REFUSED),
        (UNAVAILABLE, StepKind.REFUSED, StepKind.REFUSED),
        (answered(401), StepKind.REFUSED, StepKind.REFUSED),
        (answered(429), StepKind.REFUSED, StepKind.REFUSED),
        (answered(408), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (answered(500, UNAVAILABLE.body), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (answered(302), StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (LOST, StepKind.UNCERTAIN, StepKind.UNCERTAIN),
        (Failure(reached=False, detail="refused"), StepKind.REFUSED, StepKind.REFUSED),
    ],
)
def test_it_never_takes_an_unclear_answer_for_a_clear_one(told: Answer, bought: StepKind, released: StepKind) -> None:
    assert (twilio().bought(told).kind, twilio().released(told).kind) == (bought, released)
    assert bought is StepKind.DONE or twilio().bought(told).reason


def _line(**line: object) -> Answer:
    known = {"type": "mobile", "carrier_name": "T-Mobile USA, Inc.", "error_code": None}
    return answered(200, changed("look-up", line_type_intelligence=known | line))


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (_line(), PhoneStatus.TEXTABLE),
        (_line(type="nonFixedVoip"), PhoneStatus.TEXTABLE),
        (_line(type="landline"), PhoneStatus.LANDLINE),
        (_line(type="tollFree"), PhoneStatus.UNKNOWN),
        (_line(type=None, error_code=60601), PhoneStatus.UNKNOWN),
        (answered(200, changed("look-up", line_type_intelligence=None)), PhoneStatus.UNKNOWN),
        (answered(200, changed("look-up", valid=False)), PhoneStatus.NOT_KNOWN),
        (GONE, PhoneStatus.NOT_KNOWN),
    ],
)
def test_it_reads_what_is_known_of_a_phone(told: Answer, status: PhoneStatus) -> None:
    facts = twilio().looked_up("+12025550101", told)
    assert isinstance(facts, PhoneFacts)
    assert facts.status is status


def test_it_reads_carrier_country_and_code() -> None:
    facts = twilio().looked_up("+12025550101", _line(error_code=60601, carrier_name="A\0" + "b" * 200))
    assert isinstance(facts, PhoneFacts)
    assert (facts.line_type, facts.country, facts.code) == ("mobile", "US", "60601")
    assert facts.carrier == "A" + "b" * 99


@pytest.mark.parametrize(
    "bad", [LOST, answered(404), answered(401), answered(429), answered(500), answered(200, b"[]")]
)
def test_it_takes_nothing_else_for_knowledge(bad: Answer) -> None:
    assert isinstance(twilio().looked_up("+12025550101", bad), AskAgain)


def test_it_checks_the_account() -> None:
    assert "active" in twilio().checked(answered(200, recorded("account")))
    assert "trial" in twilio().checked(answered(200, changed("account", type="Trial")))
    for bad, remedy in (
        (answered(200, changed("account", status="suspended")), "Console"),
        (answered(200, changed("account", sid="AC1")), "account SID"),
        (answered(401, recorded("unauthorised")), "auth token"),
    ):
        with pytest.raises(VendorError, match=remedy):
            twilio().checked(bad)


def test_it_reads_services_and_their_numbers() -> None:
    service = MessagingService(SERVICE_SID, "SMS Bridge", "https://bridge.example/in")
    assert twilio().services(answered(200, recorded("services"))) == ([service], True)
    assert twilio().service_made(answered(201, recorded("service"))) == service
    ((number,), _) = twilio().service_numbers(answered(200, recorded("service-numbers")))
    assert (number.e164, dict(number.handle)) == ("+12025550001", {"sid": NUMBER_SID})


def _missing(path: str) -> Answer:
    return answered(404, changed("not-found", message=f"The requested resource {path} was not found"))


@pytest.mark.parametrize(
    "good",
    [
        answered(201, recorded("service")),
        answered(204),
        answered(409, b'{"code": 21710, "status": 409}'),
        answered(404, b'{"code": 21711, "status": 404}'),
        _missing(f"/Services/{SERVICE_SID}/PhoneNumbers/{NUMBER_SID}"),
        _missing(f"/Services/{SERVICE_SID}"),
    ],
)
def test_it_is_content_when_a_service_is_as_wanted(good: Answer) -> None:
    twilio().service_changed(good)


@pytest.mark.parametrize(
    "bad",
    [
        LOST,
        answered(401),
        answered(404),
        answered(409, b'{"code": 21712, "status": 409}'),
        answered(412, b'{"code": 21714, "status": 412}'),
        _missing(f"/Services/{SERVICE_SID}/PhoneNumbers"),
    ],
)
def test_it_says_when_a_service_is_not(bad: Answer) -> None:
    with pytest.raises(VendorError):
        twilio().service_changed(bad)


def test_a_service_is_named_by_its_sid() -> None:
    with pytest.raises(ValueError, match="begins with MG"):
        twilio().drop_service_request("../Services")
