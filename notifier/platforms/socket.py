"""A platform that is listened to over a connection of ours: the adapter's side of it, without input or output.

`notifier.services.sockets` opens the connection, carries frames, keeps the clock, stores events, and comes back after
a loss. All times are seconds of a monotonic clock, given in; moments of the platform are the adapter's own matter.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from notifier.platforms.values import Delivered


class BrokenError(Exception):
    """This connection is of no more use; a new one may be. The text holds no secret."""


class RefusedError(Exception):
    """No new connection would do better until somebody changes the configuration. The text names the remedy."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What follows from a frame, or from time that has passed.

    `send`: frames to be sent, in order. `events`: to be stored, before anything else is done. `place`: what is to be
    remembered with these events, so that a later connection goes on from there (None: as before); plain JSON.
    """

    send: Sequence[str] = ()
    events: Sequence[Delivered] = ()
    place: Mapping[str, Any] | None = field(default=None)


class Conversing(ABC):
    """One connection's conversation, from its opening to its end. Made anew for each connection.

    Every method may raise BrokenError or RefusedError.
    """

    #: where to connect to (ws:// or wss://), and with which headers
    url: str
    headers: Mapping[str, str]

    @abstractmethod
    def opened(self, now: float) -> Taken:
        """The connection stands."""

    @abstractmethod
    def take(self, frame: str | bytes, now: float) -> Taken:
        """A frame came."""

    @abstractmethod
    def wake_at(self) -> float | None:
        """When `wake` wants to be called, unless a frame comes before."""

    @abstractmethod
    def wake(self, now: float) -> Taken:
        """That time has come: for a token to be refreshed, or an answer that never came."""

    @property
    @abstractmethod
    def caught_up(self) -> bool:
        """Whether everything until now was told, and what comes is told as it happens."""

    @abstractmethod
    def closing(self) -> Sequence[str]:
        """Frames to be sent before we hang up in good order, such as to unsubscribe."""
