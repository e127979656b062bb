"""A genuine Matrix homeserver, started by the tests: Synapse with SQLite, on the loopback interface, in a folder.

It lives in a virtual environment of its own (`make synapse`), for its packages are not ours.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

from smsbridge.demo.services import free_port
from tests.matrix.people import TIMEOUT_SECONDS, Person
from tests.processes import ROOT, Program
from tests.waiting import eventually

SERVER_NAME = "chat.test"
START_SECONDS = 60.0
OPERATOR = "operator"

_SHARED_SECRET = "a-registration-secret-for-tests"
_WIDE = {"per_second": 10_000, "burst_count": 10_000}
_LIMITS: dict[str, Any] = {
    "rc_message": _WIDE,
    "rc_registration": _WIDE,
    "rc_room_creation": _WIDE,
    "rc_admin_redaction": _WIDE,
    "rc_login": {"address": _WIDE, "account": _WIDE, "failed_attempts": _WIDE},
    "rc_joins": {"local": _WIDE, "remote": _WIDE},
    "rc_joins_per_room": _WIDE,
    "rc_invites": {"per_room": _WIDE, "per_user": _WIDE, "per_issuer": _WIDE},
    "rc_presence": {"per_user": _WIDE},
}


def interpreter() -> Path | None:
    """The Python that has Synapse: of SYNAPSE_PYTHON, else of .venv-synapse; None without any."""
    python = Path(os.environ.get("SYNAPSE_PYTHON") or ROOT / ".venv-synapse" / "bin" / "python")
    found = next(python.parent.parent.glob("lib/python3*/site-packages/synapse/app/homeserver.py"), None)
    return python if found and shutil.which(python) else None


class Synapse:
    """One homeserver. It is not restarted by itself: what it stores is kept from one start to the next."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._folder, self.port = python, folder, free_port()
        self._database = folder / "hs.db"
        self.url = f"http://127.0.0.1:{self.port}"
        self._program: Program | None = None
        self._operator: Person | None = None

    def start(self, registration: str = "") -> None:
        """Start it, with an application service's registration file unless it has one from before."""
        if registration:
            self._write("as.yaml", registration)
            self._configure()
        environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
        command = ["synapse.app.homeserver", "-c", str(self._folder / "hs.yaml")]
        self._program = Program("synapse", command, environment, ready="", python=str(self._python))
        if not eventually(self._healthy, START_SECONDS):
            raise RuntimeError(f"synapse does not become healthy. It said:\n{self._program.output}")

    def stop(self) -> None:
        """SIGTERM, and wait for its end."""
        if self._program is not None:
            self._program.stop()
            self._program = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def keeps(self, *events: str) -> bool:
        """Whether these events are stored for the application service, which it has found away.

        What it has not stored yet, it would forget in a restart; and what waits for one that it takes to be there,
        would wait until it next finds it away. Nothing but its database tells.
        """
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            states = [state for (state,) in database.execute("select state from application_services_state")]
            rows = database.execute("select event_ids from application_services_txns").fetchall()
        waiting = {event for (ids,) in rows for event in json.loads(ids)}
        return states == ["down"] and waiting.issuperset(events)

    @property
    def operator(self) -> Person:
        """Whoever runs the homeserver."""
        if self._operator is None:
            self._operator = self._register(OPERATOR, admin=True)
        return self._operator

    def person(self, name: str, phone: str = "") -> Person:
        """A new user with a name to be shown and, unless it is empty, a phone in E.164 form.

        The phone is entered as the specification wants it: digits without a plus.
        """
        person = self._register(f"{name.lower()}-{secrets.token_hex(4)}")
        person.name, person.phone = name, phone
        numbers = [{"medium": "msisdn", "address": phone.removeprefix("+")}] if phone else []
        self.operator.admin("PUT", f"v2/users/{person.id}", displayname=name, threepids=numbers)
        return person

    def _register(self, localpart: str, *, admin: bool = False) -> Person:
        """By the shared secret, as Synapse's `register_new_matrix_user` does."""
        url = f"{self.url}/_synapse/admin/v1/register"
        nonce = requests.get(url, timeout=TIMEOUT_SECONDS).json()["nonce"]
        words = [nonce, localpart, "a-password", "admin" if admin else "notadmin"]
        mac = hmac.new(_SHARED_SECRET.encode(), "\0".join(words).encode(), hashlib.sha1).hexdigest()
        told = {"nonce": nonce, "username": localpart, "password": "a-password", "admin": admin, "mac": mac}
        answer = requests.post(url, json=told, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return Person(self.url, answer.json()["user_id"], answer.json()["access_token"])

    def _healthy(self) -> bool:
        if self._program is None or self._program.process.poll() is not None:
            raise RuntimeError(f"synapse ended. It said:\n{self._program.output if self._program else ''}")
        try:
            return requests.get(f"{self.url}/health", timeout=TIMEOUT_SECONDS).ok
        except requests.ConnectionError:
            return False

    def _configure(self) -> None:
        """What it reads at its start: JSON, which is YAML too."""
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        self._write("signing.key", f"ed25519 a_test {key}\n")
        console = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}
        log = {"version": 1, "handlers": {"console": console}, "root": {"level": "WARNING", "handlers": ["console"]}}
        self._write("log.yaml", json.dumps(log))
        self._write("hs.yaml", json.dumps(self._settings()))

    def _settings(self) -> dict[str, Any]:
        listener = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "tls": False,
            "resources": [{"names": ["client"]}],
        }
        return {
            "server_name": SERVER_NAME,
            "listeners": [listener],
            "database": {"name": "sqlite3", "args": {"database": str(self._database)}},
            "log_config": str(self._folder / "log.yaml"),
            "media_store_path": str(self._folder / "media"),
            "signing_key_path": str(self._folder / "signing.key"),
            "app_service_config_files": [str(self._folder / "as.yaml")],
            "registration_shared_secret": _SHARED_SECRET,
            "macaroon_secret_key": "a-macaroon-secret-for-tests",
            "form_secret": "a-form-secret-for-tests",
            "bcrypt_rounds": 4,
            "enable_registration": False,
            "report_stats": False,
            "presence": {"enabled": False},
            "url_preview_enabled": False,
            "trusted_key_servers": [],
            "federation_domain_whitelist": [],
            **_LIMITS,
        }

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)
