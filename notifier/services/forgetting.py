"""Forgetting, in batches: kinds of rows described as data, each with what makes a row go and how it goes.

A batch is one short transaction over a thousand rows at most, which takes no lock that others wait for: rows that
somebody works on are passed over, and found the next time.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from notifier.sql import Ids, fetch, run

BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of thing that may be forgotten.

    `which` is an SQL condition on a row `x` of the table, and `acts` are the statements that make rows go whose keys
    (primary keys, unless `column` says otherwise) are {in:ids}. `unless` are conditions under which a row stays after
    all. They ask other tables, so they are put to a batch that was chosen without them: by index, however many rows
    there are. All of them may use the parameters that they are run with.
    """

    what: str
    table: str
    which: str
    acts: tuple[str, ...]
    unless: tuple[str, ...] = ()
    key: str = "bigint"
    column: str = "id"

    def count(self, **params: Any) -> int:
        """How many rows there are to forget now."""
        return int(fetch(f"select count(*) from {self.table} x where ({self.which}){self._free}", **params)[0][0])

    def forget(self, *, tick: Callable[[], object] = lambda: None, **params: Any) -> int:
        """Forget them all, batch by batch; how many. `tick` is called after each batch."""
        done, last = 0, uuid.UUID(int=0) if self.key == "uuid" else 0
        while batch := self._batch(last, params):
            last, gone = batch
            done += gone
            tick()
        return done

    def _batch(self, after: Any, params: dict[str, Any]) -> tuple[Any, int] | None:
        """One batch behind a key, so that what was passed over is not looked at again and again.

        The last key that was looked at, and how many rows went; None when there was none to look at.
        """
        with transaction.atomic():
            found = self._candidates(after, params)
            going = self._not_needed(found, params)
            for act in self.acts if going else ():
                run(act, **{**params, "ids": Ids(self.key, going)})
        return (found[-1], len(going)) if found else None

    def _candidates(self, after: Any, params: dict[str, Any]) -> list[Any]:
        key = f"x.{self.column}"
        rows = fetch(
            f"select {key} from {self.table} x where {key} > %(after)s and ({self.which})"
            f" order by {key} limit %(limit)s {{lock:x}}",
            **{**params, "after": after, "limit": BATCH},
        )
        return [id_ for (id_,) in rows]

    def _not_needed(self, found: list[Any], params: dict[str, Any]) -> list[Any]:
        if not self.unless or not found:
            return found
        key, ids = f"x.{self.column}", Ids(self.key, found)
        rows = fetch(f"select {key} from {self.table} x where {key} {{in:ids}}{self._free}", **{**params, "ids": ids})
        return [id_ for (id_,) in rows]

    @property
    def _free(self) -> str:
        return "".join(f" and not ({condition})" for condition in self.unless)


def deleted(table: str) -> str:
    """The act that deletes the rows themselves."""
    return f"delete from {table} where id {{in:ids}}"


def of_conversations(what: str, table: str, which: str) -> Kind:
    """A kind of rows that are known by their conversation, of which it has several."""
    return _several(what, table, "conversation_id", which)


def of_messages(what: str, table: str, which: str) -> Kind:
    """The same of rows that are known by their message."""
    return _several(what, table, "message_id", which)


def _several(what: str, table: str, column: str, which: str) -> Kind:
    act = f"delete from {table} as x where x.{column} {{in:ids}} and ({which})"
    return Kind(what=what, table=table, column=column, which=which, acts=(act,))


def counts(kinds: Iterable[Kind], **params: Any) -> dict[str, int]:
    """How many of each kind there are, by its name, without those of which there are none."""
    return {kind.what: count for kind in kinds if (count := kind.count(**params))}


def forget_all(kinds: Iterable[Kind], *, tick: Callable[[], object] = lambda: None, **params: Any) -> dict[str, int]:
    """Forget all of each kind, in the order given; how many of each, without those of which there were none."""
    return {kind.what: done for kind in kinds if (done := kind.forget(tick=tick, **params))}
