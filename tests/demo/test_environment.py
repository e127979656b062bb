"""What the demo decides before Django starts: the user's own variables first, then all that a bare machine needs."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsbridge.demo import environment
from smsbridge.phones import to_e164
from tests.processes import ROOT


def prepared(*arguments: str, **given: str) -> dict[str, str]:
    environ = dict(given)
    environment.prepare(arguments, environ)
    return environ


@pytest.fixture(autouse=True)
def _no_plan() -> Iterator[None]:
    yield
    environment._plan = None


def test_a_bare_machine_needs_nothing() -> None:
    environ = prepared("--port", "8123")
    assert environ["PUBLIC_URL"] == "http://127.0.0.1:8123"
    assert environ["LAYER_API_URL"] == "http://127.0.0.1:8123/simulator/layer"
    assert environ["FAKE_URL"] == "http://127.0.0.1:8123/simulator/fake"
    assert environ["DATABASE_URL"] == f"sqlite:///{environment.plan().folder}/db.sqlite3"
    assert (environ["DEBUG"], environ["SIMULATOR"], environ["ENV_FILE"]) == ("on", "on", "")


def test_what_the_user_set_wins() -> None:
    environ = prepared(SMS_VENDOR="vonage", DATABASE_URL="postgres://db.example/x", NOTIFY_DELAY="1 minute")
    assert environ["SMS_VENDOR"] == "vonage"
    assert environ["DATABASE_URL"] == "postgres://db.example/x"
    assert environ["NOTIFY_DELAY"] == "1 minute"
    assert not environment.plan().own_database


def test_an_empty_variable_counts_as_absent() -> None:
    assert prepared(DATABASE_URL="")["DATABASE_URL"].startswith("sqlite:")
    assert environment.plan().own_database


def test_the_story_sets_what_it_tells_of() -> None:
    assert prepared("--script", NOTIFY_DELAY="1 hour")["NOTIFY_DELAY"] == "2 seconds"


def test_every_demo_has_a_folder_of_its_own_unless_told_otherwise(tmp_path: Path) -> None:
    prepared()
    first = environment.plan()
    prepared()
    assert first.temporary
    assert environment.plan().folder != first.folder
    prepared("--keep", str(tmp_path))
    assert (environment.plan().folder, environment.plan().temporary) == (tmp_path, False)


def test_a_usual_port_that_is_taken_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(environment, "USUAL_PORT", other.getsockname()[1])
        assert environment.usable_port() != other.getsockname()[1]


def test_its_numbers_can_be_texted_from() -> None:
    assert [to_e164(number) for number in environment.NUMBERS] == list(environment.NUMBERS)


def test_every_variable_is_a_known_one() -> None:
    known = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    prepared()
    assert {*environment.defaults(environment.plan()), *environment.STORY} - known == {"ENV_FILE"}


def test_help_needs_no_configuration() -> None:
    said = subprocess.run(
        [sys.executable, "manage.py", "demo", "--help"], cwd=ROOT, env={}, capture_output=True, text=True, check=True
    )
    assert "--script" in said.stdout
