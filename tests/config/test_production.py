"""What production is like when nothing is said but what must be: every switch on the safe side."""

import json
import os
import ssl
import subprocess
import sys

import pytest

from tests.processes import ROOT

NEEDED = {
    "SECRET_KEY": "f3a9c1d7e5b2480796acd1e3f5b7092846ace0bd",
    "ALLOWED_HOSTS": "sms.example.com",
    "PUBLIC_URL": "https://sms.example.com",
    "DATABASE_URL": "postgres://sms.example.com/smsbridge",
    "REDIS_URL": "rediss://sms.example.com",
}
LOOK = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def run(program: str, *names: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    # Nothing of the tests' own environment: what counts here is what is not set.
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings", "ENV_FILE": "", **environment}
    command = [sys.executable, "-c", program, *names]
    return subprocess.run(command, cwd=ROOT, env=known | settings, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def production() -> dict[str, object]:
    names = (
        *("DEBUG", "ALLOWED_HOSTS", "SECURE_HSTS_SECONDS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE"),
        *("CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "X_FRAME_OPTIONS", "SIMULATOR"),
        *("CELERY_ACCEPT_CONTENT", "CELERY_TASK_SERIALIZER", "DATA_UPLOAD_MAX_MEMORY_SIZE", "ADMIN_SECOND_FACTOR"),
        *("LOG_FORMAT", "CELERY_BROKER_USE_SSL", "METRICS_TOKEN"),
    )
    told: dict[str, object] = json.loads(run(LOOK, *names, **NEEDED).stdout)
    return told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", False),
        ("SIMULATOR", False),
        ("ALLOWED_HOSTS", ["sms.example.com"]),
        ("SECURE_HSTS_SECONDS", 31_536_000),
        ("SECURE_SSL_REDIRECT", True),
        ("SESSION_COOKIE_SECURE", True),
        ("CSRF_COOKIE_SECURE", True),
        ("SESSION_COOKIE_HTTPONLY", True),
        ("SESSION_COOKIE_SAMESITE", "Lax"),
        ("X_FRAME_OPTIONS", "DENY"),
        ("CELERY_ACCEPT_CONTENT", ["json"]),
        ("CELERY_TASK_SERIALIZER", "json"),
        ("DATA_UPLOAD_MAX_MEMORY_SIZE", 262_144),
        ("ADMIN_SECOND_FACTOR", True),
        ("LOG_FORMAT", "json"),
        ("METRICS_TOKEN", ""),
    ],
)
def test_it_is_on_the_safe_side(production: dict[str, object], name: str, value: object) -> None:
    assert production[name] == value


def test_redis_over_tls_is_checked(production: dict[str, object]) -> None:
    assert production["CELERY_BROKER_USE_SSL"] == {"ssl_cert_reqs": ssl.CERT_REQUIRED}


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL"])
def test_it_does_not_start_without(missing: str) -> None:
    done = run(LOOK, "DEBUG", **{name: value for name, value in NEEDED.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr.splitlines()[-1]
