"""Faults on request: slow answers, 429, 503 before or after acting, deliveries repeated and reordered.

The settings' SIMULATOR_FAULTS give the start, POST /simulator/faults changes them while running.
"""

import random
import time
from dataclasses import asdict, dataclass, fields
from typing import Any

from smsbridge.simulator import conf
from smsbridge.simulator.models import Faults


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Shares are probabilities from 0 to 1; `delay_ms` is added to each answer of the Layer API and the vendor."""

    delay_ms: float = 0
    throttle: float = 0  # answered 429, nothing done
    unavailable: float = 0  # answered 503, nothing done
    lost: float = 0  # done, but answered 503
    repeat: float = 0  # a delivery is made twice
    reorder: float = 0  # a batch of deliveries is shuffled

    def happens(self, fault: str) -> bool:
        share: float = getattr(self, fault)
        return share > 0 and random.random() < share  # noqa: S311 (chance, not secrecy)

    def delay(self) -> None:
        if self.delay_ms:
            time.sleep(self.delay_ms / 1000)


NAMES = frozenset(field.name for field in fields(FaultPlan))
MAX_DELAY_MS = 30_000


def current() -> FaultPlan:
    row = Faults.objects.filter(pk=1).first()
    return FaultPlan(**(conf.faults() | (row.settings if row else {})))


def change(wanted: dict[str, Any]) -> FaultPlan:
    """Set the named faults, leave the others. Raises ValueError for an unknown name or a value out of range."""
    for name, value in wanted.items():
        top = MAX_DELAY_MS if name == "delay_ms" else 1
        if name not in NAMES:
            raise ValueError(f"There is no fault {name}; known are {', '.join(sorted(NAMES))}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= top:
            raise ValueError(f"{name} must be a number from 0 to {top}.")
    plan = asdict(current()) | wanted
    Faults.objects.update_or_create(pk=1, defaults={"settings": plan})
    return FaultPlan(**plan)


def shown(plan: FaultPlan) -> dict[str, float]:
    return asdict(plan)
