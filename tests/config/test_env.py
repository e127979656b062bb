"""Variables of the environment: what they may be, and the sentence that a wrong one gets."""

import re
from datetime import time, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from tests.processes import ROOT

NAME = "A_VARIABLE"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv(NAME, raising=False)
    return monkeypatch


def test_an_empty_variable_counts_as_absent(given: pytest.MonkeyPatch) -> None:
    given.setenv(NAME, "  ")
    assert env.text(NAME, "default") == "default"
    assert env.listed(NAME, ["default"]) == ["default"]
    assert env.switch(NAME, True) is True
    assert env.whole(NAME, 7) == 7


def test_a_secret_may_begin_with_a_dollar_sign(given: pytest.MonkeyPatch) -> None:
    given.setenv(NAME, "$HOME")
    assert env.text(NAME) == "$HOME"


def test_a_list_is_split_at_commas(given: pytest.MonkeyPatch) -> None:
    given.setenv(NAME, " 15550000001, +15550000002 ,,")
    assert env.listed(NAME) == ["15550000001", "+15550000002"]


@pytest.mark.parametrize(
    ("value", "meaning"), [("on", True), ("TRUE", True), ("1", True), ("off", False), ("0", False)]
)
def test_a_switch_is_on_or_off(given: pytest.MonkeyPatch, value: str, meaning: bool) -> None:
    given.setenv(NAME, value)
    assert env.switch(NAME, not meaning) is meaning


def test_a_bare_number_is_milliseconds_and_a_unit_is_itself(given: pytest.MonkeyPatch) -> None:
    given.setenv(NAME, "1500")
    assert env.duration(NAME, "1 week") == timedelta(seconds=1.5)
    given.setenv(NAME, "1 week")
    assert env.duration(NAME, "10 minutes") == timedelta(weeks=1)


def test_a_limit_is_above_zero_or_off(given: pytest.MonkeyPatch) -> None:
    assert env.limit(NAME) is None
    given.setenv(NAME, "off")
    assert env.limit(NAME) is None
    given.setenv(NAME, "5")
    assert env.limit(NAME) == 5
    for wrong in ("0", "-1", "many", "3000000000"):
        given.setenv(NAME, wrong)
        with pytest.raises(ImproperlyConfigured, match=NAME):
            env.limit(NAME)


def test_hours_are_a_stretch_of_the_day_or_off(given: pytest.MonkeyPatch) -> None:
    assert env.hours(NAME) is None
    given.setenv(NAME, "off")
    assert env.hours(NAME) is None
    given.setenv(NAME, " 21:00 - 8:00")
    assert env.hours(NAME) == (time(21), time(8))
    for wrong in ("21:00", "9pm-8am", "21:00-24:00", "08:00-08:00", "21:00-08:00-09:00"):
        given.setenv(NAME, wrong)
        with pytest.raises(ImproperlyConfigured, match=NAME):
            env.hours(NAME)


def test_zero_is_a_duration_only_where_it_means_something(given: pytest.MonkeyPatch) -> None:
    given.setenv(NAME, "0")
    assert env.duration(NAME, "5 minutes", zero=True) == timedelta(0)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.duration(NAME, "5 minutes")


def test_a_base_address_loses_its_last_slash(given: pytest.MonkeyPatch) -> None:
    given.setenv(NAME, "https://sms.example.com/base/")
    assert env.base_url(NAME) == "https://sms.example.com/base"


@pytest.mark.parametrize(
    "value", ["sms.example.com", "ftp://a.example", "https://u:p@a.example", "https://a.example?b=c", "https://"]
)
def test_what_is_no_base_address_is_refused(given: pytest.MonkeyPatch, value: str) -> None:
    given.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME} is not a base address: write it like https://"):
        env.base_url(NAME)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("perhaps", lambda: env.switch(NAME, False)),
        ("-1", lambda: env.whole(NAME, 5)),
        ("0", lambda: env.seconds(NAME, 5)),
        ("nan", lambda: env.seconds(NAME, 5)),
        ("ten minutes", lambda: env.duration(NAME, "10 minutes")),
        ("md4", lambda: env.choice(NAME, "md5", ["md5", "sha1"])),
        ("sent,seen", lambda: env.choices(NAME, ["sent"], ["sent", "read"])),
    ],
)
def test_a_wrong_value_gets_a_sentence_that_names_the_variable(
    given: pytest.MonkeyPatch, value: str, read: object
) -> None:
    given.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME} "):
        read()  # type: ignore[operator]


def test_a_missing_value_says_what_to_set(given: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{NAME} is not set: choose one$"):
        env.required(NAME, "choose one")


def test_every_variable_of_the_settings_is_in_the_example_file() -> None:
    modules = ("settings.py", "connections.py", "platforms.py", "vendors.py")
    source = "".join((ROOT / "config" / name).read_text() for name in modules)
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    shown = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert shown == read
