"""Parallel requests: identity is decided by the database's constraints."""

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.db import connections
from django.test import Client

from smsbridge.simulator.models import Conversation, Delivery, Message, Receipt, Webhook
from tests.simulator.layer_caller import HOOKS, Answered, Layer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
THREADS = 8


def at_once(call: Callable[[Layer, int], Answered]) -> list[Answered]:
    """What each of several threads was answered, all started together."""
    barrier, answers = Barrier(THREADS), []

    def run(n: int) -> None:
        layer = Layer(Client())
        barrier.wait()
        try:
            answers.append(call(layer, n))
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=[n]) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == THREADS
    return answers


def test_one_of_several_equal_messages_is_sent() -> None:
    conversation, key = Layer(Client()).conversation("ann", "ben"), uuid4()
    answers = at_once(lambda layer, n: layer.say(conversation, "ann", f"text {n}", key))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: THREADS - 1}
    assert len({answer.raw for answer in answers}) == 1
    assert (Message.objects.count(), Receipt.objects.count()) == (1, 2)


def test_one_of_several_distinct_conversations_is_made() -> None:
    content = {"participants": ["ann", "ben"], "distinct": True}
    answers = at_once(lambda layer, n: layer.post("/conversations", content))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: THREADS - 1}
    assert len({answer.uid for answer in answers}) == Conversation.objects.count() == 1


def test_one_of_several_conversations_with_the_same_key_is_made() -> None:
    key = str(uuid4())
    answers = at_once(lambda layer, n: layer.post("/conversations", {"participants": [f"u{n}"]}, If_None_Match=key))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: THREADS - 1}
    assert Conversation.objects.get().members.count() == 1


def test_one_of_several_webhooks_with_the_same_key_is_made() -> None:
    key = str(uuid4())
    content = {"version": "1.0", "target_url": "https://host/", "events": ["message.sent"], "secret": "s"}
    answers = at_once(lambda layer, n: layer.post("/webhooks", content, Accept=HOOKS, If_None_Match=key))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: THREADS - 1}
    assert (Webhook.objects.count(), Delivery.objects.count()) == (1, 1)


def test_one_of_several_identities_is_made() -> None:
    answers = at_once(lambda layer, n: layer.post("/users/ann/identity", {"display_name": f"Ann {n}"}))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: THREADS - 1}


def test_no_change_of_participants_is_lost() -> None:
    uid = Layer(Client()).conversation("ann")

    def add(layer: Layer, n: int) -> Answered:
        operations = [{"operation": "add", "property": "participants", "value": f"u{n}"}]
        return layer.call("PATCH", f"/conversations/{uid}", operations)

    assert {answer.status for answer in at_once(add)} == {204}
    assert Conversation.objects.get().members.count() == THREADS + 1


def test_a_status_rises_once_however_many_read_at_once() -> None:
    layer = Layer(Client())
    layer.post(
        "/webhooks",
        {"version": "1.0", "target_url": "https://host/", "events": ["message.read"], "secret": "s"},
        Accept=HOOKS,
    )
    Webhook.objects.update(status=Webhook.Status.ACTIVE)
    message = layer.say(layer.conversation("ann", "ben"), "ann", "hello").uid
    answers = at_once(lambda layer, n: layer.receipt("ben", message, "read" if n % 2 else "delivery"))
    assert {answer.status for answer in answers} == {204}
    assert Receipt.objects.get(user_id="ben").rank == Receipt.Rank.READ
    assert Delivery.objects.filter(event_type="message.read").count() == 1
