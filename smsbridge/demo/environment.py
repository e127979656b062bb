"""The demo's environment: all that a bare machine needs, beneath whatever the user has set himself.

It is made before Django reads its settings (see manage.py), as there would be no settings to read on such a machine.
"""

import secrets
import socket
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smsbridge.demo.services import free_port

HOST = "127.0.0.1"
USUAL_PORT = 8000
NUMBERS = ("+14152000101", "+14152000102", "+14152000103")
INTRODUCTION = 'This number is "<%= conversation.title %>" in the chat. What you answer here appears there.'

#: The story tells of these, so it does not leave them to the user.
STORY = {
    "NOTIFY_DELAY": "2 seconds",
    "NUMBER_EXPIRATION_TIME": "25 seconds",
    "REPORT_FOR_STATUS": "sent,delivered",
    "SMS_TEMPLATE": "<%= sender.name %>: <%= text %>",
    "SMS_INTRODUCTION": INTRODUCTION,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where this demo lives. `temporary`: the folder is removed at the end."""

    port: int
    folder: Path
    temporary: bool
    own_database: bool

    @property
    def web(self) -> str:
        """The base URL of the web process, without a slash at its end."""
        return f"http://{HOST}:{self.port}"


_plan: Plan | None = None


def plan() -> Plan:
    """The plan that `prepare` made. Raises RuntimeError without one."""
    if _plan is None:
        raise RuntimeError("the demo prepares its environment before Django starts: run `python manage.py demo`")
    return _plan


def add_arguments(parser: ArgumentParser) -> None:
    """The command's options, which are needed before there is a command."""
    parser.add_argument("--port", type=int, help=f"port of the web process (default: {USUAL_PORT}, or a free one)")
    parser.add_argument("--script", action="store_true", help="play the story unattended; the exit status says how")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep database and logs there, and continue there")


def prepare(arguments: Sequence[str], environ: MutableMapping[str, str]) -> None:
    """Decide where the demo lives, and set every variable it needs that `environ` does not hold yet."""
    global _plan
    parser = ArgumentParser(prog="manage.py demo", add_help=False, allow_abbrev=False)
    add_arguments(parser)
    options, _ = parser.parse_known_args(arguments)
    folder = options.keep or Path(tempfile.gettempdir()) / f"smsbridge-demo-{secrets.token_hex(6)}"
    _plan = Plan(
        port=options.port or usable_port(),
        folder=folder.resolve(),
        temporary=options.keep is None,
        own_database=not environ.get("DATABASE_URL"),
    )
    for name, value in defaults(_plan).items():
        if not environ.get(name):  # an empty variable counts as absent, as in the settings
            environ[name] = value
    if environ["SMS_VENDOR"] == "vonage-messages" and not environ.get("VONAGE_PRIVATE_KEY"):
        environ["VONAGE_PRIVATE_KEY"] = private_key()
    if options.script:
        environ.update(STORY)


def defaults(plan: Plan) -> Mapping[str, str]:
    """The environment of a demo on a machine with nothing but this project."""
    return {
        "ENV_FILE": "",  # what stands in .env is for the real thing
        "DEBUG": "on",
        "SIMULATOR": "on",
        "PUBLIC_URL": plan.web,
        "DATABASE_URL": f"sqlite:///{plan.folder / 'db.sqlite3'}",
        "REDIS_KEY_PREFIX": f"smsbridge-demo-{plan.port}",  # apart from others on the Redis that the user may name
        "CHAT_PLATFORM": "layer",
        "LAYER_API_URL": f"{plan.web}/simulator/layer",
        "LAYER_APP_ID": "00000000-0000-4000-8000-000000000001",
        "LAYER_BEARER_TOKEN": "demo-token",
        "LAYER_WEBHOOK_SECRET": "demo-webhook-secret",
        "IDENTITY_CACHE": "0",  # a phone that is entered on the page counts at once
        **vendors(plan.web),
        "SMS_NUMBERS": ",".join(NUMBERS),
        "SMS_INTRODUCTION": INTRODUCTION,
        "NOTIFY_DELAY": "10 seconds",
        "NUMBER_EXPIRATION_TIME": "5 minutes",
    }


def vendors(web: str) -> Mapping[str, str]:
    """The fake vendor; SMS_VENDOR=vonage is enough for the simulator's imitation of Vonage."""
    return {
        "SMS_VENDOR": "fake",
        "FAKE_URL": f"{web}/simulator/fake",
        "FAKE_TOKEN": "demo-fake-token",
        "FAKE_SIGNING_SECRET": "demo-fake-secret",
        "BANDWIDTH_API_URL": f"{web}/simulator/bandwidth",
        "BANDWIDTH_ACCOUNT_ID": "demo",
        "BANDWIDTH_USER": "demo",
        "BANDWIDTH_PASSWORD": "demo-bandwidth-password",
        "BANDWIDTH_APPLICATION_ID": "00000000-0000-4000-8000-000000000003",
        "BANDWIDTH_CALLBACK_USER": "bandwidth",
        "BANDWIDTH_CALLBACK_PASSWORD": "demo-bandwidth-callback-password",
        "SMSAPI_API_URL": f"{web}/simulator/smsapi",
        "SMSAPI_TOKEN": "demo-smsapi-token",
        "SMSAPI_CALLBACK_SECRET": "demo-smsapi-callback-secret",
        "TWILIO_API_URL": f"{web}/simulator/twilio",
        "TWILIO_ACCOUNT_SID": f"AC{'0' * 31}1",
        "TWILIO_AUTH_TOKEN": "demo-twilio-auth-token",
        "VONAGE_API_URL": f"{web}/simulator/vonage",
        "VONAGE_REST_URL": f"{web}/simulator/vonage",
        "VONAGE_API_KEY": "demo",
        "VONAGE_API_SECRET": "demo-vonage-secret",
        "VONAGE_SIGNATURE_SECRET": "demo-vonage-signature-secret-of-32-bytes",
        "VONAGE_APPLICATION_ID": "00000000-0000-4000-8000-000000000002",
    }


def private_key() -> str:
    """A new key, as Vonage makes one with an application. Imported here, as no other vendor needs one."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def usable_port() -> int:
    """The usual port when nobody listens there, else a free one."""
    return USUAL_PORT if is_free(USUAL_PORT) else free_port()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
