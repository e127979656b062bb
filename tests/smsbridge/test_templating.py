"""Templates: what they insert, what they never do, and how a mistake is explained."""

import re
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbridge.templating import MAX_LENGTH, TemplateMistake, compile_template

CONTEXT: dict[str, Any] = {
    "sender": {"name": "Ann", "custom": {"vip level": 3, "a.b": "dotted"}, "age": 41, "vip": True, "gone": None},
    "recipient": {"name": "Bob"},
    "text": "hello",
    "conversation": {"title": "Lunch", "participants": ["a", "b", "c"]},
    "parts": [{"body": "one"}, {"body": "two"}],
}

pieces = st.sampled_from(["<%", "<%=", "%>", "=>", "text", ".", "[0]", "||", " ", "\n", "sender", "(", "'"])
sources = st.lists(pieces).map("".join)


def rendered(source: str, context: dict[str, Any] | None = None) -> str:
    return compile_template(source).render(CONTEXT if context is None else context)


def mistake(source: str) -> TemplateMistake:
    with pytest.raises(TemplateMistake) as caught:
        compile_template(source)
    return caught.value


def mistake_in(source: str) -> TemplateMistake | None:
    try:
        compile_template(source)
    except TemplateMistake as found:
        return found
    return None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<%= sender.name %>: <%= text %>", "Ann: hello"),
        ("<%- sender.name %>: <%-text%>", "Ann: hello"),
        ("<%=text%>", "hello"),
        ("<%=\n  text\n%>", "hello"),
        ("<%= sender . name %>", "Ann"),
        ("<%= parts[1].body %>", "two"),
        ("<%= parts [ 0 ] ['body'] %>", "one"),
        ('<%= sender.custom["vip level"] %>', "3"),
        ('<%= sender["custom"]["a.b"] %>', "dotted"),
        ("<%= conversation.participants.length %> people", "3 people"),
        ("<%= text.length %>", "5"),
        ("no tags", "no tags"),
        ("", ""),
    ],
)
def test_it_inserts_values_by_path(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (41, "41"),
        (-1, "-1"),
        (1.5, "1.5"),
        (3.0, "3"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        (float("nan"), ""),
        ({"a": 1}, ""),
        (["a"], ""),
        (b"bytes", ""),
        (object(), ""),
    ],
)
def test_it_writes_plain_values_plainly_and_others_not_at_all(value: Any, text: str) -> None:
    assert rendered("[<%= sender.x %>]", {"sender": {"x": value}}) == f"[{text}]"


@pytest.mark.parametrize(
    "path",
    ["sender.nothing", "sender.nothing.deeper", "sender.gone.x", "parts[9].body", "text.x", "text[0]", "app.name"],
)
def test_what_is_missing_is_rendered_as_nothing(path: str) -> None:
    assert rendered(f"[<%= {path} %>]") == "[]"


@pytest.mark.parametrize("around", [" ", "\n", "\r\n", "\n\n  ", "\t"])
def test_white_space_around_tags_is_kept(around: str) -> None:
    assert rendered(f"a{around}<%= text %>{around}b") == f"a{around}hello{around}b"


@pytest.mark.parametrize(
    ("source", "line", "column", "reason", "suggestion"),
    [
        ("<%= sender.name =>: <%= text %>", 1, 17, "'=>' does not close a tag; write '%>'", "<%= sender.name %>"),
        ("<%= text =>", 1, 10, "'=>' does not close a tag; write '%>'", "<%= text %>"),
        ("Hi\n  <%= sendr.name %>", 2, 7, "there is no 'sendr' here; did you mean 'sender'?", "sender"),
        ("<%= zzz %>", 1, 5, "there is no 'zzz' here; known are app, conversation, message", ""),
        ("a <% if (text) { %>", 1, 3, "code is not run in a template", ""),
        ("<% text %>", 1, 1, "code is not run in a template; write '<%= text %>'", "<%= text %>"),
        ("<%%>", 1, 1, "code is not run in a template", ""),
        ("<%= sender.name || 'x' %>", 1, 17, "'||' is not supported", "<%= sender.name %>"),
        ("<%= text ? 1 : 2 %>", 1, 10, "'?' is not supported", "<%= text %>"),
        ("<%= text.trim() %>", 1, 14, "'(' is not supported", "<%= text.trim %>"),
        ("<%= text; %>", 1, 9, "';' is not supported", "<%= text %>"),
        ("<%= sender.name", 1, 1, "this tag is never closed; write '%>'", "<%= sender.name %>"),
        ("x\r\n<%= text <%= text %>", 2, 1, "this tag is never closed", "<%= text %>"),
        ("text %> more", 1, 6, "'%>' closes a tag that was never opened", "<%="),
        ("<%= text %> %>", 1, 13, "'%>' closes a tag that was never opened", "<%="),
        ("<%= %>", 1, 1, "the tag is empty", "<%= text %>"),
        ("<%= sender name %>", 1, 12, "'name' is not part of a path", "<%= sender %>"),
        ("<%= 'x' %>", 1, 5, "is not part of a path", ""),
        ("<%= parts[-1] %>", 1, 10, "is not part of a path", "<%= parts %>"),
        ("<%= parts[text] %>", 1, 10, "is not part of a path", "<%= parts %>"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_to_write(
    source: str, line: int, column: int, reason: str, suggestion: str
) -> None:
    found = mistake(source)
    assert (found.line, found.column, found.suggestion) == (line, column, suggestion)
    assert str(found).startswith(f"line {line}, column {column}: ")
    assert reason in str(found)


def test_the_first_mistake_is_the_one_reported() -> None:
    assert mistake("<%= txt %> <%= nothing %>").suggestion == "text"


def test_other_roots_can_be_allowed() -> None:
    assert compile_template("<%= number %>", roots=["number"]).render({"number": "+1"}) == "+1"
    assert "there is no 'number'" in str(mistake("<%= number %>"))


def test_it_tells_which_paths_and_roots_it_uses() -> None:
    template = compile_template("<%= sender.name %> <%= parts[0]['body'] %> <%= text %> <%= text %>")
    assert template.paths == {("sender", "name"), ("parts", "0", "body"), ("text",)}
    assert template.roots == {"sender", "parts", "text"}


def test_compiling_the_same_source_again_costs_nothing() -> None:
    assert compile_template("same <%= text %>") is compile_template("same <%= text %>")


def test_values_are_never_read_as_templates() -> None:
    hostile = {"text": "<%= sender.phone %> {{ x }} %s {0} $a", "sender": {"name": "<%= text %>", "phone": "secret"}}
    assert rendered("<%= sender.name %>: <%= text %>", hostile) == "<%= text %>: " + hostile["text"]  # type: ignore[operator]


class Trap:
    """An object that must not be looked into."""

    name = "leaked"

    def get(self, key: str) -> str:
        raise AssertionError(f"asked for {key}")

    def __str__(self) -> str:
        raise AssertionError("made into text")

    def __getitem__(self, key: Any) -> str:
        raise AssertionError(f"asked for {key}")


@pytest.mark.parametrize("path", ["sender", "sender.name", "sender['name']", "sender.__class__.__name__", "sender[0]"])
def test_objects_are_never_looked_into(path: str) -> None:
    assert rendered(f"[<%= {path} %>]", {"sender": Trap()}) == "[]"


@pytest.mark.parametrize("path", ["text.__class__", "sender.__class__", "sender.get", "parts.append", "parts.__len__"])
def test_attributes_of_plain_values_are_out_of_reach(path: str) -> None:
    assert rendered(f"[<%= {path} %>]") == "[]"


def test_reading_leaves_the_context_alone() -> None:
    people: defaultdict[str, str] = defaultdict(lambda: "made up")
    assert rendered("<%= sender.name %>", {"sender": people}) == ""
    assert not people


def test_control_characters_and_bidirectional_overrides_are_left_out_of_values() -> None:
    assert rendered("<%= text %>", {"text": "a\0b\x1b[31m\u202egnp\u2066x\u2069\x9b\ud800"}) == "ab[31mgnpx"


def test_line_breaks_of_a_message_are_kept_in_one_form_and_tabs_become_spaces() -> None:
    assert rendered("<%= text %>", {"text": "a\r\nb\rc\u2028d\te"}) == "a\nb\nc\nd e"


def test_a_name_cannot_imitate_a_second_message() -> None:
    context = {"sender": {"name": "Ann: hi\r\nBob"}, "text": "ok"}
    assert rendered("<%= sender.name %>: <%= text %>", context) == "Ann: hi Bob: ok"


def test_emoji_sequences_of_values_stay_whole() -> None:
    family = "👩\u200d👩\u200d👧 ❤\ufe0f \u200fשלום"
    assert rendered("<%= text %>", {"text": family}) == family


def test_the_text_has_a_greatest_length() -> None:
    assert len(rendered("<%= text %><%= text %>", {"text": "x" * 3 * MAX_LENGTH})) == MAX_LENGTH


@given(st.text().filter(lambda text: "<%" not in text and "%>" not in text))
def test_text_without_tags_renders_as_itself(source: str) -> None:
    assert compile_template(source).render({}) == source


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_any_text_of_a_user_arrives_literally(text: str) -> None:
    assert rendered("> <%= text %> <", {"text": text}) == f"> {text} <"


@given(sources)
def test_any_source_compiles_or_is_explained(source: str) -> None:
    found = mistake_in(source)
    if found is None:
        assert isinstance(rendered(source), str)
    else:
        lines = source.split("\n")
        assert 1 <= found.line <= len(lines)
        assert 1 <= found.column <= len(lines[found.line - 1])


@given(sources)
def test_a_suggested_tag_is_well_formed(source: str) -> None:
    found = mistake_in(source)
    if found and found.suggestion.endswith("%>"):
        assert len(compile_template(found.suggestion, roots=re.findall(r"\w+", found.suggestion)).paths) == 1
