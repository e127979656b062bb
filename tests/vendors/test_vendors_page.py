"""What docs/vendors.md says of each vendor is so."""

from pathlib import Path

import pytest

from smsbridge.services.environment import VENDORS as VARIABLES
from smsbridge.vendors import abilities
from smsbridge.vendors.base import Vendor
from smsbridge.vendors.registry import VENDORS, vendor_class

PAGE = (Path(__file__).parents[2] / "docs" / "vendors.md").read_text()

ABILITIES = {
    "looks up a text whose answer was lost": abilities.Finder,
    "checks credentials on request": abilities.Checker,
    "lists the account's numbers": abilities.NumberList,
    "sets where the texts to a number go": abilities.NumberSettings,
    "offers, sells and takes back numbers": abilities.NumberShop,
    "tells line type and carrier of a phone": abilities.PhoneLookup,
    "groups numbers in messaging services": abilities.ServiceKeeper,
}


def table(heading: str) -> dict[str, dict[str, str]]:
    """The first table after a heading, by row and column."""
    lines = [line for line in PAGE.partition(heading)[2].splitlines() if line.startswith(("|", "#"))]
    rows: list[list[str]] = []
    for line in lines:
        if line.startswith("#") or (rows and len(line.split("|")) != len(rows[0]) + 2):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    head, _, *body = rows
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


CAN = table("## What each can do")


def can(vendor: type[Vendor], words: str) -> bool:
    if words == "sends pictures":
        return vendor.most_media > 0
    if words == "texts from a sender name":
        return vendor.sender_names
    return issubclass(vendor, ABILITIES[words])


@pytest.mark.parametrize("words", CAN)
def test_the_table_of_abilities_is_true(words: str) -> None:
    assert {column.strip("`"): cell == "yes" for column, cell in CAN[words].items()} == {
        key: can(vendor_class(key), words) for key in VENDORS
    }


def test_the_table_of_pictures_is_true() -> None:
    columns = table("### Pictures")
    for key in VENDORS:
        vendor, column = vendor_class(key), f"`{key}`"
        assert (column in columns["how many with a text"]) == bool(vendor.most_media)
        if vendor.most_media:
            count, size, where = (row[column] for row in columns.values())
            assert int(count) == vendor.most_media
            assert float(size or 0) == vendor.most_media_bytes / 1_000_000
            groups = {frozenset(group.split(", ")) for group in where.split("; ")}
            assert groups == (set(vendor.media_countries) or {frozenset({"all"})})


def test_every_ability_is_in_the_table() -> None:
    known = {one for one in vars(abilities).values() if isinstance(one, type) and issubclass(one, Vendor)} - {Vendor}
    assert known == set(ABILITIES.values())
    assert ABILITIES.keys() < CAN.keys()


def test_every_vendor_has_its_row_with_its_variables_and_its_proof() -> None:
    first, proof = table("# SMS vendors"), table("which is demanded of every call")
    assert {row.strip("`") for row in first} == {row.strip("`") for row in proof} == set(VENDORS)
    for key, variables in VARIABLES.items():
        named = first[f"`{key}`"]["credentials"] + first["`vonage`"]["credentials"] * key.startswith("vonage")
        assert [name for name in {**variables.secrets}.values() if name not in named] == []


def test_the_story_is_played_with_every_vendor() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert makefile.partition("for vendor in ")[2].partition(";")[0].split() == sorted(VENDORS)
