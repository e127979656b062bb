"""The environment as `setup` sees it: variables, and the settings that are made of them."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from tests.notifier.layer_webhooks import APP_ID, TOKEN

Environment = Callable[..., None]

WORKING: dict[str, Any] = {
    "CHAT_PLATFORM": "layer",
    "LAYER_APP_ID": APP_ID,
    "LAYER_BEARER_TOKEN": TOKEN,
    "LAYER_WEBHOOK_SECRET": "the webhook secret",
    "SMS_VENDOR": "fake",
    "SMS_NUMBERS": ["12025550100", "+1 202-555-0101"],
    "FAKE_URL": "http://127.0.0.1:8000/simulator/fake",
    "FAKE_TOKEN": "the token",
    "FAKE_SIGNING_SECRET": "the signing secret",
}


def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A function that sets variables, each as the settings would read it, and unsets those that are None."""

    def change(**values: Any) -> None:
        for name, value in values.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
                setattr(settings, name, [] if name == "SMS_NUMBERS" else "")
            else:
                monkeypatch.setenv(name, str(value))
                setattr(settings, name, value)

    change(**WORKING)
    return change
