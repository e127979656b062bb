from django.apps import AppConfig
from django.contrib.admin import apps as django_admin


class EntranceConfig(AppConfig):
    name = "notifier.entrance"
    verbose_name = "Entrance"
    default = True

    def ready(self) -> None:
        from notifier.entrance import checks  # noqa: F401 (registers itself)


class AdminConfig(django_admin.AdminConfig):
    """Django's admin with our own site, which asks for a second factor. Takes the place of `django.contrib.admin`."""

    default_site = "notifier.entrance.site.Site"
    default = False
