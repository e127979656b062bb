"""The inbox: a delivery is stored before it is answered, and drained in one transaction with its effects."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, transaction

from notifier import doorbell, trail
from notifier.counters import DRAINED, FAILED
from notifier.models import InboxEvent
from notifier.platforms.base import ChatEvent, Delivered
from notifier.runner import Step
from notifier.services import listening, merging, turns
from notifier.services.conversations import Arrived
from notifier.services.hooks import LiveHook, hooks_with, live_hooks
from notifier.sql import Ids, Rows, fetch, moment, run
from notifier.texts import clean_text
from notifier.traces import trace
from notifier.wire import Unreadable

log = logging.getLogger(__name__)

STAGE = "drain"
_PORTION = 48 * 1024  # bytes; as text, which the wire carries, it is twice that
_LONGEST = 255  # characters, of a key and of a conversation
_OTHERS_TURN = 0.05  # seconds until we look again at what another worker has in hand

_Row = tuple[Any, ...]  # id, hook, when received, key, length of the body


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed row of the inbox."""

    id: int
    hook: LiveHook
    received_at: datetime
    key: str
    body: bytes


def accept(hook: LiveHook, events: Sequence[Delivered]) -> None:
    """Store events, each once, in this order; a repeat of a key changes nothing. All committed when this returns.

    The caller is outside any transaction. Raises OperationalError when the database is away.
    """
    rows = _insert_one(hook, events[0]) if len(events) == 1 else _insert(hook, events)
    for id_, key in rows:
        trail.note("accepted", [trail.name(id_)], hook=hook.slug, event=key)


def _insert_one(hook: LiveHook, event: Delivered) -> list[_Row]:
    return fetch(
        "insert into notifier_inboxevent (hook_id, key, conversation, body, received_at)"
        " values (%(hook)s, %(key)s, %(conversation)s, %(body)s, {now}) on conflict (hook_id, key) do nothing"
        " returning id, key",
        hook=hook.id,
        key=_kept(event.envelope.key),
        conversation=_hint(event.envelope.conversation),
        body=event.body,
    )


def _kept(key: str) -> str:
    """A key as its column can hold it: shortened, two long ones that begin alike would count as one event."""
    fit = clean_text(key)
    return fit if len(fit) <= _LONGEST else f"sha256:{sha256(fit.encode()).hexdigest()}"


def _hint(conversation: str | None) -> str | None:
    """None, which is any conversation, for one that its column cannot hold."""
    if conversation is None or len(conversation) > _LONGEST or clean_text(conversation) != conversation:
        return None
    return conversation


def _insert(hook: LiveHook, events: Sequence[Delivered]) -> list[_Row]:
    """All of them or none. Bodies are bytes, which neither database takes in a list of rows as JSON."""
    with transaction.atomic():
        return [row for event in events for row in _insert_one(hook, event)]


def drain() -> Step:
    """Drain one batch: claim, parse, merge, delete, in one transaction. A poisonous event fails alone."""
    try:
        with transaction.atomic():
            ours = turns.take()
            claimed = _claim(settings.DRAIN_BATCH, ours)
            _work(_in_turn(claimed, ours))
    except OperationalError:
        raise
    except Exception as error:  # whatever one event does to a batch, the others are drained without it
        log.warning("A batch of the inbox failed (%s); its events are drained one by one.", type(error).__name__)
        return Step(done=_drain_singly(), more=True)
    wait = _OTHERS_TURN if ours.others and not claimed else None
    return Step(done=len(claimed), more=bool(claimed), busy=len(claimed) == settings.DRAIN_BATCH, next_in=wait)


def redrive(ids: list[int]) -> int:
    """Put failed events back into the queue; how many."""
    again = InboxEvent.objects.filter(pk__in=ids, state=InboxEvent.State.FAILED)
    count = again.update(state=InboxEvent.State.WAITING, error=None)
    doorbell.ring_on_commit(STAGE)
    return count


def _claim(limit: int, ours: turns.Turns) -> list[_Row]:
    """Lock the oldest events, without their bodies. Those that are another worker's to merge are passed over."""
    passed_over = " and not i.hook_id {in:others}" if ours.others else ""
    return fetch(
        f"select i.id, i.hook_id, i.received_at, i.key, length(i.body) from notifier_inboxevent i where i.state = 0"
        f"{passed_over} order by i.id limit %(limit)s {{lock:i}}",
        limit=limit,
        **({"others": Ids("bigint", ours.others)} if ours.others else {}),
    )


def _in_turn(claimed: Sequence[_Row], ours: turns.Turns) -> list[_Row]:
    """Without the events of a hook that was made just now: whose turn they are is known at the next look."""
    hooks = hooks_with({row[1] for row in claimed})
    return [row for row in claimed if ours.includes(hooks.get(row[1]))]


def _bodies(claimed: Sequence[_Row]) -> dict[int, bytes]:
    """The bodies of locked events, in portions that fit into a connection's buffers.

    A database that is in the middle of an answer ends no transaction: a worker that froze while it read all at once
    would keep its locks for as long as it is frozen.
    """
    bodies: dict[int, bytes] = {}
    portion: list[int] = []
    size = 0
    for id_, *_, length in claimed:
        if portion and size + length > _PORTION:
            bodies |= _read(portion)
            portion, size = [], 0
        portion.append(id_)
        size += length
    return bodies | _read(portion)


def _read(ids: Sequence[int]) -> dict[int, bytes]:
    rows = fetch("select id, body from notifier_inboxevent where id {in:ids}", ids=Ids("bigint", ids)) if ids else []
    return {id_: bytes(body) for id_, body in rows}


def _work(claimed: Sequence[_Row]) -> None:
    """Merge claimed rows and delete them; those that cannot be read are set aside with the reason."""
    hooks, failed, read, bodies = hooks_with({row[1] for row in claimed}), [], [], _bodies(claimed)
    for id_, hook_id, received_at, key, _ in claimed:
        hook = hooks.get(hook_id)
        if hook is None:
            failed.append((id_, "The hook of this event cannot be used: correct it, then re-drive the event."))
            continue
        delivery = Delivery(id_, hook, moment(received_at), key, bodies[id_])
        try:
            read.append((delivery, hook.platform.parse(delivery.body)))
        except Unreadable as error:
            failed.append((id_, str(error)))
        except Exception as error:  # one event that trips an adapter must not hold up the others
            log.error("Event %s of hook %s tripped its adapter.\n%s", id_, hook.slug, trace(error))
            failed.append((id_, f"The adapter failed: {type(error).__name__}"))
    if read:
        _merge(read)
        run("delete from notifier_inboxevent where id {in:ids}", ids=Ids("bigint", [d.id for d, _ in read]))
    if failed:
        _set_aside(failed)


def _merge(read: list[tuple[Delivery, list[ChatEvent]]]) -> None:
    by_app: dict[int, list[Arrived]] = defaultdict(list)
    for delivery, events in read:
        by_app[delivery.hook.chat_app].extend(
            Arrived(delivery.received_at, event, delivery.id, place) for place, event in enumerate(events)
        )
    for chat_app, arrived in sorted(by_app.items()):
        hooks = [h for h in live_hooks().values() if h.chat_app == chat_app and h.receipts and h.enabled]
        merging.merge(chat_app, hooks, arrived)
    trail.note("merged", [trail.name(delivery.id) for delivery, _ in read])
    DRAINED.add_on_commit(by=len(read))
    listening.keep([(d.hook, d.key, d.body, d.received_at) for d, _ in read if not d.hook.receipts])


def _set_aside(failed: list[tuple[int, str]]) -> None:
    trail.note("set aside", [trail.name(id_) for id_, _ in failed])
    FAILED.add_on_commit(by=len(failed))
    run(
        "update notifier_inboxevent set state = 1, error = failed.error from {rows:failed}"
        " where notifier_inboxevent.id = failed.id",
        failed=Rows({"id": "bigint", "error": "text"}, failed),
    )


def _drain_singly() -> int:
    """One transaction per event, after a batch failed in the database. Where they come in order, one after the other:
    what is not our turn any more, and all that follows it, is left to whoever has the turn.
    """
    with transaction.atomic():
        ours = turns.take()
        claimed = _in_turn(_claim(settings.DRAIN_BATCH, ours), ours)
    not_ours: set[int] = set()
    for id_, hook_id, *_ in claimed:
        hook = hooks_with({hook_id}).get(hook_id)
        if hook is not None and hook.chat_app in not_ours:
            continue
        try:
            with transaction.atomic():
                if not turns.take_one(hook):
                    not_ours.add(hook.chat_app if hook else 0)
                    continue
                _work(_claim_again(id_))
        except (OperationalError, InterfaceError, InternalError):  # also a transaction that was ended as we stood still
            raise
        except Exception as error:
            log.error("Event %s could not be merged; it is set aside.\n%s", id_, trace(error))
            _set_aside([(id_, f"It could not be merged: {type(error.__cause__ or error).__name__}")])
    return len(claimed)


def _claim_again(id_: int) -> list[_Row]:
    """The event itself, or nothing when another worker has it or merged it since."""
    return fetch(
        "select i.id, i.hook_id, i.received_at, i.key, length(i.body) from notifier_inboxevent i"
        " where i.id = %(id)s and i.state = 0 {lock:i}",
        id=id_,
    )
