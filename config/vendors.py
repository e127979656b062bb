"""The vendors' variables: credentials, and base URLs, of which any may be a local imitation. Part of the settings.

A vendor's other options are in the admin; `smsbridge.services.environment` says which setting fills which.
"""

from urllib.parse import urlencode

from config import env

_VONAGE_METHODS = ["md5hash", "md5", "sha1", "sha256", "sha512"]


def smsapi_inbound_url(public_url: str, secrets: str) -> str:
    """What the simulator's SMSAPI has as the URL for inbound texts: of several secrets, the first is the key."""
    key = next((word for part in secrets.split(",") if (word := part.strip())), "")
    return f"{public_url}/webhooks/sms/smsapi/inbound/" + (f"?{urlencode({'key': key})}" if key else "")


def variables() -> dict[str, str]:
    """Each variable with its value. Raises ImproperlyConfigured for one that cannot be used."""
    return {
        "VONAGE_API_KEY": env.text("VONAGE_API_KEY"),
        "VONAGE_API_SECRET": env.text("VONAGE_API_SECRET"),
        "VONAGE_SIGNATURE_SECRET": env.text("VONAGE_SIGNATURE_SECRET"),
        "VONAGE_SIGNATURE_METHOD": env.choice("VONAGE_SIGNATURE_METHOD", "sha256", _VONAGE_METHODS),
        "VONAGE_API_URL": env.base_url("VONAGE_API_URL", "https://api.nexmo.com"),
        "VONAGE_REST_URL": env.base_url("VONAGE_REST_URL", "https://rest.nexmo.com"),
        "FAKE_URL": env.base_url("FAKE_URL"),  # where the fake vendor's texts go; the demo points it at the simulator
        "FAKE_TOKEN": env.text("FAKE_TOKEN"),
        "FAKE_SIGNING_SECRET": env.text("FAKE_SIGNING_SECRET"),
        "TWILIO_ACCOUNT_SID": env.text("TWILIO_ACCOUNT_SID"),
        "TWILIO_AUTH_TOKEN": env.text("TWILIO_AUTH_TOKEN"),
        "TWILIO_WEBHOOK_KEY": env.text("TWILIO_WEBHOOK_KEY"),
        "TWILIO_API_URL": env.base_url("TWILIO_API_URL", "https://api.twilio.com"),
        "TWILIO_LOOKUPS_URL": env.base_url("TWILIO_LOOKUPS_URL"),
        "TWILIO_MESSAGING_URL": env.base_url("TWILIO_MESSAGING_URL"),
        "BANDWIDTH_ACCOUNT_ID": env.text("BANDWIDTH_ACCOUNT_ID"),
        "BANDWIDTH_USER": env.text("BANDWIDTH_USER"),
        "BANDWIDTH_PASSWORD": env.text("BANDWIDTH_PASSWORD"),
        "BANDWIDTH_APPLICATION_ID": env.text("BANDWIDTH_APPLICATION_ID"),
        "BANDWIDTH_CALLBACK_USER": env.text("BANDWIDTH_CALLBACK_USER"),
        "BANDWIDTH_CALLBACK_PASSWORD": env.text("BANDWIDTH_CALLBACK_PASSWORD"),
        "BANDWIDTH_API_URL": env.base_url("BANDWIDTH_API_URL", "https://messaging.bandwidth.com"),
        "BANDWIDTH_NUMBERS_URL": env.base_url("BANDWIDTH_NUMBERS_URL"),
        "SMSAPI_TOKEN": env.text("SMSAPI_TOKEN"),
        "SMSAPI_CALLBACK_SECRET": env.text("SMSAPI_CALLBACK_SECRET"),  # in the callback URLs, as ?key=
        "SMSAPI_API_URL": env.base_url("SMSAPI_API_URL", "https://api.smsapi.com"),
        "VONAGE_APPLICATION_ID": env.text("VONAGE_APPLICATION_ID"),
        "VONAGE_PRIVATE_KEY": env.text("VONAGE_PRIVATE_KEY"),
    }
