"""Setting up: what is missing, the registration file, and whether the homeserver reaches us."""

import re

import pytest
import yaml

from notifier.platforms.base import Done, Later, No, PlatformConfig
from notifier.platforms.matrix import MatrixPlatform
from notifier.wire import Answer, Failure
from tests.platforms.matrix_cases import AS_TOKEN, SERVER, answer, ends, matrix, path_of, refusal

URL = "https://sms.example.com/webhooks/chat/matrix/"


def test_it_names_everything_that_is_missing_with_its_variable() -> None:
    problems = MatrixPlatform(PlatformConfig(options={}, secrets={})).configured()
    assert [re.findall(r"MATRIX_\w+", problem) for problem in problems] == [
        ["MATRIX_HOMESERVER_URL"],
        ["MATRIX_SERVER_NAME"],
        ["MATRIX_AS_TOKEN"],
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"homeserver_url": "http://127.0.0.1:8008/"},
        {"server_name": "chat.test:8448"},
        {"server_name": "[::1]:8448"},
        {"bot": "sms.bot_1", "notices": "on", "reply_in_encrypted": "off"},
    ],
)
def test_it_accepts(options: dict[str, str]) -> None:
    assert matrix(**options).configured() == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("homeserver_url", url) for url in ("matrix.test", "ftp://x", "https://", "http://[::1", "http://x:99999")],
        *[("homeserver_url", f"https://{rest}") for rest in ("x/?a=b", "x/#a", "user:pass@x", "x/_matrix/client", "ü")],
        *[("server_name", name) for name in ("@ann:chat.test", "https://chat.test", "chat test", "chat.test:x")],
        *[("bot", name) for name in ("@smsbridge", "SMS", "a b", "a:b")],
        ("notices", "yes"),
        ("reply_in_encrypted", "1"),
    ],
)
def test_it_refuses(option: str, value: str) -> None:
    (problem,) = matrix(**{option: value}).configured()
    assert problem.startswith(f"{option} ")
    assert "pass" not in problem


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "tökén"])
def test_it_refuses_a_token_that_would_break_the_header(token: str) -> None:
    (problem,) = matrix(token=token).configured()
    assert problem.startswith("as_token holds ")
    assert token not in problem


def by_hand(**options: str) -> str:
    return matrix(**options).by_hand(url=URL, name="smsbridge", secrets=["new-hs", "old-hs"])


def registration(**options: str) -> dict[str, object]:
    """As a homeserver reads it."""
    (file,) = re.findall(r"(?ms)^-{10}\n(.*)^-{10}$", by_hand(**options))
    loaded: dict[str, object] = yaml.safe_load(file)
    return loaded


@pytest.mark.parametrize("token", ["a b", "tökén", "\U0001f600", "a\x7f"])
def test_no_file_is_printed_with_a_token_that_no_header_holds(token: str) -> None:
    words = matrix().by_hand(url=URL, name="smsbridge", secrets=[token])
    assert "MATRIX_HS_TOKEN" in words
    assert token not in words
    assert "app_service_config_files" not in words


@pytest.mark.parametrize("token", ['a"b', "a\\b", "on", "null", "1e3", "#", ":-", "%{[&*!|>'`@"])
def test_odd_tokens_arrive_as_they_are(token: str) -> None:
    words = matrix(token=token).by_hand(url=URL, name="smsbridge", secrets=[token])
    (file,) = re.findall(r"(?ms)^-{10}\n(.*)^-{10}$", words)
    told = yaml.safe_load(file)
    assert (told["as_token"], told["hs_token"]) == (token, token)


def test_the_registration_file_is_what_a_homeserver_needs() -> None:
    assert registration() == {
        "id": "smsbridge",
        "url": "https://sms.example.com/webhooks/chat/matrix",
        "as_token": AS_TOKEN,
        "hs_token": "new-hs",
        "sender_localpart": "smsbridge",
        "rate_limited": False,
        "receive_ephemeral": True,
        "namespaces": {
            "users": [{"exclusive": False, "regex": "@.*:chat\\.test$"}],
            "rooms": [],
            "aliases": [],
        },
    }


def test_it_says_what_to_do_with_it() -> None:
    words = by_hand()
    assert "app_service_config_files:" in words
    assert "Restart the homeserver" in words


@pytest.mark.parametrize(
    ("user", "ours"),
    [
        ("@ann:chat.test:8448", True),
        ("@ann:chatxtest:8448", False),
        ("@ann:chat.test:84480", False),
        ("@a:chat.test:8448.evil.test", False),
    ],
)
def test_its_expression_fits_our_users_only(user: str, ours: bool) -> None:
    """As Synapse looks: for a match at the beginning."""
    loaded = registration(server_name="chat.test:8448")
    expression = loaded["namespaces"]["users"][0]["regex"]  # type: ignore[index]
    assert bool(re.match(expression, user)) is ours


def test_another_bot_is_another_service() -> None:
    loaded = registration(bot="texter")
    assert (loaded["id"], loaded["sender_localpart"]) == ("texter", "texter")


def ping(told: Answer) -> object:
    found, (request,) = ends(matrix().reach_steps(), told)
    assert (request.method, path_of(request)) == ("POST", "v1/appservice/smsbridge/ping")
    assert request.url.startswith(SERVER)
    return found


def test_a_ping_that_came_back_is_told() -> None:
    assert ping(answer(200, {"duration_ms": 12})) == Done(
        "The homeserver reaches us, and both tokens fit. It took 12 ms."
    )


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        (refusal(401, "M_UNKNOWN_TOKEN"), No, "MATRIX_AS_TOKEN"),
        (refusal(403, "M_FORBIDDEN"), No, "another application service"),
        (refusal(400, "M_URL_NOT_SET"), No, "no url"),
        (refusal(502, "M_CONNECTION_FAILED"), Later, "could not connect to us"),
        (refusal(504, "M_CONNECTION_TIMEOUT"), Later, "no answer from us"),
        (refusal(502, "M_BAD_STATUS", status=403), No, "MATRIX_HS_TOKEN"),
        (refusal(502, "M_BAD_STATUS", status=404), No, "without a slash"),
        (refusal(502, "M_BAD_STATUS", status=503), Later, "database"),
        (refusal(502, "M_BAD_STATUS", status="x", body="what ann wrote"), Later, "see its log"),
        (refusal(404, "M_UNRECOGNIZED"), No, "MATRIX_HOMESERVER_URL"),
        (answer(502), Later, "502"),
        (Failure(False, "connection refused"), Later, "connection refused"),
    ],
)
def test_what_is_wrong_is_told_in_words(told: Answer, kind: type[No | Later], words: str) -> None:
    reading = ping(told)
    assert isinstance(reading, kind)
    assert words in reading.reason
    assert "ann" not in reading.reason
