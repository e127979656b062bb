from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from tests.simulator.layer_caller import APP, TOKEN, Layer
from tests.simulator.receiver import Receiver


@pytest.fixture(autouse=True)
def _simulator_settings(settings: Settings) -> None:
    """A known application, and deliveries made by hand: no thread runs unless a test switches it on."""
    settings.SIMULATOR_APP_ID, settings.SIMULATOR_TOKEN = APP, TOKEN
    settings.SIMULATOR_FAKE_TOKEN, settings.SIMULATOR_FAKE_SIGNING_SECRET = "fake-token", "fake-signing-secret"
    settings.SIMULATOR_FAKE_INBOUND_URL = ""
    settings.SIMULATOR_SMSAPI_INBOUND_URL = ""
    settings.SIMULATOR_VONAGE_SIGNATURE_SECRET = "vonage-signature-secret"
    settings.SIMULATOR_DELIVER = False
    settings.SIMULATOR_RETRY_UNIT = 0.0


@pytest.fixture
def layer(db: None) -> Layer:
    return Layer(Client(enforce_csrf_checks=True))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server on loopback that records what it is sent."""
    server = Receiver()
    yield server
    server.close()
