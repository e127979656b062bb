"""`manage.py listen` and a worker, as processes of their own, at a Bridge."""

import pytest

from notifier.models import Listener
from tests.factories import ANN, BENS_PHONE
from tests.flows.town import awaited
from tests.privmx.bridge import Bridge
from tests.privmx.office import Office
from tests.processes import Processes
from tests.smsbridge.upstreams import Network

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office(transactional_db: None, bridge: Bridge, vendor: Network) -> Office:
    return Office(bridge, vendor)


def test_it_listens_while_a_worker_texts_and_ends_in_good_order_on_sigterm(
    office: Office, processes: Processes
) -> None:
    listener = processes.manage("listen", ready="Caught up with")
    processes.worker(SWEEP_SECONDS="1")
    office.world.write(office.thread, ANN)
    assert awaited(lambda: office.texts == [(BENS_PHONE, "Ann: [new message]")], "the text of a message pushed")

    office.bridge.cut()
    office.world.write(office.thread, ANN)
    assert awaited(lambda: len(office.texts) == 2, "the text of a message that was caught up with")

    assert listener.stop() == 0
    assert office.bridge.asked("manager/unsubscribeFromChannel") == 1
    assert Listener.objects.get().holder is None
