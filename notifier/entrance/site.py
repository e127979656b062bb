"""The admin's site: nothing of it is to be had before the second factor."""

from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from unfold.sites import UnfoldAdminSite

from notifier.entrance import codes, lockout, pages


class Site(UnfoldAdminSite):
    """Every page asks `has_permission` first, by Django's `admin_view`; so that is where the code is asked for."""

    def has_permission(self, request: HttpRequest) -> bool:
        return self.knows_password(request) and (not codes.required() or _is_verified(request))

    def knows_password(self, request: HttpRequest) -> bool:
        """Whether the first step is done, perhaps with the second one to come."""
        return bool(super().has_permission(request))

    def extra_urls(self) -> list[URLPattern]:
        return [
            path("second-factor/", self.admin_view(pages.overview), name="second_factor"),
            path("second-factor/code/", pages.ask, name="second_factor_code"),
            path("second-factor/set-up/", pages.set_up, name="second_factor_set_up"),
            # Before Django's, which is closed to whoever has not entered his code yet.
            path("logout/", self.logout, name="logout"),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        if request.method == "GET" and self.knows_password(request) and not self.has_permission(request):
            return self.to_code(request, self.goal(request))
        response: HttpResponseBase = super().login(request, extra_context)
        if request.method != "POST" or not isinstance(response, HttpResponseRedirect):
            return response
        if self.has_permission(request):
            lockout.welcome(request, response)
            return response
        return self.to_code(request, response.url)

    def to_code(self, request: HttpRequest, goal: str) -> HttpResponseRedirect:
        """On to the second step, and from there to `goal`."""
        where = reverse(f"{self.name}:second_factor_code")
        return HttpResponseRedirect(f"{where}?{urlencode({REDIRECT_FIELD_NAME: goal})}")

    def goal(self, request: HttpRequest) -> str:
        """Where a login leads: `next` if that is a page of ours, else the first page."""
        wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
        hosts, secure = {request.get_host()}, request.is_secure()
        if url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=secure):
            return wanted
        return reverse(f"{self.name}:index")


def _is_verified(request: HttpRequest) -> bool:
    return getattr(request.user, "otp_device", None) is not None  # put there by django-otp's middleware
