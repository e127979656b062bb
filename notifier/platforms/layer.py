"""Layer, or a server that speaks its server API 1.0 and webhooks 1.0.

How deliveries are read is in `layer_events`, how answers are in `layer_answers`, webhooks in `layer_webhooks`.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from notifier.platforms import layer_answers, layer_events, layer_webhooks
from notifier.platforms.addresses import segment
from notifier.platforms.base import (
    Can,
    ChatEvent,
    Done,
    Envelope,
    Identity,
    Platform,
    PlatformConfig,
    Question,
    Reading,
    Registration,
    Standing,
    Steps,
)
from notifier.platforms.layer_parts import cut_text
from notifier.platforms.layer_values import bare_uuid
from notifier.texts import clean_text
from notifier.wire import Answer, Call, Forged, Request, Unreadable

DEFAULT_API_URL: Final = "https://api.layer.com"
DEFAULT_TITLE_KEY: Final = "conversationName"
#: never to be changed: the ids of all messages that were posted come from it
POST_NAMESPACE: Final = UUID("6f0c2a9e-3d57-4b61-9a0e-5f2b8c1d7e34")
#: the most that Layer gives on one page
PAGE_SIZE: Final = 100

SERVER_API: Final = "application/vnd.layer+json; version=1.0"
WEBHOOKS_API: Final = "application/vnd.layer.webhooks+json; version=1.0"

_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{1,256}", re.ASCII)
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+", re.ASCII)


class LayerPlatform(Platform):
    """One Layer application. Misconfigured it still builds requests, which Layer refuses: see `configured`."""

    key: ClassVar[str] = "layer"
    title: ClassVar[str] = "Layer"
    can: ClassVar[frozenset[Can]] = frozenset(Can) - {Can.SOCKET, Can.ROSTER}
    option_help: ClassVar[Mapping[str, str]] = {
        "app_id": "The application's id: a UUID, or layer:///apps/staging/UUID as the dashboard shows it.",
        "api_url": f"Base URL of the server API, without /apps; {DEFAULT_API_URL} when empty.",
        "title_key": f"The metadata key that holds a conversation's title; {DEFAULT_TITLE_KEY} when empty.",
    }
    secret_help: ClassVar[Mapping[str, str]] = {
        "bearer_token": "The token for the server API, from the dashboard's integrations page.",
    }
    receipt_events: ClassVar[tuple[str, ...]] = layer_events.EVENT_TYPES
    event_types: ClassVar[tuple[str, ...]] = layer_events.EVENT_TYPES

    def __init__(self, config: PlatformConfig) -> None:
        super().__init__(config)
        self._app_id = config.options.get("app_id", "").strip()
        self._api_url = config.options.get("api_url", "").strip() or DEFAULT_API_URL
        self._title_key = config.options.get("title_key", "").strip() or DEFAULT_TITLE_KEY
        self._token = config.secrets.get("bearer_token", "").strip()
        self._base = f"{self._api_url.rstrip('/')}/apps/{segment(bare_uuid(self._app_id) or self._app_id)}"

    def configured(self) -> list[str]:
        problems = [_app_id_problem(self._app_id), _api_url_problem(self._api_url), _token_problem(self._token)]
        return [problem for problem in problems if problem]

    # Incoming

    def challenge(self, query: Mapping[str, str]) -> str | None:
        text = query.get("verification_challenge")
        if text is not None and not _CHALLENGE.fullmatch(text):
            raise Unreadable("verification_challenge is not 1 to 256 characters of A-Z a-z 0-9 . _ ~ -")
        return text

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """HMAC-SHA1 over the raw bytes, in lower-case hex; the event type's header is not signed and not looked at."""
        told = call.headers.get("layer-webhook-signature", "").encode(errors="replace")
        if not told:
            raise Forged("the header layer-webhook-signature is missing")
        if not any(hmac.compare_digest(_signature(secret, call.body), told) for secret in secrets if secret):
            raise Forged("the header layer-webhook-signature fits none of our secrets")

    def envelope(self, call: Call) -> Envelope:
        return layer_events.read_envelope(call.body)

    def parse(self, body: bytes) -> list[ChatEvent]:
        return layer_events.parse_delivery(body, self._title_key)

    # Asking

    def identity_request(self, user_id: str) -> Request:
        return self._request("GET", f"/users/{segment(user_id)}/identity")

    def identity(self, user_id: str, answer: Answer) -> Reading[Identity | None]:
        if layer_answers.gone(answer):
            return Done(None)
        return layer_answers.read(answer, lambda body: layer_answers.read_identity(user_id, body))

    def conversation_request(self, conversation: str) -> Request:
        return self._request("GET", f"/conversations/{segment(conversation)}")

    def conversation_title(self, answer: Answer) -> Reading[str]:
        if layer_answers.gone(answer):
            return Done("")
        return layer_answers.read(answer, lambda body: layer_answers.read_title(self._title_key, body))

    def standing_steps(self, questions: Sequence[Question]) -> Sequence[Steps[Mapping[Question, Reading[Standing]]]]:
        """One request for each conversation."""
        by_conversation: dict[str, list[Question]] = {}
        for question in questions:
            by_conversation.setdefault(question.conversation, []).append(question)
        return [self._ask(conversation, asked) for conversation, asked in by_conversation.items()]

    def _ask(self, conversation: str, asked: Sequence[Question]) -> Steps[Mapping[Question, Reading[Standing]]]:
        """By the newest messages of the conversation: Layer documents `recipient_status` as null in the answer to a
        GET of a single message, and the user's view tells of one user only. An older message is thus not told."""
        path = f"/conversations/{segment(conversation)}/messages?page_size={PAGE_SIZE}"
        answer = yield self._request("GET", path)
        return {question: _standing(question, answer) for question in asked}

    # Acting

    def post_requests(self, conversation: str, *, as_user: str, text: str, key: str) -> list[Request]:
        """One message, with as many parts as its text needs: all of it is posted, or nothing.

        Layer makes the de-duplication key the id of the message.
        """
        parts = [{"mime_type": "text/plain", "body": piece} for piece in cut_text(clean_text(text))]
        message = {"sender": {"user_id": as_user}, "parts": parts}
        identity = {"If-None-Match": str(uuid5(POST_NAMESPACE, f"{key}/0"))}
        return [self._request("POST", f"/conversations/{segment(conversation)}/messages", message, identity)]

    def posted(self, answer: Answer) -> Reading[str]:
        return layer_answers.read_posted(answer)

    def read_request(self, conversation: str, message: str, *, as_user: str) -> Request:
        path = f"/users/{segment(as_user)}/messages/{segment(message)}/receipts"
        return self._request("POST", path, {"type": "read"})

    def marked_read(self, answer: Answer) -> Reading[None]:
        """A message that is gone needs no mark: done."""
        return Done(None) if layer_answers.gone(answer) else layer_answers.done(answer)

    # Webhook management

    def list_webhooks_request(self) -> Request:
        return self._webhooks_request("GET")

    def webhooks(self, answer: Answer) -> Reading[list[Registration]]:
        return layer_answers.read(answer, layer_webhooks.read_registrations)

    def register_webhook_request(self, *, url: str, name: str, events: Sequence[str], secret: str) -> Request:
        body = layer_webhooks.registration_body(url=url, name=name, events=events, secret=secret)
        return self._webhooks_request("POST", body=body)

    def activate_webhook_request(self, webhook: str) -> Request:
        return self._webhooks_request("POST", f"/{segment(webhook)}/activate")

    def get_webhook_request(self, webhook: str) -> Request:
        return self._webhooks_request("GET", f"/{segment(webhook)}")

    def webhook(self, answer: Answer) -> Reading[Registration]:
        return layer_answers.read(answer, layer_webhooks.read_registration)

    def delete_webhook_request(self, webhook: str) -> Request:
        return self._webhooks_request("DELETE", f"/{segment(webhook)}")

    def webhook_deleted(self, answer: Answer) -> Reading[None]:
        return Done(None) if layer_answers.gone(answer) else layer_answers.done(answer)

    def _webhooks_request(self, method: str, path: str = "", body: Mapping[str, Any] | None = None) -> Request:
        return self._request(method, f"/webhooks{path}", body, accept=WEBHOOKS_API)

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        more_headers: Mapping[str, str] | None = None,
        accept: str = SERVER_API,
    ) -> Request:
        headers = {"Accept": accept, "Authorization": f"Bearer {self._token}", **(more_headers or {})}
        if body is None:
            return Request(method, self._base + path, headers)
        headers["Content-Type"] = "application/json"
        return Request(
            method, self._base + path, headers, json.dumps(body, ensure_ascii=False).encode(errors="replace")
        )


def _standing(question: Question, answer: Answer) -> Reading[Standing]:
    if layer_answers.gone(answer):
        return Done(Standing.DELETED)
    return layer_answers.read(answer, lambda body: layer_answers.read_standing(question, body))


def _signature(secret: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), body, "sha1").hex().encode()


def _app_id_problem(app_id: str) -> str:
    if not app_id:
        return "app_id is missing: copy it from the keys page of the Layer dashboard; set LAYER_APP_ID."
    if bare_uuid(app_id) is None:
        return "app_id does not end in a UUID: copy it from the keys page of the Layer dashboard; set LAYER_APP_ID."
    return ""


def _api_url_problem(api_url: str) -> str:
    remedy = f"give it as {DEFAULT_API_URL}, http is allowed; set LAYER_API_URL, or leave it empty for Layer's own."
    try:
        url = urlsplit(api_url)
        host = url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        return f"api_url is not a URL: {remedy}"
    if url.scheme not in ("http", "https") or not host or not _VISIBLE_ASCII.fullmatch(api_url):
        return f"api_url is not an http or https URL: {remedy}"
    if url.query or url.fragment or url.username is not None:
        return f"api_url may have no query, fragment or credentials: {remedy}"
    return ""


def _token_problem(token: str) -> str:
    if not token:
        return "bearer_token is missing: make one in the Layer dashboard under integrations; set LAYER_BEARER_TOKEN."
    if not _VISIBLE_ASCII.fullmatch(token):
        return "bearer_token holds a space or a character that no token has: copy it again; set LAYER_BEARER_TOKEN."
    return ""
