"""SMS segments: golden vectors of the standard, and shortening that always fits."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbridge.graphemes import is_boundary
from smsbridge.segments import BASIC, EXTENSION, Encoding, Segmented, costly_characters, measure, truncate

GSM7, UCS2 = Encoding.GSM7, Encoding.UCS2
FAMILY = "👩\u200d👩\u200d👧"

CLUSTERS = [
    *"ab1 €[ñł\n",
    "e\u0301",
    FAMILY,
    "👍🏽",
    "🇨🇭",
    "🇩🇪",
    "1\ufe0f\u20e3",
    "\u1100\u1161",
    "क्ष",
    "\r\n",
]

short_gsm = st.text(alphabet=BASIC + EXTENSION, min_size=8, max_size=40)
short_wild = st.text(alphabet=sorted(set("".join(CLUSTERS))), min_size=8, max_size=40)
clusters = st.lists(st.sampled_from(CLUSTERS), min_size=8, max_size=40)
times = st.integers(21, 40)  # at least 168 characters: more than one SMS in any encoding
long_gsm = st.builds(lambda text, n: text * n, short_gsm, times)
long_wild = st.builds(lambda text, n: text * n, short_wild, times)
long_clusters = st.builds(lambda texts, n: texts * n, clusters, times)
texts = st.text() | short_gsm | long_gsm | long_wild


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segmented(GSM7, 0, 0)),
        ("a", Segmented(GSM7, 1, 1)),
        ("a" * 160, Segmented(GSM7, 160, 1)),
        ("a" * 161, Segmented(GSM7, 161, 2)),
        ("a" * 306, Segmented(GSM7, 306, 2)),
        ("a" * 307, Segmented(GSM7, 307, 3)),
        ("€" * 80, Segmented(GSM7, 160, 1)),
        ("€" * 81, Segmented(GSM7, 162, 2)),
        ("a" * 158 + "€", Segmented(GSM7, 160, 1)),
        ("a" * 159 + "€", Segmented(GSM7, 161, 2)),
        ("a" * 152 + "€" + "a" * 152, Segmented(GSM7, 306, 3)),
        ("a" * 151 + "€" + "a" * 153, Segmented(GSM7, 306, 2)),
        ("a" * 153 + "€" + "a" * 151, Segmented(GSM7, 306, 2)),
        ("€" * 152, Segmented(GSM7, 304, 2)),
        ("€" * 153, Segmented(GSM7, 306, 3)),
        ("line\nbreak\r\n", Segmented(GSM7, 12, 1)),
        (EXTENSION, Segmented(GSM7, 20, 1)),
        ("`", Segmented(UCS2, 1, 1)),
        ("ç", Segmented(UCS2, 1, 1)),
        ("Ç", Segmented(GSM7, 1, 1)),
        ("\t", Segmented(UCS2, 1, 1)),
        ("\x1b", Segmented(UCS2, 1, 1)),
        ("ł" * 70, Segmented(UCS2, 70, 1)),
        ("ł" * 71, Segmented(UCS2, 71, 2)),
        ("ł" * 134, Segmented(UCS2, 134, 2)),
        ("ł" * 135, Segmented(UCS2, 135, 3)),
        ("€" * 69 + "ł", Segmented(UCS2, 70, 1)),
        ("👍" * 35, Segmented(UCS2, 70, 1)),
        ("👍" * 36, Segmented(UCS2, 72, 2)),
        ("👍" * 66, Segmented(UCS2, 132, 2)),
        ("👍" * 67, Segmented(UCS2, 134, 3)),
        ("ł" * 66 + "👍" + "ł" * 66, Segmented(UCS2, 134, 3)),
        ("ł" * 65 + "👍" + "ł" * 67, Segmented(UCS2, 134, 2)),
        ("\ud83d", Segmented(UCS2, 1, 1)),
    ],
)
def test_it_measures(text: str, expected: Segmented) -> None:
    assert measure(text) == expected


def test_the_basic_table_has_127_characters_and_the_extension_ten() -> None:
    assert len(set(BASIC)) == len(BASIC) == 127  # 128 places, one of which is the escape
    assert len(set(EXTENSION)) == len(EXTENSION) == 10
    assert not set(BASIC) & set(EXTENSION)


def test_the_accented_capitals_that_look_alike_are_the_right_ones() -> None:
    assert measure("ÅÄÖÑÜÆØÉàèéìòùΔΦΓΛΩΠΨΣΘΞ¤§¿¡ß").encoding is GSM7
    assert measure("ÀÈÌÒÙáíóúêâ").encoding is UCS2


@given(texts, st.text(max_size=20))
def test_appending_never_costs_less(text: str, more: str) -> None:
    assert measure(text).count <= measure(text + more).count


@given(short_gsm | long_gsm)
def test_one_foreign_character_never_makes_a_text_cheaper(text: str) -> None:
    assert measure(text).count <= measure(text + "ł").count


@given(long_wild | long_gsm)
def test_the_count_is_what_filling_part_by_part_comes_to(text: str) -> None:
    size, double = (153, EXTENSION.__contains__) if measure(text).encoding is GSM7 else (67, "\uffff".__lt__)
    free, parts = 0, 0
    for cost in (2 if double(character) else 1 for character in text):
        if cost > free:
            free, parts = size, parts + 1
        free -= cost
    assert measure(text).count == parts


def test_a_text_that_fits_is_returned_unchanged() -> None:
    text = "  spaces stay, " + "x" * 143 + "  "
    assert measure(text).units == 160
    assert truncate(text, 1) == text


@pytest.mark.parametrize(
    ("text", "segments", "shortened"),
    [
        ("a" * 161, 1, "a" * 157 + "..."),
        ("a" * 307, 2, "a" * 303 + "..."),
        ("ł" * 71, 1, "ł" * 69 + "…"),
        ("ł" * 135, 2, "ł" * 133 + "…"),
        ("€" * 81, 1, "€" * 78 + "..."),
        ("👍" * 36, 1, "👍" * 34 + "…"),
        ("word " * 40, 1, ("word " * 31).rstrip() + "..."),
        ("a" * 100 + " " + "b" * 100, 1, "a" * 100 + " " + "b" * 56 + "..."),
        ("a" * 150 + " \n " + "b" * 100, 1, "a" * 150 + "..."),
        (" " * 200 + "x", 1, "..."),
    ],
)
def test_it_shortens(text: str, segments: int, shortened: str) -> None:
    assert truncate(text, segments) == shortened


def test_a_word_that_ends_exactly_at_the_limit_stays_whole() -> None:
    assert truncate("a" * 150 + " sixth" + "y" + " next", 1) == "a" * 150 + " sixthy" + "..."


def test_it_stays_gsm_7_when_what_made_the_text_ucs_2_is_cut_off() -> None:
    assert truncate("a" * 150 + "👍" * 50, 1) == "a" * 150 + "..."


@pytest.mark.parametrize(
    "cluster",
    [
        "e\u0301",  # combining accent
        FAMILY,
        "❤\ufe0f",  # variation selector
        "👍🏽",  # skin tone
        "🇨🇭",
        "1\ufe0f\u20e3",  # keycap
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # flag by tags
        "\u1100\u1161\u11a8",  # Hangul syllable of three letters
        "क्ष",  # conjunct
        "\ud83d\ude00",  # surrogates never joined
    ],
)
def test_it_never_tears_apart_what_is_read_as_one(cluster: str) -> None:
    for offset in range(12):
        shortened = truncate("ł" * offset + cluster * 70, 1)
        beginning = shortened.removesuffix("…").lstrip("ł")
        assert beginning == cluster * (len(beginning) // len(cluster))
        assert len(beginning) >= len(cluster)


def test_it_cuts_into_an_endless_pile_of_marks() -> None:
    assert truncate("a" + "\u0301" * 500, 1) == "a" + "\u0301" * 68 + "…"


def test_flags_are_pairs_counted_from_the_first() -> None:
    assert [is_boundary("🇨🇭🇩🇪", position) for position in range(5)] == [True, False, True, False, True]


def test_cr_lf_is_one_line_break() -> None:
    assert not is_boundary("a\r\nb", 2)
    assert is_boundary("a\n\nb", 2)


@pytest.mark.parametrize("segments", [0, -1])
def test_it_cannot_shorten_to_nothing(segments: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        truncate("text", segments)


def kept(shortened: str) -> str:
    return shortened.removesuffix("..." if measure(shortened).encoding is GSM7 else "…")


@given(texts, st.integers(1, 4))
def test_a_shortened_text_fits_and_is_the_beginning_of_the_whole(text: str, segments: int) -> None:
    shortened = truncate(text, segments)
    assert measure(shortened).count <= segments
    assert shortened == text or text.startswith(kept(shortened))


@given(long_gsm | long_wild)
def test_a_shortened_text_says_so(text: str) -> None:
    assert truncate(text, 1).endswith(("...", "…"))


@given(long_clusters, st.integers(1, 3))
def test_it_cuts_only_between_what_is_read_as_one(whole: list[str], segments: int) -> None:
    shortened = truncate("".join(whole), segments)
    edges = set(accumulate(map(len, whole), initial=0))
    assert len(kept(shortened)) in edges


@given(st.text(alphabet=BASIC.replace(" ", "").replace("\n", "").replace("\r", ""), min_size=161))
def test_without_a_space_to_cut_at_it_uses_all_there_is(text: str) -> None:
    assert measure(truncate(text, 1)).units == 160


def test_it_bounds_its_work_on_an_enormous_text() -> None:
    assert measure(truncate("👍a" * 500_000, 3)).count == 3


def test_it_names_each_costly_character_once_in_order() -> None:
    assert costly_characters("“Hi” – 👍 “bye” € ñ") == ["“", "”", "–", "👍"]
    assert costly_characters("plain [text] €") == []


@given(texts)
def test_costly_characters_are_exactly_what_makes_it_ucs_2(text: str) -> None:
    costly = costly_characters(text)
    assert bool(costly) == (measure(text).encoding is UCS2)
    assert measure("".join(character for character in text if character not in costly)).encoding is GSM7
