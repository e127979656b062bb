"""Django's own checks say what is wrong with the settings before anything runs."""

import pytest
from django.conf import settings as live
from django.core.checks import run_checks
from pytest_django import Settings


def ids(*, deploy: bool = False) -> list[str]:
    """The ids of what the checks say of our own, with a hint each."""
    found = [
        message
        for message in run_checks(include_deployment_checks=deploy)
        if str(message.id).startswith(("notifier.", "smsbridge."))
    ]
    assert all(message.hint for message in found)
    return sorted(str(message.id) for message in found)


def test_the_defaults_are_clean() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "id_"),
    [
        ("CHAT_PLATFORM", "lyer", "notifier.E001"),
        ("CLAIM_SECONDS", 10.0, "notifier.W002"),
        ("SMS_VENDOR", "vonnage", "smsbridge.E001"),
        ("SMS_TEMPLATE", "<%= sendr.name %>", "smsbridge.E002"),
        ("SMS_INTRODUCTION", "<%= text", "smsbridge.E003"),
        ("SMS_INTRODUCTION", "nowhere.introduction", "smsbridge.E003"),
        ("SMS_NUMBERS", ["+12025550100", "0"], "smsbridge.E004"),
    ],
)
def test_a_wrong_setting_is_told(settings: Settings, name: str, value: object, id_: str) -> None:
    setattr(settings, name, value)
    assert ids() == [id_]


def test_a_wrong_number_is_not_repeated(settings: Settings) -> None:
    settings.SMS_NUMBERS = ["+4479460"]
    assert "79460" not in str(run_checks())


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://sms.example.com", ["notifier.W003"]),
        ("https://sms.example.com", []),
        ("http://localhost:8000", []),
        ("http://127.0.0.1", []),
    ],
)
def test_a_public_url_without_tls_is_told_outside_debug(settings: Settings, url: str, told: list[str]) -> None:
    settings.DEBUG, settings.PUBLIC_URL = False, url
    assert ids() == told


def test_sqlite_is_told_on_deployment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(live.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    assert ids() == []
    assert ids(deploy=True) == ["notifier.W004"]


@pytest.mark.parametrize(("threads", "told"), [(11, []), (12, ["notifier.W005"])])
def test_more_worker_threads_than_connections_are_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, threads: int, told: list[str]
) -> None:
    settings.CELERY_WORKER_CONCURRENCY = threads
    monkeypatch.setitem(live.DATABASES["default"], "OPTIONS", {"pool": {"max_size": 12}})
    assert ids() == told
