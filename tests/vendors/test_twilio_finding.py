"""Looking up at Twilio a text whose answer was lost: by its words, as Twilio keeps no reference of ours."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from smsbridge.vendors.base import AskAgain, Finding, Found, NotFound, ReceiptState
from tests.notifier.servers import Server, answer
from tests.vendors.accounts import twilio
from tests.vendors.contract import LOST, answered
from tests.vendors.twilio_sdk import SERVICE_SID, changed, client, recorded

ROW = json.loads(recorded("messages"))["messages"][0]


def _found(*rows: dict[str, object], text: str = LOST.text, **more: object) -> Finding:
    told = [ROW | {"sid": f"SM{number}"} | row for number, row in enumerate(rows)]
    return twilio().found(replace(LOST, text=text), answered(200, changed("messages", messages=told, **more)))


def _ids(finding: Finding) -> list[str]:
    assert isinstance(finding, Found)
    return [receipt.vendor_id for receipt in finding.receipts]


def test_it_asks_as_the_package_asks() -> None:
    with Server(answer(200, recorded("messages"))) as server:
        client(server.url).messages.page(from_=LOST.sender, page_size=500)
        theirs = server.requests[0]
        ours = twilio(api_url=server.url).find_request(LOST)
    asked, received = urlsplit(ours.url), urlsplit(theirs.path)
    assert (ours.method, asked.path, ours.body) == (theirs.method, received.path, theirs.body)
    assert sorted(parse_qsl(asked.query)) == sorted(parse_qsl(received.query))
    assert ours.headers["Authorization"] == theirs.headers["authorization"]


def test_it_does_not_ask_by_sender_where_a_service_may_not_have_told_it_yet() -> None:
    account = twilio(messaging_service=SERVICE_SID)
    assert set(dict(parse_qsl(urlsplit(account.find_request(LOST).url).query))) == {"PageSize"}
    assert _ids(_found({"from": None, "status": "accepted"})) == ["SM0"]


def test_it_says_what_came_of_it() -> None:
    finding = twilio().found(LOST, answered(200, recorded("messages")))
    assert isinstance(finding, Found)
    (receipt,) = finding.receipts
    assert (receipt.state, receipt.price, receipt.currency) == (ReceiptState.DELIVERED, Decimal("0.00790"), "USD")
    assert receipt.segments == 1


def test_it_says_why_it_was_not_delivered() -> None:
    finding = _found({"status": "undelivered", "error_code": 30003})
    assert isinstance(finding, Found)
    assert finding.receipts[0].error == twilio().error("30003")


@pytest.mark.parametrize(
    "row",
    [
        {"body": "Alice: see you at 6?"},
        {"body": "Alice: see you at 5? Bring cake."},
        {"body": "Bob: Alice: see you at 5?"},
        {"date_created": "Fri, 20 Nov 2026 05:59:59 +0000"},
        {"direction": "inbound"},
        {"from": "+12025550002"},
        {"to": "+12025550199"},
        {"to": "+1202666XXXX"},
        {"body": None, "to": "+12025550199"},
    ],
    ids=[
        "other words",
        "more words",
        "words before",
        "an earlier one",
        "one that came in",
        "from another number",
        "to another phone",
        "to another, redacted",
        "hidden, to another phone",
    ],
)
def test_another_text_is_none_of_ours(row: dict[str, object]) -> None:
    assert _found(row) == NotFound()


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("Alice: see you ", "Alice: see you"),
        ("\u201cok\u201d \u2013 5\u00a0p.m.", '"ok" - 5 p.m.'),
        ("see you", "Sent from your Twilio trial account - see you"),
        ("\u201c\uff5e\u00bd\u201d \u2026", '"~1/2" ...'),
        ("\U0001f422!", "\U0001f422! "),
    ],
    ids=["stripped", "smart encoding", "trial account", "wide letters", "no letters"],
)
def test_what_twilio_may_have_made_of_it_is_not_taken_for_missing(text: str, body: str | None) -> None:
    assert _ids(_found({"body": body}, text=text)) == ["SM0"]


def test_the_likeliest_comes_first() -> None:
    rows: list[dict[str, object]] = [
        {"body": None},
        {"body": f"{LOST.text} "},
        {"body": LOST.text},
        {"body": "another"},
    ]
    assert _ids(_found(*rows)) == ["SM2", "SM1"]


@pytest.mark.parametrize(
    ("text", "body"),
    [("Anna: \U0001f44d", "Anna: \U0001f389"), ("\U0001f44d", "\U0001f389"), ("ok?", "ok!"), ("\U0001f44d", "?")],
    ids=["another emoji", "only emoji", "another sign", "no letters"],
)
def test_a_text_with_other_signs_is_another_text(text: str, body: str) -> None:
    assert not isinstance(_found({"body": body}, text=text), Found)


def test_a_text_of_which_nothing_is_left_is_like_no_other() -> None:
    assert not isinstance(_found({"body": " "}, text="\u200b"), Found)


def test_an_emoji_is_never_replaced() -> None:
    """Nor is anything beside it: such a body is surely another text."""
    assert _found({"body": "Anna: \U0001f389"}, text="Anna: \U0001f44d") == NotFound()


@pytest.mark.parametrize(
    "row",
    [
        {"body": None},
        {"body": ""},
        {"body": None, "to": "+1202555XXXX"},
        {"to": None},
        {"date_created": "Fri, 20 Nov 2026 06:54:59 +0000"},
        {"date_created": "Fri, 20 Nov 2026 06:01:00 +0000"},
    ],
    ids=["hidden", "redacted", "all redacted", "to nobody", "minutes before", "an hour before"],
)
def test_what_may_be_ours_neither_settles_it_nor_lets_it_be_sent_again(row: dict[str, object]) -> None:
    finding = _found(row)
    assert isinstance(finding, AskAgain)
    assert "may be this one" in finding.reason


def test_words_that_were_replaced_in_a_way_that_is_not_known_here_may_be_ours() -> None:
    assert isinstance(_found({"body": "now > then"}, text="now \u279c then"), AskAgain)
    assert isinstance(_found({"body": "now > than"}, text="now \u279c then"), NotFound)


def test_a_text_to_a_redacted_phone_is_found() -> None:
    assert _ids(_found({"to": "+1202555XXXX"})) == ["SM0"]


@pytest.mark.parametrize(
    ("rows", "otherwise"),
    [
        ([{}], NotFound),
        ([{}, {"body": "another"}], NotFound),
        ([{}, {"body": f"{LOST.text} "}], AskAgain),
        ([{}, {"body": None}], AskAgain),
    ],
    ids=["exact", "and another", "and nearly", "and hidden"],
)
def test_it_says_what_is_known_if_those_are_all_other_texts(
    rows: list[dict[str, object]], otherwise: type[NotFound] | type[AskAgain]
) -> None:
    finding = _found(*rows)
    assert isinstance(finding, Found)
    assert isinstance(finding.otherwise, otherwise)


# Numbers that sent more than one page holds


def test_an_exact_match_on_the_first_page_is_enough() -> None:
    finding = _found({}, next_page_uri="/2010-04-01/Accounts/AC1/Messages.json?Page=1")
    assert _ids(finding) == ["SM0"]
    assert isinstance(finding, Found)
    assert isinstance(finding.otherwise, AskAgain)


def test_a_page_without_it_tells_nothing_as_long_as_there_are_others() -> None:
    early: dict[str, object] = {"body": "another", "date_created": format_datetime(LOST.since - timedelta(days=2))}
    next_page = "/2010-04-01/Accounts/AC1/Messages.json?Page=1"
    assert isinstance(_found(early, next_page_uri=next_page), AskAgain)
    assert _found(early) == NotFound()


def test_a_text_that_still_waits_at_twilio_is_found() -> None:
    assert _ids(_found({"status": "queued", "date_sent": None})) == ["SM0"]


def test_a_text_whose_time_cannot_be_read_may_be_ours() -> None:
    assert _ids(_found({"date_created": None})) == ["SM0"]


@pytest.mark.parametrize(
    "more",
    [
        {"next_page_uri": "/2010-04-01/Accounts/AC1/Messages.json?Page=1"},
        {"messages": None},
        {"messages": [7]},
        {"messages": [ROW | {"sid": None}]},
        {"messages": [ROW | {"to": 7}]},
        {"messages": [ROW | {"body": 7}]},
    ],
    ids=["more pages", "no list", "no message", "no id", "no phone", "no words"],
)
def test_a_list_that_may_not_be_all_does_not_mean_that_there_is_none(more: dict[str, object]) -> None:
    finding = twilio().found(LOST, answered(200, changed("messages", **{"messages": []} | more)))
    assert isinstance(finding, AskAgain)


def test_a_list_that_does_not_say_whether_it_is_all_is_not_taken_for_all() -> None:
    assert isinstance(twilio().found(LOST, answered(200, b'{"messages": []}')), AskAgain)
