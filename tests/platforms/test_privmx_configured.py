"""What is wrong with a configuration, each with its remedy."""

import pytest

from notifier.platforms.base import Can
from notifier.platforms.privmx_kinds import EVENT_TYPES
from notifier.wire import Call, Forged
from tests.platforms.privmx_cases import privmx
from tests.platforms.test_privmx_auth import PEM


def problem(*, secret: str = "S", **options: str) -> str:  # noqa: S107
    (told,) = privmx(secret=secret, **options).configured()
    return told


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bridge.example",
        "ftp://x",
        "http://",
        "http://x:99999",
        "http://x?a",
        "http://u:p@x",
        "http://x/api",
        "http://[",
        "http://a b",
    ],
)
def test_it_names_what_is_wrong_with_the_address(url: str) -> None:
    assert problem(api_url=url).endswith("set PRIVMX_API_URL.")


@pytest.mark.parametrize("key", ["", "a b", "a;b", "ü"])
def test_it_names_a_missing_or_malformed_key(key: str) -> None:
    assert problem(key_id=key).endswith("set PRIVMX_API_KEY_ID.")


@pytest.mark.parametrize("secret", ["", "two words", "-----BEGIN PRIVATE KEY-----\nbroken"])
def test_it_names_a_missing_or_malformed_secret(secret: str) -> None:
    told = problem(secret=secret)
    assert told.endswith("set PRIVMX_API_KEY_SECRET.")
    assert not secret or secret not in told


@pytest.mark.parametrize("channels", ["threads", "thread,kvbd", ","])
def test_it_names_an_unknown_channel(channels: str) -> None:
    assert problem(channels=channels).endswith("set PRIVMX_CHANNELS.")


def test_it_names_any_other_option_that_is_malformed() -> None:
    assert "auth is neither" in problem(auth="oauth")
    assert "title_key" in problem(title_key="a..b")
    assert "text_key" in problem(text_key=".")


@pytest.mark.parametrize("channels", ["", "thread", " Store , inbox,stream,kvdb,thread "])
def test_it_takes_channels_as_people_write_them(channels: str) -> None:
    assert privmx(channels=channels).configured() == []


def test_it_takes_a_private_key_for_a_secret() -> None:
    assert privmx(secret=PEM, auth="signature").configured() == []


def test_it_says_what_it_can_do() -> None:
    platform = privmx()
    assert platform.can == {Can.SOCKET, Can.REPLAY, Can.ASK}
    assert set(EVENT_TYPES) - set(platform.receipt_events) == {"threadStats", "storeStatsChanged", "kvdbStats"}


def test_nobody_can_deliver_anything_to_it() -> None:
    with pytest.raises(Forged, match="no webhooks"):
        privmx().verify(Call("POST", "https://us/", "", {}, b"{}"), ["secret"])
