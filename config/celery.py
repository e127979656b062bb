"""The Celery application, and the one place that decides whether this process is a worker."""

import logging.config
import os
import sys
from pathlib import Path

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def is_worker(arguments: list[str]) -> bool:
    """Whether a command line starts a Celery worker (`celery -A config worker`, `python -m celery ... worker`)."""
    program = Path(arguments[0]) if arguments else Path()
    return "celery" in (program.name, program.parent.name) and "worker" in arguments[1:]


# Before the settings are read: they give a worker other database and broker connections than a web process. Nothing is
# said of other processes, as what they start, such as the demo its workers, would take it over.
if is_worker(sys.argv):
    os.environ.setdefault("PROCESS_ROLE", "worker")

app = Celery("smsbridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect(weak=False)
def log_as_the_settings_say(**_: object) -> None:
    """Celery would else write lines of its own form; LOG_LEVEL and LOG_FORMAT count, not its `--loglevel`."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
