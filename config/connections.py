"""How to reach the database, Redis and the broker: environment in, Django's and Celery's settings out."""

import ssl
from pathlib import Path
from typing import Any

from config import env

SQLITE = "django.db.backends.sqlite3"


def databases(folder: Path, *, worker: bool) -> dict[str, Any]:
    """DATABASES from DATABASE_URL; without it, a SQLite file in `folder`."""
    url = env.text("DATABASE_URL", f"sqlite:///{folder / 'db.sqlite3'}")
    if not url.startswith(("postgres://", "postgresql://", "sqlite://")):
        raise env.refuse("DATABASE_URL", "names no known database: use postgres:// or, to try things out, sqlite:///")
    try:
        database: dict[str, Any] = dict(env.environment.db_url_config(url))
    except ValueError:
        # Without the cause, which could show the password.
        raise env.refuse("DATABASE_URL", "cannot be read: write postgres://user:password@host:5432/name") from None
    if database["ENGINE"] == SQLITE:
        return {"default": {**database, **sqlite()}}
    options = {**database.pop("OPTIONS", {}), "connect_timeout": 5}
    return {"default": {**database, **postgres(options, worker=worker)}}


def sqlite() -> dict[str, Any]:
    """Readers never wait for the writer (WAL), and a transaction waits at its start instead of failing half-way."""
    return {
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    }


def postgres(options: dict[str, Any], *, worker: bool) -> dict[str, Any]:
    """Web threads keep their connection; workers share a pool, as Celery closes connections around each task."""
    pooler = env.switch("DATABASE_POOLER", False)  # PgBouncer in transaction mode: nothing may outlive a transaction
    common = {"DISABLE_SERVER_SIDE_CURSORS": pooler}
    if env.switch("DATABASE_PREPARE", not pooler):
        options |= {"server_side_binding": True, "prepare_threshold": 2}
    if not worker:
        return {**common, "CONN_MAX_AGE": 0 if pooler else 600, "OPTIONS": options}
    # The pool's own pauses grow to minutes while the database is away, and nobody is served meanwhile, back or not.
    # So it gives up soon, and whoever wants a connection next makes it look again.
    patient = {"timeout": 5, "reconnect_timeout": 2}
    options |= {"pool": {"min_size": 1, "max_size": env.whole("DATABASE_POOL_SIZE", 12), **patient}}
    if not pooler:
        # Queue tables go from empty to full and back faster than statistics are gathered: stay on the indexes.
        # And a worker that is frozen in a transaction must not keep its locks for longer than others wait for a claim:
        # neither between two statements, nor in the middle of an answer that it does not read.
        patience = int(env.seconds("CLAIM_SECONDS", 15) * 1000)
        limits = f"-c idle_in_transaction_session_timeout={patience} -c tcp_user_timeout={patience}"
        options["options"] = f"{options.get('options', '')} -c enable_seqscan=off -c jit=off {limits}".strip()
    return {**common, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True, "OPTIONS": options}


def redis_url() -> str:
    """REDIS_TLS_URL before REDIS_URL: an older Heroku app has both, and only the former is encrypted."""
    url = env.text("REDIS_TLS_URL") or env.text("REDIS_URL")
    if url and not url.startswith(("redis://", "rediss://", "unix://", "redis+socket://")):
        raise env.refuse("REDIS_URL", "is not a Redis address: write redis://host:6379/0, or rediss:// for TLS")
    return url.replace("redis+socket://", "unix://", 1)


def redis_tls() -> dict[str, Any]:
    """Certificate checks for rediss:// by REDIS_SSL_VERIFY: required (the default), none, or the path of a CA file."""
    verify = env.text("REDIS_SSL_VERIFY", "required")
    if verify.lower() == "none":
        return {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}
    if verify.lower() == "required":
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    if not Path(verify).is_file():
        raise env.refuse("REDIS_SSL_VERIFY", "is neither none, required nor the path of an existing CA file")
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": verify, "ssl_check_hostname": False}


def caches(redis: str, prefix: str) -> dict[str, Any]:
    """Redis where there is one. A cache that is away costs time, never an error."""
    if not redis:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    pool = redis_tls() if redis.startswith("rediss://") else {}
    options = {
        "CONNECTION_POOL_KWARGS": pool,
        "SOCKET_CONNECT_TIMEOUT": 1,
        "SOCKET_TIMEOUT": 2,
        "IGNORE_EXCEPTIONS": True,
        "LOG_IGNORED_EXCEPTIONS": True,
    }
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": redis, "KEY_PREFIX": prefix}
    return {"default": {**cache, "OPTIONS": options}}


def broker(redis: str, prefix: str, folder: Path, *, worker: bool) -> dict[str, Any]:
    """Celery's broker settings: CELERY_BROKER_URL, else Redis, else files in a folder (one machine only)."""
    url = env.text("CELERY_BROKER_URL") or redis.replace("unix://", "redis+socket://", 1) or "filesystem://"
    scheme = url.partition(":")[0]
    if scheme in ("redis", "rediss", "redis+socket"):
        tls = {"CELERY_BROKER_USE_SSL": redis_tls()} if scheme == "rediss" else {}
        options = redis_transport(prefix, worker=worker)
        return {"CELERY_BROKER_URL": url, "CELERY_BROKER_TRANSPORT_OPTIONS": options, **tls}
    if scheme == "filesystem":
        where = Path(env.text("BROKER_FOLDER", str(folder / ".cache" / "broker")))
        return {"CELERY_BROKER_URL": url, "CELERY_BROKER_TRANSPORT_OPTIONS": file_transport(where)}
    if scheme in ("amqp", "amqps", "pyamqp", "memory"):
        return {"CELERY_BROKER_URL": url}
    raise env.refuse("CELERY_BROKER_URL", "is not supported: use redis://, rediss://, amqp:// or filesystem://")


def redis_transport(prefix: str, *, worker: bool) -> dict[str, Any]:
    """No process waits long for a Redis that hangs: not a web process for the doorbell, nor a worker that is to end.

    A worker's own reads are answered after one second (BRPOP's), whether there is a message or not.
    """
    return {
        "visibility_timeout": 43_200,  # above any countdown: a task that outlives it is delivered twice
        "unacked_restore_throttle": 1,  # what a dead worker held comes back within 10 s of its time, not 100
        "global_keyprefix": f"{prefix}:",
        "socket_timeout": 5 if worker else 2,
        "socket_connect_timeout": 5 if worker else 1,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }


def file_transport(where: Path) -> dict[str, Any]:
    """One folder for both directions, so that every process on the machine finds the same queues."""
    queue, control = where / "queue", where / "control"
    for path in (queue, control):
        path.mkdir(parents=True, exist_ok=True)
    return {"data_folder_in": str(queue), "data_folder_out": str(queue), "control_folder": str(control)}
