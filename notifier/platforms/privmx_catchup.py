"""What a Bridge did while nobody was connected: it keeps no events, so its containers are walked.

Only those are walked in which something became new since the place, from there on and in the order of ids. Edits and
deletions that were missed are found when a message is asked for.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from notifier.platforms.privmx_calls import Ask, Script
from notifier.platforms.privmx_kinds import NEW_ROOM, Family, Items, milliseconds
from notifier.platforms.privmx_place import Place
from notifier.platforms.privmx_rpc import GONE_CODES, NO_SUCH_START, RpcError
from notifier.platforms.socket import BrokenError

#: the most that the Bridge gives on one page
PAGE: Final = 100

Listing = Generator[Ask, Any, Sequence[Mapping[str, Any]]]


class Told(Protocol):
    """Where what was found goes."""

    def __call__(self, family: Family, container: Mapping[str, Any], pushes: Sequence[Mapping[str, Any]]) -> Script: ...


@dataclass
class CatchUp:
    """`tell` hands events on, `move` remembers how far that went; both in one go, so that nothing is passed over."""

    families: Sequence[Family]
    tell: Told
    move: Callable[[Place], None]

    def first(self, now: int) -> Script:
        """At the very first nothing is news: only the present state is remembered. `now` is our own clock."""
        newest = 0
        for context in (yield from self._contexts()):
            for family in self.families:
                for container in (yield from _all(family.list_call, "id", contextId=context)):
                    newest = max(newest, _touched(family, container))
        self.move(Place(newest, newest).settle(now))

    def run(self, place: Place) -> Script:
        """Tell everything since `place`, which moves on with each page."""
        self._place, self._newest = place, place.newest
        for context in (yield from self._contexts()):
            for family in self.families:
                yield from self._family(family, context)
        self.move(Place(place.floor, self._newest))

    def _contexts(self) -> Generator[Ask, Any, Sequence[str]]:
        found: list[str] = []
        while True:
            told = yield Ask("context/listContexts", {"skip": len(found), "limit": PAGE, "sortOrder": "asc"})
            page = [str(context["id"]) for context in listed(told) if "id" in context]
            found += page
            if len(page) < PAGE:
                return found

    def _family(self, family: Family, context: str) -> Script:
        if family.items is None:
            yield from self._rooms(family, context)
            return
        for container in (yield from _all(family.list_call, "id", contextId=context)):
            touched = _touched(family, container)
            if not touched or self._place.is_news(touched):
                try:
                    yield from self._walk(family, family.items, container)
                except RpcError as error:
                    if error.code not in GONE_CODES:
                        raise

    def _rooms(self, family: Family, context: str) -> Script:
        for room in (yield from _all(family.list_call, "id", self._place.begin_id, contextId=context)):
            yield from self._found(family, room, [room], NEW_ROOM, "createDate")

    def _walk(self, family: Family, items: Items, container: Mapping[str, Any]) -> Script:
        id_name = "id" if items.by_time else items.id_param
        id_ = str(container.get("id"))
        start = self._place.start_id(id_) if items.by_time else None
        while True:
            page = yield from _page(items.list_call, start, **{family.id_field: id_})
            yield from self._found(family, container, page, items.new, items.created)
            if page:
                start = str(page[-1].get(id_name))
            if page and items.by_time:  # else a later one may come before those
                self._place = self._place.walked_to(id_, start or "")
                self.move(self._place)
            if len(page) < PAGE:
                return

    def _found(
        self, family: Family, container: Mapping[str, Any], page: Sequence[Mapping[str, Any]], new: str, created: str
    ) -> Script:
        news = [item for item in page if self._place.is_news(milliseconds(item.get(created)))]
        self._newest = max([self._newest, *(milliseconds(item.get(created)) for item in news)])
        pushes = [
            {"channel": family.channel, "type": new, "timestamp": item.get(created), "data": item} for item in news
        ]
        if pushes:
            yield from self.tell(family, container, pushes)


def listed(told: object) -> list[Mapping[str, Any]]:
    """The page that an answer holds. Raises BrokenError for an answer of another form."""
    page = told.get("list") if isinstance(told, dict) else None
    if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
        raise BrokenError("PrivMX Bridge answered a call for a list in a form that is not promised.")
    return page


def _page(call: str, start: str | None, **where: str) -> Listing:
    """From after `start` on; from the beginning where the Bridge wants it to exist and it does not."""
    try:
        told = yield Ask(call, {**where, "from": start, "limit": PAGE, "sortOrder": "asc"})
    except RpcError as error:
        if error.code != NO_SUCH_START or start is None:
            raise
        told = yield Ask(call, {**where, "from": None, "limit": PAGE, "sortOrder": "asc"})
    return listed(told)


def _all(call: str, id_name: str, start: str | None = None, **where: str) -> Listing:
    """Every page of them."""
    found: list[Mapping[str, Any]] = []
    while True:
        page = yield from _page(call, start, **where)
        found += page
        if len(page) < PAGE:
            return found
        start = str(page[-1].get(id_name))


def _touched(family: Family, container: Mapping[str, Any]) -> int:
    told = milliseconds(container.get(family.touched)) if family.touched else 0
    return told or milliseconds(container.get("createDate"))
