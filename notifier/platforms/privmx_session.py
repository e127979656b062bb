"""One connection to a Bridge: log in, bind, subscribe, catch up, and then tell what comes, for as long as it lasts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from notifier.platforms.privmx_auth import ApiKey
from notifier.platforms.privmx_calls import Ask, Calls, Script
from notifier.platforms.privmx_catchup import CatchUp
from notifier.platforms.privmx_containers import Containers
from notifier.platforms.privmx_envelope import container_id, delivered, inbox_of
from notifier.platforms.privmx_events import Keys
from notifier.platforms.privmx_kinds import FAMILIES, NEW_ITEMS, NEW_ROOM, Family, milliseconds
from notifier.platforms.privmx_place import FOLLOW_SECONDS, QUIET_SECONDS, Place
from notifier.platforms.privmx_rpc import Answered, call, read
from notifier.platforms.privmx_tokens import Tokens
from notifier.platforms.socket import BrokenError, Conversing, Taken
from notifier.platforms.values import Delivered
from notifier.wire import Unreadable

_GOODBYE_ID: Final = 2**31
#: a place of more containers than this is remembered once in a while only: it may be of thousands, for each page anew
_SMALL_WALK: Final = 100
_WALK_SECONDS: Final = 1.0
#: what is told of a thread where only the entries of inboxes are wanted
_ENTRY_TYPES: Final = frozenset({"threadNewMessage", "threadUpdatedMessage"})


class Session(Conversing):
    """`place` is what an earlier session gave. Pushes are told at once, also while it catches up."""

    def __init__(self, url: str, key: ApiKey, channels: Sequence[str], keys: Keys, place: Mapping[str, Any]) -> None:
        self.url = url
        self.headers = {}
        self._wanted = frozenset(channels)
        self._subscribed = [*channels, *(["thread"] if "inbox" in channels and "thread" not in channels else [])]
        self._key = key
        self._calls = Calls(self._renew)
        self._tokens = Tokens(key, self._subscribed)
        self._containers = Containers(keys, with_inboxes="inbox" in channels)
        self._waiting: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        self._place = Place.read(place)
        self._written = self._place
        self._written_at = float("-inf")
        self._newest = 0
        self._now = 0.0
        self._quiet_at: float | None = None
        self._is_subscribed = self._is_caught_up = self._is_renewing = False
        self._events: list[Delivered] = []

    @property
    def caught_up(self) -> bool:
        return self._is_caught_up

    def opened(self, now: float) -> Taken:
        self._now = now
        self._calls.start(self._begin())
        return self._taken()

    def take(self, frame: str | bytes, now: float) -> Taken:
        self._now = now
        try:
            told = read(frame)
        except Unreadable as error:
            raise BrokenError(f"PrivMX Bridge sent what it does not promise: {error}.") from None
        if isinstance(told, Answered):
            self._calls.answered(told, now)
        else:
            self._pushed(told)
        return self._taken()

    def wake_at(self) -> float | None:
        refresh_at = self._tokens.refresh_at if self._is_subscribed and not self._is_renewing else None
        times = [self._calls.wake_at(), refresh_at, self._quiet_at]
        return min((at for at in times if at is not None), default=None)

    def wake(self, now: float) -> Taken:
        self._now = now
        self._calls.check(now)
        if self._tokens.refresh_at is not None and self._tokens.refresh_at <= now:
            self._renew()
        if self._quiet_at is not None and self._quiet_at <= now:
            self._quiet_at = None
            self._place = self._place.settle(self._clock()) if self._place and not self._waiting else self._place
        return self._taken()

    def closing(self) -> Sequence[str]:
        if not self._is_subscribed:
            return ()
        return [call(_GOODBYE_ID, "manager/unsubscribeFromChannel", {"channels": self._subscribed})]

    # From one state to the next

    def _begin(self) -> Script:
        """Subscribe first, then catch up: so nothing falls between."""
        yield from self._tokens.log_in(lambda: self._now)
        yield Ask("manager/subscribeToChannel", {"channels": self._subscribed}, opens=True)
        self._is_subscribed, self._calls.held = True, False
        families = [FAMILIES[channel] for channel in self._subscribed if channel != "inbox"]
        catching_up = CatchUp(families, self._found, self._move)
        yield from catching_up.first(self._clock()) if self._place is None else catching_up.run(self._place)
        self._is_caught_up = True

    def _renew(self) -> None:
        """A new token, before the old one dies or after; other calls wait for it, pushes do not."""
        if not self._is_renewing and self._is_subscribed:
            self._is_renewing = self._calls.held = True
            self._calls.start(self._renewing())

    def _renewing(self) -> Script:
        yield from self._tokens.refresh(lambda: self._now)
        self._is_renewing = self._calls.held = False

    def _move(self, place: Place) -> None:
        self._place = place.not_after(self._clock())

    def _clock(self) -> int:
        return int(self._key.clock() * 1000)

    def _taken(self) -> Taken:
        """Everything that has gathered. The place stays where it is while something still waits for its container."""
        events, self._events = self._events, []
        frames = self._calls.frames(self._now)
        if self._waiting or self._place is None:
            return Taken(frames, events)
        if self._is_caught_up:
            self._place = self._place.after(self._newest).not_after(self._clock())
            if self._place != self._written or self._quiet_at is None:
                self._quiet_at = self._now + (FOLLOW_SECONDS if self._place.settled else QUIET_SECONDS)
        return Taken(frames, events, self._to_remember(self._place))

    def _to_remember(self, place: Place) -> Mapping[str, Any] | None:
        often = len(place.walked) <= _SMALL_WALK or self._now >= self._written_at + _WALK_SECONDS
        if place == self._written or not often:
            return None
        self._written, self._written_at = place, self._now
        return place.written()

    # Events

    def _pushed(self, push: Mapping[str, Any]) -> None:
        """Of something new it must be known whom it is for; everything else is told as it is."""
        if not self._is_wanted(push):
            self._containers.note(push)  # who is in the thread behind an inbox
            return
        type_, data = push.get("type"), push.get("data")
        family = NEW_ITEMS.get(type_) if isinstance(type_, str) else None
        where = (
            container_id(family.items.new, family, data) if family and family.items and isinstance(data, dict) else None
        )
        if family is None or where is None:
            self._containers.note(push)
            self._tell(push, None)
            return
        key = (family.channel, where)
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append(push)
        elif (known := self._containers.known(key, push)) is not None:
            self._tell(push, known)
        else:
            self._waiting[key] = [push]
            self._calls.start(self._identify(family, key))

    def _identify(self, family: Family, key: tuple[str, str]) -> Script:
        container = yield from self._containers.ask(family, key[1], self._waiting[key][0])
        self._tell_all(self._waiting.pop(key), container)

    def _found(self, family: Family, container: Mapping[str, Any], pushes: Sequence[Mapping[str, Any]]) -> Script:
        wanted = [push for push in pushes if self._is_wanted(push)]
        if wanted:
            known = yield from self._containers.take(family, container, wanted[0])
            self._tell_all(wanted, known)

    def _tell_all(self, pushes: Sequence[Mapping[str, Any]], container: Mapping[str, Any] | None) -> None:
        for push in pushes:
            self._tell(push, container)
            container = container and {**container, "fresh": False}

    def _tell(self, push: Mapping[str, Any], container: Mapping[str, Any] | None) -> None:
        self._newest = max(self._newest, _created(push))
        self._events.append(delivered(push, container))

    def _is_wanted(self, push: Mapping[str, Any]) -> bool:
        """Entries of inboxes come as messages of threads: who did not ask for threads gets those only."""
        if push.get("channel") != "thread" or "thread" in self._wanted:
            return True
        data = push.get("data")
        is_entry = push.get("type") in _ENTRY_TYPES and isinstance(data, dict) and bool(inbox_of(data))
        return is_entry or push.get("type") == "threadDeletedMessage"


def _created(push: Mapping[str, Any]) -> int:
    """When something new was made, 0 for an event that tells of nothing new."""
    type_, data = push.get("type"), push.get("data")
    if not isinstance(data, dict) or not isinstance(type_, str):
        return 0
    family = NEW_ITEMS.get(type_)
    if family is not None and family.items is not None:
        return milliseconds(data.get(family.items.created))
    return milliseconds(data.get("createDate")) if type_ == NEW_ROOM else 0
