"""The Bridge's containers and what is in them: the names of its calls, fields and events, by channel.

Of PrivMX Bridge 3.0. The ids of things are 24 hexadecimal digits that rise with time, their first 8 being its seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Items:
    """What a container holds: how it is listed and asked for, and which event tells of a new one.

    `by_time`: its ids rise with time. `words` tell of a new one that shows none of its own; empty: it is a message
    whose words are hidden.
    """

    list_call: str
    get_call: str
    id_param: str
    new: str
    created: str
    author: str
    words: str = ""
    by_time: bool = True


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of container. `touched` is the field that says when something last became new in it."""

    channel: str
    id_field: str
    get_call: str
    result: str
    list_call: str
    touched: str = ""
    items: Items | None = None


THREAD: Final = Family(
    "thread",
    "threadId",
    "thread/getThread",
    "thread",
    "thread/listThreads",
    "lastMsgDate",
    Items(
        "thread/listThreadMessages",
        "thread/getThreadMessage",
        "threadMessageId",
        "threadNewMessage",
        "createDate",
        "author",
    ),
)
STORE: Final = Family(
    "store",
    "storeId",
    "store/getStore",
    "store",
    "store/listStores",
    "lastFileDate",
    Items(
        "store/listStoreFiles",
        "store/getStoreFile",
        "storeFileId",
        "storeFileCreated",
        "created",
        "creator",
        "[new file]",
    ),
)
KVDB: Final = Family(
    "kvdb",
    "kvdbId",
    "kvdb/getKvdb",
    "kvdb",
    "kvdb/listKvdbs",
    "lastEntryDate",
    Items(
        "kvdb/listKvdbEntries",
        "kvdb/getKvdbEntry",
        "kvdbEntryKey",
        "kvdbNewEntry",
        "createDate",
        "author",
        "[new entry]",
        by_time=False,
    ),
)
INBOX: Final = Family("inbox", "inboxId", "inbox/getInbox", "inbox", "inbox/listInboxes")
STREAM: Final = Family("stream", "streamRoomId", "stream/getStreamRoom", "streamRoom", "stream/listStreamRooms")

FAMILIES: Final[Mapping[str, Family]] = {family.channel: family for family in (THREAD, STORE, STREAM, INBOX, KVDB)}
#: event that tells of a new item, and where it happens
NEW_ITEMS: Final[Mapping[str, Family]] = {
    family.items.new: family for family in FAMILIES.values() if family.items is not None
}
NEW_ROOM: Final = "streamRoomCreated"

EVENT_TYPES: Final = (
    *("threadNewMessage", "threadUpdatedMessage", "threadDeletedMessage"),
    *("threadCreated", "threadUpdated", "threadDeleted", "threadStats"),
    *("storeFileCreated", "storeFileUpdated", "storeFileDeleted"),
    *("storeCreated", "storeUpdated", "storeDeleted", "storeStatsChanged"),
    *("inboxCreated", "inboxUpdated", "inboxDeleted"),
    *(NEW_ROOM, "streamRoomUpdated", "streamRoomDeleted"),
    *("kvdbNewEntry", "kvdbUpdatedEntry", "kvdbDeletedEntry"),
    *("kvdbCreated", "kvdbUpdated", "kvdbDeleted", "kvdbStats"),
)
STATS: Final = frozenset({"threadStats", "storeStatsChanged", "kvdbStats"})

#: who sends an entry of an inbox, and what its `keyId` begins with
ANONYMOUS: Final = "<anonymous>"
INBOX_KEY: Final = "<inbox-"


def members(container: Mapping[str, Any]) -> list[str]:
    """The users and managers of a container, each once, in a fixed order."""
    listed = (container.get(name) for name in ("users", "managers"))
    told = [user for users in listed if isinstance(users, list) for user in users]
    return sorted({user for user in told if isinstance(user, str) and user})


def at_key(value: object, path: str) -> str:
    """The text under a dotted path, "" where there is none."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def milliseconds(value: object) -> int:
    """A stamp of the Bridge's, 0 where there is none that could be one."""
    return value if type(value) is int and 0 < value < 10**14 else 0
