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
    """Names of options and secrets, each with its variable; `webhook_secret` is the one that signs a hook's events."""

    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    webhook_secret: str = ""

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
}


def given(variable: str) -> bool:
    """Whether the environment (or the .env file) itself says it; else the settings hold a default."""
    return bool(os.environ.get(variable, "").strip())


def filled(current: Mapping[str, str], table: Mapping[str, str], *, new: bool) -> dict[str, str]:
    """`current` with what the settings say: everything for a new row, later only what is given."""
    told = {name: getattr(settings, variable) for name, variable in table.items() if new or given(variable)}
    return {**current, **{name: value for name, value in told.items() if value}}
