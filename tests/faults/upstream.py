"""The chat platform's and the SMS vendor's servers, imitated: they answer as Layer and Vonage do, or misbehave.

A call is recorded the moment it has come in, whatever is answered.
"""

import asyncio
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.faults import sockets
from tests.faults.history import Call, History, Mark, Post
from tests.faults.options import LATENCY, Options
from tests.faults.plan import Plan
from tests.faults.sockets import Answer, Asked
from tests.load.upstream import TOKEN


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave. `accepted`: it was done all the same. `told`: see `history.Call`."""

    name: str
    answer: Answer
    accepted: bool = False
    told: str = "open"


def _said(status: int, content: Any = None, **headers: str) -> Answer:
    return Answer(status, content if content is not None else {"error": status}, headers)


def _vonage(status: str, text: str) -> Answer:
    return Answer(200, {"message-count": "1", "messages": [{"status": status, "error-text": text}]})


_RESET, _HANG = Answer(end=sockets.RESET), Answer(end=sockets.HANG)

_ANYWHERE = (
    Fault("reset after accepting", _RESET, accepted=True),
    Fault("reset before", _RESET),
    Fault("silence, accepted", _HANG, accepted=True),
    Fault("silence, not accepted", _HANG),
    Fault("500, accepted", _said(500), accepted=True),
    Fault("500, not accepted", _said(500)),
)

VENDOR_FAULTS = {
    fault.name: fault
    for fault in (
        *_ANYWHERE,
        Fault("empty 200", Answer(200, ""), accepted=True),
        Fault("malformed 200", Answer(200, '{"message-count": "1", "messa'), accepted=True),
        Fault("429", _said(429), told="later"),
        Fault("throttled", _vonage("1", "Throughput Rate Exceeded - please wait [ 250 ] and retry"), told="later"),
        Fault("refused", _vonage("7", "The number you are trying to send to is barred"), told="refused"),
    )
}

PLATFORM_FAULTS = {
    fault.name: fault
    for fault in (
        *_ANYWHERE,
        Fault("empty 201", Answer(201, ""), accepted=True),
        Fault("malformed 201", Answer(201, '{"id": "layer:///messa'), accepted=True),
        Fault("429", _said(429, **{"Retry-After": "1"})),
        Fault("503", _said(503)),
    )
}


class Upstream:
    """Both servers in one. `arrived` is told of each text that the vendor accepted, with its id."""

    def __init__(self, options: Options, plan: Plan, history: History) -> None:
        self._options, self._plan, self._history = options, plan, history
        self.arrived: Callable[[Call, str], None] = lambda _call, _id: None
        self.misbehaves = True
        self._tries: Counter[str] = Counter()
        self._known_keys: set[str] = set()
        self._faults: Counter[str] = Counter()

    async def handle(self, asked: Asked) -> Answer:
        answer = self._answer(asked)
        await asyncio.sleep(random.uniform(0, LATENCY))  # so that there is something in flight when a blow falls
        return answer

    def _answer(self, asked: Asked) -> Answer:
        url = urlsplit(asked.target)
        steps = url.path.strip("/").split("/")
        if url.path == "/sms/json":
            return self._send({name: values[0] for name, values in parse_qs(asked.body or url.query).items()})
        if steps[-1] == "identity":
            return self._identity(steps[-2])
        if asked.method == "POST" and steps[-1] == "messages":
            return self._post(steps[-2], asked)
        if asked.method == "POST" and steps[-1] == "receipts":
            return self._mark(steps[-4], steps[-2])
        return _said(404, {"id": "not_found", "code": 102, "message": "There is no such thing here."})

    def _fault(self, what: str, key: str, share: float, of: dict[str, Fault], chosen: tuple[str, ...]) -> Fault | None:
        """Decided by the seed and by how often the same thing was tried."""
        self._tries[f"{what}/{key}"] += 1
        rng = random.Random(f"{self._options.seed}/{what}/{key}/{self._tries[f'{what}/{key}']}")
        if not self.misbehaves or rng.random() >= share:
            return None
        fault = of[rng.choice(sorted(chosen or of))]
        if of is PLATFORM_FAULTS:
            self._faults[fault.name] += 1
            self._history.platform_faults = dict(self._faults)
        return fault

    def _send(self, text: dict[str, str]) -> Answer:
        tokens = tuple(int(token) for token in TOKEN.findall(text["text"]))
        phone, number = text["to"].lstrip("+"), text["from"].lstrip("+")
        options = self._options
        fault = self._fault(
            "sms", f"{tokens}/{phone}", options.shares.vendor_faults, VENDOR_FAULTS, options.vendor_faults
        )
        accepted, told = (fault.accepted, fault.told) if fault else (True, "accepted")
        name = fault.name if fault else ""
        call = Call(time.time(), text["client-ref"], number, phone, text["text"], tokens, name, accepted, told)
        self._history.calls.append(call)
        id_ = uuid.uuid4().hex.upper()
        if accepted:
            self.arrived(call, id_)

        def sent(at: float) -> None:
            call.answered = at

        if fault:
            return Answer(fault.answer.status, fault.answer.content, fault.answer.headers, fault.answer.end, sent)
        part = {"to": phone, "message-id": id_, "status": "0", "message-price": "0.0333"}
        return Answer(200, {"message-count": "1", "messages": [part]}, sent=sent)

    def _identity(self, user: str) -> Answer:
        share = self._options.shares.identity_faults
        fault = self._fault("who", user, share, PLATFORM_FAULTS, self._options.platform_faults)
        if fault:
            return fault.answer
        person = self._plan.people.get(user)
        if person is None:
            return _said(404, {"id": "not_found", "code": 102, "message": "The user cannot be found."})
        phone = {"phone_number": f"+{person.phone}"} if person.phone else {}
        return Answer(200, {"user_id": user, "display_name": f"Name {user}", "metadata": {}, **phone})

    def _post(self, conversation: str, asked: Asked) -> Answer:
        key, body = asked.headers.get("if-none-match", "").strip('"'), json.loads(asked.body)
        text = "\n".join(part["body"] for part in body["parts"])
        share = self._options.shares.platform_faults
        fault = self._fault("post", text, share, PLATFORM_FAULTS, self._options.platform_faults)
        known = key in self._known_keys
        accepted = (fault is None or fault.accepted) and not known
        if accepted:
            self._known_keys.add(key)
        author, name = body["sender"]["user_id"], fault.name if fault else ""
        self._history.posts.append(Post(time.time(), conversation, author, text, key, name, accepted))
        message = {"id": f"layer:///messages/{key}"}
        if fault:
            return fault.answer
        if known:
            return _said(409, {"id": "id_in_use", "code": 111, "message": "This id is in use.", "data": message})
        return Answer(201, message)

    def _mark(self, user: str, message: str) -> Answer:
        share = self._options.shares.platform_faults
        fault = self._fault("mark", f"{user}/{message}", share, PLATFORM_FAULTS, self._options.platform_faults)
        if fault is None or fault.accepted:
            self._history.marks.append(Mark(time.time(), user, message))
        return fault.answer if fault else Answer(204, "")
