"""Which platforms there are. To add one: its class in a module beside this one, and one line here."""

from importlib import import_module
from typing import cast

from notifier.platforms.base import Platform, PlatformConfig

#: key of the platform and where its class is; a module is imported when it is first asked for
PLATFORMS: dict[str, str] = {
    "layer": "notifier.platforms.layer.LayerPlatform",
    "matrix": "notifier.platforms.matrix.MatrixPlatform",
    "privmx": "notifier.platforms.privmx.PrivmxPlatform",
    "generic": "notifier.platforms.generic.GenericPlatform",
}


class UnknownPlatform(LookupError):
    """No platform has this key; the text names those that there are."""


def platform_class(key: str) -> type[Platform]:
    """The adapter of that key. Raises UnknownPlatform."""
    path = PLATFORMS.get(key)
    if path is None:
        raise UnknownPlatform(f"There is no chat platform {key!r}: choose one of {', '.join(sorted(PLATFORMS))}.")
    module, _, name = path.rpartition(".")
    return cast(type[Platform], getattr(import_module(module), name))


def make_platform(key: str, config: PlatformConfig) -> Platform:
    """The adapter for one chat application; call `configured()` to hear what is wrong with it.

    Raises UnknownPlatform.
    """
    return platform_class(key)(config)
