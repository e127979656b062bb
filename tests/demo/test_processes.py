"""The demo's child processes: watched, and ended whatever they do."""

import signal
import sys
import time
from pathlib import Path

import pytest

from smsbridge.demo import processes
from smsbridge.demo.processes import Child, Children, DemoError, interruptible
from tests.waiting import eventually

SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
HAS_A_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); {SLEEPS}"
FAILS = "print('one line'); print('the reason'); raise SystemExit(3)"


class Modules:
    """A folder of modules to run with `python -m`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.environment = folder, {"PYTHONPATH": str(folder)}

    def write(self, name: str, code: str) -> list[str]:
        (self.folder / f"{name}.py").write_text(code)
        return [name]

    def running(self, name: str, code: str) -> Child:
        child = Child(name, self.write(name, code), self.environment, self.folder)
        assert eventually(lambda: "up" in child.log.read_text())
        return child


@pytest.fixture
def modules(tmp_path: Path) -> Modules:
    return Modules(tmp_path)


def test_a_child_ends_on_sigterm(modules: Modules) -> None:
    child = modules.running("sleeper", SLEEPS)
    child.stop()
    assert child.process.returncode == -signal.SIGTERM


def test_a_child_that_will_not_end_is_killed(modules: Modules) -> None:
    child = modules.running("stubborn", STUBBORN)
    child.stop(grace=0.1)
    assert child.process.returncode == -signal.SIGKILL


def test_what_a_child_started_ends_with_it(modules: Modules) -> None:
    child = modules.running("parent", HAS_A_CHILD)
    assert eventually(lambda: child.log.read_text().count("up") == 2)
    child.stop()
    assert eventually(lambda: not processes_of_session(child.process.pid))


def processes_of_session(leader: int) -> list[int]:
    """Living members of a session, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_child_that_fails_shows_its_last_lines(modules: Modules) -> None:
    children = Children(modules.environment, modules.folder)
    children.start("failing", modules.write("failing", FAILS))
    with pytest.raises(DemoError, match=r"(?s)failing process ended by itself with status 3.*the reason"):
        children.wait()
    with pytest.raises(DemoError, match="failing"):
        children.check()


def test_the_last_one_started_ends_first(modules: Modules, monkeypatch: pytest.MonkeyPatch) -> None:
    children, order = Children(modules.environment, modules.folder), list[str]()
    for name in ("web", "worker"):
        children.start(name, modules.write(f"the_{name}", SLEEPS))
    stop = Child.stop

    def noted(child: Child) -> None:
        order.append(child.name)
        stop(child)

    monkeypatch.setattr(Child, "stop", noted)
    children.stop()
    assert order == ["worker", "web"]


def test_only_the_end_of_a_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("".join(f"line {number}\n" for number in range(1000)))
    shown = processes.tail(log)
    assert shown.startswith("--- the last lines of web.log:")
    assert "line 999" in shown
    assert "line 900" not in shown


@pytest.mark.parametrize("number", processes.STOP_SIGNALS)
def test_the_first_signal_stops_and_further_ones_do_not_disturb_the_cleaning(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        signalled_twice(number)
    assert signal.getsignal(number) == before


def signalled_twice(number: signal.Signals) -> None:
    with interruptible():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)


def test_a_program_of_ours_is_this_python(modules: Modules) -> None:
    children = Children(modules.environment, modules.folder)
    child = children.start("which", modules.write("which", "import sys; print(sys.executable)"))
    deadline = time.monotonic() + 10
    while not child.ended and time.monotonic() < deadline:
        child.process.wait(10)
    assert child.log.read_text().strip() == sys.executable
