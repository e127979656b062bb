"""Contacts from a CSV file: what its lines say, what they would change, and writing exactly that."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from notifier.models import ChatApp
from smsbridge.models import Contact
from smsbridge.services import contact_import
from smsbridge.services.contact_import import FileError, Preview
from tests import factories
from tests.smsbridge.racing import together

pytestmark = pytest.mark.django_db

FILE = "user_id,name,phone,time_zone,city\nben,Ben,+1 202 555 0102,Europe/Zurich,Bern\ncleo,Cleo,,,\n"


@pytest.fixture
def app() -> ChatApp:
    return factories.chat_app()


def take_in(app: ChatApp, text: str) -> Preview:
    found = contact_import.take_in(app, text)
    assert not found.wrong
    return found


def stored(app: ChatApp, user: str) -> dict[str, Any]:
    fields = ("name", "phone", "time_zone", "custom", "source")
    found: dict[str, Any] = Contact.objects.filter(chat_app=app, user_id=user).values(*fields).get()
    return found


# The file


def test_lines_become_contacts(app: ChatApp) -> None:
    found = take_in(app, FILE)
    assert (found.new, found.changed, found.unchanged) == (2, 0, 0)
    assert stored(app, "ben") == {
        "name": "Ben",
        "phone": "+12025550102",
        "time_zone": "Europe/Zurich",
        "custom": {"city": "Bern"},
        "source": "import",
    }


def test_looking_writes_nothing(app: ChatApp) -> None:
    contact_import.preview(app, FILE)
    assert not Contact.objects.exists()


def test_the_same_again_changes_nothing(app: ChatApp) -> None:
    take_in(app, FILE)
    found = contact_import.preview(app, FILE)
    assert (found.new, found.changed, found.unchanged) == (0, 0, 2)


def test_a_change_is_named_by_its_fields(app: ChatApp) -> None:
    take_in(app, FILE)
    found = take_in(app, FILE.replace("Bern", "Basel").replace("0102", "0103"))
    (change,) = found.changes
    assert (change.line, change.new, change.fields) == (2, False, ["phone", "custom"])
    assert stored(app, "ben")["phone"] == "+12025550103"


def test_a_column_that_is_not_there_changes_nothing_and_an_empty_cell_empties(app: ChatApp) -> None:
    take_in(app, FILE)
    take_in(app, "user_id;phone;city\nben;;\n")
    assert stored(app, "ben") == {
        "name": "Ben",
        "phone": "",
        "time_zone": "Europe/Zurich",
        "custom": {},
        "source": "import",
    }


def test_who_is_not_in_the_file_stays(app: ChatApp) -> None:
    factories.contact(app, "anna")
    take_in(app, FILE)
    assert Contact.objects.filter(user_id="anna").exists()


def test_what_the_platform_told_becomes_ours(app: ChatApp) -> None:
    factories.contact(app, "ben", phone="+12025550102", name="Ben", source="platform")
    (change,) = take_in(app, "user_id\nben\n").changes
    assert change.fields == ["source"]
    assert stored(app, "ben")["source"] == "import"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",Nobody,,,", "user_id is empty"),
        ("ben,Ben again,,,", "earlier line"),
        ("dora,Dora,555 0102,,", "lacks its country code"),
        ("dora,Dora,,Mars/Base,", "Europe/Zurich"),
        ("dora,Dora,,,Bern,more", "more cells"),
        (f"dora,{'x' * 256},,,", "longer than 255"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_nothing_is_written(app: ChatApp, line: str, why: str) -> None:
    found = contact_import.preview(app, FILE + line + "\n")
    (sentence,) = found.wrong
    assert sentence.startswith("Line 4: ")
    assert why in sentence
    assert "555" not in sentence.replace("+12025550100", "")
    contact_import.take_in(app, FILE + line + "\n")
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "first line"),
        ("name,phone\n", "user_id"),
        ("user_id,city,city\n", "name of its own"),
        (f"user_id,{'x' * 200_000}\n", "no CSV"),
        (f'"user_id,name\n{FILE * 2000}', "no CSV"),
    ],
)
def test_a_file_without_a_right_heading_is_refused(app: ChatApp, text: str, why: str) -> None:
    with pytest.raises(FileError, match=why):
        contact_import.preview(app, text)


def test_a_file_of_another_encoding_or_too_large_is_refused() -> None:
    assert contact_import.text_of("\ufeffuser_id\n".encode()) == "user_id\n"
    with pytest.raises(FileError, match="UTF-8"):
        contact_import.text_of(b"\xff\xfe")
    with pytest.raises(FileError, match="several parts"):
        contact_import.text_of(b"x" * 1_000_001)


def test_a_line_break_within_quotes_is_no_new_line(app: ChatApp) -> None:
    found = contact_import.preview(app, 'user_id,name\nben,"Ben\nthe second"\n,x\n')
    assert found.wrong == ["Line 4: user_id is empty: who is it?"]


def test_a_quote_that_is_left_open_swallows_nobody(app: ChatApp) -> None:
    with pytest.raises(FileError, match="quotes"):
        contact_import.preview(app, 'user_id,city\nben,"Bern\ncleo,Basel\n')


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_any_system_ends_them(app: ChatApp, end: str) -> None:
    found = contact_import.preview(app, end.join(["user_id,name", "ben,B;;;;;en", "cleo,Cleo", ""]))
    assert [(change.row.user_id, change.row.name) for change in found.changes] == [
        ("ben", "B;;;;;en"),
        ("cleo", "Cleo"),
    ]


def test_what_no_database_keeps_is_left_out_of_names_and_values(app: ChatApp) -> None:
    take_in(app, "user_id,na\0me,ci\0ty\nb\0en,Be\0n,Be\0rn\n")
    assert (stored(app, "ben")["name"], stored(app, "ben")["custom"]) == ("Ben", {"city": "Bern"})


def test_a_column_may_have_any_name(app: ChatApp) -> None:
    take_in(app, "user_id,custom,source,pk,chat_app\nben,a,b,c,d\n")
    assert stored(app, "ben")["custom"] == {"custom": "a", "source": "b", "pk": "c", "chat_app": "d"}
    assert stored(app, "ben")["source"] == "import"


def test_ids_are_told_apart_by_case_and_not_by_blanks(app: ChatApp) -> None:
    found = contact_import.preview(app, "user_id\nben\nBen\n ben \n")
    assert (found.new, len(found.wrong)) == (2, 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_what_is_compared_cannot_change_before_it_is_written(app: ChatApp, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.contact(app, "ben", phone="+12025550102")
    write = contact_import._write

    def meanwhile() -> list[Contact]:
        with transaction.atomic():
            return list(Contact.objects.filter(user_id="ben").select_for_update(skip_locked=True))

    def slowly(found: Preview) -> None:
        assert together([meanwhile]) == [[]]
        write(found)

    monkeypatch.setattr(contact_import, "_write", slowly)
    assert take_in(app, "user_id,name\nben,Benjamin\n").changed == 1


# The command


def test_the_command_shows_before_it_writes(app: ChatApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "people.csv"
    file.write_text(FILE)
    call_command("import_contacts", str(file), dry_run=True)
    assert "Nothing was written. New: 2." in capsys.readouterr().out
    assert not Contact.objects.exists()
    call_command("import_contacts", str(file), chat_app=app.slug)
    assert Contact.objects.count() == 2


def test_the_command_fails_over_a_wrong_line(app: ChatApp, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(FILE + ",x,,,\n")
    with pytest.raises(CommandError, match="Nothing was written: 1 lines"):
        call_command("import_contacts", str(file))


def test_the_command_asks_which_chat_app_is_meant(app: ChatApp, tmp_path: Path) -> None:
    factories.chat_app()
    with pytest.raises(CommandError, match="Say --chat-app"):
        call_command("import_contacts", str(tmp_path / "people.csv"))
