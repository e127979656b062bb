"""What is on the Bridge: contexts with their users, containers, and what these hold; and what people do to it.

Everything may be done from any thread. Whatever is done tells its events, with the solutions that may hear of them.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.privmx.codes import NO_CONTEXT, Wrong
from tests.privmx.ids import Ids
from tests.privmx.kinds import INBOX, KVDB, STORE, STREAM, THREAD, Kind
from tests.privmx.shapes import Container, Item, moment

ANONYMOUS = "<anonymous>"
Event = dict[str, Any]
Tell = Callable[[Event, str], None]


@dataclass(slots=True)
class Context:
    """`solution` is whom it belongs to: who may see it, and hear of what happens in it."""

    id: str
    solution: str
    users: dict[str, float] = field(default_factory=dict)  # with when each was added
    created: float = field(default_factory=time.time)


class World:
    def __init__(self, tell: Tell) -> None:
        self.lock = threading.RLock()
        self.ids = Ids()
        self.contexts: dict[str, Context] = {}
        self.containers: dict[str, Container] = {}
        self._tell = tell

    def add_context(self, key: str = "C1", users: Iterable[str] = (), *, solution: str = "S1") -> str:
        now = time.time()
        with self.lock:
            self.contexts[key] = Context(key, solution, dict.fromkeys(users, now))
        return key

    def context(self, key: str) -> Context:
        """Raises Wrong."""
        if key not in self.contexts:
            raise Wrong(NO_CONTEXT)
        return self.contexts[key]

    # Containers

    def create(self, kind: Kind, context: str, users: Sequence[str], **fields: Any) -> str:
        """A container with these users, the first of whom manages it; its id."""
        with self.lock:
            now = time.time()
            made = Container(kind, self.ids.next(now), context, list(users), list(users[:1]), now, **fields)
            self.containers[made.id] = made
            self._happens(made, f"{kind.name}Created", made.shown)
        return made.id

    def create_thread(self, context: str, users: Sequence[str], **fields: Any) -> str:
        return self.create(THREAD, context, users, **fields)

    def create_store(self, context: str, users: Sequence[str], **fields: Any) -> str:
        return self.create(STORE, context, users, **fields)

    def create_kvdb(self, context: str, users: Sequence[str], **fields: Any) -> str:
        return self.create(KVDB, context, users, **fields)

    def create_stream_room(self, context: str, users: Sequence[str], **fields: Any) -> str:
        return self.create(STREAM, context, users, **fields)

    def create_inbox(self, context: str, users: Sequence[str], **fields: Any) -> str:
        """An inbox, with the thread and the store behind it."""
        with self.lock:
            thread, store = self.create_thread(context, users), self.create_store(context, users)
            return self.create(INBOX, context, users, thread=thread, store=store, **fields)

    def change(self, container: str, *, by: str = "", users: Sequence[str] | None = None) -> None:
        """Give it other users, or only a new version."""
        with self.lock:
            one = self.containers[container]
            one.users = list(one.users if users is None else users)
            one.version, one.modified, one.modifier = one.version + 1, time.time(), by or one.creator
            self._happens(one, f"{one.kind.name}Updated", one.shown)

    def delete(self, container: str) -> None:
        with self.lock:
            one = self.containers.pop(container)
            self._happens(one, f"{one.kind.name}Deleted", {one.kind.id_name: one.id})

    # What they hold

    def put(self, container: str, author: str, *, at: float | None = None, stats: bool = True, **fields: Any) -> str:
        """A message, a file or an entry (with a `key`); its id. `at`: when, if not now; ids are made of it."""
        with self.lock:
            holder = self.containers[container]
            now = time.time() if at is None else at
            item = Item(holder, fields.pop("key", "") or self.ids.next(now), author, now, **fields)
            holder.items[item.id] = item
            holder.last = now
            self._happens(holder, holder.kept.created, item.shown)
            if stats:
                self._happens(holder, holder.kept.stats, holder.stats)
        return item.id

    def write(self, thread: str, author: str, meta: Mapping[str, Any] | None = None, *, at: float | None = None) -> str:
        """A new message, and the id of it. `meta` is its publicMeta; its words are nowhere on the Bridge."""
        return self.put(thread, author, at=at, meta=meta)

    def upload(self, store: str, author: str, meta: Mapping[str, Any] | None = None, *, at: float | None = None) -> str:
        return self.put(store, author, at=at, meta=meta)

    def enter(self, inbox: str, meta: Mapping[str, Any] | None = None, *, files: int = 0) -> str:
        """Somebody from outside fills the inbox; the id of the message that it becomes. No stats are told of it."""
        with self.lock:
            behind = self.containers[inbox]
            for _ in range(files):
                self.put(behind.store, ANONYMOUS)
            return self.put(behind.thread, ANONYMOUS, meta=meta, key_id=f"<inbox-{inbox}>", stats=False)

    def edit(self, item: str, *, by: str = "", meta: Mapping[str, Any] | None = None) -> None:
        with self.lock:
            one = self.item(item)
            one.meta, one.version, one.modified, one.modifier = meta, one.version + 1, time.time(), by or one.author
            self._happens(one.holder, one.holder.kept.updated, one.shown)

    def remove(self, item: str) -> None:
        """Delete a message, a file or an entry."""
        with self.lock:
            one = self.item(item)
            del one.holder.items[item]
            self._happens(one.holder, one.holder.kept.deleted, one.farewell)
            self._happens(one.holder, one.holder.kept.stats, one.holder.stats)

    def item(self, item: str) -> Item:
        return next(one.items[item] for one in self.containers.values() if item in one.items)

    def _happens(self, container: Container, name: str, data: Mapping[str, Any]) -> None:
        event = {"channel": container.kind.channel, "type": name, "data": data, "timestamp": moment(time.time())}
        self._tell(event, self.contexts[container.context].solution)
