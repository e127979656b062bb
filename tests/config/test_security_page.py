"""docs/security.md keeps its word: what it names is there; and what only a look at the sources can show."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))
SOURCES = [path for half in ("config", "notifier", "smsbridge") for path in sorted((ROOT / half).rglob("*.py"))]


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_what_the_page_names_is_there(path: str, test: str) -> None:
    source = ROOT / path
    assert source.is_file()
    assert not test or f"def {test}(" in source.read_text()


def test_every_point_names_what_holds_it() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| point")]
    assert len(rows) > 40
    assert [row for row in rows if "`" not in row.rsplit("|", 2)[1]] == []


def test_secrets_are_compared_in_constant_time_only() -> None:
    """No == or != with anything named after a signature, a token or a password on either side."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if "simulator" not in path.parts and "demo" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) and _by_equality(node) and any(_is_secret(name) for name in _names(node))
    ]
    assert found == []


def _by_equality(node: ast.Compare) -> bool:
    constants = [side for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)]
    return any(isinstance(sign, ast.Eq | ast.NotEq) for sign in node.ops) and not constants


def _names(node: ast.Compare) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr


def _is_secret(name: str) -> bool:
    return bool(re.search(r"(^|_)(sig|signature|hmac|bearer|password)s?($|_)", name.lower()))


def test_only_webhooks_are_exempt_from_csrf() -> None:
    exempt = [path.relative_to(ROOT) for path in SOURCES if "csrf_exempt" in path.read_text()]
    ours = {path for path in exempt if "simulator" not in path.parts}
    assert ours == {Path("notifier/views.py"), Path("smsbridge/views.py")}
