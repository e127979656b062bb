"""Which notices a step takes: never what is held back, never half a digest, never more than it can carry."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from notifier.runner import Step
from smsbridge.models import Bridge, Notice, OutboundSms
from smsbridge.services import claiming, composing, gathering
from smsbridge.services.claiming import prolong
from tests import factories
from tests.factories import conversation, message, notice
from tests.smsbridge.stages import compose

MINUTE = timedelta(minutes=1)


def step() -> Step:
    return composing.Composer().step()


def held_back(bridge: Bridge, by: str) -> Bridge:
    """Another bridge, whose notices cannot be composed now."""
    hook = factories.receipts_hook(report_for_status=["seen"] if by == "hook" else [])
    other = factories.bridge(hook, bridge.pool, paused=by == "bridge")
    hook.chat_app.paused = by == "app"
    hook.chat_app.save()
    if by == "template":
        Bridge.objects.filter(pk=other.pk).update(template="<%= sendr.name %>")
    factories.forget()
    return other


@pytest.mark.parametrize("by", ["bridge", "app", "hook", "template"])
def test_what_is_held_back_is_passed_over_and_holds_up_nobody(bridge: Bridge, settings: Settings, by: str) -> None:
    settings.COMPOSE_BATCH = 2
    before = timezone.now() - MINUTE
    waiting = [notice(held, next_at=before) for held in [held_back(bridge, by)] for _ in range(3)]
    well = notice(bridge)
    assert step().done == 1
    well.refresh_from_db()
    assert well.state == "in_sms"
    for one in waiting:
        one.refresh_from_db()
        assert (one.state, one.next_at, one.attempts) == ("waiting", before, 0), "it is not written at all"


def test_nothing_is_looked_for_while_all_that_is_due_is_held_back(bridge: Bridge) -> None:
    notice(held_back(bridge, "bridge"))
    nothing = step()
    assert (nothing.done, nothing.more, nothing.next_in) == (0, False, None)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_freezes_while_it_claims_does_not_stop_the_others(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice(bridge)
    frozen, thaw = threading.Event(), threading.Event()
    claim_due = claiming.claim_due

    def freeze(*args: Any) -> Any:
        claimed = claim_due(*args)
        if threading.current_thread().name == "frozen":
            frozen.set()
            thaw.wait(20)
        return claimed

    def work() -> None:
        try:
            compose()
        finally:
            connection.close()

    monkeypatch.setattr(gathering, "claim_due", freeze)
    thread = threading.Thread(target=work, name="frozen")
    thread.start()
    try:
        assert frozen.wait(10)
        healthy = threading.Thread(target=lambda: steps.append(step()))
        steps: list[Step] = []
        healthy.start()
        healthy.join(10)
        assert not healthy.is_alive()
        assert steps[0].next_in is not None, "it looks again by itself"
        assert steps[0].next_in < 1
    finally:
        thaw.set()
        thread.join(10)
    assert OutboundSms.objects.count() == 1


def crowd(bridge: Bridge, people: int, messages: int) -> None:
    """So many people have so many unread messages each in one conversation."""
    place = conversation(bridge.hook.chat_app)
    users = [f"u{index}" for index in range(people)]
    for index, user in enumerate(users):
        factories.contact(bridge.hook.chat_app, user, factories.phone(index))
    for index in range(messages):
        about = message(place, f"{index}", unread_by=users, sent_at=timezone.now() - timedelta(seconds=60 - index))
        for user in users:
            notice(bridge, about, user)


def test_it_takes_no_more_digests_than_it_can_carry_and_splits_none(bridge: Bridge, settings: Settings) -> None:
    settings.COMPOSE_BATCH = 5
    crowd(bridge, people=5, messages=9)
    first = step()
    assert 9 <= first.done <= 20
    assert first.more
    assert not Notice.objects.filter(state="waiting").exclude(attempts=0, claim=None).exists()
    compose()
    assert [sms.notices.count() for sms in OutboundSms.objects.all()] == [9] * 5


def test_one_digest_is_taken_whole_however_long_it_is(bridge: Bridge, settings: Settings) -> None:
    settings.COMPOSE_BATCH = 2
    crowd(bridge, people=1, messages=30)
    assert step().done == 30
    assert OutboundSms.objects.get().notices.count() == 30


def test_a_claim_that_another_worker_took_is_not_prolonged(bridge: Bridge) -> None:
    ours, theirs = uuid.uuid4(), uuid.uuid4()
    soon = timezone.now() + timedelta(seconds=1)
    kept, lost = notice(bridge, claim=ours, next_at=soon), notice(bridge, claim=theirs, next_at=soon)
    prolong(ours, [kept.pk, lost.pk])
    kept.refresh_from_db()
    lost.refresh_from_db()
    assert kept.next_at > timezone.now() + timedelta(seconds=10)
    assert lost.next_at == soon
