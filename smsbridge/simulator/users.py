"""Users, their identities and whom they block."""

from typing import Any

from django.db import IntegrityError, transaction

from smsbridge.simulator.errors import LayerError, invalid, missing, not_found
from smsbridge.simulator.models import Block, Identity, User
from smsbridge.simulator.operations import operation_list

#: field → longest value, in characters
LENGTHS = {
    "display_name": 128,
    "first_name": 128,
    "last_name": 128,
    "avatar_url": 1024,
    "phone_number": 32,
    "email_address": 255,
    "public_key": 65536,
}
MAX_METADATA_KEYS = 16


def check_known(user: str) -> None:
    """Raises `not_found` for a user that the chat server has never seen."""
    if not User.objects.filter(user_id=user).exists():
        raise not_found("user")


def identity_get(user: str) -> Identity:
    row = Identity.objects.filter(user_id=user).first()
    if row is None:
        raise not_found("identity")
    return row


def identity_create(user: str, content: dict[str, Any]) -> None:
    """Raises `conflict` (409) when there is one."""
    properties = read_identity(content)
    User.objects.bulk_create([User(user_id=user)], ignore_conflicts=True)
    try:
        with transaction.atomic():
            Identity.objects.create(user_id=user, properties=properties)
    except IntegrityError as error:
        raise LayerError("conflict", "The user has an identity already.") from error


def identity_replace(user: str, content: dict[str, Any]) -> None:
    """Missing keys vanish. Raises `not_found` when there is none."""
    properties = read_identity(content)
    if not Identity.objects.filter(user_id=user).update(properties=properties):
        raise not_found("identity")


@transaction.atomic
def identity_patch(user: str, content: Any) -> None:
    row = Identity.objects.select_for_update().filter(user_id=user).first()
    if row is None:
        raise not_found("identity")
    properties = {**row.properties, "metadata": dict(row.properties.get("metadata") or {})}
    for item in operation_list(content):
        _apply(properties, item["operation"], item["property"], item.get("value"))
    row.properties = read_identity(properties)
    row.save(update_fields=["properties"])


def _apply(properties: dict[str, Any], verb: str, name: str, value: Any) -> None:
    if verb not in ("set", "delete"):
        raise LayerError("invalid_operation", "The operation must be set or delete.")
    root, _, key = name.partition(".")
    holder = properties["metadata"] if key else properties
    if root not in (("metadata",) if key else (*LENGTHS, "metadata")):
        raise invalid("property", "must be a field of an identity")
    if not isinstance(holder, dict):
        raise invalid("metadata", "must be an object")
    if verb == "set":
        holder[key or root] = value
    else:
        holder.pop(key or root, None)
    properties.setdefault("metadata", {})


def identity_delete(user: str) -> None:
    deleted, _ = Identity.objects.filter(user_id=user).delete()
    if not deleted:
        raise not_found("identity")


def read_identity(content: dict[str, Any]) -> dict[str, Any]:
    """The known fields, checked; unset ones left out. Raises `missing_property`, `invalid_property`."""
    if not content.get("display_name"):
        raise missing("display_name")
    for name, longest in LENGTHS.items():
        value = content.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            raise invalid(name, f"must be a string of at most {longest} characters")
    metadata = content.get("metadata")
    if metadata is not None:
        _check_metadata(metadata)
    return {name: content[name] for name in (*LENGTHS, "metadata") if content.get(name) is not None}


def _check_metadata(metadata: Any) -> None:
    flat = isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
    if not flat or len(metadata) > MAX_METADATA_KEYS:
        raise invalid("metadata", f"must be an object of at most {MAX_METADATA_KEYS} strings")


def blocks(owner: str) -> list[str]:
    return list(Block.objects.filter(owner=owner).order_by("id").values_list("blocked", flat=True))


def block(owner: str, blocked: Any) -> None:
    if blocked is None:
        raise missing("user_id")
    if not isinstance(blocked, str) or not blocked:
        raise invalid("user_id", "must be a user id")
    Block.objects.bulk_create([Block(owner=owner, blocked=blocked)], ignore_conflicts=True)


def unblock(owner: str, blocked: str) -> None:
    Block.objects.filter(owner=owner, blocked=blocked).delete()
