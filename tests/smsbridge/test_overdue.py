"""What counts as overdue: the oldest row of each stage, and nothing that is held back on purpose."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from notifier.models import InboxEvent, ListenedEvent, ReceiptCheck
from smsbridge.models import Breaker, Bridge, InboundSms, Notice, OutboundSms, VendorAccount
from smsbridge.services.overdue import most_overdue, overdue, stages
from tests import factories

pytestmark = pytest.mark.django_db


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def waiting() -> dict[str, int]:
    """How many rows wait, by stage, without those in which none does."""
    return {one.stage: count for one in stages() if (count := one.count())}


LATE = 300


def _event(bridge: Bridge) -> None:
    event = InboxEvent.objects.create(hook=bridge.hook, key="1", body=b"")
    InboxEvent.objects.filter(pk=event.pk).update(received_at=ago(LATE))


def _check(bridge: Bridge) -> None:
    message = factories.message(factories.conversation(bridge.hook.chat_app))
    ReceiptCheck.objects.create(hook=bridge.hook, message=message, due_at=ago(LATE))


def _listened(bridge: Bridge) -> None:
    ListenedEvent.objects.create(hook=bridge.hook, key="1", body="{}", received_at=ago(LATE), next_at=ago(LATE))


def _roster(bridge: Bridge) -> None:
    factories.conversation(bridge.hook.chat_app, roster_due_at=ago(LATE))


def _notice(bridge: Bridge) -> None:
    factories.notice(bridge, next_at=ago(LATE))


def _text(bridge: Bridge) -> None:
    factories.linked(bridge, next_at=ago(LATE))


def _sending(bridge: Bridge) -> None:
    factories.linked(bridge, next_at=ago(LATE), state="sending")


def _reply(bridge: Bridge) -> None:
    factories.inbound(bridge.pool.numbers.order_by("pk")[0], next_at=ago(LATE))


ROWS = {
    "drain": _event,
    "check": _check,
    "roster": _roster,
    "listen": _listened,
    "compose": _notice,
    "send": _text,
    "sending": _sending,
    "reply": _reply,
}


@pytest.mark.parametrize("stage", ROWS)
def test_the_oldest_row_of_each_stage_is_told(bridge: Bridge, stage: str) -> None:
    assert most_overdue() is None
    ROWS[stage](bridge)
    found = most_overdue()
    assert found is not None
    assert found.stage == stage
    assert found.seconds == pytest.approx(LATE, abs=30)
    assert waiting() == {stage: 1}


def test_what_is_not_due_yet_is_not_overdue(bridge: Bridge) -> None:
    later = timezone.now() + timedelta(hours=1)
    for rows in (Notice, OutboundSms, InboundSms):
        {Notice: _notice, OutboundSms: _text, InboundSms: _reply}[rows](bridge)
        rows.objects.update(next_at=later)
    assert most_overdue() is None
    assert waiting() == {"compose": 1, "send": 1, "reply": 1}


def _update(row: Model, **fields: Any) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(**fields)
    factories.forget()


HOLDS: dict[str, tuple[str, Callable[[Bridge], object]]] = {
    "a disabled hook": ("check", lambda bridge: _update(bridge.hook, enabled=False)),
    "a paused bridge": ("compose", lambda bridge: _update(bridge, paused=True)),
    "a paused chat app": ("compose", lambda bridge: _update(bridge.hook.chat_app, paused=True)),
    "a bridge that cannot be used": ("compose", lambda bridge: _update(bridge, template="<%= nonsense(")),
    "the texts' bridge that cannot be used": ("send", lambda bridge: _update(bridge, template="<%= nonsense(")),
    "the texts' paused bridge": ("send", lambda bridge: _update(bridge, paused=True)),
    "the texts' paused chat app": ("send", lambda bridge: _update(bridge.hook.chat_app, paused=True)),
    "a paused account": ("send", lambda bridge: _update(account_of(bridge), paused=True)),
    "an account that cannot be used": ("send", lambda bridge: _update(account_of(bridge), vendor="nobody")),
    "an open breaker": (
        "send",
        lambda bridge: Breaker.objects.create(account=account_of(bridge), opened_at=ago(1)),
    ),
    "a pace": ("send", lambda bridge: _pace(bridge, seconds_ago=5)),
    "a hook that cannot be used": ("send", lambda bridge: _update(bridge.hook.chat_app, platform="gone")),
    "an earlier text of the thread": (
        "send",
        lambda bridge: OutboundSms.objects.filter(pk=OutboundSms.objects.order_by("pk")[0].pk).update(
            next_at=timezone.now() + timedelta(hours=1)
        ),
    ),
    "an earlier reply of the phone": (
        "reply",
        lambda bridge: InboundSms.objects.filter(pk=InboundSms.objects.order_by("pk")[0].pk).update(
            next_at=timezone.now() + timedelta(hours=1)
        ),
    ),
}


def _pace(bridge: Bridge, seconds_ago: float) -> None:
    """The account has a pace, and its last text left so many seconds ago."""
    factories.linked(bridge, phone=factories.phone(7), state="sent", sent_at=ago(seconds_ago))
    _update(account_of(bridge), segments_per_second=0.1)


def account_of(bridge: Bridge) -> VendorAccount:
    return bridge.pool.numbers.all()[0].account


@pytest.mark.parametrize("hold", HOLDS)
def test_what_is_held_back_is_not_overdue(bridge: Bridge, hold: str) -> None:
    stage, act = HOLDS[hold]
    ROWS[stage](bridge)
    if "earlier" in hold:
        ROWS[stage](bridge)
    assert [one.stage for one, _ in overdue()] == [stage]
    act(bridge)
    assert most_overdue() is None
    assert waiting()[stage] >= 1


def test_a_pace_of_whose_account_nothing_leaves_holds_nothing_back(bridge: Bridge) -> None:
    _text(bridge)
    _pace(bridge, seconds_ago=LATE)
    assert [one.stage for one, _ in overdue()] == ["send"]
