"""How messages stand with one user, asked right before he is texted.

His notifications tell it in one request in the usual case. What is not listed there is looked at one by one, as it is
not that he has read it: he may have muted the room, the message may be deleted, or too old for that list.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from notifier.platforms import matrix_answers
from notifier.platforms.asking import Question, Standing, Steps
from notifier.platforms.fields import needed_text
from notifier.platforms.matrix_listing import Listing, listing
from notifier.platforms.matrix_requests import Homeserver
from notifier.platforms.matrix_rooms import Room, Shown, muted_rooms, rooms_in, rooms_request, shown
from notifier.platforms.values import Done, Later, Reading
from notifier.wire import Answer

Answers = dict[Question, Reading[Standing]]

#: their ids stand in the URL, for which servers have an end (Synapse 16 kB, proxies 8 kB)
ROOMS_AT_ONCE: Final = 20

_LEFT, _DELETED = Done(Standing.LEFT), Done(Standing.DELETED)


def by_user(homeserver: Homeserver, questions: Sequence[Question]) -> list[Steps[Mapping[Question, Reading[Standing]]]]:
    asked: dict[str, list[Question]] = {}
    for question in questions:
        asked.setdefault(question.user, []).append(question)
    return [_Inquiry(homeserver, user).standings(theirs) for user, theirs in asked.items()]


class _Inquiry:
    """What is asked about one user; no event and no rule is asked for twice."""

    def __init__(self, homeserver: Homeserver, user: str) -> None:
        self._homeserver, self._user = homeserver, user
        self._events: dict[tuple[str, str], Shown | Reading[Standing]] = {}
        self._silent: Reading[set[str] | None] | None = None

    def standings(self, asked: Sequence[Question]) -> Steps[Mapping[Question, Reading[Standing]]]:
        listed = yield from listing(self._homeserver, self._user, asked)
        if not isinstance(listed, Done):
            return dict.fromkeys(asked, listed)
        found: Answers = {}
        for question in asked:
            if (standing := listed.value.standing(question.message)) is not None:
                found[question] = Done(standing)
        self._events = {(entry.room, id_): entry.message for id_, entry in listed.value.entries.items()}
        left = [question for question in asked if question not in found]
        return found | (yield from self._one_by_one(left, listed.value))

    def _one_by_one(self, asked: Sequence[Question], listed: Listing) -> Steps[Answers]:
        """Each by itself as it is now, then all their rooms at once."""
        found: Answers = {}
        open_: dict[Question, Shown] = {}
        for question in asked:
            event = yield from self._event(question.conversation, question.message)
            if not isinstance(event, Shown):
                found[question] = event
            elif event.deleted:
                found[question] = _DELETED
            else:
                open_[question] = event
        return found | ((yield from self._in_rooms(open_, listed)) if open_ else {})

    def _in_rooms(self, open_: Mapping[Question, Shown], listed: Listing) -> Steps[Answers]:
        rooms = sorted({question.conversation for question in open_})
        seen: dict[str, Room] = {}
        for first in range(0, len(rooms), ROOMS_AT_ONCE):
            answer = yield rooms_request(self._homeserver, self._user, rooms[first : first + ROOMS_AT_ONCE])
            told = matrix_answers.read(answer, lambda body: rooms_in(self._user, body))
            if not isinstance(told, Done):
                return dict.fromkeys(open_, told)
            seen |= told.value
        found: Answers = {}
        for question, event in open_.items():
            room = seen.get(question.conversation)
            found[question] = _LEFT if room is None else (yield from self._in_room(question, event, room, listed))
        return found

    def _in_room(self, question: Question, event: Shown, room: Room, listed: Listing) -> Steps[Reading[Standing]]:
        """Read by a receipt; else unread, unless his push rules are silent about it."""
        covered = yield from self._is_covered(question, event, room)
        if covered is not False:
            return covered
        entry, unread = listed.entries.get(question.message), room.unread.get(event.thread, 0)
        if entry is not None and entry.notifies:  # the room has threads, else this entry had been relied on
            return Done(Standing.UNREAD if unread else Standing.READ)
        surely_silent = not unread or (event.young and listed.reaches(event.at))
        if surely_silent and not event.notice:
            return Done(Standing.MUTED)
        return (yield from self._by_rules(question.conversation))

    def _is_covered(self, question: Question, event: Shown, room: Room) -> Steps[Reading[Standing] | Literal[False]]:
        """Whether one of his receipts is at this message or at a later one."""
        for mark in (mark for mark in room.marks if mark.thread in (None, event.thread)):
            if mark.message == question.message:
                return Done(Standing.READ)
            if event.at is None or (mark.at is not None and mark.at < event.at):
                continue  # it was there before the message
            marked = yield from self._event(question.conversation, mark.message)
            if isinstance(marked, Later):
                return marked
            if isinstance(marked, Shown) and marked.at is not None and marked.at > event.at:
                return Done(Standing.READ)
        return False

    def _event(self, room: str, event: str) -> Steps[Shown | Reading[Standing]]:
        """The message, or how it stands when it is not to be had."""
        if (room, event) not in self._events:
            answer = yield self._homeserver.ask("v3", "rooms", room, "event", event, as_user=self._user)
            self._events[room, event] = _shown(answer)
        return self._events[room, event]

    def _by_rules(self, room: str) -> Steps[Reading[Standing]]:
        """Programs' notices are told to nobody by the usual push rules, and old messages are not listed."""
        if self._silent is None:
            answer = yield self._homeserver.ask("v3", "pushrules", "", as_user=self._user)
            self._silent = matrix_answers.read(answer, muted_rooms)
        if not isinstance(self._silent, Done):
            return self._silent
        silent = self._silent.value
        return Done(Standing.MUTED if silent is None or room in silent else Standing.UNREAD)


def _shown(answer: Answer) -> Shown | Reading[Standing]:
    if matrix_answers.forbidden(answer):
        return _LEFT
    if matrix_answers.absent(answer):
        return _DELETED
    reading = matrix_answers.read(answer, _event_shown)
    return reading.value if isinstance(reading, Done) else reading


def _event_shown(told: Mapping[str, Any]) -> Shown:
    """Raises Unreadable."""
    needed_text(told, "type")
    return shown(told)
