"""One homeserver and one deployment for all tests of the package: each test has people and rooms of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import FOUND, MISSING

if TYPE_CHECKING:
    from pathlib import Path

    from smsbridge.demo.services import Redis
    from tests.matrix.site import Pair, Site

NO_SYNAPSE = (
    "Matrix: Synapse is not installed, so nothing was tried with a genuine homeserver. `make test-synapse` installs it "
    "and runs these tests; SYNAPSE_PYTHON names the Python of another environment that has it."
)


@pytest.fixture(scope="package")
def synapse_python(request: pytest.FixtureRequest) -> Path:
    from tests.matrix.synapse import interpreter

    if (python := interpreter()) is None:
        request.config.stash[MISSING].append(NO_SYNAPSE)
        pytest.skip("no Synapse here")
    request.config.stash[FOUND].append("Matrix: a genuine Synapse")
    return python


@pytest.fixture(scope="package")
def db(synapse_python: Path, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The tests' database for all tests of the package, emptied after it."""
    from django.core.management import call_command

    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="package")
def site(
    synapse_python: Path, db: None, database_url: str, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    from tests.matrix.site import opened

    with opened(synapse_python, tmp_path_factory.mktemp("synapse"), database_url, redis_server.url) as site:
        yield site


@pytest.fixture
def pair(site: Site) -> Pair:
    return site.pair()
