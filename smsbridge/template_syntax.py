"""Reading templates, and explaining what is wrong with one to the person who wrote it."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final, NoReturn

Path = tuple[str, ...]

KNOWN_ROOTS: Final = ("sender", "recipient", "text", "conversation", "message", "parts", "app")
"""The first names that a path may have: what the composing of an SMS puts at a template's disposal."""

_OPEN, _CLOSE = "<%", "%>"
_NAME = r"[A-Za-z_$][\w$]*"
_INDEX = r"\[\s*(?:[0-9]{1,9}|\"[^\"\n]*\"|'[^'\n]*')\s*\]"
_PATH = re.compile(rf"{_NAME}(?:\s*\.\s*{_NAME}|\s*{_INDEX})*")
_STEP = re.compile(rf"(?P<name>{_NAME})|\[\s*(?:(?P<index>[0-9]+)|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')")
_OPERATOR = re.compile(r"\|\||&&|\?\??|[+*/%<>!=,;:-]+|\(|\||&")


class TemplateMistake(ValueError):
    """A template that cannot be used.

    `line` and `column` count from 1; `suggestion` is what to write instead, "" when that is not clear.
    """

    def __init__(self, reason: str, line: int, column: int, suggestion: str = "") -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.line = line
        self.column = column
        self.suggestion = suggestion


def parse(source: str, roots: frozenset[str]) -> Iterator[str | Path]:
    """The texts and the paths of the template in order. Raises `TemplateMistake`."""
    position = 0
    while (opened := source.find(_OPEN, position)) >= 0:
        yield from _text(source, position, opened)
        closed = source.find(_CLOSE, opened + len(_OPEN))
        yield _Tag(source, opened, closed, roots).path()
        position = closed + len(_CLOSE)
    yield from _text(source, position, len(source))


def _text(source: str, start: int, end: int) -> Iterator[str]:
    stray = source.find(_CLOSE, start, end)
    if stray >= 0:
        _refuse(source, stray, f"'{_CLOSE}' closes a tag that was never opened; open it with '<%='", "<%=")
    if start < end:
        yield source[start:end]


class _Tag:
    """One tag of a source, from `opened` to `closed`, which is -1 when nothing closes it."""

    def __init__(self, source: str, opened: int, closed: int, roots: frozenset[str]) -> None:
        self.source, self.opened, self.closed, self.roots = source, opened, closed, roots
        self.start = opened + len(_OPEN)
        self.body = source[self.start : closed if closed >= 0 else len(source)]
        self.is_value = self.body[:1] in ("=", "-")
        if self.is_value:
            self.start, self.body = self.start + 1, self.body[1:]

    def path(self) -> Path:
        match = _PATH.fullmatch(self.body.strip())
        if self.closed < 0 or _OPEN in self.body or not match:
            self._explain()
        if not self.is_value:
            self._refuse_code()
        path = tuple(_steps(match[0]))
        self._check_root(path[0])
        return path

    def _explain(self) -> NoReturn:
        """Say what is wrong with a tag that holds no path, the likeliest mistake first."""
        inside = self.body.split(_OPEN)[0]
        arrow = inside.find("=>")
        if self.is_value and arrow >= 0:
            self._refuse(self.start + arrow, "'=>' does not close a tag; write '%>'", self._begun(inside[:arrow]))
        if self.closed < 0 or _OPEN in self.body:
            self._refuse(self.opened, "this tag is never closed; write '%>' at its end", self._begun(inside))
        if not self.is_value:
            self._refuse_code()
        self._explain_value()

    def _refuse_code(self) -> NoReturn:
        suggestion = self._begun(self.body) if _PATH.fullmatch(self.body.strip()) else ""
        advice = f"write '{suggestion}'" if suggestion else "only values can be inserted, as in '<%= text %>'"
        self._refuse(self.opened, f"code is not run in a template; {advice}", suggestion)

    def _explain_value(self) -> NoReturn:
        stripped = self.body.strip()
        if not stripped:
            self._refuse(self.opened, "the tag is empty; name a value, as in '<%= text %>'", "<%= text %>")
        begun = _PATH.match(stripped)
        offset = begun.end() if begun else 0
        rest = stripped[offset:].lstrip()
        place = self.start + self.body.index(stripped) + len(stripped) - len(rest)
        suggestion = f"<%= {begun[0]} %>" if begun else ""
        operator = _OPERATOR.match(rest)
        if operator and begun:
            self._refuse(place, f"'{operator[0]}' is not supported, only a path is; write '{suggestion}'", suggestion)
        shown = rest if len(rest) <= 20 else rest[:20] + "..."
        self._refuse(place, f"{shown!r} is not part of a path such as sender.name or parts[0].body", suggestion)

    def _check_root(self, root: str) -> None:
        if root in self.roots:
            return
        known = sorted(self.roots)
        close = get_close_matches(root, known, 1)
        advice = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"
        place = self.start + self.body.index(root)
        self._refuse(place, f"there is no '{root}' here; {advice}", close[0] if close else "")

    def _begun(self, body: str) -> str:
        path = _PATH.match(body.strip())
        return f"<%= {path[0]} %>" if path else ""

    def _refuse(self, place: int, reason: str, suggestion: str) -> NoReturn:
        _refuse(self.source, place, reason, suggestion)


def _steps(path: str) -> Iterator[str]:
    for step in _STEP.finditer(path):
        yield next(group for group in step.groups() if group is not None)


def _refuse(source: str, place: int, reason: str, suggestion: str) -> NoReturn:
    before = source[:place]
    raise TemplateMistake(reason, before.count("\n") + 1, place - before.rfind("\n"), suggestion)
