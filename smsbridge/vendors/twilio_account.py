"""One account at Twilio: its id, credentials and base URLs, whether they can be right, and requests made of them.

Sources: https://www.twilio.com/docs/usage/requests-to-twilio and https://www.twilio.com/docs/iam/api/account.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from importlib.util import find_spec
from urllib.parse import quote, urlsplit

from notifier.wire import Request
from smsbridge.vendors.answers import base_url_problem, secret_list
from smsbridge.vendors.base import AccountConfig
from smsbridge.vendors.twilio_signature import AUTH_TOKEN, SHARED_KEY, Key

API_URL = "https://api.twilio.com"
LOOKUPS_URL = "https://lookups.twilio.com"
MESSAGING_URL = "https://messaging.twilio.com"
LONGEST_VALIDITY = 36_000

_SID = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
_SERVICE = re.compile(r"MG[0-9a-f]{32}", re.ASCII)
_SECONDS = re.compile(r"[1-9]\d{0,4}", re.ASCII)
_FORM = "application/x-www-form-urlencoded"


class Account:
    """What the account's settings come to."""

    def __init__(self, config: AccountConfig) -> None:
        options = config.options
        self.sid = options.get("account_sid", "")
        self.tokens = secret_list(config.secrets, "auth_token")
        shared = secret_list(config.secrets, "webhook_key")
        self.keys: Sequence[Key] = [
            *(Key(token, AUTH_TOKEN) for token in self.tokens),
            *(Key(secret, SHARED_KEY) for secret in shared),
        ]
        self.service = options.get("messaging_service", "")
        self.validity = options.get("validity_period", "")
        self.host = (options.get("api_url") or API_URL).rstrip("/")
        self.lookups = (options.get("lookups_url") or self._beside(LOOKUPS_URL)).rstrip("/")
        self.messaging = (options.get("messaging_url") or self._beside(MESSAGING_URL)).rstrip("/")
        pair = f"{self.sid}:{self.tokens[0] if self.tokens else ''}"
        self.headers = {
            "Accept": "application/json",
            "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
        }
        self.form_headers = {**self.headers, "Content-Type": _FORM}
        self.base = f"{self.host}/2010-04-01/Accounts/{quote(self.sid, safe='')}"
        self.services = f"{self.messaging}/v1/Services"

    def _beside(self, genuine: str) -> str:
        """Another of Twilio's APIs: at Twilio, unless an imitation stands in for it, which serves everything."""
        try:
            host = urlsplit(self.host).hostname or ""
        except ValueError:
            host = ""
        return genuine if host == "twilio.com" or host.endswith(".twilio.com") else self.host

    def get(self, url: str) -> Request:
        return Request("GET", url, self.headers)

    def post(self, url: str, form: bytes) -> Request:
        return Request("POST", url, self.form_headers, form)

    def delete(self, url: str) -> Request:
        return Request("DELETE", url, self.headers)

    def problems(self) -> list[str]:
        """What is missing or malformed, each as a sentence with its remedy."""
        found = [] if find_spec("twilio") else ["The package twilio is missing: pip install -r requirements.txt."]
        if not _SID.fullmatch(self.sid):
            found.append("The account SID is missing or not AC and 32 hexadecimal digits: set TWILIO_ACCOUNT_SID, "
                         "or account_sid of the account.")  # fmt: skip
        if not self.tokens:
            found.append("The auth token is missing: set TWILIO_AUTH_TOKEN, or auth_token of the account.")
        if self.service and not _SERVICE.fullmatch(self.service):
            found.append("messaging_service is not the SID of a messaging service: MG and 32 hexadecimal digits.")
        if self.validity and not (_SECONDS.fullmatch(self.validity) and int(self.validity) <= LONGEST_VALIDITY):
            found.append(f"validity_period is not a number of seconds from 1 to {LONGEST_VALIDITY}.")
        for name, url in (("api_url", self.host), ("lookups_url", self.lookups), ("messaging_url", self.messaging)):
            found += base_url_problem(name, url)
        return found
