"""What stands in for the bell, and for a project's own code."""

from typing import Any

from notifier.services.hooks import LiveHook
from notifier.signals import Unread


class Rings:
    """Stands in for the bell, and knows what was rung."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, int]] = []

    def ring(self, stage: str, at: int = 0) -> None:
        self.rung.append((stage, at))

    def at(self, stage: str) -> list[int]:
        return [at for name, at in self.rung if name == stage and at]

    @property
    def stages(self) -> list[str]:
        return [name for name, _ in self.rung]


class Told:
    """A project's own receiver of both signals: it remembers, and raises when it is told to."""

    def __init__(self) -> None:
        self.unread: list[tuple[str, Unread]] = []
        self.events: list[tuple[str, Any, Any]] = []
        self.raises: Exception | None = None
        self.refuses: str = ""

    def message_unread(self, *, hook: LiveHook, unread: list[Unread], **_: Any) -> None:
        if self.raises or any(one.user_id == self.refuses for one in unread):
            raise self.raises or ValueError("refused")
        self.unread += [(hook.slug, one) for one in unread]

    def event_received(self, *, hook: LiveHook, event: Any, body: Any, **_: Any) -> None:
        self.events.append((hook.slug, event, body))
        if self.raises:
            raise self.raises

    @property
    def users(self) -> list[str]:
        return [one.user_id for _, one in self.unread]
