"""The `sig` parameter by which Vonage signs, and may be signed to.

Source: https://developer.vonage.com/en/getting-started/concepts/signing-messages. The parameters without `sig`, sorted
by name, each as `&name=value` with `&` and `=` in the value replaced by `_`. "MD5 hash" is the MD5 of that text and
the secret behind it; the other four are HMACs of that text under the secret. Hexadecimal, in either case.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from notifier.wire import Forged

METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")

#: Vonage repeats a push for 24 hours with the time at which it first began
OLDEST_SECONDS = 25 * 3600
#: how far Vonage's clock may be ahead of ours
AHEAD_SECONDS = 3600

_TIMESTAMP = re.compile(r"\d{1,11}", re.ASCII)
_SEPARATORS = str.maketrans("&=", "__")


def sign(fields: Mapping[str, str | int], secret: str, method: str) -> str:
    """The signature of `fields`, lower-case. Raises UnicodeEncodeError for text that has no UTF-8 form."""
    signed = sorted((name, str(value)) for name, value in fields.items() if name != "sig")
    text = "".join(f"&{name}={value.translate(_SEPARATORS)}" for name, value in signed).encode()
    if method == "md5hash":
        return hashlib.md5(text + secret.encode(), usedforsecurity=False).hexdigest()
    return hmac.new(secret.encode(), text, method).hexdigest()


def check(fields: Mapping[str, str | bool], *, secrets: Sequence[str], method: str, now: float) -> None:
    """Raise Forged unless `fields` are signed with one of the secrets, not too long before `now` (Unix seconds)."""
    given = fields.get("sig")
    if not isinstance(given, str) or not given.isascii():
        raise Forged("the call is not signed: ask Vonage's support to switch signed webhooks on for the account")
    if any("&" in name or "=" in name for name in fields):
        raise Forged("a parameter's name holds a separator, under which a signature could hide other parameters")
    if not _signed(fields, given.lower().encode(), secrets, method):
        raise Forged("the signature is wrong: compare signature secret and method with the Vonage dashboard")
    _check_time(fields.get("timestamp"), now)


def _signed(fields: Mapping[str, str | bool], given: bytes, secrets: Sequence[str], method: str) -> bool:
    try:
        expected = [sign(form, secret, method).encode() for form in _spellings(fields) for secret in secrets]
    except UnicodeEncodeError:
        # Half a character, as a part may hold that was cut in the middle of one: no page of Vonage's tells over which
        # bytes it signs that, and a guess could be wrong for all others.
        return False
    return any(hmac.compare_digest(given, one) for one in expected)


def _spellings(fields: Mapping[str, str | bool]) -> list[dict[str, str]]:
    """A JSON true may have been signed as `true` or, as Vonage's own SDK has it, as `True`."""
    as_python = {name: str(value) for name, value in fields.items()}
    as_json = {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}
    return [as_python] if as_json == as_python else [as_python, as_json]


def _check_time(stamp: str | bool | None, now: float) -> None:
    if not isinstance(stamp, str) or not _TIMESTAMP.fullmatch(stamp):
        raise Forged("the signed call does not say when it was signed")
    if not now - OLDEST_SECONDS <= int(stamp) <= now + AHEAD_SECONDS:
        raise Forged("the signed call is too old or from the future: if it is genuine, check this machine's clock")
