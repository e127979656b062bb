"""What every platform comes to, at an imitated PrivMX Bridge."""

from collections.abc import Iterator

import pytest

from notifier.models import InboxEvent
from notifier.platforms.privmx import PrivmxPlatform
from smsbridge.models import Number
from tests import factories
from tests.factories import ANN, BENS_PHONE
from tests.flows.live_contract import Live, LiveContract
from tests.notifier.socket_ground import listening
from tests.privmx.bridge import Bridge
from tests.privmx.office import Office, catches_up
from tests.smsbridge.upstreams import Network
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


class Privmx(Live):
    platform = PrivmxPlatform

    def __init__(self, office: Office) -> None:
        self._office = office

    def anna_writes(self, text: str) -> str:
        return self._office.world.write(self._office.thread, ANN)

    def anna_deletes(self, message: str) -> None:
        self._office.world.remove(message)
        deleted = InboxEvent.objects.filter(key__contains=f"threadDeletedMessage/{message}")
        assert eventually(deleted.exists), "the deletion did not come"

    def texts(self) -> list[str]:
        self._office.works()
        return [text for phone, text in self._office.texts if phone == BENS_PHONE]

    def ben_texts(self, words: str) -> None:
        number = Number.objects.get(leases__phone=BENS_PHONE)
        factories.inbound(number, words)


@pytest.fixture
def live(bridge: Bridge, vendor: Network) -> Iterator[Privmx]:
    with listening():
        office = Office(bridge, vendor)
        assert catches_up()
        yield Privmx(office)


class TestBridge(LiveContract):
    pass
