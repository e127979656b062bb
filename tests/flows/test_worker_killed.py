"""Workers that die, are asked to go, or stand still in the middle of their work: nothing is sent twice or lost."""

import json
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from smsbridge.demo.services import Redis
from smsbridge.models import Bridge, Notice, OutboundSms
from tests import factories
from tests.flows.town import awaited
from tests.notifier.servers import Peer, Received, Server, answer, hang
from tests.processes import Processes, started
from tests.smsbridge.upstreams import Network

pytestmark = pytest.mark.once  # it is about processes, which are the same on any database

LIMITS = {"CLAIM_SECONDS": "2", "SENDING_SECONDS": "2", "HTTP_TIMEOUT_SECONDS": "1.9", "SWEEP_SECONDS": "0.5"}
PEOPLE = 60
WINDOW = 20
END_STATES = ("sent", "uncertain", "delivered")


class Slow(Network):
    """A vendor that takes each text at once and answers later. Unless it `tells`, nothing can be looked up there."""

    slow_seconds = 0.3
    tells = False

    def accept(self, peer: Peer, received: Received) -> None:
        peer.stopping.wait(self.slow_seconds)
        super().accept(peer, received)

    def list(self, peer: Peer, received: Received) -> None:
        (super().list if self.tells else answer(503))(peer, received)

    @property
    def phones(self) -> Counter[str]:
        """How many texts came for each phone, answered or not: each of them may have been sent on."""
        return Counter(request["to"] for request in self.requests)


@pytest.fixture
def processes(db: None, database_url: str, redis_server: Redis) -> Iterator[Processes]:
    with started(database_url, redis_server.url) as processes:
        processes.environment |= LIMITS
        yield processes


@pytest.fixture
def vendor() -> Iterator[Slow]:
    with Slow() as vendor:
        yield vendor


@pytest.fixture
def bridge(db: None, vendor: Slow) -> Iterator[Bridge]:
    """A bridge to the slow vendor; what a test leaves unsent must not come to the next one's."""
    account = factories.vendor_account(options={"url": vendor.url})
    bridge = factories.bridge(numbers=factories.pool(2, account=account))
    factories.contact(bridge.hook.chat_app, factories.ANN, phone="")
    yield bridge
    Bridge.objects.filter(pk=bridge.pk).update(paused=True)


def burst(bridge: Bridge) -> None:
    """One due notice for each of many people."""
    for serial in range(PEOPLE):
        user, phone = f"person-{bridge.pk}-{serial}", factories.phone(bridge.pk % 50 * 100 + serial)
        factories.contact(bridge.hook.chat_app, user, phone)
        factories.notice(bridge, user_id=user)


def states(bridge: Bridge) -> Counter[str]:
    return Counter(OutboundSms.objects.filter(bridge=bridge).values_list("state", flat=True))


def settled(bridge: Bridge, *, but: int = 0) -> bool:
    return sum(states(bridge)[state] for state in END_STATES) == PEOPLE - but


def test_after_a_kill_each_message_has_one_text_or_is_visibly_uncertain(
    processes: Processes, bridge: Bridge, vendor: Slow
) -> None:
    burst(bridge)
    worker = processes.worker(SEND_WINDOW=str(WINDOW))
    assert awaited(lambda: len(vendor.requests) > WINDOW, "the middle of the burst")
    worker.kill()
    came = len(vendor.requests)
    assert came < PEOPLE

    processes.worker(SEND_WINDOW=str(WINDOW))

    assert awaited(lambda: settled(bridge), f"all to be settled, not {states(bridge)}")
    assert set(vendor.phones.values()) == {1}
    uncertain = set(OutboundSms.objects.filter(bridge=bridge, state="uncertain").values_list("phone", flat=True))
    assert 0 < len(uncertain) <= WINDOW
    sent = set(OutboundSms.objects.filter(bridge=bridge, state="sent").values_list("phone", flat=True))
    assert sent <= set(vendor.phones)
    assert len(sent | uncertain) == PEOPLE
    assert not Notice.objects.filter(bridge=bridge, state="waiting").exists()


def test_after_a_kill_a_vendor_that_can_be_asked_leaves_none_uncertain(
    processes: Processes, bridge: Bridge, vendor: Slow
) -> None:
    vendor.tells = True
    burst(bridge)
    worker = processes.worker(SEND_WINDOW=str(WINDOW))
    assert awaited(lambda: len(vendor.requests) > WINDOW, "the middle of the burst")
    worker.kill()
    processes.worker(SEND_WINDOW=str(WINDOW))

    assert awaited(
        lambda: settled(bridge) and not states(bridge)["uncertain"], f"all to be known, not {states(bridge)}"
    )
    assert set(vendor.phones.values()) == {1}
    assert 0 < states(bridge)["delivered"] <= WINDOW


def test_a_worker_that_is_asked_to_go_finishes_what_it_began_and_leaves_the_rest(
    processes: Processes, bridge: Bridge, vendor: Slow
) -> None:
    burst(bridge)
    worker = processes.worker(SEND_WINDOW=str(WINDOW))
    assert awaited(lambda: len(vendor.requests) > WINDOW, "the middle of the burst")
    assert worker.stop() == 0

    left = states(bridge)
    assert set(left) <= {"sent", "ready"}
    assert left["sent"] == len(vendor.requests) < PEOPLE

    processes.worker()
    assert awaited(lambda: states(bridge) == {"sent": PEOPLE}, f"the rest to be sent, not {states(bridge)}")
    assert set(vendor.phones.values()) == {1}


def test_a_second_worker_takes_over_what_one_that_stands_still_had_claimed(
    processes: Processes, bridge: Bridge, vendor: Slow
) -> None:
    """It stands still while it asks the platform, and when it wakes it changes nothing."""
    told = json.dumps({"user_id": factories.BEN, "display_name": "Ben", "phone_number": factories.BENS_PHONE})
    with Server([hang, answer(200, told.encode())]) as platform:
        app = bridge.hook.chat_app
        app.options |= {"api_url": platform.url}
        app.save()
        factories.notice(bridge)
        first = processes.worker()
        platform.wait_for(requests=1, timeout=20)
        first.process.send_signal(signal.SIGSTOP)

        processes.worker()

        assert awaited(lambda: states(bridge) == {"sent": 1}, "the second worker's text")
        first.process.send_signal(signal.SIGCONT)
        assert first.stop() == 0
    assert vendor.texts == ["Ann: Hello"]
    assert states(bridge) == {"sent": 1}


def test_a_text_whose_worker_stands_still_is_uncertain_and_is_not_sent_again(
    processes: Processes, bridge: Bridge, vendor: Slow
) -> None:
    factories.contact(bridge.hook.chat_app)
    vendor.slow_seconds = 1.5
    first = processes.worker()
    factories.notice(bridge)
    assert awaited(lambda: vendor.requests, "the text at the vendor")
    first.process.send_signal(signal.SIGSTOP)

    processes.worker()

    assert awaited(lambda: states(bridge) == {"uncertain": 1}, "the text to be uncertain")
    first.process.send_signal(signal.SIGCONT)
    assert first.stop() == 0
    assert vendor.texts == ["Ann: Hello"]
    assert states(bridge) in ({"uncertain": 1}, {"sent": 1})  # whether the answer was still heard, is chance
