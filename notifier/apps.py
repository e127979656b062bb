from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import module_has_submodule


class NotifierConfig(AppConfig):
    """The chat side: what people write, who has not read it, and how to write back."""

    name = "notifier"
    verbose_name = "Chat"

    def ready(self) -> None:
        from notifier import pulse, waker, work, worker  # noqa: F401 (a worker's clockwork hangs on Celery's signals)

        work.register()
        if module_has_submodule(self.module, "checks"):
            import_module("notifier.checks")
