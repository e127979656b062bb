"""The settings that the simulator reads, each with its default, read anew at each use."""

from datetime import timedelta
from typing import Any

from django.conf import settings

#: Layer repeats a failed delivery after about these many seconds (here: units), six attempts in all.
RETRY_UNITS = (10, 30, 120, 300, 1200)


def app_id() -> str:
    """The one Layer application served here, in lower case; all three spellings of an app id are understood."""
    given = _get("SIMULATOR_APP_ID", "") or "00000000-0000-4000-8000-000000000001"
    return str(given).rsplit("/", 1)[-1].lower()


def token() -> str:
    return str(_get("SIMULATOR_TOKEN", "") or "simulator")


def layer_url() -> str:
    """The base of every `url` in an answer. Clients must not follow those, so it need not be where we really are."""
    return str(_get("SIMULATOR_LAYER_URL", "https://api.layer.com")).rstrip("/")


def retry_unit() -> timedelta:
    """How long one second of Layer's retry schedule lasts here: a timedelta, or a number of seconds."""
    unit = _get("SIMULATOR_RETRY_UNIT", 1.0)
    return unit if isinstance(unit, timedelta) else timedelta(seconds=float(unit))


def escape_non_ascii() -> bool:
    """Whether deliveries write JSON with `\\u` escapes; a receiver must take both forms."""
    return bool(_get("SIMULATOR_ESCAPE_NON_ASCII", False))


def deliver() -> bool:
    """Whether this process runs the delivery thread; tests switch it off and deliver by hand."""
    return bool(_get("SIMULATOR_DELIVER", True))


def faults() -> dict[str, Any]:
    return dict(_get("SIMULATOR_FAULTS", {}))


def fake_token() -> str:
    return str(_get("SIMULATOR_FAKE_TOKEN", "") or "fake-token")


def fake_signing_secret() -> str:
    """Of several, separated by commas during a change, the first one signs."""
    return str(_get("SIMULATOR_FAKE_SIGNING_SECRET", "") or "fake-signing-secret").split(",")[0].strip()


def fake_inbound_url() -> str:
    """Where texts to a fake number without an inbound URL of its own go; empty: nowhere."""
    return str(_get("SIMULATOR_FAKE_INBOUND_URL", ""))


def vonage_signature_secret() -> str:
    """Signs what the Vonage door sends; empty: unsigned, as a new Vonage account is."""
    return str(_get("SIMULATOR_VONAGE_SIGNATURE_SECRET", "")).split(",")[0].strip()


def vonage_inbound_method() -> str:
    """`get`, `form` or `json`: the account setting that says how Vonage calls us."""
    return str(_get("SIMULATOR_VONAGE_INBOUND_METHOD", "get"))


def _get(name: str, default: object) -> Any:
    return getattr(settings, name, default)
