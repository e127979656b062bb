"""Texts: one for each unread recipient, none for others, none early, and each where its number leads."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.faults.history import Call, History, Message, Withdrawal
from tests.faults.judge_rows import VISIBLE
from tests.faults.options import Bounds
from tests.faults.verdict import Invariant, Verdict

CLOCK = 0.002  # seconds; moments of different processes are compared


class Seen:
    """A history, looked up by what it is about."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.by_phone: dict[tuple[int, str], list[Call]] = defaultdict(list)
        self.threads: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        self.withdrawals: dict[int, list[Withdrawal]] = defaultdict(list)
        self.rows = {row.reference: row for row in history.rows.sms}
        self.notices = {(row.message, row.user): row for row in history.rows.notices}
        for withdrawal in history.withdrawals:
            self.withdrawals[withdrawal.token].append(withdrawal)
        for call in history.calls:
            for token in call.tokens:
                self.by_phone[token, call.phone].append(call)
                message = history.messages.get(token)
                user = self.reader(message, call.phone) if message else ""
                if message and user and call.accepted:
                    self.threads[call.phone, call.number].add((user, message.conversation))

    def reader(self, message: Message, phone: str) -> str:
        """Whose phone it is among the recipients."""
        return next((user for user in message.recipients if self.history.phones.get(user) == phone), "")

    def accepted(self, message: Message, user: str) -> list[Call]:
        calls = self.by_phone.get((message.token, self.history.phones[user]), [])
        return [call for call in calls if call.accepted]

    def of(self, message: Message, user: str) -> list[Withdrawal]:
        """What withdrew the message for this user."""
        return [each for each in self.withdrawals.get(message.token, []) if each.user in ("", user)]

    def told_once(self) -> Iterator[tuple[Message, str]]:
        for message in self.history.messages.values():
            for user in message.recipients:
                if self.history.phones[user] and len(self.accepted(message, user)) == 1:
                    yield message, user

    def lateness(self, message: Message, user: str) -> float | None:
        """Seconds from when it was due, or acknowledged if that was later, to the vendor. None: no text came."""
        calls = self.accepted(message, user)
        if not calls or message.acked is None:
            return None
        return max(calls[0].at - max(message.stamp + self.history.delay, message.acked), 0.0)


def judge_texts(history: History, seen: Seen, bounds: Bounds, verdict: Verdict) -> None:
    """Invariants 1 to 4."""
    outcomes: Counter[str] = Counter()
    for message in history.messages.values():
        for user in message.recipients:
            outcomes[_outcome(seen, message, user, verdict)] += 1
    _calls(history, seen, bounds, verdict)
    _threads(seen, verdict)
    verdict.figures |= {
        "messages": len(history.messages),
        "recipients": sum(outcomes.values()),
        "sent once": outcomes["sent once"],
        **{name: count for name, count in sorted(outcomes.items()) if name.startswith("not texted")},
        "visible instead of a text": outcomes["visible"],
    }


def _outcome(seen: Seen, message: Message, user: str, verdict: Verdict) -> str:
    """What became of one recipient, in a word."""
    calls, phone = seen.accepted(message, user), seen.history.phones[user]
    notice = seen.notices.get((message.key, user))
    if len(calls) > 1:
        verdict.broken(Invariant.ONCE, f"message {message.token} was texted {len(calls)} times to {user}")
        return "sent again"
    if calls:
        return "sent once"
    if not phone:
        return "not texted: no phone"
    if notice and notice.state == "in_sms" and seen.rows[notice.sms].state in VISIBLE:
        return "visible"
    if withdrawn := seen.of(message, user):
        return f"not texted: {withdrawn[0].why}"
    if message.acked is None:
        return "not acknowledged"
    state = f"{notice.state} {notice.reason}".strip() if notice else "no notice"
    row = f", and its text is {seen.rows[notice.sms].state}" if notice and notice.sms else ""
    verdict.broken(Invariant.ONCE, f"message {message.token} was not texted to {user} ({state}{row})")
    return "lost"


def _calls(history: History, seen: Seen, bounds: Bounds, verdict: Verdict) -> None:
    open_calls: dict[tuple[int, str], Call] = {}
    for call in sorted(history.calls, key=lambda call: call.at):
        for token in call.tokens:
            message = history.messages.get(token)
            user = seen.reader(message, call.phone) if message else ""
            if message is None:
                verdict.broken(Invariant.FORGED, f"a text about {token}, which nobody wrote")
            elif not user:
                verdict.broken(Invariant.THREAD, f"message {token} was texted to {call.phone}, a stranger's phone")
            else:
                _in_time(history, call, message, verdict)
                _unread(history, seen, call, message, user, bounds, verdict)
            if (before := open_calls.get((token, call.phone))) and not before.accepted:  # two accepted count elsewhere
                words = f"message {token} was sent again to {call.phone} after an answer that left it open"
                verdict.broken(Invariant.ONCE, f"{words} ({before.fault})")
            if call.told == "open":
                open_calls[token, call.phone] = call
        if not call.tokens:
            verdict.broken(Invariant.ONCE, f"a text to {call.phone} tells of no message")


def _in_time(history: History, call: Call, message: Message, verdict: Verdict) -> None:
    early = history.due(message) - call.at
    if early > CLOCK:
        verdict.broken(Invariant.EARLY, f"message {message.token} was texted {early:.3f} s early")


def _unread(
    history: History, seen: Seen, call: Call, message: Message, user: str, bounds: Bounds, verdict: Verdict
) -> None:
    """Nothing that was withdrawn before it was due; nor later, if that is known for long when the text goes out."""
    for withdrawal in seen.of(message, user):
        if withdrawal.acked is None:
            continue
        known = call.at - withdrawal.acked
        if withdrawal.acked < history.due(message) - CLOCK or known > bounds.reread:
            words = f"message {message.token} was texted to {user} {known:.2f} s after it was known to be"
            verdict.broken(Invariant.READ, f"{words} {withdrawal.why}")


def _threads(seen: Seen, verdict: Verdict) -> None:
    numbers: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for (phone, number), told in seen.threads.items():
        if len(told) > 1:
            verdict.broken(Invariant.THREAD, f"{number} stood for {len(told)} conversations on {phone}")
        for user, conversation in told:
            numbers[phone, user, conversation].add(number)
    for (phone, _, _), found in numbers.items():
        if len(found) > 1:
            verdict.broken(Invariant.THREAD, f"a conversation had {len(found)} numbers on {phone}")
    verdict.figures["threads on phones"] = len(seen.threads)
