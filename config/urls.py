from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config import health

urlpatterns: list[URLPattern | URLResolver] = [
    # First, as these are called most.
    path("", include("notifier.urls")),
    path("", include("smsbridge.urls")),
    path("", RedirectView.as_view(pattern_name="simulator" if settings.SIMULATOR else "admin:index")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path(settings.ADMIN_PATH, admin.site.urls),
]
if settings.SIMULATOR:
    urlpatterns.append(path("simulator/", include("smsbridge.simulator.urls")))
