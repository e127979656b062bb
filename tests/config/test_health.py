"""The addresses for watching: what they tell, whom, and that they answer also when something hangs."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from config import health
from notifier.questions import Question
from notifier.services import readiness as readinesses
from notifier.services.readiness import Check, Overdue, Readiness
from tests.waiting import eventually

TOKEN = "a-token-for-metrics"


class AtOnce:
    """A question that is asked in the test's own thread, which sees the test's own rows."""

    def __init__(self, ask: Callable[[], Any], *, keep: float) -> None:
        self._ask = ask

    def begin(self) -> None: ...

    def answer(self, seconds: float) -> Any:
        return self._ask()


class Site:
    """What is behind /readyz and /metrics, to be broken by a test."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client, self._patch = client, monkeypatch
        self.overdue: Overdue | None = None
        monkeypatch.setattr(readinesses, "Question", AtOnce)
        self.broker(Check(True))
        monkeypatch.setattr(health, "readiness", Readiness(lambda: self.overdue))
        monkeypatch.setattr(health, "_figures", AtOnce(health._read, keep=0))

    def broker(self, check: Check) -> None:
        self._patch.setattr(readinesses, "ask_broker", lambda: check)
        self._patch.setattr(health, "readiness", Readiness(lambda: self.overdue))

    def database_away(self) -> None:
        def fails(*_: object) -> Any:
            raise OperationalError("connection to server at 10.1.2.3 failed")

        self._patch.setattr(readinesses, "fetch", fails)
        self._patch.setattr(health, "_figures", AtOnce(fails, keep=0))

    def missing(self, migrations: int) -> None:
        self._patch.setattr(readinesses, "_missing_migrations", lambda: migrations)

    def ready(self, query: str = "") -> tuple[int, str, dict[str, Any]]:
        answer = self.client.get(f"/readyz{query}")
        told = answer.json()
        return answer.status_code, told["status"], told["checks"]


@pytest.fixture
def site(db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(client, monkeypatch)


def test_the_process_answers(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_only_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_with_everything_in_order_it_is_ready(site: Site) -> None:
    site.overdue = Overdue("send", 119.0)
    status, word, checks = site.ready()
    assert (status, word) == (200, "ready")
    assert {name: check["ok"] for name, check in checks.items()} == dict.fromkeys(
        ["database", "migrations", "overdue", "broker"], True
    )


def test_without_the_broker_work_goes_on_so_it_is_only_degraded(site: Site) -> None:
    site.broker(Check(False, {"error": "OperationalError"}))
    status, word, checks = site.ready()
    assert (status, word) == (200, "degraded")
    assert checks["broker"] == {"ok": False, "error": "OperationalError"}


def test_without_the_database_it_is_not_ready_and_tells_no_address(site: Site) -> None:
    site.database_away()
    status, word, checks = site.ready()
    assert (status, word) == (503, "not ready")
    assert checks["database"] == {"ok": False, "error": "OperationalError"}
    assert checks["overdue"]["ok"] is False


def test_before_migrate_it_is_not_ready(site: Site) -> None:
    site.missing(2)
    status, _, checks = site.ready()
    assert status == 503
    assert checks["migrations"] == {"ok": False, "missing": 2, "remedy": "run manage.py migrate"}


def test_once_migrated_it_does_not_look_again(site: Site) -> None:
    assert site.ready()[0] == 200
    site.missing(2)
    assert site.ready()[0] == 200


def test_work_that_is_overdue_for_too_long_makes_it_not_ready(site: Site, settings: Any) -> None:
    settings.OVERDUE_SECONDS = 30.0
    site.overdue = Overdue("send", 31.04)
    status, word, checks = site.ready()
    assert (status, word) == (503, "not ready")
    assert checks["overdue"] == {"ok": False, "stage": "send", "oldest_seconds": 31.0, "limit_seconds": 30.0}


def test_a_load_balancer_may_leave_checks_out_of_the_verdict(site: Site) -> None:
    site.overdue = Overdue("send", 9999.0)
    site.broker(Check(False))
    assert site.ready("?exclude=overdue")[:2] == (200, "degraded")
    assert site.ready("?exclude=overdue,broker")[:2] == (200, "ready")
    assert site.ready("?exclude=overdue&exclude=broker")[:2] == (200, "ready")
    assert site.client.get("/readyz?exclude=nonsense").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_it_answers_in_time_and_asks_once_while_something_hangs(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, asked = threading.Event(), []

    def hangs() -> None:
        asked.append(1)
        goes_on.wait(20)

    monkeypatch.setattr(readinesses, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(readinesses, "ask_broker", lambda: Check(True))
    monkeypatch.setattr(health, "readiness", Readiness(hangs))
    began = time.monotonic()
    answers = [client.get("/readyz") for _ in range(3)]
    assert time.monotonic() - began < 3
    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].json()["checks"]["database"]["error"].startswith("no answer within")
    assert asked == [1]
    goes_on.set()
    assert eventually(lambda: client.get("/readyz").status_code == 200)


# Questions


def test_an_answer_is_kept_for_a_while(db: None) -> None:
    asked: list[int] = []
    question = Question(lambda: asked.append(1), keep=60)
    for _ in range(3):
        question.answer(5)
    assert asked == [1]
    anew = Question(lambda: asked.append(1), keep=0)
    for _ in range(3):
        anew.answer(5)
    assert asked == [1] * 4


def test_what_the_question_raised_is_raised_where_it_is_asked(db: None) -> None:
    def fails() -> None:
        raise OperationalError

    with pytest.raises(OperationalError):
        Question(fails, keep=60).answer(5)


def test_a_question_that_hung_for_too_long_is_asked_anew(db: None) -> None:
    goes_on, answers = threading.Event(), [1, 2]

    def ask() -> int:
        answer = answers.pop()
        if answer == 2:
            goes_on.wait(20)
        return answer

    question = Question(ask, keep=60, patience=0.0)
    with pytest.raises(TimeoutError):
        question.answer(0.01)
    assert question.answer(5) == 1
    goes_on.set()


def test_while_one_waits_for_an_answer_the_others_have_the_one_before(db: None) -> None:
    goes_on, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        assert len(asked) == 1 or goes_on.wait(20)
        return len(asked)

    question = Question(ask, keep=0.0)
    assert question.answer(5) == 1
    first = threading.Thread(target=question.answer, args=[20])
    first.start()
    assert eventually(lambda: len(asked) == 2)
    began = time.monotonic()
    assert question.answer(5) == 1
    assert time.monotonic() - began < 2
    goes_on.set()
    first.join(10)


def test_what_was_waited_for_in_vain_holds_up_nobody_else(db: None) -> None:
    goes_on = threading.Event()
    question = Question(lambda: goes_on.wait(20), keep=60)
    with pytest.raises(TimeoutError):
        question.answer(0.01)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        question.answer(5)
    assert time.monotonic() - began < 2
    goes_on.set()
    assert eventually(lambda: question.begin().done())
    assert question.answer(0) is True


# Who may read the figures


def test_without_a_token_nobody_reads_the_figures_and_the_remedy_is_told(site: Site, settings: Any) -> None:
    settings.METRICS_TOKEN, settings.DEBUG = "", False
    answer = site.client.get("/metrics")
    assert answer.status_code == 403
    assert b"METRICS_TOKEN" in answer.content


def test_without_a_token_a_developer_reads_them(site: Site, settings: Any) -> None:
    settings.METRICS_TOKEN, settings.DEBUG = "", True
    assert site.client.get("/metrics").status_code == 200


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ü", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_with_a_token_only_whoever_sends_it_reads_them(site: Site, settings: Any, given: str | None) -> None:
    settings.METRICS_TOKEN, settings.DEBUG = TOKEN, True
    answer = site.client.get("/metrics", headers={} if given is None else {"authorization": given})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert TOKEN not in answer.content.decode()


def test_the_figures_are_what_prometheus_reads(site: Site, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = site.client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.content.decode())}
    assert families["smsbridge_broker_up"].samples[0].value == 1
    assert all(family.documentation for family in families.values())


def test_without_the_database_there_are_no_figures(site: Site, settings: Any) -> None:
    settings.DEBUG = True
    site.database_away()
    answer = site.client.get("/metrics")
    assert answer.status_code == 503
    assert b"10.1.2.3" not in answer.content
