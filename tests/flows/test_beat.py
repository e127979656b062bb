"""Beat alone: it rings what no doorbell rang."""

from collections.abc import Iterator

import pytest

from smsbridge.demo.services import Redis
from tests import factories
from tests.processes import Processes, started
from tests.smsbridge.upstreams import Network
from tests.waiting import eventually


@pytest.fixture(scope="module")
def processes(db: None, database_url: str, redis_server: Redis) -> Iterator[Processes]:
    with started(database_url, redis_server.url) as processes:
        yield processes


def test_beat_alone_gets_due_work_done(processes: Processes) -> None:
    processes.worker(SWEEP_SECONDS="3600")
    with Network() as network:
        account = factories.vendor_account(options={"url": network.url})
        bridge = factories.bridge(numbers=factories.pool(1, account=account))
        for user in (factories.ANN, factories.BEN):
            factories.contact(bridge.hook.chat_app, user)
        factories.notice(bridge)
        processes.beat(SWEEP_SECONDS="0.5")
        assert eventually(lambda: network.texts) == ["Ann: Hello"]
