"""Phone numbers: what is accepted, as what, and how they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbridge.phones import costly_kind, country_of, mask, region_of, to_e164, zones_of


@pytest.mark.parametrize(
    "written",
    [
        "+14155550101",
        "+1 (415) 555-0101",
        "+1.415.555.0101",
        "14155550101",
        "1-415-555-0101",
        "0014155550101",
        "00 1 415 555 0101",
        " +1 415 555 0101\n",
        "tel:+1-415-555-0101",
        "\uff0b14155550101",
        "\u202a+1\u00a0415\u2011555\u20110101\u202c",  # as copied from a contact list
    ],
)
def test_it_accepts_the_usual_spellings(written: str) -> None:
    assert to_e164(written) == "+14155550101"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0041446681800", "+41446681800"),
        ("12022000123", "+12022000123"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("+39 06 698 12345", "+390669812345"),
        ("4917612345678", "+4917612345678"),
    ],
)
def test_it_accepts_numbers_of_any_country(written: str, number: str) -> None:
    assert to_e164(written) == number


@pytest.mark.parametrize(
    "written",
    [
        *("1-123-1234", "+11231234", "", " ", "+", "12345", "0", "00", "+999123456789"),
        *("044 668 18 00", "415 555 0101", "+1415555010199", "++14155550101"),
        *(
            "GOOGLE",
            "1-800-FLOWERS",
            "+1 415 555 0101 ext. 5",
            "+14155550101;ext=5",
            "a@b.c",
            "+14155550101\0",
            "1" * 500,
        ),
    ],
)
def test_it_refuses_what_is_not_a_number_to_be_texted(written: str) -> None:
    assert to_e164(written) is None


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("044 668 18 00", "CH", "+41446681800"),
        ("(415) 555-0101", "US", "+14155550101"),
        ("14155550101", "US", "+14155550101"),
        ("14155550101", "CH", "+14155550101"),
        ("0041446681800", "CH", "+41446681800"),
        ("0041446681800", "US", "+41446681800"),
        ("+41446681800", "US", "+41446681800"),
        ("044 668 18 00", "XX", None),
    ],
)
def test_it_reads_national_numbers_of_a_region_first(written: str, region: str, number: str | None) -> None:
    assert to_e164(written, region) == number


def test_the_numbers_of_load_tests_are_valid() -> None:
    assert all(to_e164(f"1202200{n:04}") == f"+1202200{n:04}" for n in range(0, 10_000, 997))


@given(st.text(max_size=50))
def test_any_text_is_a_number_that_reads_back_or_none(written: str) -> None:
    number = to_e164(written)
    assert number is None or to_e164(number) == number


@given(st.text(alphabet="+0123456789 ()-", max_size=20), st.sampled_from([None, "US", "CH", "DE", "JP", "IT"]))
def test_any_digits_are_a_number_that_reads_back_or_none(written: str, region: str | None) -> None:
    number = to_e164(written, region)
    assert number is None or to_e164(number) == number


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+14155550101", "+1415•••0101"),
        ("+4917612345678", "+4917•••5678"),
        ("+41446681800", "+4144•••1800"),
        ("+29012345", "+2•••2345"),
        ("12345", "•••"),
        ("", ""),
    ],
)
def test_it_masks_a_number_for_lists(number: str, shown: str) -> None:
    assert mask(number) == shown


@given(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True))
def test_a_masked_number_hides_at_least_three_characters(number: str) -> None:
    assert len(mask(number).replace("•••", "")) <= len(number) - 3


@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("+14155550101", "US"),
        ("+16045550101", "CA"),
        ("+41446681800", "CH"),
        ("+442079460018", "GB"),
        ("+80012345678", None),
        ("+11231234", None),
        ("nonsense", None),
    ],
)
def test_it_knows_the_region_of_a_number(number: str, region: str | None) -> None:
    assert region_of(number) == region


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+14155550101", "US"),
        ("+16045550101", "CA"),
        ("+18762222222", "JM"),
        ("+41446681800", "CH"),
        ("+442079460018", "GB"),
        ("+447624000000", "IM"),
        ("+77011234567", "KZ"),
        ("+15550000001", "US"),
        ("+447000000000", "GB"),
        ("+80012345678", ""),
        ("+881612345678", ""),
        ("+11231234", "US"),
        ("+999", ""),
        ("nonsense", ""),
    ],
)
def test_it_knows_the_country_of_a_number_or_the_main_one_of_its_calling_code(number: str, country: str) -> None:
    assert country_of(number) == country


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+19002345678", "premium-rate"),
        ("+33899123456", "premium-rate"),
        ("+979123456789", "premium-rate"),
        ("+41848123456", "shared-cost"),
        ("+447012345678", "personal"),
        ("+447640123456", "pager"),
        ("+14155550101", ""),
        ("+41791234567", ""),
        ("+15550000001", ""),
        ("nonsense", ""),
    ],
)
def test_it_knows_the_kinds_of_numbers_that_may_cost_more(number: str, kind: str) -> None:
    assert costly_kind(number) == kind


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+12025550101", ("America/New_York",)),
        ("+14155550101", ("America/Los_Angeles",)),
        ("+41791234567", ("Europe/Zurich",)),
        ("+393123456789", ("Europe/Rome", "Europe/Vatican")),
        ("+881612345678", ()),
        ("+15550000001", ()),
        ("nonsense", ()),
    ],
)
def test_it_knows_where_a_number_may_be(number: str, zones: tuple[str, ...]) -> None:
    assert zones_of(number) == zones


def test_a_mobile_of_a_wide_country_may_be_anywhere_in_it() -> None:
    zones = zones_of("+79161234567")
    assert {"Europe/Moscow", "Asia/Vladivostok"} <= set(zones)
