"""Rules: whom a chat app's new messages are for, where the platform does not say, or says too much."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from notifier.models import Rule
from notifier.platforms.base import ChatEvent, Kind, Rank
from notifier.services.conversations import Arrived

KEEP_SECONDS = 5.0
#: how a phone is named as a user: RFC 3966, section 5.1.4
SCHEME = "tel:"


@dataclass(frozen=True, slots=True)
class LiveRule:
    """A rule ready for use; an empty set stands for all. `phones` are None where users are told."""

    events: frozenset[str]
    contexts: frozenset[str]
    conversations: frozenset[str]
    phones: tuple[str, ...] | None

    def holds(self, event: ChatEvent) -> bool:
        """Whether it is about where the event happened. A context that is not told may be any."""
        elsewhere = self.contexts and event.context is not None and event.context not in self.contexts
        return not elsewhere and (not self.conversations or event.conversation in self.conversations)

    def fits(self, event: ChatEvent) -> bool:
        """Whether it says who is to be told of this new message."""
        told = not self.contexts or event.context in self.contexts
        return told and self.holds(event) and (not self.events or event.type in self.events)


_mutex = Lock()
_kept: Mapping[int, Sequence[LiveRule]] = {}
_read_at = float("-inf")


def for_app(chat_app: int) -> Sequence[LiveRule]:
    """The chat app's enabled rules, as they were at most some seconds ago."""
    global _kept, _read_at
    with _mutex:
        if time.monotonic() - _read_at >= KEEP_SECONDS:
            _kept, _read_at = _read(), time.monotonic()
        return _kept.get(chat_app, ())


def forget() -> None:
    """After a change in this process: the next look reads the database. `forget_hooks` does it too."""
    global _read_at
    with _mutex:
        _read_at = float("-inf")


def applied(chat_app: int, arrived: Sequence[Arrived]) -> Sequence[Arrived]:
    """These events with the recipients that the chat app's rules give them."""
    rules = for_app(chat_app)
    return [one._replace(event=ruled(one.event, rules)) for one in arrived] if rules else arrived


def ruled(event: ChatEvent, rules: Sequence[LiveRule]) -> ChatEvent:
    """An event with the recipients that the rules give it; without rules, as it is.

    Of a new message the rules that fit add up: for the users whom the event names, for phones, or for both; where none
    fits it is for nobody. The author is never told. What other events tell of users counts where a rule tells users:
    anybody else's status would make a recipient of him.
    """
    if not rules:
        return event
    if event.kind is not Kind.SENT:
        return event if _told_users(rules, event) else replace(event, statuses={})
    fitting = [rule for rule in rules if rule.fits(event)]
    to_users = any(rule.phones is None for rule in fitting)
    author = event.message.sender_id if event.message else None
    statuses = {user: rank for user, rank in event.statuses.items() if to_users and user != author}
    phones = {SCHEME + phone: Rank.SENT for rule in fitting for phone in rule.phones or ()}
    return replace(event, statuses={**statuses, **phones}, to_participants=event.to_participants and to_users)


def _told_users(rules: Sequence[LiveRule], event: ChatEvent) -> bool:
    return any(rule.phones is None and rule.holds(event) for rule in rules)


def _read() -> dict[int, list[LiveRule]]:
    found: dict[int, list[LiveRule]] = defaultdict(list)
    for rule in Rule.objects.filter(enabled=True).order_by("pk"):
        found[rule.chat_app_id].append(
            LiveRule(
                events=frozenset(rule.events),
                contexts=frozenset(rule.contexts),
                conversations=frozenset(rule.conversations),
                phones=tuple(rule.phones) if rule.recipients == Rule.Recipients.PHONES else None,
            )
        )
    return dict(found)
