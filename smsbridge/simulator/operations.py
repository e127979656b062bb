"""Layer's PATCH operations: reading them, and applying them to participants, metadata and identities."""

from dataclasses import dataclass
from typing import Any

from smsbridge.simulator.errors import LayerError, invalid, missing


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` is the property's way through nested objects; empty for `participants`."""

    verb: str
    property: str
    path: tuple[str, ...]
    value: Any


def read_operations(content: Any) -> list[Operation]:
    """Operations on a conversation. Raises LayerError for anything that is not of the documented form."""
    return [_read_operation(item) for item in operation_list(content)]


def operation_list(content: Any) -> list[dict[str, Any]]:
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise LayerError("invalid_request", "The body must be an array of operations.")
    for item in content:
        for name in ("operation", "property"):
            if item.get(name) is None:
                raise missing(name)
            if not isinstance(item[name], str):
                raise invalid(name, "must be a string")
    return content


def _read_operation(item: dict[str, Any]) -> Operation:
    verb, name, value = item["operation"], item["property"], item.get("value")
    if name == "participants":
        return Operation(_verb(verb, "add", "remove", "set"), name, (), user_ids(name, value))
    root, *path = name.split(".")
    if root != "metadata" or not all(path):
        raise invalid("property", "must be participants, or metadata and its keys")
    if _verb(verb, "set", "delete") == "set":
        if not path and not isinstance(value, dict):
            raise invalid("metadata", "must be an object")
        check_metadata(value, name)
    return Operation(verb, name, ("metadata", *path), value)


def _verb(given: str, *known: str) -> str:
    if given not in known:
        raise LayerError("invalid_operation", f"The operation must be one of {', '.join(known)}.")
    return given


def user_ids(name: str, value: Any) -> list[str]:
    """One user id or several. Raises `missing_property` and `invalid_property`."""
    ids = [value] if isinstance(value, str) else value
    if ids is None:
        raise missing(name)
    if not isinstance(ids, list) or not all(isinstance(user, str) and user for user in ids):
        raise invalid(name, "must be user ids")
    return ids


def check_metadata(value: Any, name: str) -> None:
    """Values are strings and nested objects only."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_metadata(item, f"{name}.{key}")
    elif not isinstance(value, str):
        raise invalid(name, "must be a string or an object")


def apply_participants(members: set[str], operation: Operation) -> set[str]:
    """Adding a member or removing a stranger is no error."""
    given = set(operation.value)
    return {"add": members | given, "remove": members - given, "set": given}[operation.verb]


def apply_metadata(metadata: dict[str, Any], operation: Operation) -> None:
    """Change `metadata` in place; objects on the way are made where needed. Deleting what is not there is no error."""
    _, *way = operation.path
    if not way:
        metadata.clear()
        metadata.update(operation.value if operation.verb == "set" else {})
        return
    holder = metadata
    for key in way[:-1]:
        holder = holder.setdefault(key, {}) if operation.verb == "set" else holder.get(key, {})
        if not isinstance(holder, dict):
            raise invalid(operation.property, "leads through a string")
    if operation.verb == "set":
        holder[way[-1]] = operation.value
    else:
        holder.pop(way[-1], None)
