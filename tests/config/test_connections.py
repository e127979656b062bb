"""Database, Redis and broker, as the environment names them."""

import ssl
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import connections
from config.celery import is_worker

POSTGRES = "postgres://user:secret@db.example:5432/bridge?sslmode=require"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("DATABASE_URL", "REDIS_URL", "REDIS_TLS_URL", "REDIS_SSL_VERIFY", "CELERY_BROKER_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_a_database_url_it_is_a_file_that_readers_and_a_writer_share(
    given: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = connections.databases(tmp_path, worker=False)["default"]
    assert database["NAME"] == str(tmp_path / "db.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_a_web_process_keeps_its_connections(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("DATABASE_URL", POSTGRES)
    database = connections.databases(tmp_path, worker=False)["default"]
    assert database["CONN_MAX_AGE"] == 600
    assert database["OPTIONS"]["sslmode"] == "require"
    assert "pool" not in database["OPTIONS"]


def test_a_worker_has_a_pool_prepared_statements_and_stays_on_indexes(
    given: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given.setenv("DATABASE_URL", POSTGRES)
    options = connections.databases(tmp_path, worker=True)["default"]["OPTIONS"]
    assert options["pool"]["max_size"] == 12
    assert options["prepare_threshold"] == 2
    assert "enable_seqscan=off" in options["options"]


def test_a_worker_soon_looks_again_for_a_database_that_is_back(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The pool's own pauses between two looks grow to minutes."""
    given.setenv("DATABASE_URL", POSTGRES)
    pool = connections.databases(tmp_path, worker=True)["default"]["OPTIONS"]["pool"]
    assert pool["reconnect_timeout"] + pool["timeout"] < 10


def test_a_worker_that_is_frozen_in_a_transaction_loses_it(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Otherwise its locks would stop every other worker for as long as it stays so."""
    given.setenv("DATABASE_URL", POSTGRES)
    given.setenv("CLAIM_SECONDS", "2.5")
    options = connections.databases(tmp_path, worker=True)["default"]["OPTIONS"]["options"]
    assert "-c idle_in_transaction_session_timeout=2500" in options
    assert "-c tcp_user_timeout=2500" in options
    assert "options" not in connections.databases(tmp_path, worker=False)["default"]["OPTIONS"]


def test_behind_a_transaction_pooler_nothing_outlives_a_transaction(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("DATABASE_URL", POSTGRES)
    given.setenv("DATABASE_POOLER", "on")
    database = connections.databases(tmp_path, worker=True)["default"]
    assert database["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert {"options", "prepare_threshold"}.isdisjoint(database["OPTIONS"])
    assert connections.databases(tmp_path, worker=False)["default"]["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize("url", ["mysql://db.example/bridge", "nonsense", "postgres://user:secret@db:x/b"])
def test_another_database_is_refused_without_showing_the_url(
    given: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    given.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL .*postgres://") as refused:
        connections.databases(tmp_path, worker=False)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_encrypted_redis_wins(given: pytest.MonkeyPatch) -> None:
    given.setenv("REDIS_URL", "redis://plain.example")
    given.setenv("REDIS_TLS_URL", "rediss://tls.example")
    assert connections.redis_url() == "rediss://tls.example"


def test_certificates_are_checked_unless_told_otherwise(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = "rediss://tls.example:6380"
    checked = connections.broker(url, "p", tmp_path, worker=True)["CELERY_BROKER_USE_SSL"]
    assert checked["ssl_cert_reqs"] == ssl.CERT_REQUIRED
    assert connections.caches(url, "p")["default"]["OPTIONS"]["CONNECTION_POOL_KWARGS"] == checked
    given.setenv("REDIS_SSL_VERIFY", "none")
    assert connections.redis_tls()["ssl_cert_reqs"] == ssl.CERT_NONE
    given.setenv("REDIS_SSL_VERIFY", str(tmp_path / "absent.pem"))
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_SSL_VERIFY "):
        connections.redis_tls()


def test_no_process_waits_long_for_a_redis_that_hangs(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def timeout(*, worker: bool) -> float:
        settings = connections.broker("redis://r.example", "p", tmp_path, worker=worker)
        return float(settings["CELERY_BROKER_TRANSPORT_OPTIONS"]["socket_timeout"])

    assert timeout(worker=False) <= 2
    assert timeout(worker=True) == 5


def test_without_redis_messages_are_files_in_one_folder(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("BROKER_FOLDER", str(tmp_path / "broker"))
    broker = connections.broker("", "p", tmp_path, worker=True)
    options = broker["CELERY_BROKER_TRANSPORT_OPTIONS"]
    assert broker["CELERY_BROKER_URL"] == "filesystem://"
    assert options["data_folder_in"] == options["data_folder_out"]
    assert Path(options["data_folder_in"]).is_dir()


def test_rabbitmq_is_a_broker_too(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("CELERY_BROKER_URL", "amqp://rabbit.example")
    assert connections.broker("redis://r.example", "p", tmp_path, worker=True) == {
        "CELERY_BROKER_URL": "amqp://rabbit.example"
    }


@pytest.mark.parametrize(
    ("line", "worker"),
    [
        ("/app/bin/celery -A config worker --pool=threads", True),
        ("/lib/celery/__main__.py -A config worker", True),
        ("/app/bin/celery -A config beat", False),
        ("manage.py runserver", False),
        ("manage.py worker", False),
    ],
)
def test_a_worker_is_known_by_its_command_line(line: str, worker: bool) -> None:
    assert is_worker(line.split()) is worker
