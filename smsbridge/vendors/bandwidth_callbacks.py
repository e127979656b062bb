"""That a call comes from our application at Bandwidth: HTTP basic authentication, as set in the application.

Source: https://dev.bandwidth.com/docs/account/applications. Nothing covers the body or tells the time, so a repeated
call proves as much as the first: what was stored once is recognised by its id.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Sequence
from itertools import product

from notifier.wire import Call, Forged, Unreadable
from smsbridge.vendors.bandwidth_events import events_of, messages_of

_LONGEST = 2000


def check_credentials(call: Call, users: Sequence[str], passwords: Sequence[str]) -> None:
    """Raise Forged unless the call has one of the users with one of the passwords. Compared in constant time."""
    given = _credentials(call.headers.get("authorization", ""))
    expected = [f"{user}:{password}".encode() for user, password in product(users, passwords)]
    if given is None or not any(hmac.compare_digest(given, pair) for pair in expected):
        raise Forged(
            "user or password is missing or wrong: compare the callback user and password of the account with those "
            "of the application in the Bandwidth App"
        )


def check_application(call: Call, application: str) -> None:
    """Raise Forged for messages of another application. What cannot be read is left to those who read it."""
    try:
        events = events_of(call.body)
    except Unreadable:
        return
    told = [message["applicationId"] for _, message in messages_of(events) if message.get("applicationId")]
    if any(one != application for one in told):
        raise Forged("the call is of another application: compare its ID with this account's application_id")


def _credentials(header: str) -> bytes | None:
    scheme, _, coded = header[:_LONGEST].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(coded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
