"""Who may import whom: the contracts of pyproject.toml, and what these cannot say."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.processes import ROOT

OURS = ("config", "notifier", "smsbridge", "tests")
ADAPTERS = [
    path.relative_to(ROOT)
    for folder in ("notifier/platforms", "smsbridge/vendors")
    for path in (ROOT / folder).glob("*.py")
]
ENTRY_POINTS = {"admin", "apps", "checks", "management", "tasks", "urls", "views"}


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file, as a dotted name."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_the_contracts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=str(tmp_path), no_logo=True) == 0


@pytest.mark.parametrize("path", ADAPTERS, ids=str)
def test_adapters_know_values_and_libraries_only(path: Path) -> None:
    own = ".".join(path.parent.parts)
    for name in imported(path):
        assert not name.startswith("django"), f"{path} imports {name}, but adapters touch no database"
        if name.partition(".")[0] in OURS:
            assert name.startswith((f"{own}.", "notifier.wire.", "notifier.texts.", "notifier.links.")), (
                f"{path} imports {name}"
            )


def test_the_sms_side_calls_back_through_the_seam_only() -> None:
    for path in (ROOT / "smsbridge").rglob("*.py"):
        for name in imported(path.relative_to(ROOT)):
            package, _, rest = name.partition(".")
            if package == "notifier":
                module, _, inner = rest.partition(".")
                assert module not in ENTRY_POINTS, f"{path} imports {name}"
                assert module != "platforms" or inner.startswith("base."), f"{path} imports {name}"
