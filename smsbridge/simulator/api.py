"""What every call of Layer's API goes through: who asks, in which version and method, and the faults asked for."""

import re
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from smsbridge.simulator import conf, faults
from smsbridge.simulator.errors import LayerError, invalid_header
from smsbridge.simulator.pump import pump
from smsbridge.simulator.wire import cleaned

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@method_decorator(csrf_exempt, name="dispatch")
class LayerView(View):
    """A resource: its methods are named as HTTP's; they answer or raise LayerError."""

    media_type: ClassVar[str] = "application/vnd.layer+json"
    versions: ClassVar[tuple[str, ...]] = ("1.0", "1.1")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        pump.start()
        try:
            kwargs = cleaned(kwargs)
            check_caller(request, kwargs.pop("app"))
            self.check_accept(request)
            handler = self.handler(request)
            return with_faults(lambda: handler(request, **kwargs))
        except LayerError as error:
            return error.response()

    def check_accept(self, request: HttpRequest) -> None:
        """Raises `invalid_header` (406) unless the version we speak is among what the caller accepts."""
        accepted = (re.sub(r"[\s\"]", "", item).lower() for item in request.headers.get("Accept", "").split(","))
        if not {f"{self.media_type};version={version}" for version in self.versions} & set(accepted):
            raise invalid_header("Accept", f"must be {self.media_type}; version=1.0")

    def handler(self, request: HttpRequest) -> Any:
        method = request.method or ""
        if method == "POST" and request.headers.get("X-HTTP-Method-Override", "").upper() == "PATCH":
            method = "PATCH"
        handler = getattr(self, method.lower(), None) if method in METHODS else None
        if handler is None:
            allowed = ", ".join(name for name in METHODS if hasattr(self, name.lower()))
            raise LayerError("method_not_allowed", f"Allowed are {allowed}.", headers={"Allow": allowed})
        return handler


class WebhookView(LayerView):
    media_type = "application/vnd.layer.webhooks+json"
    versions = ("1.0",)


class NoSuchEndpoint(LayerView):
    def handler(self, request: HttpRequest) -> Any:
        raise LayerError("invalid_endpoint", "There is no such endpoint.")


def check_caller(request: HttpRequest, app: str) -> None:
    """Raises `authentication_required` (401) without the right token, `invalid_app_id` (403) for another app."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(given.strip(), conf.token()):
        raise LayerError("authentication_required", "The bearer token is missing or wrong.")
    if app.lower() != conf.app_id():
        raise LayerError("invalid_app_id", "There is no such application.")


def with_faults(act: Any) -> HttpResponse:
    """Act and answer, unless the fault plan says otherwise."""
    plan = faults.current()
    plan.delay()
    if plan.happens("throttle"):
        raise LayerError("rate_limit_exceeded", "Too many requests.", headers={"Retry-After": "1"})
    if plan.happens("unavailable"):
        raise LayerError("service_unavailable", "The service is not available.")
    response: HttpResponse = act()
    if plan.happens("lost"):
        raise LayerError("service_unavailable", "The service is not available.")
    return response
