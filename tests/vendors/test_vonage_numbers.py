"""Numbers at Vonage: listed, and their inbound URL set without losing their other settings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from vonage_numbers import ListOwnedNumbersFilter, UpdateNumberParams

from notifier.wire import Answer, Failure, Response
from smsbridge.vendors.base import OwnedNumber, VendorError
from smsbridge.vendors.vonage import Vonage
from tests.notifier.servers import Peer, Received, answer
from tests.vendors.accounts import API_KEY, API_SECRET, fixture, vonage
from tests.vendors.contract import answered
from tests.vendors.number_contract import NumberContract
from tests.vendors.sdk import Genuine, imitation

REST = "https://rest.nexmo.com"
INBOUND = "https://bridge.example/webhooks/sms/vonage/inbound/"
OK = b'{"error-code": "200", "error-code-label": "success"}'


def _vonage(peer: Peer, received: Received) -> None:
    answer(200, fixture("numbers") if received.method == "GET" else OK)(peer, received)


@pytest.fixture
def genuine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Genuine]:
    yield from imitation(_vonage, tmp_path, monkeypatch)


def listed() -> list[OwnedNumber]:
    return vonage().numbers(answered(200, fixture("numbers")))[0]


def form_for(number: OwnedNumber) -> dict[str, str]:
    body = vonage().set_inbound_url_request(number, INBOUND).body.decode()
    return dict(parse_qsl(body, strict_parsing=True))


@pytest.mark.parametrize("page", [1, 3])
def test_it_lists_as_the_genuine_package_lists(page: int, genuine: Genuine) -> None:
    genuine.client().numbers.list_owned_numbers(ListOwnedNumbersFilter(size=100, index=page))
    request, received = vonage().numbers_request(page), genuine.received
    assert (request.method, request.url, request.body) == (received.method, REST + received.path, received.body)
    assert request.headers["Authorization"] == received.headers["authorization"]


def test_it_updates_as_the_genuine_package_updates(genuine: Genuine) -> None:
    settings: dict[str, Any] = {"voice_callback_type": "sip", "voice_callback_value": "sip:desk@pbx.example"}
    genuine.client().numbers.update_number(
        UpdateNumberParams(country="US", msisdn="12025550001", mo_http_url=INBOUND, **settings)
    )
    request, received = vonage().set_inbound_url_request(listed()[0], INBOUND), genuine.received
    assert (request.method, request.url, request.body) == (received.method, REST + received.path, received.body)
    assert request.headers["Authorization"] == received.headers["authorization"]
    assert request.headers["Content-Type"] == received.headers["content-type"]


def test_it_puts_no_credentials_into_url_or_body() -> None:
    for request in (vonage().numbers_request(1), vonage().set_inbound_url_request(listed()[0], INBOUND)):
        assert not [word for word in (API_KEY, API_SECRET) if word in request.url + request.body.decode()]


def test_it_reads_numbers_and_their_inbound_urls() -> None:
    numbers, more = vonage().numbers(answered(200, fixture("numbers")))
    assert [(number.e164, number.inbound_url) for number in numbers] == [
        ("+12025550001", "https://old.example/in"),
        ("+12025550002", ""),
        ("+447700900000", ""),
    ]
    assert not more


def test_it_keeps_the_forwarding_of_calls() -> None:
    assert form_for(listed()[0]) == {
        "country": "US",
        "msisdn": "12025550001",
        "moHttpUrl": INBOUND,
        "voiceCallbackType": "sip",
        "voiceCallbackValue": "sip:desk@pbx.example",
    }


@pytest.mark.parametrize("index", [1, 2])
def test_it_keeps_the_application(index: int) -> None:
    form = form_for(listed()[index])
    assert form["app_id"] == "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
    assert "voiceCallbackType" not in form


def test_it_keeps_an_application_that_is_told_in_no_other_way() -> None:
    body = b'{"count": 1, "numbers": [{"country": "US", "msisdn": "12025550001", "app_id": "the-app"}]}'
    ((number,), _) = vonage().numbers(answered(200, body))
    assert form_for(number)["app_id"] == "the-app"


def _page(count: object, rows: int, *, first: int = 0) -> Response:
    numbers = [{"country": "US", "msisdn": f"1202555{row:04}"} for row in range(first, first + rows)]
    return answered(200, json.dumps({"count": count, "numbers": numbers}).encode())


@pytest.mark.parametrize(("count", "rows", "more"), [(250, 100, True), (100, 100, False), (99, 100, False)])
def test_it_knows_whether_there_are_more(count: object, rows: int, more: bool) -> None:
    numbers, found = vonage().numbers(_page(count, rows))
    assert (len(numbers), found) == (rows, more)


class TestNumberContract(NumberContract):
    def vendor(self) -> Vonage:
        return vonage()

    def whole(self) -> dict[str, tuple[list[Response], int]]:
        return {
            "none": ([answered(200, b"{}")], 0),
            "one page": ([_page(3, 3)], 3),
            "two pages": ([_page(150, 100), _page(150, 50, first=100)], 150),
            "a page behind the last": ([_page(101, 100), _page(100, 0)], 100),
        }

    def incomplete(self) -> dict[str, list[Response]]:
        return {
            "a short page": [_page(150, 1)],
            "no rows": [answered(200, b'{"count": 3}')],
            "an empty second page": [_page(150, 100), answered(200, b"{}")],
            "the same page twice": [_page(150, 100), _page(150, 100)],
            "a number twice": [_page(101, 100), _page(101, 1)],
            "no count": [_page(None, 100)],
            "a count that is none": [_page("1", 1)],
        }


@pytest.mark.parametrize("body", [b"{}", b'{"count": 0}'])
def test_it_takes_a_missing_list_for_none(body: bytes) -> None:
    assert vonage().numbers(answered(200, body)) == ([], False)


@pytest.mark.parametrize(
    ("bad", "remedy"),
    [
        (Failure(reached=False, detail="connection refused"), "connection refused"),
        (answered(401, fixture("unauthorised")), "API key and secret"),
        (answered(429), "wait"),
        (answered(500), "refused"),
        (answered(200, b"<html>"), "base URL"),
        (answered(200, b'{"numbers": 7}'), "base URL"),
        (answered(200, b'{"numbers": [7]}'), "dashboard"),
        (answered(200, b'{"numbers": [{"msisdn": "12025550001"}]}'), "dashboard"),
        (answered(200, b'{"numbers": [{"country": "USA", "msisdn": "12025550001"}]}'), "dashboard"),
    ],
)
def test_it_says_what_to_do_when_it_gets_no_list(bad: Answer, remedy: str) -> None:
    with pytest.raises(VendorError, match=remedy) as problem:
        vonage().numbers(bad)
    assert "2025550001" not in str(problem.value)


def test_it_is_content_with_200_in_status_and_body() -> None:
    vonage().inbound_url_set(answered(200, OK))


@pytest.mark.parametrize(
    ("bad", "remedy"),
    [
        (Failure(reached=True, detail="no answer in 10 seconds"), "no answer"),
        (answered(401), "API key and secret"),
        (answered(420, b'{"error-code": "420", "error-code-label": "method failed"}'), "owns the number"),
        (answered(200, b'{"error-code": "420", "error-code-label": "method failed"}'), "owns the number"),
        (answered(200, b"{}"), "dashboard"),
        (answered(200, b""), "base URL"),
    ],
)
def test_it_says_what_to_do_when_the_url_was_not_set(bad: Answer, remedy: str) -> None:
    with pytest.raises(VendorError, match=remedy):
        vonage().inbound_url_set(bad)


def test_it_changes_no_number_of_which_it_knows_too_little() -> None:
    with pytest.raises(ValueError, match="list the account's numbers again"):
        vonage().set_inbound_url_request(OwnedNumber(e164="+12025550001", inbound_url=""), INBOUND)
