"""Log lines: one form for people and one for programs, and nothing personal in either."""

import json
import logging
import sys

import pytest
from celery import shared_task
from django.db import transaction

from notifier import trail
from notifier.logs import Json, Plain

PHONE = "+12025550123"


def record(*, facts: dict[str, object] | None = None, failed: bool = False) -> logging.LogRecord:
    try:
        raise ValueError(f"Key (phone)=({PHONE}) already exists")
    except ValueError:
        raised = sys.exc_info() if failed else None
    extra = {"facts": facts} if facts else None
    return logging.getLogger("n").makeRecord("n", logging.WARNING, "f", 1, "%s rows", (7,), raised, extra=extra)


def test_a_json_line_is_one_object_with_time_level_logger_and_message() -> None:
    line = json.loads(Json().format(record()))
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "n", "7 rows")
    assert line["time"].endswith("+00:00")


def test_what_a_line_tells_beside_its_words_stands_under_its_own_name() -> None:
    facts: dict[str, object] = {"traces": ["e1", "e2"], "hook": "layer"}
    line = json.loads(Json().format(record(facts=facts)))
    assert {name: line[name] for name in facts} == facts
    assert Plain().format(record(facts=facts)).endswith("7 rows traces=['e1', 'e2'] hook=layer")


def test_what_others_hang_on_their_lines_is_left_out() -> None:
    """Django's own hold the request, and in it the query string, by which some vendors send texts."""
    line = record()
    line.request = f"<WSGIRequest: GET '/webhooks/sms/vonage/inbound/?msisdn={PHONE}'>"
    assert PHONE not in Json().format(line)


@pytest.mark.parametrize("formatter", [Json(), Plain()], ids=["json", "plain"])
def test_a_traceback_is_written_without_the_words_of_its_exception(formatter: logging.Formatter) -> None:
    line = formatter.format(record(failed=True))
    assert "ValueError" in line
    assert "test_logs.py" in line, "where it was raised is what mends a program"
    assert PHONE not in line


def test_celerys_line_about_a_task_that_failed_says_no_more_than_its_type(caplog: pytest.LogCaptureFixture) -> None:
    @shared_task
    def fails() -> None:
        raise ValueError(f"a text to {PHONE}")

    fails.apply()
    lines = [Plain().format(line) for line in caplog.records if line.name == "celery.app.trace"]
    assert "raised unexpected: ValueError" in lines[-1]
    assert PHONE not in "".join(lines)


@pytest.mark.django_db(transaction=True)
@pytest.mark.once
def test_a_trail_tells_what_was_committed_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trail")
    with transaction.atomic():
        trail.note("drained", [trail.name(1)])
        assert caplog.messages == []
    with transaction.atomic():
        trail.note("lost", [trail.name(2)])
        transaction.set_rollback(True)
    trail.note("nothing", [])
    assert caplog.messages == ["drained"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.once
def test_a_batch_gets_a_line_for_each_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trail")
    trail.note_by("state", "sent", [("ok", "e1"), ("bad", "e2"), ("ok", trail.name(3, "ref"))])
    facts = [vars(line)["facts"] for line in caplog.records]
    assert facts == [{"traces": ["e2"], "state": "bad"}, {"traces": ["e1", "e3/ref"], "state": "ok"}]
