"""What the flows share: a database that stays open for a whole module, as its processes do."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The tests' database for all tests of a module, emptied after it: ask for it before the processes.

    In place of pytest-django's own, whose tests each have a transaction that no other process could see.
    """
    from django.core.management import call_command

    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)
