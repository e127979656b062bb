"""Asking a vendor whether an account's credentials are right: one call, which costs nothing and changes nothing."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from notifier import transport
from smsbridge.models import VendorAccount
from smsbridge.services.vendor_calls import usable_vendor
from smsbridge.vendors.abilities import Checker
from smsbridge.vendors.base import VendorError

_HIDDEN = "••••"
_SHORTEST = 4


def check(account: VendorAccount) -> str:
    """A sentence of what the vendor says. Raises VendorError with the remedy; neither ever holds a secret.

    It takes HTTP_TIMEOUT_SECONDS at most. No transaction may be open.
    """
    try:
        secrets = _parts(account)
    except ImproperlyConfigured as error:  # they cannot be decrypted any more
        raise VendorError(str(error)) from error
    try:
        return _without(secrets, _check(account))
    except VendorError as error:
        raise VendorError(_without(secrets, str(error))) from None


def _check(account: VendorAccount) -> str:
    vendor = usable_vendor(account)
    if not isinstance(vendor, Checker):
        raise VendorError(f"{vendor.title} cannot be asked: send a text, and look at what becomes of it.")
    try:
        return vendor.checked(transport.call(vendor.check_request(), timeout=settings.HTTP_TIMEOUT_SECONDS))
    except VendorError:
        raise
    except Exception as error:  # an adapter's own mistake, or a URL that is none, is no reason for an error page
        why = f"Asking {vendor.title} raised {type(error).__name__}"
        raise VendorError(f"{why}: compare the account's settings with those of the vendor.") from error


def _parts(account: VendorAccount) -> list[str]:
    """All that must not be told, the longest first; several may stand in one, by comma."""
    secrets: dict[str, str] = account.secrets or {}
    parts = {part.strip() for secret in secrets.values() for part in (secret, *secret.split(","))}
    return sorted((part for part in parts if len(part) >= _SHORTEST), key=len, reverse=True)


def _without(secrets: list[str], sentence: str) -> str:
    """An adapter may quote a vendor's answer, and that what it was sent."""
    for secret in secrets:
        sentence = sentence.replace(secret, _HIDDEN)
    return sentence
