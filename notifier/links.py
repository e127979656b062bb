"""Links that others gave us: which may be handed on to people and to other services."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_LONGEST = 2000
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?", re.ASCII)
#: names that mean something else to everybody who uses them (RFC 6761, RFC 6762, RFC 8375; ICANN's .internal)
_PRIVATE = ("localhost", "local", "internal", "home.arpa", "lan", "test", "invalid")


def is_open_link(url: str) -> bool:
    """Whether it is an https URL of a host that looks like one of the public internet, with nothing odd in it.

    No user or password, no backslash, space or control character; no address of a private network, and no name of one.
    """
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and "@" not in parts.netloc and port != 0 and _is_public(host)


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        pass
    labels = host.removesuffix(".").split(".")
    named = len(labels) > 1 and len(host) <= 253 and all(map(_LABEL.fullmatch, labels))
    # Browsers read a name that ends in a number as an IPv4 address, in whatever spelling: 127.1, 0x7f.0.0.0x1.
    numeric = labels[-1][:1].isdigit()
    return named and not numeric and not any(f".{host.removesuffix('.')}".endswith(f".{one}") for one in _PRIVATE)
