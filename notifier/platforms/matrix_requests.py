"""Requests to a homeserver's client-server API, made with an application service's token, mostly in a user's name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from notifier.platforms.addresses import segment
from notifier.wire import Request


@dataclass(frozen=True, slots=True)
class Homeserver:
    """Where it is, without /_matrix, and our token, which goes into a header and never into a URL."""

    url: str
    token: str = field(repr=False)

    def ask(self, *path: str, as_user: str = "", **query: str) -> Request:
        """A GET of what is at these segments of a path, each of which may hold any text."""
        return self._request("GET", path, as_user, query)

    def admin(self, *path: str) -> Request:
        """A GET of Synapse's admin API, as our own user, who must be an administrator for it."""
        return self._request("GET", path, "", {}, base="_synapse/admin")

    def send(self, method: str, *path: str, body: Mapping[str, Any], as_user: str = "") -> Request:
        return self._request(method, path, as_user, {}, body)

    def _request(
        self,
        method: str,
        path: tuple[str, ...],
        as_user: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        base: str = "_matrix/client",
    ) -> Request:
        asked = {**({"user_id": as_user} if as_user else {}), **query}
        words = urlencode(asked, quote_via=quote, safe="", errors="replace")
        url = "/".join([self.url, base, *(segment(one) for one in path)])
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.token}"}
        if body is None:
            return Request(method, url + (f"?{words}" if words else ""), headers)
        headers["Content-Type"] = "application/json"
        content = json.dumps(body, ensure_ascii=False).encode(errors="replace")
        return Request(method, url + (f"?{words}" if words else ""), headers, content)
