"""The kinds of containers, and the names under which their events and calls are known."""

from dataclasses import dataclass
from typing import Literal

from tests.privmx import codes

Channel = Literal["thread", "store", "inbox", "stream", "kvdb"]
CHANNELS: tuple[Channel, ...] = ("thread", "store", "stream", "inbox", "kvdb")


@dataclass(frozen=True, slots=True)
class Items:
    """What a container holds: names of its counters, of its events and of the item itself."""

    name: str  # as in getThreadMessage and {"threadMessage": ...}
    plural: str
    count: str
    last: str
    created: str
    updated: str
    deleted: str
    stats: str
    missing: int


@dataclass(frozen=True, slots=True)
class Kind:
    channel: Channel
    name: str  # as in threadCreated, threadId and {"thread": ...}
    plural: str
    missing: int
    items: Items | None = None

    @property
    def id_name(self) -> str:
        return f"{self.name}Id"


THREAD = Kind(
    "thread",
    "thread",
    "Threads",
    codes.NO_THREAD,
    Items(
        name="threadMessage",
        plural="ThreadMessages",
        count="messages",
        last="lastMsgDate",
        created="threadNewMessage",
        updated="threadUpdatedMessage",
        deleted="threadDeletedMessage",
        stats="threadStats",
        missing=codes.NO_MESSAGE,
    ),
)
STORE = Kind(
    "store",
    "store",
    "Stores",
    codes.NO_STORE,
    Items(
        name="storeFile",
        plural="StoreFiles",
        count="files",
        last="lastFileDate",
        created="storeFileCreated",
        updated="storeFileUpdated",
        deleted="storeFileDeleted",
        stats="storeStatsChanged",
        missing=codes.NO_FILE,
    ),
)
KVDB = Kind(
    "kvdb",
    "kvdb",
    "Kvdbs",
    codes.NO_KVDB,
    Items(
        name="kvdbEntry",
        plural="KvdbEntries",
        count="entries",
        last="lastEntryDate",
        created="kvdbNewEntry",
        updated="kvdbUpdatedEntry",
        deleted="kvdbDeletedEntry",
        stats="kvdbStats",
        missing=codes.NO_ENTRY,
    ),
)
INBOX = Kind("inbox", "inbox", "Inboxes", codes.NO_INBOX)
STREAM = Kind("stream", "streamRoom", "StreamRooms", codes.NO_STREAM_ROOM)

KINDS = (THREAD, STORE, INBOX, STREAM, KVDB)
