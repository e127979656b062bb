"""What a deployment writes while it works: one id leads through all of it, and nothing in it is personal."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from smsbridge.demo.services import Redis
from smsbridge.models import InboundSms, OutboundSms
from tests.flows.town import Town, awaited, town

pytestmark = pytest.mark.once  # it is about processes, which are the same on any database

WORDS, ANSWER, REFUSED = "Marmalade at eleven?", "Quince would be nicer", "error6 of the orchard"

Line = dict[str, Any]


@pytest.fixture(scope="module")
def here(db: None, database_url: str, redis_server: Redis) -> Iterator[Town]:
    with town(database_url, redis_server.url, LOG_FORMAT="json", LOG_LEVEL="debug") as (opened, _):
        yield opened


@pytest.fixture(scope="module")
def said(here: Town) -> tuple[str, list[str]]:
    """All that web and worker said during a round trip, a refusal and a forged call; and what must not be in it."""
    pair, other = here.pair(), here.pair()
    pair.anna_writes(WORDS)
    sms = pair.sms(WORDS)
    pair.ben_texts(sms.number, ANSWER)
    assert awaited(pair.said_by_ben, "Ben's answer")
    other.anna_writes(REFUSED)
    awaited(lambda: OutboundSms.objects.filter(phone=other.phone, state="dead").exists(), "the refusal")
    awaited(lambda: pair.outbound().state == "delivered", "the delivery receipt")
    forged = {"from": pair.phone, "to": sms.number, "text": ANSWER, "id": "1"}
    assert requests.post(f"{here.url}/webhooks/sms/fake/inbound/", json=forged, timeout=10).status_code == 403
    awaited(lambda: InboundSms.objects.get(phone=pair.phone).state == "posted", "the reply to be filed")
    phones = [pair.phone, other.phone]
    secrets = [value for name, value in here.processes.environment.items() if name.endswith(("_SECRET", "_TOKEN"))]
    awaited(lambda: '"receipt"' in here.processes.output, "the receipt's line")
    bare = [phone[1:] for phone in phones]
    return here.processes.output, [*phones, *bare, WORDS, ANSWER, REFUSED, *filter(None, secrets)]


def lines(output: str) -> list[Line]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_one_id_leads_from_the_webhook_to_the_vendor_and_back(here: Town, said: tuple[str, list[str]]) -> None:
    reply = InboundSms.objects.get(state="posted")
    trace = f"e{reply.trace}"
    steps = [line for line in lines(said[0]) if any(trace in _ids(name) for name in line.get("traces", []))]
    told = [line["message"] for line in sorted(steps, key=lambda line: line["time"])]
    assert told[:5] == ["accepted", "merged", "checked", "composed", "handed over"]
    assert {"receipt", "reply"} <= set(told[5:])


def _ids(name: str) -> list[str]:
    """The events that "e1+e2/reference" names."""
    return name.partition("/")[0].split("+")


def test_every_line_that_leads_along_is_json(said: tuple[str, list[str]]) -> None:
    assert all(json.loads(line)["traces"] for line in said[0].splitlines() if "trail" in line)


def test_no_line_holds_a_phone_a_text_or_a_secret(said: tuple[str, list[str]]) -> None:
    output, personal = said
    assert len(output) > 2000
    assert [word for word in personal if word in output] == []
