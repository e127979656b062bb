"""Which vendors there are: one line each, imported only when it is used."""

from importlib import import_module

from smsbridge.vendors.base import AccountConfig, Vendor

VENDORS: dict[str, str] = {
    "bandwidth": "smsbridge.vendors.bandwidth.Bandwidth",
    "fake": "smsbridge.vendors.fake.Fake",
    "smsapi": "smsbridge.vendors.smsapi.Smsapi",
    "twilio": "smsbridge.vendors.twilio.Twilio",
    "vonage": "smsbridge.vendors.vonage.Vonage",
    "vonage-messages": "smsbridge.vendors.vonage_messages.VonageMessages",
}


class UnknownVendorError(LookupError):
    """A key that is not in the registry. The text names those that are."""


def vendor_class(key: str) -> type[Vendor]:
    """The adapter for a key. Raises UnknownVendorError."""
    if key not in VENDORS:
        raise UnknownVendorError(f"There is no SMS vendor {key!r}: use one of {', '.join(sorted(VENDORS))}.")
    module, _, name = VENDORS[key].rpartition(".")
    found: type[Vendor] = getattr(import_module(module), name)
    return found


def make_vendor(key: str, config: AccountConfig) -> Vendor:
    """An account's adapter. Raises UnknownVendorError."""
    return vendor_class(key)(config)
