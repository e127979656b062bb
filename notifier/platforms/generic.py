"""A chat of one's own: signed webhooks in, signed webhooks and questions out, as docs/generic-platform.md says."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4, uuid5

from notifier.platforms import generic_answers, generic_events, generic_signing
from notifier.platforms.addresses import segment
from notifier.platforms.asking import Question, Roster, Standing, Steps
from notifier.platforms.base import Platform
from notifier.platforms.events import ChatEvent
from notifier.platforms.values import Can, Done, Envelope, Identity, PlatformConfig, Reading
from notifier.texts import clean_text
from notifier.wire import Answer, Call, Request

#: never to be changed: the ids by which a chat knows our posts again come from it
POST_NAMESPACE: Final = UUID("0c1d4c5e-5a1b-4f0b-8a57-3a2f9f6f2f11")
#: of one question, so that its URL stays below the 8,000 characters that servers commonly take
_MOST_MESSAGES: Final = 50
_LONGEST_QUERY: Final = 5000
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+", re.ASCII)


class GenericPlatform(Platform):
    """Any chat whose makers write the two sides of this protocol."""

    key: ClassVar[str] = "generic"
    title: ClassVar[str] = "A chat of one's own"
    can: ClassVar[frozenset[Can]] = frozenset(Can) - {Can.SOCKET, Can.REGISTER}
    option_help: ClassVar[Mapping[str, str]] = {
        "api_url": "Base URL of the chat's side of the protocol; we add /events, /users/… and /conversations/…",
    }
    secret_help: ClassVar[Mapping[str, str]] = {
        "signing_secret": "Signs our calls to the chat: whsec_ and base64. Of several, by comma, the first one does.",
    }
    receipt_events: ClassVar[tuple[str, ...]] = generic_events.EVENT_TYPES
    event_types: ClassVar[tuple[str, ...]] = generic_events.EVENT_TYPES
    marks_up_to: ClassVar[bool] = True

    def __init__(self, config: PlatformConfig) -> None:
        super().__init__(config)
        self._api_url = config.options.get("api_url", "").strip().rstrip("/")
        told = config.secrets.get("signing_secret", "").split(",")
        self._secrets = [secret.strip() for secret in told if secret.strip()] or [""]

    def configured(self) -> list[str]:
        found = [_url_problem(self._api_url), *map(_secret_problem, self._secrets)]
        return list(dict.fromkeys(filter(None, found)))

    # Incoming

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        generic_signing.verify(call, secrets)

    def envelope(self, call: Call) -> Envelope:
        return generic_events.read_envelope(call.headers.get("webhook-id", ""), call.body)

    def parse(self, body: bytes) -> list[ChatEvent]:
        return generic_events.parse_event(body)

    # Asking

    def identity_request(self, user_id: str) -> Request:
        return self._get(f"/users/{segment(user_id)}")

    def identity(self, user_id: str, answer: Answer) -> Reading[Identity | None]:
        if generic_answers.gone(answer):
            return Done(None)
        return generic_answers.read(answer, lambda told: generic_answers.identity(user_id, told))

    def conversation_request(self, conversation: str) -> Request:
        return self._get(f"/conversations/{segment(conversation)}")

    def conversation_title(self, answer: Answer) -> Reading[str]:
        return Done("") if generic_answers.gone(answer) else generic_answers.read(answer, generic_answers.title)

    def roster_steps(self, conversation: str, users: Sequence[str]) -> Steps[Reading[Roster | None]]:
        answer = yield self.conversation_request(conversation)
        return Done(None) if generic_answers.gone(answer) else generic_answers.read(answer, generic_answers.roster)

    def standing_steps(self, questions: Sequence[Question]) -> Sequence[Steps[Mapping[Question, Reading[Standing]]]]:
        """One request for each conversation, and for each 50 of its messages, or fewer where their ids are long."""
        asked: dict[str, dict[str, list[Question]]] = {}
        for question in questions:
            asked.setdefault(question.conversation, {}).setdefault(question.message, []).append(question)
        return [
            self._ask(conversation, some, [question for message in some for question in about[message]])
            for conversation, about in asked.items()
            for some in _portions(about)
        ]

    def _ask(
        self, conversation: str, messages: Sequence[str], asked: Sequence[Question]
    ) -> Steps[Mapping[Question, Reading[Standing]]]:
        wanted = "&".join(map(_parameter, messages))
        answer = yield self._get(f"/conversations/{segment(conversation)}/unread?{wanted}")
        if generic_answers.deleted(answer):
            return {question: Done(Standing.DELETED) for question in asked}
        reading = generic_answers.read(answer, lambda told: generic_answers.standings(asked, told))
        if not isinstance(reading, Done):
            return dict.fromkeys(asked, reading)
        return {question: Done(standing) for question, standing in reading.value.items()}

    # Acting

    def post_requests(self, conversation: str, *, as_user: str, text: str, key: str) -> list[Request]:
        """One webhook, whose id is the same for every try."""
        data = {"conversation": {"id": conversation}, "user": {"id": as_user}, "text": clean_text(text)}
        return [self._post("reply.received", data, f"reply_{uuid5(POST_NAMESPACE, clean_text(key))}")]

    def posted(self, answer: Answer) -> Reading[str]:
        """Any 2xx is yes, also one that does not name the message."""
        if isinstance(done := generic_answers.done(answer), Done):
            told = generic_answers.read(answer, generic_answers.posted)
            return told if isinstance(told, Done) else Done("")
        return done

    def read_request(self, conversation: str, message: str, *, as_user: str) -> Request:
        data = {"conversation": {"id": conversation}, "user": {"id": as_user}, "up_to": {"id": message}}
        key = json.dumps([conversation, as_user, message])
        return self._post("conversation.read", data, f"read_{uuid5(POST_NAMESPACE, clean_text(key))}")

    def marked_read(self, answer: Answer) -> Reading[None]:
        """A message that is gone needs no mark: done."""
        return Done(None) if generic_answers.gone(answer) else generic_answers.done(answer)

    # Setting up

    def by_hand(self, *, url: str, name: str, secrets: Sequence[str]) -> str:
        return (
            f"Let the chat POST its events to {url}\n"
            f"signed as Standard Webhooks says, with this secret: {secrets[0] if secrets else '(none yet)'}\n"
            "docs/generic-platform.md describes the events, and what we call in return."
        )

    def _get(self, path: str) -> Request:
        return generic_signing.signed(self._secrets[0], "GET", self._api_url + path, b"", f"ask_{uuid4()}")

    def _post(self, name: str, data: Mapping[str, Any], message_id: str) -> Request:
        body = json.dumps({"type": name, "data": data}, ensure_ascii=False).encode(errors="replace")
        return generic_signing.signed(self._secrets[0], "POST", f"{self._api_url}/events", body, message_id)


def _portions(messages: Iterable[str]) -> list[list[str]]:
    portions: list[list[str]] = []
    room = 0
    for message in messages:
        room -= len(_parameter(message)) + 1
        if room < 0 or len(portions[-1]) == _MOST_MESSAGES:
            portions.append([])
            room = _LONGEST_QUERY - len(_parameter(message))
        portions[-1].append(message)
    return portions


def _parameter(message: str) -> str:
    return f"message={segment(message)}"


def _url_problem(api_url: str) -> str:
    remedy = "give it as https://chat.example.com/bridge, http is allowed; set GENERIC_API_URL."
    if not api_url:
        return f"api_url is missing: {remedy}"
    try:
        url = urlsplit(api_url)
        host = url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        return f"api_url is not a URL: {remedy}"
    if not api_url.startswith(("http://", "https://")) or not host or not _VISIBLE_ASCII.fullmatch(api_url):
        return f"api_url is not an http or https URL: {remedy}"
    if "?" in api_url or "#" in api_url or "@" in url.netloc:
        return f"api_url may have no query, fragment or credentials: {remedy}"
    return ""


def _secret_problem(secret: str) -> str:
    remedy = "make one with: echo whsec_$(openssl rand -base64 32); set GENERIC_WEBHOOK_SECRET."
    if not secret:
        return f"signing_secret is missing: {remedy}"
    try:
        key = generic_signing.key_of(secret)
    except ValueError as error:
        return f"signing_secret cannot be used, as {error}: {remedy}"
    return "" if len(key) >= 24 else f"signing_secret is shorter than 24 bytes: {remedy}"
