"""The Celery application, and the one place that decides whether this process is a worker."""

import os
import sys
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def is_worker(arguments: list[str]) -> bool:
    """Whether a command line starts a Celery worker (`celery -A config worker`, `python -m celery ... worker`)."""
    program = Path(arguments[0]) if arguments else Path()
    return "celery" in (program.name, program.parent.name) and "worker" in arguments[1:]


# Before the settings are read: they give a worker other database and broker connections than a web process.
os.environ.setdefault("PROCESS_ROLE", "worker" if is_worker(sys.argv) else "")

app = Celery("smsbridge")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
