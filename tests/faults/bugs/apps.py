import os

from django.apps import AppConfig

from tests.faults.bugs import BUG


class BugsConfig(AppConfig):
    """Puts the bug that the environment names into this process."""

    name = "tests.faults.bugs"
    label = "deliberate_bugs"

    def ready(self) -> None:
        from tests.faults.bugs.deliberate import DELIBERATE

        DELIBERATE[os.environ[BUG]]()
