from celery.signals import celeryd_after_setup
from django.apps import AppConfig


class NoClockConfig(AppConfig):
    """Takes away the sweep of a worker's own, at its start and by its timer: what is due is found by beat alone."""

    name = "tests.flows.no_clock"

    def ready(self) -> None:
        from notifier import worker

        if not celeryd_after_setup.disconnect(worker.start):
            raise RuntimeError("the worker's clock no longer hangs on this signal")
