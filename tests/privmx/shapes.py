"""Containers and what they hold, as calls and events show them. Nobody's words are ever among it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.privmx.kinds import INBOX, KVDB, STORE, STREAM, Items, Kind

KEY_ID = "k1"


def moment(seconds: float) -> int:
    """Milliseconds, as the Bridge stamps everything."""
    return int(seconds * 1000)


@dataclass(slots=True)
class Container:
    """A thread, store, inbox, stream room or key-value database. An inbox has a thread and a store behind it."""

    kind: Kind
    id: str
    context: str
    users: list[str]
    managers: list[str]
    created: float
    meta: Mapping[str, Any] | None = None
    thread: str = ""
    store: str = ""
    version: int = 1
    modified: float = 0.0
    modifier: str = ""
    last: float = 0.0
    items: dict[str, "Item"] = field(default_factory=dict)

    @property
    def creator(self) -> str:
        return self.managers[0] if self.managers else ""

    @property
    def kept(self) -> Items:
        """The names of what it holds. Raises ValueError for what holds nothing of its own."""
        if self.kind.items is None:
            raise ValueError(f"{self.kind.name} holds nothing that is told of")
        return self.kind.items

    @property
    def counters(self) -> dict[str, int]:
        if self.kind in (INBOX, STREAM):
            return {}
        return {self.kept.last: moment(self.last or self.created), self.kept.count: len(self.items)}

    @property
    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "contextId": self.context,
            "createDate": moment(self.created),
            "creator": self.creator,
            "lastModificationDate": moment(self.modified or self.created),
            "lastModifier": self.modifier or self.creator,
            "keyId": KEY_ID,
            "users": list(self.users),
            "managers": list(self.managers),
            "version": self.version,
            **self.counters,
            "publicMeta": self.meta,
        }

    @property
    def stats(self) -> dict[str, Any]:
        about = {"id": self.id, "contextId": self.context} if self.kind is STORE else {self.kind.id_name: self.id}
        return {**about, **self.counters}


@dataclass(slots=True)
class Item:
    """A message, a file or an entry."""

    holder: Container
    id: str
    author: str
    created: float
    meta: Mapping[str, Any] | None = None
    key_id: str = KEY_ID
    version: int = 1
    modified: float = 0.0
    modifier: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        if self.holder.kind is STORE:
            return self._file
        if self.holder.kind is KVDB:
            return self._entry
        return {
            "id": self.id,
            "contextId": self.holder.context,
            "threadId": self.holder.id,
            "createDate": moment(self.created),
            "author": self.author,
            "keyId": self.key_id,
            "publicMeta": self.meta,
        }

    @property
    def farewell(self) -> dict[str, Any]:
        """What is told of it when it is deleted."""
        if self.holder.kind is STORE:
            return {"id": self.id, "contextId": self.holder.context, "storeId": self.holder.id}
        if self.holder.kind is KVDB:
            return {"entryKey": self.id, "kvdbId": self.holder.id}
        return {"messageId": self.id, "threadId": self.holder.id}

    @property
    def _changed(self) -> dict[str, Any]:
        return {
            "lastModificationDate": moment(self.modified or self.created),
            "lastModifier": self.modifier or self.author,
        }

    @property
    def _file(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "version": self.version,
            "contextId": self.holder.context,
            "storeId": self.holder.id,
            "created": moment(self.created),
            "creator": self.author,
            **self._changed,
            "size": 1024,
            "keyId": self.key_id,
            "publicMeta": self.meta,
        }

    @property
    def _entry(self) -> dict[str, Any]:
        return {
            "kvdbEntryKey": self.id,
            "kvdbId": self.holder.id,
            "version": self.version,
            "contextId": self.holder.context,
            "createDate": moment(self.created),
            "author": self.author,
            "keyId": self.key_id,
            **self._changed,
            "publicMeta": self.meta,
        }
