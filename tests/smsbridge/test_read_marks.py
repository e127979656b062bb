"""What a mark says was read is not told, at whatever point of its way a text is."""

import pytest

from notifier.models import Conversation, Message, Watermark
from smsbridge.models import Bridge, Notice, OutboundSms
from smsbridge.services import routing
from tests import factories
from tests.factories import BEN
from tests.smsbridge import stages

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bridge() -> Bridge:
    made = factories.bridge(factories.receipts_hook(identities="off"))
    factories.contact(made.hook.chat_app)
    return made


@pytest.fixture
def place(bridge: Bridge) -> Conversation:
    return factories.conversation(bridge.hook.chat_app)


def said(place: Conversation, position: int) -> Message:
    return factories.message(place, position=position)


def mark(place: Conversation, message: Message, user: str = BEN, *, placed: bool = True) -> None:
    position = message.position if placed else None
    Watermark.objects.create(conversation=place, user_id=user, message=message.key, position=position)


@pytest.mark.parametrize("placed", [True, False])
def test_no_text_is_made_of_what_was_read(bridge: Bridge, place: Conversation, placed: bool) -> None:
    first, second, third = (said(place, position) for position in (1, 2, 3))
    notices = [factories.notice(bridge, one) for one in (first, second, third)]
    mark(place, second, placed=placed)
    stages.compose()
    reasons = [Notice.objects.get(pk=one.pk).reason for one in notices]
    assert reasons[:2] == ["read", "read"]
    assert reasons[2] != "read"


@pytest.mark.parametrize(("reader", "up_to", "withdrawn"), [(BEN, 1, True), (BEN, 0, False), ("carl", 1, False)])
def test_a_text_that_is_ready_is_withdrawn_when_what_it_tells_was_read(
    bridge: Bridge, place: Conversation, reader: str, up_to: int, withdrawn: bool
) -> None:
    messages = [said(place, position) for position in (1, 2)]
    sms = factories.linked(bridge, [messages[1]])
    mark(place, messages[up_to], reader)
    stages.send()
    sms.refresh_from_db()
    assert (sms.state == OutboundSms.State.WITHDRAWN) is withdrawn


def test_who_answers_does_not_mark_again_what_he_has_read(bridge: Bridge, place: Conversation) -> None:
    first, second = said(place, 1), said(place, 2)
    number = bridge.pool.numbers.order_by("pk")[0]
    link = factories.lease(number, place)
    told = factories.texted(link, bridge=bridge)
    for one in (first, second):
        factories.notice(bridge, one, state=Notice.State.IN_SMS, sms=told)
    mark(place, first)
    factories.inbound(number)
    _, (reply,) = routing.claim(10)
    assert [key for _, key in reply.unread] == [second.key]
