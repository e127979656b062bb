#!/usr/bin/env python
"""Django's command line for this project: `python manage.py help` lists what it can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line

        from smsbridge.demo import environment
    except ImportError as error:
        raise SystemExit("Django is not installed here: run `make venv`, then `.venv/bin/python manage.py`.") from error
    if sys.argv[1:2] == ["demo"]:
        environment.prepare(sys.argv[2:], os.environ)  # before the settings are read: a bare machine has none
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        raise SystemExit(f"The configuration is not usable. {error}") from None


if __name__ == "__main__":
    main()
