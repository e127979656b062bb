"""How the listening to each hook goes, for doctor and for /metrics."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from notifier.models import Hook
from notifier.services.findings import Finding, good, note, wrong
from notifier.services.hooks import LiveHook
from notifier.services.listening_posts import socket_hooks
from notifier.services.metrics import gauge
from notifier.sql import Ids, fetch, seconds_between

_START = "Start `manage.py listen`, the Procfile's line of that name, and keep it running."
#: catching up after a long outage takes its time
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Listening:
    """`held`: some process has the lease. `since`: for how many seconds it has been connected, None when it is not."""

    held: bool = False
    since: float | None = None
    caught_up: bool = False
    error: str = ""


def listening() -> list[tuple[LiveHook, Listening]]:
    """Each enabled hook that wants a listener, by slug."""
    hooks = socket_hooks()
    rows = fetch(
        "select hook_id, holder is not null and held_until > {now}, connected_at, caught_up_at, error, {now}"
        " from notifier_listener where hook_id {in:hooks}",
        hooks=Ids("bigint", list(hooks)),
    )
    found = {
        hook: Listening(
            bool(held), seconds_between(connected, now) if held and connected else None, bool(held and caught_up), error
        )
        for hook, held, connected, caught_up, error, now in rows
    }
    return sorted(((hook, found.get(id_, Listening())) for id_, hook in hooks.items()), key=lambda pair: pair[0].slug)


def listener_findings(hook: Hook) -> Iterable[Finding]:
    """What there is to say of one hook; nothing of a hook that needs no listener."""
    for live, how in listening():
        if live.id == hook.pk:
            yield _finding(live.slug, how)


def _finding(slug: str, how: Listening) -> Finding:
    if not how.held:
        last = f" Why it ended: {how.error}" if how.error else ""
        return wrong(f"Nobody listens to {slug}, so nothing is heard of it.{last}", _START)
    if how.since is None:
        why = how.error or "It has not connected yet."
        return wrong(f"The listener of {slug} has no connection. {why}", "Correct that; it tries again by itself.")
    if not how.caught_up and how.since > _PATIENCE_SECONDS:
        return wrong(
            f"The listener of {slug} has been connected for {how.since:.0f} s and has not caught up.",
            "See the log of `manage.py listen`, and whether the platform answers; restart it if it stands still.",
        )
    if not how.caught_up:
        return note(f"The listener of {slug} is catching up.", "Look again in some minutes.")
    return good(f"The listener of {slug} is connected and has caught up.")


def families() -> Iterable[Metric]:
    """For /metrics."""
    found = listening()
    yield gauge(
        "smsbridge_listener_connected",
        "1 while somebody is connected to listen to this hook's platform.",
        ["hook"],
        (((hook.slug,), float(how.since is not None)) for hook, how in found),
    )
    yield gauge(
        "smsbridge_listener_caught_up",
        "1 while what happens on this hook's platform is heard as it happens.",
        ["hook"],
        (((hook.slug,), float(how.caught_up)) for hook, how in found),
    )
