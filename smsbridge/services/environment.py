"""Which variables of the environment fill which settings of an adapter: one entry for each platform and vendor.

A variable that is not set fills a row only when `setup` makes it, with the default of the settings. Afterwards only
what is set counts, so that a change made in the admin is not undone by a default.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Variables:
    """Names of options and secrets, each with its variable; `webhook_secret` is the one that signs a hook's events.

    `rule_phones` and `rule_contexts` are those of whom is told of what, where a platform leaves that to a rule.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    webhook_secret: str = ""
    rule_phones: str = ""
    rule_contexts: str = ""

    def explained(self, sentence: str) -> str:
        """A sentence about options or secrets, with the variables that it does not name itself."""
        named = [
            f"{name} comes from {variable}"
            for name, variable in {**self.options, **self.secrets}.items()
            if re.search(rf"\b{name}\b", sentence) and variable not in sentence
        ]
        return f"{sentence} ({', '.join(named)}.)" if named else sentence


PLATFORMS: Mapping[str, Variables] = {
    "layer": Variables(
        options={"app_id": "LAYER_APP_ID", "api_url": "LAYER_API_URL"},
        secrets={"bearer_token": "LAYER_BEARER_TOKEN"},
        webhook_secret="LAYER_WEBHOOK_SECRET",  # noqa: S106 (its name)
    ),
    "matrix": Variables(
        options={"homeserver_url": "MATRIX_HOMESERVER_URL", "server_name": "MATRIX_SERVER_NAME"},
        secrets={"as_token": "MATRIX_AS_TOKEN"},
        webhook_secret="MATRIX_HS_TOKEN",  # noqa: S106
    ),
    "privmx": Variables(
        options={"api_url": "PRIVMX_API_URL", "key_id": "PRIVMX_API_KEY_ID", "channels": "PRIVMX_CHANNELS"},
        secrets={"key_secret": "PRIVMX_API_KEY_SECRET"},
        rule_phones="PRIVMX_NOTIFY_PHONES",
        rule_contexts="PRIVMX_CONTEXTS",
    ),
    "generic": Variables(
        options={"api_url": "GENERIC_API_URL"},
        secrets={"signing_secret": "GENERIC_WEBHOOK_SECRET"},
        webhook_secret="GENERIC_WEBHOOK_SECRET",  # noqa: S106
    ),
}

VENDORS: Mapping[str, Variables] = {
    "fake": Variables(
        options={"url": "FAKE_URL"},
        secrets={"token": "FAKE_TOKEN", "signing_secret": "FAKE_SIGNING_SECRET"},
    ),
    "vonage": Variables(
        options={
            "api_key": "VONAGE_API_KEY",
            "signature_method": "VONAGE_SIGNATURE_METHOD",
            "rest_url": "VONAGE_REST_URL",
            "api_url": "VONAGE_API_URL",
        },
        secrets={"api_secret": "VONAGE_API_SECRET", "signature_secret": "VONAGE_SIGNATURE_SECRET"},
    ),
    "vonage-messages": Variables(
        options={
            "api_key": "VONAGE_API_KEY",
            "application_id": "VONAGE_APPLICATION_ID",
            "rest_url": "VONAGE_REST_URL",
            "api_url": "VONAGE_API_URL",
        },
        secrets={
            "api_secret": "VONAGE_API_SECRET",
            "private_key": "VONAGE_PRIVATE_KEY",
            "signature_secret": "VONAGE_SIGNATURE_SECRET",
        },
    ),
    "twilio": Variables(
        options={
            "account_sid": "TWILIO_ACCOUNT_SID",
            "api_url": "TWILIO_API_URL",
            "lookups_url": "TWILIO_LOOKUPS_URL",
            "messaging_url": "TWILIO_MESSAGING_URL",
        },
        secrets={"auth_token": "TWILIO_AUTH_TOKEN", "webhook_key": "TWILIO_WEBHOOK_KEY"},
    ),
    "bandwidth": Variables(
        options={
            "account_id": "BANDWIDTH_ACCOUNT_ID",
            "user": "BANDWIDTH_USER",
            "application_id": "BANDWIDTH_APPLICATION_ID",
            "callback_user": "BANDWIDTH_CALLBACK_USER",
            "api_url": "BANDWIDTH_API_URL",
            "numbers_url": "BANDWIDTH_NUMBERS_URL",
        },
        secrets={"password": "BANDWIDTH_PASSWORD", "callback_password": "BANDWIDTH_CALLBACK_PASSWORD"},
    ),
    "smsapi": Variables(
        options={"api_url": "SMSAPI_API_URL"},
        secrets={"token": "SMSAPI_TOKEN", "callback_secret": "SMSAPI_CALLBACK_SECRET"},
    ),
}


def given(variable: str) -> bool:
    """Whether the environment (or the .env file) itself says it; else the settings hold a default."""
    return bool(os.environ.get(variable, "").strip())


def filled(current: Mapping[str, str], table: Mapping[str, str], *, new: bool) -> dict[str, str]:
    """`current` with what the settings say: everything for a new row, later only what is given."""
    told = {name: getattr(settings, variable) for name, variable in table.items() if new or given(variable)}
    return {**current, **{name: value for name, value in told.items() if value}}
