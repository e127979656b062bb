"""What the processes of a run take: CPU seconds and memory, from /proc (so on Linux only)."""

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found, ahead = [], [pid]
    while ahead:
        found.append(ahead.pop())
        with suppress(OSError):  # it has ended
            for children in (PROC / str(found[-1]) / "task").glob("*/children"):
                ahead += map(int, children.read_text().split())
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of processes with their descendants, those that have ended included."""
    ticks = 0
    for pid in {descendant for root in pids for descendant in tree(root)}:
        with suppress(OSError):
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime, stime, and both of children that were waited for
    return ticks / TICKS


def resident_mb(pid: int) -> float:
    """Memory of a process with its descendants (RSS)."""
    kilobytes = 0
    for each in tree(pid):
        with suppress(OSError):
            lines = (PROC / str(each) / "status").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kilobytes / 1024


def machine_seconds() -> float:
    """CPU time that the whole machine has spent on anything, time taken by its host included."""
    user, nice, system, _, _, irq, softirq, steal = map(int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


class Meter:
    """CPU time from its making to `read`. `roles` names the processes of each role by their ids."""

    def __init__(self, roles: Mapping[str, list[int]]) -> None:
        self._roles = {**roles, "all": [os.getpid(), *(pid for pids in roles.values() for pid in pids)]}
        self._begun, self._machine = time.monotonic(), machine_seconds()
        self._before = {role: cpu_seconds(pids) for role, pids in self._roles.items()}

    def read(self) -> dict[str, float]:
        """CPU seconds of each role, and `others`: how many cores were taken by what is not ours."""
        spent = {role: cpu_seconds(pids) - self._before[role] for role, pids in self._roles.items()}
        strangers = machine_seconds() - self._machine - spent.pop("all")
        return {**spent, "others": max(strangers, 0.0) / (time.monotonic() - self._begun)}
