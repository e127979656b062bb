"""The parameters of each call, and what they must be like: a member that is missing, strange or unknown is refused."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.privmx.codes import BAD_PARAMETERS, Wrong
from tests.privmx.kinds import CHANNELS

Check = Callable[[Any], bool]
Form = Mapping[str, Check]

MOST_LISTED = 100
MOST_CHANNELS = 16
_NONCE = re.compile(r"[\x21-\x7e]{32,64}")


def is_text(value: Any, most: int = 512) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most


def is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _are_scopes(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 128 and all(is_text(one, 128) for one in value)


def _are_channels(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_CHANNELS and all(one in CHANNELS for one in value)


_SCOPE: Form = {"scope?": _are_scopes}
_ORDER: Form = {
    "limit": lambda value: is_whole(value, 1, MOST_LISTED),
    "sortOrder": lambda value: value in ("asc", "desc"),
}
#: of lists that go on from an id, and of those that skip so many
PAGE: Form = {"from": lambda value: value is None or is_text(value, 128), **_ORDER}
SKIP: Form = {"skip": lambda value: is_whole(value, 0, 2**31), **_ORDER}

GRANTS: Mapping[str, Form] = {
    "api_key_credentials": {"apiKeyId": is_text, "apiKeySecret": is_text, **_SCOPE},
    "api_key_signature": {
        "apiKeyId": is_text,
        "signature": lambda value: is_text(value, 128),
        "timestamp": lambda value: is_whole(value, 0, 2**53),
        "nonce": lambda value: isinstance(value, str) and bool(_NONCE.fullmatch(value)),
        "data?": lambda value: isinstance(value, str) and len(value) <= 1024,
        **_SCOPE,
    },
    "refresh_token": {"refreshToken": lambda value: is_text(value, 2048)},
}
TOKEN: Form = {"accessToken": lambda value: is_text(value, 2048)}
CHANNEL_LIST: Form = {"channels": _are_channels}


def texts(*names: str) -> Form:
    return dict.fromkeys(names, is_text)


def grant(parameters: Mapping[str, Any]) -> Form:
    """The form of a log-in, which depends on how it is asked for. Raises Wrong."""
    kind = parameters.get("grantType")
    if not isinstance(kind, str) or kind not in GRANTS:
        raise Wrong(BAD_PARAMETERS, "grantType: unknown")
    return {"grantType": is_text, **GRANTS[kind]}


def check(parameters: Mapping[str, Any], form: Form) -> None:
    """A name that ends in a question mark may be absent. Raises Wrong."""
    known = {name.rstrip("?") for name in form}
    if unknown := sorted(set(parameters) - known):
        raise Wrong(BAD_PARAMETERS, f"{unknown[0]}: unexpected")
    for name, fits in form.items():
        bare = name.rstrip("?")
        if bare not in parameters and name.endswith("?"):
            continue
        if bare not in parameters or not fits(parameters[bare]):
            raise Wrong(BAD_PARAMETERS, f"{bare}: invalid value")


def page(rows: Sequence[dict[str, Any]], key: str, asked: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Some of the rows in the order of their ids, and how many remain after `from`, which need not exist any more."""
    falling = asked["sortOrder"] == "desc"
    rows = sorted(rows, key=lambda row: str(row[key]), reverse=falling)
    start = asked["from"]
    if start is not None:
        rows = [row for row in rows if (row[key] < start if falling else row[key] > start)]
    return list(rows[: asked["limit"]]), len(rows)


def slice_of(rows: Sequence[dict[str, Any]], asked: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Some of the rows after `skip`, and how many there are in all."""
    ordered = list(rows)[:: -1 if asked["sortOrder"] == "desc" else 1]
    return ordered[asked["skip"] :][: asked["limit"]], len(ordered)
