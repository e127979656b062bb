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


def smsapi_inbound_url() -> str:
    """Where texts to a number at SMSAPI go, as its panel would hold it, with the key; empty: nowhere."""
    return str(_get("SIMULATOR_SMSAPI_INBOUND_URL", ""))


def bandwidth_url(kind: str) -> str:
    """Where the application at Bandwidth has its `inbound` texts and its receipts (`status`) go; empty: nowhere."""
    base = str(_get("SIMULATOR_BANDWIDTH_URL", ""))
    return f"{base}/{kind}/" if base else ""


def bandwidth_application_id() -> str:
    return str(_get("SIMULATOR_BANDWIDTH_APPLICATION_ID", ""))


def bandwidth_callback_user() -> str:
    return str(_get("SIMULATOR_BANDWIDTH_CALLBACK_USER", "")).split(",")[0].strip()


def bandwidth_callback_password() -> str:
    """Of several, separated by commas during a change, the first one is used."""
    return str(_get("SIMULATOR_BANDWIDTH_CALLBACK_PASSWORD", "")).split(",")[0].strip()


def twilio_account_sid() -> str:
    """The one account at the pretend Twilio."""
    return str(_get("SIMULATOR_TWILIO_ACCOUNT_SID", "") or f"AC{'0' * 32}")


def twilio_auth_token() -> str:
    """Lets callers in, and signs; of several, separated by commas during a change, the first one."""
    return str(_get("SIMULATOR_TWILIO_AUTH_TOKEN", "") or "twilio-auth-token").split(",")[0].strip()


def vonage_signature_secret() -> str:
    """Signs what the Vonage door sends; empty: unsigned, as a new Vonage account is."""
    return str(_get("SIMULATOR_VONAGE_SIGNATURE_SECRET", "")).split(",")[0].strip()


def vonage_api_key() -> str:
    return str(_get("SIMULATOR_VONAGE_API_KEY", ""))


def vonage_application_id() -> str:
    """The one application of the pretend account; its numbers' texts are pushed by the Messages API."""
    return str(_get("SIMULATOR_VONAGE_APPLICATION_ID", ""))


def vonage_messages_inbound_url() -> str:
    """The inbound URL of that application; empty: it has none."""
    return str(_get("SIMULATOR_VONAGE_MESSAGES_INBOUND_URL", ""))


def vonage_inbound_method() -> str:
    """`get`, `form` or `json`: the account setting that says how Vonage calls us."""
    return str(_get("SIMULATOR_VONAGE_INBOUND_METHOD", "get"))


def _get(name: str, default: object) -> Any:
    return getattr(settings, name, default)
