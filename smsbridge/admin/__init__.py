"""The SMS side's admin pages."""

from smsbridge.admin import accounts, bridges, consent, inbound, leases, numbers, outbound, people

__all__ = ["accounts", "bridges", "consent", "inbound", "leases", "numbers", "outbound", "people"]
