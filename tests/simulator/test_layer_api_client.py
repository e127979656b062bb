"""The genuine npm client `layer-api` against the simulator: real Node, real TLS, a real web server, chunked bodies."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smsbridge.demo.services import free_port
from tests.processes import ROOT, Program
from tests.simulator.layer_caller import APP, TOKEN

CLIENT = "layer-api@2.3.3"
HOST = "api.layer.com"
STORY = Path(__file__).with_name("layer_api_story.js")
NPM_FOLDER = ROOT / ".cache" / "npm"


@pytest.fixture(scope="module")
def client_modules() -> Path:
    """A node_modules with the genuine client in it, made once and kept."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"NOT TESTED: the genuine client layer-api, as {program} is not on the PATH. Install Node.")
    modules = NPM_FOLDER / "node_modules"
    if not (modules / "layer-api" / "package.json").exists():
        NPM_FOLDER.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(NPM_FOLDER), "--no-audit", "--no-fund", "--ignore-scripts", CLIENT]
        done = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip(
                f"NOT TESTED: the genuine client layer-api, since npm could not install it: {done.stderr[-300:]}"
            )
    return modules


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for api.layer.com, and its key, both as PEM files."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "cert.pem").write_bytes(signed.public_bytes(pem))
    (folder / "key.pem").write_bytes(secret)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def server(certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running web server with a database of its own."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('db') / 'simulator.sqlite3'}",
        "ALLOWED_HOSTS": HOST,
        "LAYER_APP_ID": APP,
        "LAYER_BEARER_TOKEN": TOKEN,
        "PYTHONUNBUFFERED": "1",
    }
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True, timeout=120)
    port, (cert, key) = free_port(), certificate
    tls = ["--ssl-certificate", str(cert), "--ssl-keyfile", str(key)]
    address = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", *tls]
    command = ["granian", *address, "tests.simulator.layer_host:application"]
    program = Program("simulator", command, environment, "Started worker")
    program.wait_ready()
    yield port
    program.stop()


@pytest.fixture(scope="module")
def steps(client_modules: Path, server: int, certificate: tuple[Path, Path]) -> Any:
    """What the client got at each step of its story: status and body."""
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(client_modules),
        "PORT": str(server),
        "CA": str(certificate[0]),
        "APP": APP,
        "TOKEN": TOKEN,
    }
    done = subprocess.run(
        ["node", str(STORY)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


STATUSES = {
    "create": 201,
    "create nobody": 422,
    "create once": 201,
    "create again": 200,
    "get": 200,
    "get strange": 404,
    "name": 204,
    "unname": 204,
    "add": 204,
    "remove": 204,
    "edited": 200,
    "send as user": 201,
    "send as bot": 201,
    "send once": 201,
    "send again": 200,
    "send as stranger": 403,
    "message": 200,
    "messages": 200,
    "older messages": 200,
    "message of user": 200,
    "messages of user": 200,
    "conversation of user": 200,
    "conversations of user": 200,
    "identify": 201,
    "identify again": 409,
    "change identity": 204,
    "identity": 200,
    "replace identity": 204,
    "replaced identity": 200,
    "forget identity": 204,
    "no identity": 404,
    "block": 204,
    "blocks": 200,
    "unblock": 204,
    "announce": 202,
    "delete": 204,
    "get deleted": 410,
    "wrong token": 401,
}


def test_each_call_of_the_client_gets_the_documented_status(steps: Any) -> None:
    assert {name: step["status"] for name, step in steps.items()} == STATUSES


def test_the_client_creates_and_edits_conversations(steps: Any) -> None:
    assert steps["get"]["body"] == steps["create"]["body"]
    assert steps["create nobody"]["body"].items() >= {"id": "missing_property", "code": 104}.items()
    assert steps["create again"]["body"] == steps["create once"]["body"]
    edited = steps["edited"]["body"]
    assert edited["participants"] == ["ann", "ben", "dan"]
    assert edited["metadata"] == {"conversationName": "Lunch"}


def test_the_client_sends_as_user_and_as_bot(steps: Any) -> None:
    sent = steps["send as user"]["body"]
    assert sent["parts"][0]["body"] == "Grüße 😀"
    assert sent["recipient_status"] == {"ann": "read", "ben": "sent", "dan": "sent"}
    assert steps["message"]["body"] == sent
    assert steps["send as bot"]["body"]["sender"] == {"user_id": None, "name": "Reminder"}
    assert steps["send again"]["body"] == steps["send once"]["body"]


def test_the_client_lists(steps: Any) -> None:
    def texts(step: str) -> list[str]:
        return [message["parts"][0]["body"] for message in steps[step]["body"]]

    assert texts("messages") == ["once", "Lunch at 12"]
    assert texts("older messages") == ["Lunch at 12", "Grüße 😀"]
    assert [message["is_unread"] for message in steps["messages of user"]["body"]] == [False, True, True]
    assert steps["conversation of user"]["body"]["unread_message_count"] == 2
    assert [row["id"] for row in steps["conversations of user"]["body"]] == [
        steps["create"]["body"]["id"],
        steps["create once"]["body"]["id"],
    ]


def test_the_client_keeps_identities_and_blocks(steps: Any) -> None:
    identity = steps["identity"]["body"]
    assert (identity["phone_number"], identity["metadata"]) == ("+1 (202) 200-0101", {"level": "35"})
    assert identity["email_address"] == "ann@example.com"
    assert steps["replaced identity"]["body"]["phone_number"] is None
    assert steps["blocks"]["body"] == [{"user_id": "ben"}]
