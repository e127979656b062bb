"""The table of keywords: what a whole text means, and in which language it is answered."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbridge.keywords import (
    EVERYWHERE,
    KEYWORDS,
    NO_REPLY,
    SENTENCES,
    Keyword,
    Meaning,
    Source,
    folded,
    keyword,
    language_of,
)
from smsbridge.segments import Encoding, measure

FCC = ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"]


def meaning(text: str) -> str | None:
    found = keyword(text)
    return found.meaning.value if found else None


@pytest.mark.parametrize("word", FCC)
def test_every_word_of_the_fccs_list_stops(word: str) -> None:
    found = keyword(word)
    assert found is not None
    assert (found.meaning, found.source, found.when_out) == (Meaning.STOP, Source.FCC, False)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("STOPALL", "stop"),
        ("stop all", "stop"),
        ("optout", "stop"),
        ("ARRET", "stop"),
        ("Arrêt", "stop"),
        ("START", "start"),
        ("unstop", "start"),
        ("yes", "start"),
        ("HELP", "help"),
        ("info", "help"),
        ("Aide", "help"),
    ],
)
def test_the_words_of_the_carriers_count_as_well(text: str, means: str) -> None:
    assert meaning(text) == means


@pytest.mark.parametrize(
    "text",
    [
        *(" stop ", "Stop.", "STOP!!!", "“Stop”", "stop\n", "Opt-Out", "opt  OUT", "S.T.O.P", "Stop 🙏"),
        *("ＳＴＯＰ", "𝐒𝐓𝐎𝐏", "ⓢⓣⓞⓟ", "sto\u200bp", "STÔP", "arre\u0302t", "Désabonner", "REZYGNUJĘ", "стоп"),
    ],
)
def test_case_accents_punctuation_and_the_style_of_letters_do_not_count(text: str) -> None:
    assert meaning(text) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        *("Please stop by later", "stop it", "Stop, I am nearly there", "The end", "I quit smoking", "yes please"),
        *("help me", "no", "Yes!!! See you", "start at 8", "", "!", "🙏", "stop" * 20, "stop" + "." * 40),
        *("Arrête", "Hilfe!", "pomoc", "remove", "pare", "no mas"),
    ],
)
def test_a_text_that_says_more_or_something_else_is_none(text: str) -> None:
    assert meaning(text) is None


@given(st.sampled_from(KEYWORDS), st.text(alphabet=" .,!?-_'\"*", max_size=8), st.booleans())
def test_a_keyword_stays_one_however_it_is_decorated(one: Keyword, around: str, upper: bool) -> None:
    word = one.word.upper() if upper else one.word.lower()
    assert keyword(f"{around}{word}{around}") is one


@given(st.text(max_size=60))
def test_whatever_is_texted_it_is_a_keyword_of_the_table_or_none(text: str) -> None:
    found = keyword(text)
    assert found is None or folded(text) == folded(found.word)


def test_the_documentation_names_every_word() -> None:
    told = folded((Path(__file__).parents[2] / "docs" / "consent.md").read_text())
    assert [one.word for one in KEYWORDS if folded(one.word) not in told] == []


def test_each_word_stands_in_the_table_once() -> None:
    assert len({folded(one.word) for one in KEYWORDS}) == len(KEYWORDS)


def test_only_words_that_bring_back_depend_on_having_opted_out() -> None:
    assert {one.meaning for one in KEYWORDS if one.when_out} == {Meaning.START}
    assert [one.word for one in KEYWORDS if one.when_out and one.source is not Source.USUAL] == ["YES"]


@pytest.mark.parametrize(
    ("text", "country", "language"),
    [
        *(("STOP", "", "en"), ("STOP", "US", "en"), ("STOP", "DE", "de"), ("STOP", "BR", "pt"), ("STOP", "CH", "en")),
        *(("ARRET", "CA", "fr"), ("ARRET", "US", "fr"), ("cancel", "DE", "en"), ("Abmelden", "", "de")),
        *(("stopp", "DE", "de"), ("stopp", "NO", "en"), ("INFO", "FR", "fr"), ("help", "NL", "nl")),
    ],
)
def test_it_is_answered_in_the_words_language_or_if_that_is_several_in_the_countrys(
    text: str, country: str, language: str
) -> None:
    found = keyword(text)
    assert found is not None
    assert found.language(country) == language


@pytest.mark.parametrize("meaning", Meaning)
@pytest.mark.parametrize("language", EVERYWHERE)
def test_there_is_a_sentence_of_one_sms_in_each_language_with_room_for_a_name(meaning: Meaning, language: str) -> None:
    sentence = SENTENCES[meaning][language]
    cost = measure("A name of thirty characters ..: " + sentence)
    assert (cost.encoding, cost.count) == (Encoding.GSM7, 1)
    way_on = "START" if meaning is Meaning.STOP else "STOP"
    assert way_on in sentence


@pytest.mark.parametrize("language", EVERYWHERE)
def test_what_cannot_be_posted_is_answered_by_one_sms_in_each_language(language: str) -> None:
    cost = measure("A name of thirty characters ..: " + NO_REPLY[language])
    assert (cost.encoding, cost.count) == (Encoding.GSM7, 1)


@pytest.mark.parametrize(("country", "language"), [("DE", "de"), ("BR", "pt"), ("US", "en"), ("CH", "en"), ("", "en")])
def test_without_a_word_the_country_tells_the_language(country: str, language: str) -> None:
    assert language_of(country) == language


def test_no_answer_is_itself_a_keyword() -> None:
    assert not [text for sentences in [*SENTENCES.values(), NO_REPLY] for text in sentences.values() if keyword(text)]


def test_every_word_leads_to_a_language_that_has_sentences() -> None:
    assert {language for one in KEYWORDS for language in one.languages} <= set(EVERYWHERE)
