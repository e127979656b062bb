"""Strangers: they know everything but the secrets, and what they send looks genuine."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.faults import bodies
from tests.faults.history import Call, History, Message
from tests.faults.options import Options
from tests.faults.plan import Forging, Plan
from tests.load.site import SIGNATURE_SECRET

T = TypeVar("T")


class Places:
    """Where the program listens, and what a vendor sends there. `secret`: what it is signed with, None for nothing."""

    def __init__(self, webhooks: str) -> None:
        self.chat = f"{webhooks}/chat/layer/"
        self._inbound, self._status = f"{webhooks}/sms/vonage/inbound/", f"{webhooks}/sms/vonage/status/"

    def sms(
        self, id_: str, phone: str, number: str, text: str, method: str, secret: str | None = SIGNATURE_SECRET
    ) -> bytes:
        fields = {"msisdn": phone, "to": number, "messageId": id_, "text": text, "type": "text", "keyword": "YES"}
        return bodies.vonage(self._inbound, fields, at=time.time(), method=method, secret=secret)

    def receipt(self, call: Call, id_: str, status: str, secret: str | None = SIGNATURE_SECRET) -> bytes:
        code = "0" if status == "delivered" else "1"
        fields = {"msisdn": call.phone, "to": call.number, "messageId": id_, "status": status, "err-code": code}
        told = {**fields, "client-ref": call.reference}
        return bodies.vonage(self._status, told, at=time.time(), method="GET", secret=secret)


@dataclass(frozen=True, slots=True)
class Forged:
    """A request, and what it is about: a token, a text, a reference."""

    subject: str
    request: bytes


class Strangers:
    """`unreceipted`: texts of which no genuine receipt will ever come."""

    def __init__(self, options: Options, plan: Plan, history: History, places: Places) -> None:
        self._seed, self._history, self._places = options.seed, history, places
        self._conversations = {writing.token: writing.conversation for writing in (*plan.writings, *plan.probes)}
        self.unreceipted: list[Call] = []

    def make(self, forging: Forging) -> Forged | None:
        """None while there is nothing to lie about."""
        rng = random.Random(f"{self._seed}/forge/{forging.token}")
        secret = bodies.WRONG if forging.signed else None
        if forging.kind == "text":
            return self._text(forging, rng, secret)
        if forging.kind == "receipt":
            return self._receipt(forging, rng, secret)
        return self._event(forging, rng, secret)

    def _text(self, forging: Forging, rng: random.Random, secret: str | None) -> Forged | None:
        call = _one_of(rng, self._history.calls)
        if call is None:
            return None
        text = f"forged {bodies.marker(forging.token)}"
        return Forged(text, self._places.sms(f"f{forging.token}", call.phone, call.number, text, "GET", secret))

    def _receipt(self, forging: Forging, rng: random.Random, secret: str | None) -> Forged | None:
        """With an id that the vendor never gave."""
        call = _one_of(rng, self.unreceipted)
        if call is None:
            return None
        return Forged(call.reference, self._places.receipt(call, f"{forging.token:032X}", "delivered", secret))

    def _event(self, forging: Forging, rng: random.Random, secret: str | None) -> Forged | None:
        """A message among people who know each other, or the news that somebody has read one."""
        message = _one_of(rng, list(self._history.messages.values())[-20:])
        if message is None:
            return None
        reads = forging.kind == "read"
        token = message.token if reads else forging.token
        return Forged(str(token), self._message_event(message, token, reads=reads, secret=secret))

    def _message_event(self, message: Message, token: int, *, reads: bool, secret: str | None) -> bytes:
        return bodies.message_event(
            self._places.chat,
            "message.read" if reads else "message.sent",
            token,
            conversation=self._conversations[message.token],
            sender=message.sender,
            statuses=dict.fromkeys(message.recipients, "read" if reads else "sent"),
            stamp=time.time() - 1,
            at=time.time(),
            actor=message.recipients[0] if reads else "",
            secret=secret,
        )


def _one_of(rng: random.Random, things: Sequence[T]) -> T | None:
    return rng.choice(things) if things else None
