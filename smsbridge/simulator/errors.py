"""Layer's error table: code, id and HTTP status, and the JSON that carries them."""

import json
from typing import Any

from django.http import HttpResponse

#: id → (code, HTTP status)
ERRORS: dict[str, tuple[int, int]] = {
    "service_unavailable": (1, 503),
    "invalid_app_id": (2, 403),
    "invalid_request_id": (3, 400),
    "authentication_required": (4, 401),
    "rate_limit_exceeded": (7, 429),
    "request_timeout": (8, 408),
    "invalid_operation": (9, 422),
    "invalid_request": (10, 400),
    "internal_server_error": (100, 500),
    "access_denied": (101, 403),
    "not_found": (102, 404),
    "missing_property": (104, 422),
    "invalid_property": (105, 422),
    "invalid_endpoint": (106, 404),
    "invalid_header": (107, 406),
    "conflict": (108, 409),
    "method_not_allowed": (109, 405),
    "participant_blocked": (110, 422),
    "id_in_use": (111, 409),
    "gone": (102, 410),
}


class LayerError(Exception):
    """A refusal in Layer's words; `response()` is what the caller gets."""

    def __init__(self, error_id: str, message: str, *, data: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.error_id, self.message, self.data = error_id, message, data
        self.headers = headers or {}
        self.code, self.status = ERRORS[error_id]

    def response(self) -> HttpResponse:
        # A deleted resource is a not_found that answers 410: Layer documents the status, not an id of its own.
        shown = "not_found" if self.error_id == "gone" else self.error_id
        content: dict[str, Any] = {"id": shown, "code": self.code, "message": self.message, "url": DOCUMENT}
        if self.data is not None:
            content["data"] = self.data
        return HttpResponse(json.dumps(content, ensure_ascii=False), JSON, status=self.status, headers=self.headers)


JSON = "application/json; charset=UTF-8"
DOCUMENT = "https://developer.layer.com/docs/platform#errors"


def missing(name: str) -> LayerError:
    return LayerError("missing_property", f"The property {name} is needed.", data={"property": name})


def invalid(name: str, why: str) -> LayerError:
    return LayerError("invalid_property", f"The property {name} {why}.", data={"property": name})


def invalid_header(name: str, why: str) -> LayerError:
    return LayerError("invalid_header", f"The header {name} {why}.", data={"header": name})


def not_found(what: str) -> LayerError:
    return LayerError("not_found", f"The referenced {what} cannot be found.")


def gone(what: str) -> LayerError:
    return LayerError("gone", f"The referenced {what} was deleted.")
