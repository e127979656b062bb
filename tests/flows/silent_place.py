"""A deployment where no bell rings: what is due appears in the database, and nobody is told."""

from smsbridge.models import Bridge
from tests import factories
from tests.processes import Processes
from tests.smsbridge.upstreams import Network
from tests.waiting import eventually

SWEEPS = {"SWEEP_SECONDS": "0.5", "CLAIM_SECONDS": "2"}
#: a few sweeps, and what the work itself takes on a busy machine
IN_TIME = 5.0
NUMBERS = 12


class Place:
    """Ann writes, and Ben is to be texted. Its processes sweep twice a second."""

    def __init__(self, processes: Processes, vendor: Network) -> None:
        self.processes, self._vendor = processes, vendor
        processes.environment |= SWEEPS
        account = factories.vendor_account(options={"url": vendor.url})
        self._bridge: Bridge = factories.bridge(numbers=factories.pool(NUMBERS, account=account))
        for user in (factories.ANN, factories.BEN):
            factories.contact(self._bridge.hook.chat_app, user)

    def due(self, text: str) -> None:
        """Ben is to be texted now, in a conversation of its own: a killed worker's text may hold up its own thread."""
        place = factories.conversation(self._bridge.hook.chat_app)
        factories.notice(self._bridge, factories.message(place, text))

    def texted(self, text: str, seconds: float = IN_TIME) -> bool:
        return bool(eventually(lambda: f"Ann: {text}" in self._vendor.texts, seconds))
