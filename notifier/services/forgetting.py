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

    `which` is an SQL condition on a row `x` of the table, and `acts` are the statements that make rows go whose primary
    keys are {in:ids}. Both may use the parameters that they are run with.
    """

    what: str
    table: str
    which: str
    acts: tuple[str, ...]
    key: str = "bigint"

    def count(self, **params: Any) -> int:
        """How many rows there are to forget now."""
        return int(fetch(f"select count(*) from {self.table} x where {self.which}", **params)[0][0])

    def forget(self, *, tick: Callable[[], object] = lambda: None, **params: Any) -> int:
        """Forget them all, batch by batch; how many. `tick` is called after each batch."""
        done, last = 0, uuid.UUID(int=0) if self.key == "uuid" else 0
        while ids := self._batch(last, params):
            done, last = done + len(ids), ids[-1]
            tick()
        return done

    def _batch(self, after: Any, params: dict[str, Any]) -> list[Any]:
        """One batch behind a key, so that what was passed over is not looked at again and again."""
        with transaction.atomic():
            rows = fetch(
                f"select x.id from {self.table} x where x.id > %(after)s and {self.which}"
                " order by x.id limit %(limit)s {lock:x}",
                after=after,
                limit=BATCH,
                **params,
            )
            ids = [id_ for (id_,) in rows]
            for act in self.acts if ids else ():
                run(act, ids=Ids(self.key, ids), **params)
        return ids


def deleted(table: str) -> str:
    """The act that deletes the rows themselves."""
    return f"delete from {table} where id {{in:ids}}"


def counts(kinds: Iterable[Kind], **params: Any) -> dict[str, int]:
    """How many of each kind there are, by its name, without those of which there are none."""
    return {kind.what: count for kind in kinds if (count := kind.count(**params))}


def forget_all(kinds: Iterable[Kind], *, tick: Callable[[], object] = lambda: None, **params: Any) -> dict[str, int]:
    """Forget all of each kind, in the order given; how many of each, without those of which there were none."""
    return {kind.what: done for kind in kinds if (done := kind.forget(tick=tick, **params))}
