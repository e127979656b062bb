from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; whether its database and broker do is another question."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


urlpatterns: list[URLPattern | URLResolver] = [
    # First, as these are called most.
    path("", include("notifier.urls")),
    path("", include("smsbridge.urls")),
    path("", RedirectView.as_view(pattern_name="simulator" if settings.SIMULATOR else "admin:index")),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
]
if settings.SIMULATOR:
    urlpatterns.append(path("simulator/", include("smsbridge.simulator.urls")))
