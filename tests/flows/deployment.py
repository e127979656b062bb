"""Web and worker on a database that a test takes away, and an imitated vendor."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from notifier.models import Hook
from tests import factories
from tests.processes import Program, started
from tests.smsbridge.upstreams import Network

NUMBERS = 40


@dataclass(frozen=True)
class Deployment:
    """A running deployment; each message is told in a text of its own."""

    url: str
    vendor: Network
    hook: Hook
    web: Program
    worker: Program

    def deliver(self, text: str) -> int:
        """The answer to the event of a message to Ben."""
        return self.answer(text).status_code

    def answer(self, text: str) -> requests.Response:
        body = factories.body_of(factories.layer_event(text=text))
        headers = {"Content-Type": "application/json", "layer-webhook-signature": factories.signature(body)}
        return requests.post(f"{self.url}/webhooks/chat/{self.hook.slug}/", data=body, headers=headers, timeout=30)

    @property
    def lives(self) -> bool:
        """Whether web and worker are still the ones that were started."""
        return self.web.process.poll() is None and self.worker.process.poll() is None


@contextmanager
def deployed(database_url: str, redis_url: str) -> Iterator[Deployment]:
    with Network() as vendor, started(database_url, redis_url) as processes:
        account = factories.vendor_account(options={"url": vendor.url})
        hook = factories.receipts_hook(delay=200)
        factories.bridge(hook, factories.pool(NUMBERS, account=account), digest=False)
        for user in (factories.ANN, factories.BEN):
            factories.contact(hook.chat_app, user)
        web = processes.web()
        yield Deployment(processes.url, vendor, hook, web, processes.worker(SWEEP_SECONDS="0.5"))
