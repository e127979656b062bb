"""Reading and writing Layer's wire format: ids, dates, bodies, pages of lists."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from smsbridge.simulator import conf
from smsbridge.simulator.errors import JSON, LayerError, invalid, invalid_header, not_found

PATCH_TYPE = "application/vnd.layer-patch+json"
MAX_PAGE = 100
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def parse_id(given: str) -> UUID | None:
    """The UUID of an id given as URI, as URL or bare; None when it is none of them."""
    tail = given.rsplit("/", 1)[-1]
    return UUID(tail) if _UUID.fullmatch(tail) else None


def path_id(given: str, what: str) -> UUID:
    """As `parse_id`; raises `not_found` (404), since a path with a malformed id leads nowhere."""
    uid = parse_id(given)
    if uid is None:
        raise not_found(what)
    return uid


def date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def app_url(*segments: object) -> str:
    return "/".join([conf.layer_url(), "apps", conf.app_id(), *(quote(str(s), safe="") for s in segments)])


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(json.dumps(content, ensure_ascii=False), JSON, status=status, headers=headers)


def no_content() -> HttpResponse:
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


def read_json(request: HttpRequest, content_type: str = "application/json") -> Any:
    """The body as JSON, cleaned of what no database can store.

    Raises `invalid_header` (406) for another Content-Type and `invalid_request` (400) for a body that is no JSON.
    """
    if (request.content_type or "").lower() != content_type:
        raise invalid_header("Content-Type", f"must be {content_type}")
    try:
        return cleaned(json.loads(request.body))
    except (ValueError, RecursionError) as error:
        raise LayerError("invalid_request", "The body is not valid JSON.") from error


def read_object(request: HttpRequest) -> dict[str, Any]:
    """As `read_json`; raises `invalid_request` (400) unless the body is one object."""
    content = read_json(request)
    if not isinstance(content, dict):
        raise LayerError("invalid_request", "The body must be a JSON object.")
    return content


def cleaned(value: Any) -> Any:
    """Without U+0000 (PostgreSQL refuses it) and with lone surrogates (no encoding has them) replaced."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {cleaned(key): cleaned(item) for key, item in value.items()}
    return value


def dedupe_key(request: HttpRequest) -> UUID | None:
    """The UUID in If-None-Match; raises `invalid_request_id` (400) when it is no UUID."""
    given = request.headers.get("If-None-Match")
    if given is None:
        return None
    if not _UUID.fullmatch(given.strip().strip('"')):
        raise LayerError("invalid_request_id", "If-None-Match must be a UUID.", data={"header": "If-None-Match"})
    return UUID(given.strip().strip('"'))


def page_of(request: HttpRequest, uids: Iterable[UUID], what: str) -> tuple[list[UUID], dict[str, str]]:
    """One page of an ordered list, by `page_size` and `from_id` (the page starts after it), and its Layer-Count.

    Raises `invalid_property` (422) for a parameter that cannot be read and `not_found` for a strange `from_id`.
    """
    everything = list(uids)
    start = 0
    given = request.GET.get("from_id")
    if given is not None:
        uid = parse_id(given)
        if uid is None:
            raise invalid("from_id", f"must be the id of a {what}")
        if uid not in everything:
            raise not_found(what)
        start = everything.index(uid) + 1
    return everything[start : start + _page_size(request)], {"Layer-Count": str(len(everything))}


def _page_size(request: HttpRequest) -> int:
    given = request.GET.get("page_size", str(MAX_PAGE))
    if not (given.isascii() and given.isdecimal() and int(given[:9]) > 0):
        raise invalid("page_size", "must be a positive number")
    return min(int(given[:9]), MAX_PAGE)
