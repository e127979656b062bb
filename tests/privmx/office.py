"""Ann, Ben and Cleo at a Bridge, and our parts in this process: its worker is run by hand."""

from collections.abc import Callable
from typing import Any

from notifier.models import ChatApp, Hook, Rule
from smsbridge.models import OutboundSms
from tests import factories
from tests.factories import ANN, BEN, BENS_PHONE
from tests.notifier.socket_ground import caught_up, row
from tests.privmx.bridge import Bridge
from tests.smsbridge import stages
from tests.smsbridge.upstreams import Network
from tests.waiting import eventually

CLEO = "cleo"
CLEOS_PHONE = factories.phone(1)
CONTEXT = "C1"
PEOPLE = (ANN, BEN, CLEO)


class Office:
    """Ann has no phone, Ben and Cleo have; all three are in one thread."""

    def __init__(self, bridge: Bridge, vendor: Network, *, channels: str = "thread", **hook: Any) -> None:
        self.bridge, self.vendor, self.world = bridge, vendor, bridge.world
        self.app = privmx_app(bridge, channels)
        self.hook = notify_hook(self.app, **hook)
        account = factories.vendor_account(options={"url": vendor.url})
        self.texting = factories.bridge(self.hook, factories.pool(3, account=account), digest=False)
        for user, phone in {ANN: "", BEN: BENS_PHONE, CLEO: CLEOS_PHONE}.items():
            factories.contact(self.app, user, phone)
        bridge.world.add_context(CONTEXT, PEOPLE)
        self.thread = bridge.world.create_thread(CONTEXT, [ANN, BEN], meta={"title": "Lunch"})

    def rule(self, **fields: Any) -> Rule:
        made = Rule.objects.create(chat_app=self.app, name=f"rule {Rule.objects.count()}", **fields)
        factories.forget()
        return made

    def reconfigure(self, *, secret: str = "", **options: str) -> None:
        """Other options of the chat app, and another secret if one is given."""
        self.app.options = {**self.app.options, **options}
        if secret:
            self.app.secrets = {"key_secret": secret}  # type: ignore[assignment]
        self.app.save()
        factories.forget()

    def works(self) -> None:
        """All that a worker would do now."""
        factories.drain()
        factories.run_stage("check")
        stages.compose()
        stages.send()
        stages.reply()

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Phones and words of all texts that the vendor has accepted, in the order of their phones."""
        return sorted((one["to"], one["text"]) for one in self.vendor.accepted)

    def texted(self, *texts: tuple[str, str]) -> bool:
        """Whether these are sent in the end, each once, and nothing else until then."""
        return self.eventually(lambda: self.texts == sorted(texts))

    def eventually(self, question: Callable[[], bool]) -> bool:
        """Whether it comes true while we work."""

        def worked() -> bool:
            self.works()
            return question()

        return eventually(worked, 10.0)

    @property
    def told(self) -> list[str]:
        """Ids of the messages of which texts were sent, in order."""
        rows = OutboundSms.objects.filter(state="sent").order_by("created_at")
        return [key for row in rows for key in row.notices.values_list("message__key", flat=True)]


def privmx_app(bridge: Bridge, channels: str = "thread") -> ChatApp:
    return factories.chat_app(
        platform="privmx",
        options={"api_url": bridge.url, "key_id": bridge.key.id, "channels": channels},
        secrets={"key_secret": bridge.key.secret},
    )


def notify_hook(app: ChatApp, **fields: Any) -> Hook:
    made = factories.receipts_hook(app, delay=0, identities=Hook.Identities.DIRECTORY, secret="", **fields)
    Hook.objects.filter(pk=made.pk).update(kind=Hook.Kind.NOTIFY)
    factories.forget()
    return Hook.objects.get(pk=made.pk)


def catches_up() -> bool:
    """Whether somebody listens, and all is told, in the end."""
    return eventually(caught_up)


def error() -> str:
    """Why there is no connection."""
    found = row()
    return found.error if found else ""
