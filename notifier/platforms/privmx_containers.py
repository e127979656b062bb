"""What a session knows of threads, stores and key-value stores: whom their news are for, and what they are called."""

from collections.abc import Generator, Mapping
from typing import Any, Final

from notifier.platforms.privmx_calls import Ask
from notifier.platforms.privmx_envelope import container_id, data_of, inbox_of
from notifier.platforms.privmx_events import Keys, known
from notifier.platforms.privmx_kinds import FAMILIES, INBOX, Family, milliseconds
from notifier.platforms.privmx_rpc import TOKEN_CODES, RpcError

#: the containers that are remembered; who has more is asked again for the ones that were quiet longest
_MOST: Final = 10_000

Description = dict[str, Any]
Asking = Generator[Ask, Any, Description | None]


class Containers:
    """A description is `fresh` once: the event that it goes with then tells of the container too."""

    def __init__(self, keys: Keys, *, with_inboxes: bool) -> None:
        self._keys = keys
        self._with_inboxes = with_inboxes
        self._kept: dict[tuple[str, str], Description] = {}

    def known(self, key: tuple[str, str], push: Mapping[str, Any] | None = None) -> Description | None:
        """By channel and id; None when it must be asked for, as for an entry whose inbox's title is not known yet."""
        found = self._kept.pop(key, None)
        if found is not None and push is not None and self._inbox(push) and "inbox" not in found:
            return None
        if found is not None:
            self._kept[key] = found  # now it is the newest
        return found

    def note(self, push: Mapping[str, Any]) -> None:
        """Keep what a push says of a container itself."""
        channel, type_, data = push.get("channel"), push.get("type"), data_of(push)
        family = FAMILIES.get(channel) if isinstance(channel, str) else None
        if family is None or type_ not in [f"{family.result}{done}" for done in ("Created", "Updated", "Deleted")]:
            return
        id_ = container_id(str(type_), family, data)
        if id_ is not None:
            self._kept.pop((family.channel, id_), None)
            if "users" in data:
                self._keep((family.channel, id_), known(data, self._keys, fresh=False))

    def ask(self, family: Family, id_: str, push: Mapping[str, Any]) -> Asking:
        """Ask for the container of a push; None when it is not told. Raises RpcError for a dead token."""
        try:
            told = yield Ask(family.get_call, {family.id_field: id_})
        except RpcError as error:
            if error.code in TOKEN_CODES:
                raise
            return None
        meanwhile = self.known((family.channel, id_))
        if meanwhile is not None:
            return meanwhile
        container = told.get(family.result) if isinstance(told, dict) else None
        if not isinstance(container, dict):
            return None
        return (yield from self.take(family, container, push))

    def take(self, family: Family, container: Mapping[str, Any], push: Mapping[str, Any]) -> Asking:
        """Keep a container as the Bridge describes it. A thread behind an inbox has the inbox's title."""
        key = (family.channel, str(container.get("id")))
        description = self._newer(key, known(container, self._keys, fresh=True))
        inbox = self._inbox(push)
        if inbox:
            description["inbox"] = inbox
        if inbox and not description["title"]:
            behind = self.known((INBOX.channel, inbox)) or (yield from self.ask(INBOX, inbox, {}))
            description["title"] = behind["title"] if behind else ""
        self._keep(key, {**description, "fresh": False})
        return description

    def _newer(self, key: tuple[str, str], told: Description) -> Description:
        """A list may be old by the time that it is walked: whoever was removed meanwhile must not be told."""
        kept = self._kept.get(key)
        newer = kept is not None and milliseconds(kept["modified"]) > milliseconds(told["modified"])
        return {**kept} if kept is not None and newer else told

    def _inbox(self, push: Mapping[str, Any]) -> str:
        """The inbox whose title is wanted for an entry, "" for none."""
        return inbox_of(data_of(push)) if self._with_inboxes and self._keys.title else ""

    def _keep(self, key: tuple[str, str], description: Description) -> None:
        self._kept[key] = description
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
