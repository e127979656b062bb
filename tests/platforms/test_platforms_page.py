"""What docs/platforms.md says of each platform is so."""

import pytest

from notifier.platforms.base import Can
from notifier.platforms.registry import PLATFORMS, platform_class
from smsbridge.services.environment import PLATFORMS as VARIABLES
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "platforms.md").read_text()


def table(heading: str) -> dict[str, dict[str, str]]:
    """The first table after a heading, by row and column."""
    lines = PAGE.partition(heading)[2].partition("\n|")[2].partition("\n\n")[0]
    head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in f"|{lines}".splitlines()]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


@pytest.mark.parametrize("able", Can)
def test_the_table_of_abilities_is_true(able: Can) -> None:
    row = table("## What each can do")[able.value]
    assert {column.strip("`"): cell == "yes" for column, cell in row.items()} == {
        key: able in platform_class(key).can for key in PLATFORMS
    }


def test_every_platform_has_its_row_with_its_variables() -> None:
    rows = {key.strip("`"): row for key, row in table("# Chat platforms").items()}
    assert rows.keys() == PLATFORMS.keys() == VARIABLES.keys()
    for key, variables in VARIABLES.items():
        named = {*variables.options.values(), *variables.secrets.values(), variables.webhook_secret} - {""}
        assert named <= {name.strip("`") for name in rows[key]["variables"].split()}


@pytest.mark.parametrize("key", PLATFORMS)
def test_the_table_names_who_is_asked_first(key: str) -> None:
    assert platform_class(key).asks_first == (key == "matrix")
