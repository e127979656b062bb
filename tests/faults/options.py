"""What one run is made of: how much is written, what fails and how often, and what is asked of the result."""

from dataclasses import dataclass, field

#: seconds; short, so that a run meets every time limit many times
DELAY = 3.0
CLAIM_SECONDS = 3.0
SENDING_SECONDS = 6.0
HTTP_TIMEOUT_SECONDS = 2.0
SWEEP_SECONDS = 1.0
SEND_WINDOW = 16
LATENCY = 0.2  # at most, of what both upstreams answer
WORKERS = 2

#: the blows of the nemesis, and how often each comes beside the others
BLOWS = {
    "kill worker": 5,
    "kill web": 2,
    "kill beat": 1,
    "kill redis": 2,
    "kill postgres": 2,
    "flush redis": 2,
    "freeze worker": 3,
    "restart all": 1,
}


@dataclass(frozen=True, slots=True)
class Shares:
    """How often something happens, from 0 to 1. All but the first three are of messages or replies."""

    vendor_faults: float = 0.05  # of calls
    platform_faults: float = 0.05  # of posts and read marks
    identity_faults: float = 0.02  # of questions who somebody is
    read_before_due: float = 0.15
    read_after_due: float = 0.05
    deleted: float = 0.04
    left: float = 0.02
    delivered: float = 0.2
    repeated: float = 0.1
    delayed: float = 0.1
    forged: float = 0.05
    answered: float = 0.15  # of texts that arrive
    receipts: float = 0.7  # of texts that the vendor accepts


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the judge asks for, in seconds."""

    lateness_p99: float = 30.0
    healthy_within: float = 15.0
    reread: float = 8.0  # a text must not be begun so long after a read receipt was acknowledged
    settle: float = 120.0  # so long may what is pending take to come to an end after the last fault


@dataclass(frozen=True, slots=True)
class Options:
    """One run. The same seed gives the same plan; what it meets depends on the machine's own timing too."""

    messages: int = 2000
    seed: int = 1
    rate: float = 20.0  # messages per second
    every: float = 4.0  # seconds between blows; 0: none
    blows: tuple[str, ...] = tuple(BLOWS)
    digest: bool | None = None  # None: the seed decides
    bug: str = ""
    probes: int = 60
    probe_rate: float = 4.0
    shares: Shares = field(default_factory=Shares)
    bounds: Bounds = field(default_factory=Bounds)
    #: faults of the vendor's to choose from; empty: all
    vendor_faults: tuple[str, ...] = ()
    platform_faults: tuple[str, ...] = ()
    workers: int = WORKERS
    #: further variables of the environment
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def seconds(self) -> float:
        """How long messages are written."""
        return self.messages / self.rate
