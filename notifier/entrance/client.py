"""Who is at the other end: the address of a visitor, behind as many proxies as are ours."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_HOME = 64  # the prefix that one household or server is given (RFC 6177): all of it counts as one address


def address(request: HttpRequest) -> str | None:
    """The visitor's address as our outermost proxy saw it; None when there is none.

    Each proxy appends whom it was called by to X-Forwarded-For, so of TRUSTED_PROXIES proxies the outermost wrote
    the entry of that number, counted from the end. Everything before it is what the visitor says himself.
    """
    proxies = settings.TRUSTED_PROXIES
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    if proxies and len(hops) >= proxies and (seen := _plain(hops[-proxies])):
        return seen
    return _plain(request.META.get("REMOTE_ADDR", ""))


def _plain(text: str) -> str | None:
    """One spelling for one visitor, without a port; None for what is no address."""
    for spelling in (text, text.rpartition(":")[0]):
        try:
            found = ipaddress.ip_address(spelling.strip("[]"))
        except ValueError:
            continue
        if isinstance(found, ipaddress.IPv4Address):
            return str(found)
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, IPV6_HOME), strict=False).network_address)
    return None
