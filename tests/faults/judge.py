"""The judge: from what was seen outside and one look at the rows, whether every invariant held.

It knows nothing of the program but what is promised of it. The same history always gets the same verdict.
"""

from collections import Counter

from tests.faults.history import History, Message
from tests.faults.judge_replies import judge_replies
from tests.faults.judge_rows import judge_rows
from tests.faults.judge_texts import Seen, judge_texts
from tests.faults.options import Bounds
from tests.faults.verdict import Invariant, Verdict, percentile

SLOW = 1.5  # seconds; a probe that is later, or acknowledged later, is not that of a healthy program


def judge(history: History, bounds: Bounds) -> Verdict:
    """The verdict on one run."""
    verdict, seen = Verdict(), Seen(history)
    judge_texts(history, seen, bounds, verdict)
    judge_rows(history, verdict)
    _lateness(history, seen, bounds, verdict)
    judge_replies(history, verdict)
    _forgeries(history, verdict)
    _leases(history, seen, verdict)
    _pending(history, verdict)
    _health(history, seen, bounds, verdict)
    _blows(history, verdict)
    return verdict


def _lateness(history: History, seen: Seen, bounds: Bounds, verdict: Verdict) -> None:
    late = [seen.lateness(message, user) for message, user in seen.told_once()]
    known = [each for each in late if each is not None]
    p99 = percentile(known, 0.99)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        verdict.figures[f"lateness {name}, s"] = percentile(known, share)
    if p99 is not None and p99 > bounds.lateness_p99:
        verdict.broken(Invariant.LATE, f"the 99th percentile is {p99} s, and {bounds.lateness_p99} s are allowed")


def _forgeries(history: History, verdict: Verdict) -> None:
    """Refused for what they are. Unanswered, or 503 while the database is away, has no effect either."""
    genuine = {receipt.reference for receipt in history.receipts}
    settled = {row.reference for row in history.rows.sms if row.state in ("delivered", "undelivered")}
    posted = {post.text for post in history.posts}
    stored = {row.text for row in history.rows.inbound}
    texted = {str(token) for call in history.calls for token in call.tokens}
    for forgery in history.forgeries:
        what = f"a forged {forgery.kind} ({forgery.subject})"
        if 200 <= forgery.status < 400:
            verdict.broken(Invariant.FORGED, f"{what} was answered {forgery.status}")
        if forgery.kind == "message" and forgery.subject in texted:
            verdict.broken(Invariant.FORGED, f"{what} was texted")
        if forgery.kind == "text" and forgery.subject in posted | stored:
            verdict.broken(Invariant.FORGED, f"{what} was stored or posted")
        if forgery.kind == "receipt" and forgery.subject in settled - genuine:
            verdict.broken(Invariant.FORGED, f"{what} settled the text")
    verdict.figures["forged, refused"] = sum(400 <= each.status < 500 for each in history.forgeries)


def _leases(history: History, seen: Seen, verdict: Verdict) -> None:
    live = [row for row in history.rows.leases if row.live]
    for (phone, number), count in Counter((row.phone, row.number) for row in live).items():
        if count > 1:
            verdict.broken(Invariant.LEASE, f"{count} live leases of {number} on {phone}")
    for row in live:
        told = seen.threads.get((row.phone, row.number), set())
        if told and (row.user, row.conversation) not in told:
            verdict.broken(Invariant.LEASE, f"the lease of {number_on(row.number, row.phone)} is not what it was told")
    verdict.figures["live leases"] = len(live)


def number_on(number: str, phone: str) -> str:
    return f"{number} on {phone}"


def _pending(history: History, verdict: Verdict) -> None:
    for name, count in history.rows.pending.items():
        verdict.broken(Invariant.PENDING, f"{count} {name} had not come to an end")


def _health(history: History, seen: Seen, bounds: Bounds, verdict: Verdict) -> None:
    """All is well again after the last probe that was acknowledged or texted late."""
    probes = sorted((m for m in history.messages.values() if m.probe), key=lambda message: message.begun)
    ill = [message.begun for message in probes if not _is_well(seen, message)]
    if probes:
        after = max(max(ill, default=history.calm) - history.calm, 0.0)
        verdict.figures["healthy again after, s"] = round(after, 1)
        if after > bounds.healthy_within:
            verdict.broken(Invariant.HEALTHY, f"not for {after:.1f} s; {bounds.healthy_within} s are allowed")
    untold = [message.token for message in history.messages.values() if message.acked is None]
    untold_replies = [reply.id for reply in history.replies.values() if reply.acked is None]
    if untold or untold_replies:
        words = f"{len(untold)} messages and {len(untold_replies)} replies were never acknowledged"
        verdict.broken(Invariant.HEALTHY, words)


def _is_well(seen: Seen, message: Message) -> bool:
    late = seen.lateness(message, message.recipients[0])
    return message.acked is not None and message.acked - message.begun < SLOW and late is not None and late < SLOW


def _blows(history: History, verdict: Verdict) -> None:
    for kind, count in sorted(Counter(blow.kind for blow in history.blows).items()):
        verdict.figures[f"blows: {kind}"] = count
    for name, count in history.ended.items():
        verdict.figures[f"ended by itself: {name}"] = count
