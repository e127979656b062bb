"""The demo as a whole, on a machine where nothing is configured."""

import signal
import socket
from pathlib import Path

import pytest
import requests

from smsbridge.demo.beats import BEATS
from tests.demo.demos import demo


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_stopped_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as running:
        assert running.read_until("Ctrl-C stops everything."), running.said
        assert running.listening_at() == {"127.0.0.1"}
        for page in ("simulator/", "static/simulator/page.js", "admin/login/"):
            assert requests.get(f"http://127.0.0.1:{running.port}/{page}", timeout=10).status_code == 200
        assert running.end(number) == 0, running.said
        assert running.left == []
        assert list(tmp_path.iterdir()) == []


def test_the_story_happens(tmp_path: Path) -> None:
    with demo(tmp_path, "--script") as running:
        assert running.end() == 0, running.said
        assert [title for title, _ in BEATS if title not in running.said] == []


def test_the_story_breaks_off_at_once_when_the_worker_dies(tmp_path: Path) -> None:
    with demo(tmp_path, "--script") as running:
        assert running.read_until("does not open the chat"), running.said
        running.child("worker").kill()
        assert running.end() == 1
        assert "The worker process ended by itself with status -9." in running.said
        assert "--- the last lines of worker.log:" in running.said
        logs = Path(running.said.rpartition("All logs are in ")[2].strip().removesuffix("."))
        assert (logs / "web.log").is_file()


def test_a_story_that_is_stopped_has_not_happened(tmp_path: Path) -> None:
    with demo(tmp_path, "--script") as running:
        assert running.read_until("does not open the chat"), running.said
        assert running.end(signal.SIGINT) == 130


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with demo(tmp_path, "--port", str(port)) as running:
            assert running.end() == 1
            assert f"Port {port} is taken" in running.said


def test_a_demo_goes_on_where_its_folder_was_kept(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with demo(tmp_path, "--keep", str(folder)) as running:
        assert running.read_until("Ctrl-C stops everything."), running.said
        person = {"user_id": "ann", "name": "Ann", "phone": "+12022000101"}
        url = f"http://127.0.0.1:{running.port}/simulator"
        requests.post(f"{url}/people", json=person, headers={"X-Simulator": "1"}, timeout=10).raise_for_status()
        assert running.end(signal.SIGINT) == 0
    with demo(tmp_path, "--keep", str(folder)) as again:
        assert again.read_until("Ctrl-C stops everything."), again.said
        state = requests.get(f"http://127.0.0.1:{again.port}/simulator/state", timeout=10).json()
        assert [one["name"] for one in state["people"]] == ["Ann"]
