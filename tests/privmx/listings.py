"""The calls that get and list: the same for every kind of container, and those for contexts and their users."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.privmx.codes import ACCESS_DENIED, NO_USER, Wrong
from tests.privmx.kinds import KINDS, KVDB, Items, Kind
from tests.privmx.parameters import PAGE, SKIP, Form, page, slice_of, texts
from tests.privmx.shapes import Container, moment
from tests.privmx.world import Context, World

Asked = Mapping[str, Any]
Seen = Sequence[str]  # ids of solutions, or *


@dataclass(frozen=True, slots=True)
class Listing:
    """`scope`: which one it takes, beside the solutions; empty: none."""

    scope: str
    form: Form
    answer: Callable[[Seen, Asked], Any]


def methods(world: World) -> dict[str, Listing]:
    found: dict[str, Listing] = {}
    for kind in KINDS:
        found |= _of_containers(world, kind)
        if kind.items:
            found |= _of_items(world, kind, kind.items)
    return found | _of_contexts(world)


def _of_containers(world: World, kind: Kind) -> dict[str, Listing]:
    """A list of containers takes no scope of its own."""
    get, many = f"get{_capital(kind.name)}", f"list{kind.plural}"
    return {
        f"{kind.channel}/{get}": Listing(kind.channel, texts(kind.id_name), partial(_get, world, kind)),
        f"{kind.channel}/{many}": Listing("", {**texts("contextId"), **PAGE}, partial(_list, world, kind)),
    }


def _of_items(world: World, kind: Kind, items: Items) -> dict[str, Listing]:
    names = ("kvdbId", "kvdbEntryKey") if kind is KVDB else (f"{items.name}Id",)
    get, many = f"get{_capital(items.name)}", f"list{items.plural}"
    get_item, list_items = partial(_get_item, world, kind, items), partial(_list_items, world, kind)
    return {
        f"{kind.channel}/{get}": Listing(kind.channel, texts(*names), get_item),
        f"{kind.channel}/{many}": Listing(kind.channel, {**texts(kind.id_name), **PAGE}, list_items),
    }


def _of_contexts(world: World) -> dict[str, Listing]:
    scope, of_one = "context", texts("contextId")
    return {
        "context/getContext": Listing(scope, of_one, partial(_get_context, world)),
        "context/listContexts": Listing(scope, SKIP, partial(_list_contexts, world)),
        "context/listContextsOfSolution": Listing(
            scope, {**texts("solutionId"), **SKIP}, partial(_list_contexts, world)
        ),
        "context/listUsersFromContext": Listing(scope, {**of_one, **SKIP}, partial(_list_users, world)),
        "context/getUserFromContext": Listing(scope, texts("contextId", "userId"), partial(_get_user, world)),
    }


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _sees(seen: Seen, solution: str) -> bool:
    return "*" in seen or solution in seen


def _context(world: World, seen: Seen, key: str) -> Context:
    context = world.context(key)
    if not _sees(seen, context.solution):
        raise Wrong(ACCESS_DENIED)
    return context


def _container(world: World, seen: Seen, kind: Kind, key: str) -> Container:
    found = world.containers.get(key)
    if found is None or found.kind is not kind:
        raise Wrong(kind.missing)
    _context(world, seen, found.context)
    return found


def _get(world: World, kind: Kind, seen: Seen, asked: Asked) -> dict[str, Any]:
    return {kind.name: _container(world, seen, kind, asked[kind.id_name]).shown}


def _list(world: World, kind: Kind, seen: Seen, asked: Asked) -> dict[str, Any]:
    context = _context(world, seen, asked["contextId"])
    held = [one.shown for one in world.containers.values() if one.kind is kind and one.context == context.id]
    rows, count = page(held, "id", asked)
    return {"list": rows, "count": count}


def _get_item(world: World, kind: Kind, items: Items, seen: Seen, asked: Asked) -> dict[str, Any]:
    if kind is KVDB:
        key, holders = asked["kvdbEntryKey"], [_container(world, seen, kind, asked["kvdbId"])]
    else:
        key, holders = asked[f"{items.name}Id"], [one for one in world.containers.values() if one.kind is kind]
    for holder in holders:
        if key in holder.items:
            _context(world, seen, holder.context)
            return {items.name: holder.items[key].shown}
    raise Wrong(items.missing)


def _list_items(world: World, kind: Kind, seen: Seen, asked: Asked) -> dict[str, Any]:
    holder = _container(world, seen, kind, asked[kind.id_name])
    shown = [one.shown for one in holder.items.values()]
    rows, count = page(shown, "kvdbEntryKey" if kind is KVDB else "id", asked)
    return {"list": rows, "count": count} | ({"kvdb": holder.shown} if kind is KVDB else {})


def _shown(context: Context) -> dict[str, Any]:
    return {
        "id": context.id,
        "created": moment(context.created),
        "modified": moment(context.created),
        "solution": context.solution,
        "name": context.id,
        "description": "",
        "scope": "private",
        "shares": [],
        "policy": {},
    }


def _user(context: Context, user: str) -> dict[str, Any]:
    created = moment(context.users[user])
    return {"userId": user, "pubKey": f"pub-{user}", "created": created, "contextId": context.id, "acl": "ALLOW ALL"}


def _get_context(world: World, seen: Seen, asked: Asked) -> dict[str, Any]:
    return {"context": _shown(_context(world, seen, asked["contextId"]))}


def _list_contexts(world: World, seen: Seen, asked: Asked) -> dict[str, Any]:
    """Those of one solution, when one is asked for."""
    wanted = asked.get("solutionId")
    held = [one for one in world.contexts.values() if _sees(seen, one.solution) and wanted in (None, one.solution)]
    rows, count = slice_of([_shown(one) for one in held], asked)
    return {"list": rows, "count": count}


def _list_users(world: World, seen: Seen, asked: Asked) -> dict[str, Any]:
    """Unlike every other list it is called `users`."""
    context = _context(world, seen, asked["contextId"])
    rows, count = slice_of([_user(context, user) for user in context.users], asked)
    return {"users": rows, "count": count}


def _get_user(world: World, seen: Seen, asked: Asked) -> dict[str, Any]:
    context = _context(world, seen, asked["contextId"])
    if asked["userId"] not in context.users:
        raise Wrong(NO_USER)
    return {"user": _user(context, asked["userId"])}
