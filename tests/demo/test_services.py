"""The broker that is found or started where nothing was installed."""

import shutil
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as Refused

from smsbridge.demo import services


@pytest.fixture
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("REDIS_URL", "REDIS_TLS_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_redis_that_is_named_is_taken(nothing_given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_given.setenv("REDIS_URL", "redis://r.example/1")
    with services.broker(tmp_path) as broker:
        assert broker.environment == {"REDIS_URL": "redis://r.example/1"}


@pytest.mark.skipif(services.redis_program() is None, reason="no redis-server here")
def test_a_redis_of_our_own_lives_as_long_as_it_is_needed(nothing_given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with services.broker(tmp_path) as broker:
        client = Redis.from_url(broker.environment["REDIS_URL"])
        assert client.ping()
        assert client.config_get("save") == {"save": ""}
    with pytest.raises(Refused):
        client.ping()


@pytest.mark.skipif(services.redis_program() is None, reason="no redis-server here")
def test_a_redis_that_cannot_start_says_why(nothing_given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with services.redis(tmp_path) as running:
        assert running is not None
        port = int(running.url.rpartition(":")[2].partition("/")[0])
        program = services.redis_program()
        assert program is not None
        with pytest.raises(services.ServiceError, match=r"(?s)set REDIS_URL.*Address already in use"):
            services.start_redis(*program, tmp_path, port=port)


def test_without_any_redis_messages_are_files(nothing_given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing_given.setattr(shutil, "which", lambda _: None)
    nothing_given.setattr(services, "find_spec", lambda _: None)
    with services.broker(tmp_path) as broker:
        assert broker.environment["CELERY_BROKER_URL"] == "filesystem://"
        assert Path(broker.environment["BROKER_FOLDER"]).is_dir()
