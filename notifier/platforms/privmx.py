"""PrivMX Bridge, version 3: end-to-end encrypted threads, stores, inboxes, streams and key-value stores.

It calls nobody: we listen over a WebSocket, of which the one connection is `privmx_session`, and its calls are
`privmx_calls`. It knows nobody's phone, keeps no receipts, and lets nobody post for its users. What it tells is read in
`privmx_events`; what is missed while nobody listens is found by `privmx_catchup`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import urlsplit

from notifier.platforms import privmx_asking, privmx_events
from notifier.platforms.base import (
    Can,
    ChatEvent,
    Envelope,
    Platform,
    PlatformConfig,
    Question,
    Reading,
    Standing,
    Steps,
)
from notifier.platforms.privmx_auth import ApiKey
from notifier.platforms.privmx_envelope import read_envelope
from notifier.platforms.privmx_kinds import EVENT_TYPES, FAMILIES, STATS
from notifier.platforms.privmx_session import Session
from notifier.wire import Call, Forged

DEFAULT_CHANNELS: Final = "thread"
_AUTHS: Final = ("", "secret", "signature")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+", re.ASCII)
_KEY_PATH = re.compile(r"[^.\s][^.]*(\.[^.]+)*")


class PrivmxPlatform(Platform):
    """One API key at one Bridge. Misconfigured it still connects, and the Bridge refuses it: see `configured`."""

    key: ClassVar[str] = "privmx"
    title: ClassVar[str] = "PrivMX Bridge"
    can: ClassVar[frozenset[Can]] = frozenset({Can.SOCKET, Can.REPLAY, Can.ASK})
    option_help: ClassVar[Mapping[str, str]] = {
        "api_url": "Base URL of the Bridge, without /api, such as https://bridge.example or http://127.0.0.1:9111.",
        "key_id": "The id of an API key with the scopes context, solution:* and each of the channels.",
        "channels": f"What is listened to, by comma: {', '.join(FAMILIES)}; {DEFAULT_CHANNELS} when empty. inbox brings"
        " the inboxes' entries.",
        "auth": "secret: the key's secret is sent when logging in (default); signature: it only signs.",
        "title_key": "The key in a container's publicMeta that holds its title, nested by dots; empty: no titles.",
        "text_key": "The key in an item's publicMeta that holds words to be told, nested by dots; empty: none are.",
    }
    secret_help: ClassVar[Mapping[str, str]] = {
        "key_secret": "The API key's secret, or the PEM of its Ed25519 private key, which then signs.",
    }
    receipt_events: ClassVar[tuple[str, ...]] = tuple(name for name in EVENT_TYPES if name not in STATS)
    event_types: ClassVar[tuple[str, ...]] = EVENT_TYPES

    def __init__(self, config: PlatformConfig) -> None:
        super().__init__(config)
        options = {name: value.strip() for name, value in config.options.items() if isinstance(value, str)}
        self._base = options.get("api_url", "").rstrip("/")
        self._auth = options.get("auth", "").lower()
        secret = config.secrets.get("key_secret", "").strip()
        self._key = ApiKey(options.get("key_id", ""), secret, signs=self._auth == "signature")
        told = (options.get("channels", "") or DEFAULT_CHANNELS).lower().split(",")
        self._channels = list(dict.fromkeys(name.strip() for name in told if name.strip()))
        self._keys = privmx_events.Keys(options.get("title_key", ""), options.get("text_key", ""))

    def configured(self) -> list[str]:
        problems = [_url_problem(self._base), self._key_id_problem(), self._secret_problem(), self._channels_problem()]
        problems += [_path_problem("title_key", self._keys.title), _path_problem("text_key", self._keys.text)]
        if self._auth not in _AUTHS:
            problems.append("auth is neither secret nor signature: choose one of them, or leave it empty for secret.")
        return [problem for problem in problems if problem]

    # Incoming

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """A Bridge has no webhooks, so nobody has anything to deliver."""
        raise Forged("PrivMX Bridge has no webhooks: its events come over a connection of ours")

    def envelope(self, call: Call) -> Envelope:
        return read_envelope(call.body)

    def parse(self, body: bytes) -> list[ChatEvent]:
        return privmx_events.parse(body, self._keys)

    def conversing(self, place: Mapping[str, object]) -> Session:
        # http becomes ws, https wss
        channels = [name for name in self._channels if name in FAMILIES]
        return Session(f"ws{self._base[4:]}/api", self._key, channels, self._keys, place)

    # Asking

    def standing_steps(self, questions: Sequence[Question]) -> Sequence[Steps[Mapping[Question, Reading[Standing]]]]:
        """One request for each message."""
        by_message: dict[str, list[Question]] = {}
        for question in questions:
            by_message.setdefault(question.message, []).append(question)
        url = f"{self._base}/api"
        return [privmx_asking.ask(url, self._key, message, asked) for message, asked in by_message.items()]

    # What is wrong with the configuration

    def _key_id_problem(self) -> str:
        if not self._key.id:
            return "key_id is missing: make an API key at the Bridge (manager/createApiKey); set PRIVMX_API_KEY_ID."
        if not _VISIBLE_ASCII.fullmatch(self._key.id) or ";" in self._key.id:
            return "key_id holds a character that no id has: copy it again; set PRIVMX_API_KEY_ID."
        return ""

    def _secret_problem(self) -> str:
        if not self._key.secret:
            return (
                "key_secret is missing: it is told when the API key is made, or is the PEM of its private key; "
                "set PRIVMX_API_KEY_SECRET."
            )
        if self._key.is_pem and self._key.private_key is None:
            return (
                "key_secret is no Ed25519 private key in PEM without a password: copy all lines of it, BEGIN and END "
                "too; set PRIVMX_API_KEY_SECRET."
            )
        if not self._key.is_pem and not _VISIBLE_ASCII.fullmatch(self._key.secret):
            return "key_secret holds a character that no secret has: copy it again; set PRIVMX_API_KEY_SECRET."
        return ""

    def _channels_problem(self) -> str:
        unknown = [name for name in self._channels if name not in FAMILIES]
        if unknown or not self._channels:
            named = ", ".join(unknown) or "nothing"
            return f"channels names {named}: it takes {', '.join(FAMILIES)}, by comma; set PRIVMX_CHANNELS."
        return ""


def _url_problem(base: str) -> str:
    remedy = "give it as https://bridge.example or http://127.0.0.1:9111, without /api; set PRIVMX_API_URL."
    if not base:
        return f"api_url is missing: {remedy}"
    try:
        url = urlsplit(base)
        host = url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        return f"api_url is not a URL: {remedy}"
    if url.scheme not in ("http", "https") or not host or not _VISIBLE_ASCII.fullmatch(base):
        return f"api_url is not an http or https URL: {remedy}"
    if url.query or url.fragment or url.username is not None:
        return f"api_url may have no query, fragment or credentials: {remedy}"
    if url.path.endswith("/api"):
        return f"api_url ends in /api, which is added: {remedy}"
    return ""


def _path_problem(name: str, path: str) -> str:
    if not path or _KEY_PATH.fullmatch(path):
        return ""
    return f"{name} is no key, nor keys with a dot between each two, such as about.name; correct the option {name}."
