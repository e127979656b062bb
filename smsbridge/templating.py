"""The templates of SMS texts: plain text with `<%= path %>` tags, a safe subset of Underscore's `_.template`.

Nothing of a template is run: a tag names a value by a path, `sender.name`, `parts[0].body` or `sender["vip level"]`;
all else is refused when the template is compiled. `<%- path %>` means the same, for an SMS is not HTML.
White space and line breaks around tags are kept, as Underscore does.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from smsbridge.template_syntax import KNOWN_ROOTS, Path, TemplateMistake, parse
from smsbridge.template_values import MAX_LENGTH, plain

__all__ = ["KNOWN_ROOTS", "MAX_LENGTH", "Template", "TemplateMistake", "compile_template"]

_CACHED: Final = 256


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template; made by `compile_template`, and as safe to share as a text."""

    pieces: tuple[str | Path, ...]

    @property
    def paths(self) -> frozenset[Path]:
        """The paths it uses: `<%= sender.name %>` is `("sender", "name")`."""
        return frozenset(piece for piece in self.pieces if isinstance(piece, tuple))

    @property
    def roots(self) -> frozenset[str]:
        """The first names of its paths: whether it needs the sender's identity, the recipient's, and so on."""
        return frozenset(path[0] for path in self.paths)

    def render(self, context: Mapping[str, Any]) -> str:
        """The text for these values, at most `MAX_LENGTH` characters of it.

        A missing value, None, an object and a list are rendered as nothing, numbers and booleans as in JavaScript.
        Values are never read as templates, and control characters and bidirectional overrides are left out of them
        (see `smsbridge.template_values`).
        """
        texts = (piece if isinstance(piece, str) else plain(piece, context) for piece in self.pieces)
        return "".join(texts)[:MAX_LENGTH]


def compile_template(source: str, *, roots: Collection[str] = KNOWN_ROOTS) -> Template:
    """The template that `source` describes. Raises `TemplateMistake`, which says where it is wrong and what to do."""
    return _compiled(source, frozenset(roots))


@lru_cache(maxsize=_CACHED)
def _compiled(source: str, roots: frozenset[str]) -> Template:
    return Template(tuple(parse(source, roots)))
