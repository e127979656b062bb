"""A process may end anywhere: also while it asks a platform, withdraws what waited, or refuses a reply."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifier import doorbell
from notifier.models import Conversation, Message, Receipt
from smsbridge.models import Bridge, InboundSms, Lease, Notice, OutboundSms
from tests import factories
from tests.crashing import lives, restarted
from tests.factories import BENS_PHONE, conversation, inbound, message, notice, phone
from tests.notifier.listeners import Rings
from tests.smsbridge.asked import Asked, AskedPlatform, HalfMutePlatform, use
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, reply, send
from tests.smsbridge.upstreams import Network, after

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = {"compose": compose, "send": send, "reply": reply}


@pytest.fixture(autouse=True)
def _no_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "bell", Rings())


@pytest.fixture
def asked(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    with Asked() as asked:
        use(bridge, monkeypatch, AskedPlatform, asked.url)
        yield asked


def clear() -> None:
    for model in (Notice, InboundSms, OutboundSms, Lease, Receipt, Message, Conversation):
        model.objects.all().delete()


def ours(network: Network) -> list[dict[str, Any]]:
    """What the vendor was called with in this round."""
    made = {id_.hex for id_ in OutboundSms.objects.values_list("pk", flat=True)}
    return [one for one in network.requests if one["reference"] in made]


@pytest.fixture
def unread(bridge: Bridge, asked: Asked) -> Callable[[], None]:
    """Two messages for a digest, of which the platform knows that one is read, and one more that is."""

    def begin() -> None:
        clear()
        asked.standings = {}
        place, other = conversation(bridge.hook.chat_app), conversation(bridge.hook.chat_app)
        for where, text in ((place, "told"), (place, "read"), (other, "read too")):
            one = notice(bridge, message(where, text))
            if text != "told":
                asked.standings[one.message.key, one.user_id] = "read"

    return begin


def test_asking_ends_as_if_nothing_had_happened(unread: Callable[[], None], network: Network) -> None:
    for life in lives(unread, compose, reads=False):
        restarted(STEPS)
        assert [one["text"].endswith("told") for one in ours(network)] == [True], life
        ends = sorted(Notice.objects.values_list("message__text", "state", "reason"))
        assert ends == [("read", "skipped", "read"), ("read too", "skipped", "read"), ("told", "in_sms", "")], life
        assert sorted(Receipt.objects.values_list("message__text", "rank")) == [
            ("read", 2),
            ("read too", 2),
            ("told", 0),
        ], life


def test_what_waited_is_asked_about_again_and_leaves_once(bridge: Bridge, asked: Asked, network: Network) -> None:
    """One of two texts was read meanwhile; the number and its introduction are not lost."""
    Bridge.objects.update(introduction="Hi.")
    factories.contact(bridge.hook.chat_app, "cem", phone(7))

    def begin() -> None:
        clear()
        asked.standings = {}
        made = timezone.now() - timedelta(seconds=100)
        for user, telephone in (("ben", BENS_PHONE), ("cem", phone(7))):
            told = message(conversation(bridge.hook.chat_app), unread_by=[user])
            sms = factories.linked(
                bridge, [told], user, phone=telephone, text="Hi.\nwaited", introduces=True,
                created_at=made, read_at=made, due_at=made,
            )  # fmt: skip
            Lease.objects.filter(phone=telephone).update(introduced_by=sms)
            if user == "cem":
                asked.standings[told.key, user] = "read"

    for life in lives(begin, send, reads=False):
        restarted(STEPS)
        called = [(one["to"], one["text"].startswith("Hi.")) for one in ours(network)]
        perhaps = OutboundSms.objects.filter(state="uncertain").exists()
        assert called == [(BENS_PHONE, True)] or (perhaps and not called), life
        assert Notice.objects.get(user_id="cem").reason == "read", life


def test_a_refused_reply_is_answered_once(bridge: Bridge, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    use(bridge, monkeypatch, HalfMutePlatform, asked.url)

    def begin() -> None:
        clear()
        link = factories.lease(bridge.pool.numbers.order_by("pk")[0], conversation(bridge.hook.chat_app))
        factories.texted(link)
        inbound(link.number, "On my way", link.phone)

    for life in lives(begin, reply, reads=False):
        restarted({"reply": reply})
        assert InboundSms.objects.get().state == "refused", life
        assert InboundSms.objects.get().reason.endswith("It is answered."), life
        assert OutboundSms.objects.filter(purpose="no reply").count() == 1, life


@pytest.mark.postgres
def test_a_worker_whose_claim_ran_out_while_it_asked_writes_nothing(
    bridge: Bridge, asked: Asked, network: Network
) -> None:
    """It stood still; another one took the notices over, and was told of the read that came meanwhile."""
    told, read = (notice(bridge, message(conversation(bridge.hook.chat_app), text)) for text in ("told", "read"))

    def take_over() -> None:
        Notice.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        asked.standings[read.message.key, read.user_id] = "read"
        compose()

    def stale(*call: object) -> None:
        asked.standings.clear()
        asked.stand(*call)  # type: ignore[arg-type]

    def beside() -> None:
        together([take_over])

    asked.script = [after(beside, stale)]
    compose()
    restarted(STEPS)
    assert [text.endswith("told") for text in network.texts] == [True]
    assert (Notice.objects.get(pk=told.pk).state, Notice.objects.get(pk=read.pk).reason) == ("in_sms", "read")
