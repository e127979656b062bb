"""The benchmark itself, with a handful of messages: that it measures at all, and that it notices what goes wrong."""

from urllib.parse import quote

import pytest
from django.db import connections

from smsbridge.demo.services import Redis
from tests.load import figures
from tests.load.__main__ import arguments
from tests.load.deliveries import conversation_of
from tests.load.kit import kit
from tests.load.measures import wrong
from tests.load.own import judge
from tests.load.poster import Posted
from tests.load.servers import Postgres
from tests.load.site import Ground
from tests.load.upstream import phone_of

POSTED = [Posted(token=7, status=204, planned=100.0, sent=100.0, answered=100.0)]


def text(seconds: float, *, token: int = 7, phone: str = "", number: str = "12025550001") -> list[str]:
    """A line of the upstream's record."""
    return ["S", str(int(seconds * 1e6)), str(token), number, phone or phone_of(conversation_of(token, 1000)[0]), "-"]


@pytest.fixture
def test_database_url(database_url: str) -> str:
    """The test's database as both psycopg and Django read it."""
    settings = connections["default"].settings_dict
    password = f":{quote(settings['PASSWORD'], safe='')}" if settings["PASSWORD"] else ""
    port = f"&port={settings['PORT']}" if settings["PORT"] else ""
    return f"postgres://{quote(settings['USER'])}{password}@/{settings['NAME']}?host={settings['HOST']}{port}"


@pytest.mark.once
@pytest.mark.postgres
def test_it_measures_a_burst_and_replies(transactional_db: None, test_database_url: str, redis_server: Redis) -> None:
    postgres = Postgres(test_database_url, "the test's")
    with (
        kit(own_one=True) as ours,
        Ground(postgres, redis_server, ours.upstream).running(
            test_database_url, workers=1, NOTIFY_DELAY="1 second"
        ) as site,
    ):
        meter = site.meter()
        burst = ours.e2e(site.chat_url, n=20, delay=1)
        replies = ours.inbound(site.inbound_url, n=10)
        spent = meter.read()
    assert (burst["accepted"], burst["sms"], wrong(burst)) == (20, 20, 0)
    assert (replies["posted"], replies["lost"], replies["wrong_conversation"]) == (10, 0, 0)
    assert spent["web"] > 0
    assert spent["workers"] > 0


def test_it_judges_a_text_in_time_as_right() -> None:
    verdict = judge(POSTED, [text(102.05)], delay=2)
    assert wrong(verdict) == 0
    assert verdict["late_ms"]["p50"] == pytest.approx(50)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([], "lost"),
        ([text(102.1), text(102.2)], "duplicates"),
        ([text(101.9)], "early"),
        ([text(102.1, phone="12022999999")], "wrong_recipient"),
        ([text(102.1), text(102.1, token=1007)], "number_shared_by_conversations"),
        ([text(102.1), text(102.1, token=2007, number="12025550002")], "conversations_with_several_numbers"),
    ],
)
def test_it_notices_what_went_wrong(texts: list[list[str]], kind: str) -> None:
    assert conversation_of(7, 1000) == conversation_of(2007, 1000) != conversation_of(1007, 1000)
    assert judge(POSTED, texts, delay=2)[kind] == 1


def test_a_single_lost_text_is_not_hidden_by_good_runs() -> None:
    ((*_, verdict),) = figures.rows({"kill": [{"lost": 0}, {"lost": 1}, {"lost": 0}]})
    assert verdict == "NOT MET"


def test_a_rate_is_judged_by_the_median_of_its_runs() -> None:
    ((_, target, median, spread, verdict),) = figures.rows(
        {"burst": [{"per_s": 1500}, {"per_s": 1800}, {"per_s": 1900}]}
    )
    assert (target, median, spread, verdict) == ("≥ 1,700", "1,800", "1,500–1,900", "met")


def test_an_unknown_measure_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["bursts"])
    assert "choose from ingest1, ingest2, burst" in capsys.readouterr().err
