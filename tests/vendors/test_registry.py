"""Vendors are found by their key."""

import pytest

from smsbridge.vendors.base import AccountConfig, Vendor
from smsbridge.vendors.registry import VENDORS, UnknownVendorError, make_vendor, vendor_class


@pytest.mark.parametrize("key", sorted(VENDORS))
def test_it_knows_each_vendor_by_the_key_that_the_vendor_gives_itself(key: str) -> None:
    found = vendor_class(key)
    assert issubclass(found, Vendor)
    assert found.key == key
    assert found.title


@pytest.mark.parametrize("key", sorted(VENDORS))
def test_it_makes_an_adapter_that_says_what_is_not_configured(key: str) -> None:
    assert make_vendor(key, AccountConfig(options={}, secrets={})).configured()


def test_it_names_the_vendors_that_there_are() -> None:
    with pytest.raises(UnknownVendorError, match=r"'nexmo'.*fake, .*vonage"):
        make_vendor("nexmo", AccountConfig(options={}, secrets={}))
