"""Texts are taken back while they are ready, and not a moment longer."""

from typing import Any

import pytest

from smsbridge.models import Bridge, Lease, Notice, OutboundSms
from smsbridge.services import withdrawing
from tests import factories
from tests.factories import conversation, message, outbound


def told(bridge: Bridge, **fields: Any) -> tuple[OutboundSms, Notice]:
    sms = outbound(bridge, [message(conversation(bridge.hook.chat_app))], **fields)
    return sms, Notice.objects.get(sms=sms)


def test_a_withdrawn_texts_notices_wait_again(bridge: Bridge) -> None:
    sms, notice = told(bridge)
    factories.lease(sms.number, notice.conversation, introduced_by=sms)
    withdrawing.withdraw([sms.pk], "Because.")
    sms.refresh_from_db()
    notice.refresh_from_db()
    assert (sms.state, sms.reason) == ("withdrawn", "Because.")
    assert sms.settled_at is not None
    assert (notice.state, notice.sms, notice.note) == ("waiting", None, "Because.")
    assert Lease.objects.get().introduced_by is None


@pytest.mark.parametrize("state", ["sending", "sent", "delivered", "uncertain", "dead"])
def test_what_is_not_ready_any_more_is_left_alone_with_its_notices(bridge: Bridge, state: str) -> None:
    sms, notice = told(bridge, state=state)
    factories.lease(sms.number, notice.conversation, introduced_by=sms)
    withdrawing.withdraw([sms.pk], "Because.")
    sms.refresh_from_db()
    notice.refresh_from_db()
    assert (sms.state, notice.state, notice.sms) == (state, "in_sms", sms)
    assert Lease.objects.get().introduced_by == sms


def test_withdrawing_nothing_is_nothing(bridge: Bridge) -> None:
    withdrawing.withdraw([], "Because.")
    assert not OutboundSms.objects.exists()
