"""The delivery thread: woken by commits, one lane for each receiver, each call made by one of several processes."""

from queue import Empty
from threading import Event, Thread

import pytest
from django.db import connections
from django.test import Client
from pytest_django import Settings

from smsbridge.simulator import queue
from smsbridge.simulator.deliveries import deliver_due
from smsbridge.simulator.models import Delivery
from tests.simulator.layer_caller import HOOKS, Layer
from tests.simulator.receiver import Answer, Got, Receiver
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def layer(transactional_db: None) -> Layer:
    return Layer(Client())


def test_it_delivers_by_itself_soon_after_the_commit(layer: Layer, receiver: Receiver, settings: Settings) -> None:
    settings.SIMULATOR_DELIVER = True
    layer.register(receiver.url, "message.sent")
    assert receiver.arrived.get(timeout=10).method == "GET"
    conversation = layer.conversation("ann")
    eventually(lambda: layer.get("/webhooks", Accept=HOOKS).json[0]["status"] == "active")
    layer.say(conversation, "ann", "hello")
    assert receiver.arrived.get(timeout=10).method == "POST"


def test_a_slow_receiver_does_not_hold_up_another(layer: Layer, receiver: Receiver, settings: Settings) -> None:
    other, freed = Receiver(), Event()
    for one in (receiver, other):
        layer.register(one.url, "message.sent")
    deliver_due()

    def stuck(call: Got) -> Answer:
        freed.wait(10)
        return 204, b""

    other.answer = stuck
    settings.SIMULATOR_DELIVER = True
    conversation = layer.conversation("ann")
    for n in range(3):
        layer.say(conversation, "ann", str(n))
    for _ in range(4):  # its handshake and three events
        receiver.arrived.get(timeout=10)
    assert not [call for call in other.calls if call.method == "POST"]
    freed.set()
    other.close()


def test_a_row_left_by_an_earlier_process_goes_out(layer: Layer, receiver: Receiver, settings: Settings) -> None:
    layer.register(receiver.url, "message.sent")
    with pytest.raises(Empty):
        receiver.arrived.get(timeout=0.05)
    settings.SIMULATOR_DELIVER = True
    layer.conversation("ann")
    assert receiver.arrived.get(timeout=10).method == "GET"


def test_of_several_processes_one_gets_each_call(layer: Layer, receiver: Receiver) -> None:
    for _ in range(8):
        queue.put(Delivery(kind=Delivery.Kind.EVENT, lane="x", url=receiver.url))
    claimed: list[int] = []

    def take() -> None:
        claimed.extend(row.pk for row in queue.claim("x"))
        connections.close_all()

    threads = [Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(Delivery.objects.values_list("pk", flat=True))
