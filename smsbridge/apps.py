from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import module_has_submodule


class SmsbridgeConfig(AppConfig):
    """The SMS side: who is texted from which number, and what comes back."""

    name = "smsbridge"
    verbose_name = "SMS"

    def ready(self) -> None:
        from smsbridge import work
        from smsbridge.services import organisations, retention

        work.register()
        retention.register()
        organisations.register()
        for name in ("checks", "receivers"):
            if module_has_submodule(self.module, name):
                import_module(f"smsbridge.{name}")
