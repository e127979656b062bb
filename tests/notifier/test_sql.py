"""One spelling of a statement, the same answer of both databases."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from notifier.sql import Ids, Rows, database_now, fetch, moment, run, uuid_of
from tests.factories import chat_app

pytestmark = pytest.mark.django_db

SOME_UUID = uuid.UUID("2c7a1f50-8f0b-4b7e-9d2b-6f1f2a3c4d5e")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TEXTS = ["", "Grüße 👋", "it's", '"quoted"', "100 %", "%(name)s", "{now}", "null", "1", "[1]", "line\nbreak", "\\u0041"]


def listed(type_: str, *values: Any) -> list[Any]:
    rows = Rows({"place": "integer", "value": type_}, list(enumerate(values)))
    return [value for _, value in fetch("select place, value from {rows:these} order by place", these=rows)]


def test_rows_keep_their_texts() -> None:
    assert listed("text", *TEXTS, None) == [*TEXTS, None]


def test_rows_keep_their_numbers() -> None:
    assert listed("bigint", 0, -1, 2**62, None) == [0, -1, 2**62, None]


def test_rows_keep_their_moments() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5)))
    ages = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    found = listed("timestamptz", MOMENT, elsewhere, None, *ages)
    assert [value and moment(value) for value in found] == [MOMENT, MOMENT, None, *ages]


def test_rows_keep_their_uuids() -> None:
    found = listed("uuid", SOME_UUID, None)
    assert [value and uuid_of(value) for value in found] == [SOME_UUID, None]


def test_no_rows_are_no_rows() -> None:
    assert fetch("select value from {rows:these}", these=Rows({"value": "text"}, [])) == []


def test_a_column_of_nothing_but_none_is_fine() -> None:
    assert listed("timestamptz", None, None) == [None, None]
    assert listed("smallint", None) == [None]


@pytest.mark.parametrize(
    ("type_", "values", "found"),
    [("text", ["a", "Grüße"], ["Grüße", "a"]), ("text", [], []), ("text", ["{now}", "c"], ["c"])],
)
def test_in_finds_what_is_among_the_values(type_: str, values: list[str], found: list[str]) -> None:
    rows = Rows({"value": "text"}, [("a",), ("b",), ("c",), ("Grüße",)])
    sql = "select value from {rows:these} where value {in:wanted}"
    assert sorted(value for (value,) in fetch(sql, these=rows, wanted=Ids(type_, values))) == found


def test_in_takes_uuids() -> None:
    rows = Rows({"value": "uuid"}, [(SOME_UUID,), (uuid.uuid4(),)])
    found = fetch("select value from {rows:these} where value {in:wanted}", these=rows, wanted=Ids("uuid", [SOME_UUID]))
    assert [uuid_of(value) for (value,) in found] == [SOME_UUID]


def test_now_is_the_databases_clock_in_utc() -> None:
    here = datetime.now(UTC)
    assert abs(database_now() - here) < timedelta(minutes=1)
    assert database_now() >= database_now() - timedelta(seconds=1)


@pytest.mark.parametrize("seconds", [0, 5, 0.5, -30, -30 * 86400, 86400.25])
def test_so_many_seconds_later(seconds: float) -> None:
    ((later, now),) = fetch("select {now+wait}, {now}", wait=seconds)
    assert abs(moment(later) - moment(now) - timedelta(seconds=seconds)) < timedelta(seconds=1)


def test_moments_compare_as_moments() -> None:
    """SQLite compares texts: all must be of one form."""
    sql = "select %(early)s < %(late)s, {now} < {now+wait}, %(early)s < {now}"
    values = {"early": MOMENT.replace(microsecond=0), "late": MOMENT.replace(microsecond=1)}
    ((first, second, third),) = fetch(sql, wait=10, **values)
    assert (bool(first), bool(second), bool(third)) == (True, True, True)


def test_a_row_that_is_read_gives_aware_moments() -> None:
    """SQLite hands out columns of a table otherwise than expressions."""
    from notifier.models import Conversation

    Conversation.objects.create(chat_app=chat_app(), key="c", deleted_at=MOMENT)
    ((read,),) = fetch("select deleted_at from notifier_conversation")
    assert moment(read) == MOMENT


def test_run_tells_how_many_rows() -> None:
    app = chat_app()
    assert (
        run("update notifier_chatapp set name = %(name)s where id {in:ids}", name="x", ids=Ids("bigint", [app.pk])) == 1
    )
    assert run("update notifier_chatapp set name = %(name)s where id {in:ids}", name="x", ids=Ids("bigint", [])) == 0


def test_rows_may_be_locked() -> None:
    app = chat_app()
    found = fetch("select a.id from notifier_chatapp a where a.id = %(id)s {lock:a}", id=app.pk)
    assert found == [(app.pk,)]
