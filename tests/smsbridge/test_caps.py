"""Caps and budgets of a day: each text counts once, no limit is ever exceeded, and whatever is held back says why."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from itertools import count
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries

from notifier.models import Receipt
from notifier.sql import database_now, try_lock
from smsbridge.models import Bridge, DailyUse, Notice, OutboundSms
from smsbridge.services import caps, clearance
from smsbridge.services.daily_findings import budget_findings
from smsbridge.services.setting_up import set_up
from smsbridge.services.validation import problems_of
from tests import admin_rows, factories
from tests.admin_pages import Pages, html
from tests.factories import conversation, linked, message, notice
from tests.smsbridge.environments import environment
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, send
from tests.smsbridge.test_admin_configuration import bridge_form
from tests.smsbridge.upstreams import Network, refused

url = Pages("smsbridge").url


def limit(bridge: Bridge, **limits: object) -> Bridge:
    Bridge.objects.filter(pk=bridge.pk).update(**limits)
    factories.forget()
    bridge.refresh_from_db()
    return bridge


_serial = count(1)


def people(bridge: Bridge, number: int, **fields: Any) -> list[OutboundSms]:
    """A ready text with a notice for each of so many new phones, each in a conversation of its own."""
    return [
        linked(bridge, [message(conversation(bridge.hook.chat_app))], phone=factories.phone(next(_serial)), **fields)
        for _ in range(number)
    ]


def states(texts: list[OutboundSms]) -> list[str]:
    return [OutboundSms.objects.get(pk=text.pk).state for text in texts]


def used(kind: str, key: str = "") -> int:
    return DailyUse.objects.get(day=database_now().date(), kind=kind, key=key).used


def use(bridge: Bridge, kind: str, key: str, amount: int, *, days_ago: int = 0) -> None:
    day = database_now().date() - timedelta(days=days_ago)
    DailyUse.objects.create(bridge=bridge, day=day, kind=kind, key=key, used=amount)


# The caps


def test_beyond_a_phones_cap_nothing_is_sent_and_its_notices_say_why(bridge: Bridge, network: Network) -> None:
    limit(bridge, phone_cap=2, digest=False)
    for _ in range(3):
        notice(bridge, message(conversation(bridge.hook.chat_app)))
    compose(), send()
    assert len(network.requests) == 2
    assert used("phone", factories.BENS_PHONE) == 2
    last = OutboundSms.objects.get(state="withdrawn")
    assert (last.attempts, last.claim) == (0, None)
    assert last.reason == "The phone had 2 texts today, as many as the bridge allows."
    skipped = Notice.objects.get(state="skipped")
    assert (skipped.reason, skipped.note, skipped.sms_id) == ("phone cap", last.reason, None)


def test_a_conversations_cap_counts_the_texts_to_all_its_people(bridge: Bridge, network: Network) -> None:
    limit(bridge, conversation_cap=2)
    place = conversation(bridge.hook.chat_app)
    for index, user in enumerate(("cid", "dan", "eve")):
        factories.contact(bridge.hook.chat_app, user, factories.phone(index))
        notice(bridge, message(place, unread_by=[user]), user_id=user)
    compose(), send()
    assert len(network.requests) == 2
    assert used("conv", str(place.pk)) == 2
    assert Notice.objects.get(state="skipped").reason == "conversation cap"


@pytest.mark.parametrize("kind", ["phone", "conv"])
def test_once_a_cap_is_reached_nothing_is_composed_any_more(bridge: Bridge, kind: str) -> None:
    limit(bridge, phone_cap=5, conversation_cap=5)
    one = notice(bridge)
    use(bridge, kind, {"phone": factories.BENS_PHONE, "conv": str(one.conversation_id)}[kind], 5)
    compose()
    one.refresh_from_db()
    assert one.state == "skipped"
    assert one.reason == {"phone": "phone cap", "conv": "conversation cap"}[kind]
    assert not OutboundSms.objects.exists()


def test_a_cap_is_of_one_day_and_one_bridge(bridge: Bridge, network: Network) -> None:
    limit(bridge, phone_cap=1)
    use(bridge, "phone", factories.BENS_PHONE, 1, days_ago=1)
    use(factories.bridge(bridge.hook, bridge.pool), "phone", factories.BENS_PHONE, 1)
    notice(bridge)
    compose(), send()
    assert len(network.requests) == 1


def test_a_text_that_is_tried_again_counts_once(bridge: Bridge, network: Network) -> None:
    limit(bridge, phone_cap=1)
    (sms,) = people(bridge, 1)
    network.script = [refused("30003")]
    send()
    OutboundSms.objects.update(next_at=timezone.now() - timedelta(milliseconds=1))
    send()
    assert states([sms]) == ["sent"]
    assert used("phone", sms.phone) == 1


def test_what_is_withdrawn_for_another_reason_uses_nothing(bridge: Bridge, network: Network) -> None:
    limit(bridge, phone_cap=1)
    read, unread = message(conversation(bridge.hook.chat_app)), message(conversation(bridge.hook.chat_app))
    texts = [
        linked(bridge, [told], number=number)
        for told, number in zip((read, unread), bridge.pool.numbers.order_by("pk")[:2], strict=True)
    ]
    Receipt.objects.filter(message=read).update(rank=2)
    send()
    assert states(texts) == ["withdrawn", "sent"]


def test_who_texts_keywords_is_answered_beyond_all_limits_and_uses_nothing(bridge: Bridge, network: Network) -> None:
    limit(bridge, phone_cap=1, daily_budget=6)
    use(bridge, "phone", factories.BENS_PHONE, 1)
    use(bridge, "budget", "", 6)
    answer = factories.outbound(bridge)
    OutboundSms.objects.update(bridge=None, conversation=None, user_id="", purpose="help")
    send()
    assert states([answer]) == ["sent"]
    assert used("phone", factories.BENS_PHONE) == 1


# The budget


def test_beyond_the_budget_texts_wait_for_the_next_day(bridge: Bridge, network: Network) -> None:
    limit(bridge, daily_budget=7, over_budget="wait")
    texts = people(bridge, 3, segments=3)
    send()
    assert states(texts) == ["sent", "sent", "withdrawn"]
    assert used("budget") == 6
    one = Notice.objects.get(state="waiting")
    tomorrow = (database_now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert timedelta(0) <= one.next_at - tomorrow < timedelta(seconds=5)
    assert (one.note, one.attempts) == ("The bridge's budget of 7 segments for today is used up.", 0)


def test_nothing_smaller_overtakes_what_did_not_fit(bridge: Bridge, network: Network) -> None:
    """Neither in the same claim nor in a later one."""
    limit(bridge, daily_budget=7)
    texts = people(bridge, 3, segments=3) + people(bridge, 1, segments=1)
    send()
    texts += people(bridge, 1, segments=1)
    send()
    assert states(texts) == ["sent", "sent", "withdrawn", "withdrawn", "withdrawn"]
    assert set(Notice.objects.filter(state="waiting").values_list("note", flat=True)) == {
        "The bridge's budget of 7 segments for today is used up."
    }


def test_a_used_up_budget_lets_notices_wait_before_anything_is_composed(bridge: Bridge) -> None:
    limit(bridge, daily_budget=7)
    use(bridge, "budget", "", 7)
    one = notice(bridge)
    compose()
    one.refresh_from_db()
    assert (one.state, one.attempts) == ("waiting", 0)
    assert one.note.endswith("is used up.")
    assert one.next_at > timezone.now()


def test_a_raised_budget_counts_at_once(bridge: Bridge, network: Network) -> None:
    limit(bridge, daily_budget=6)
    people(bridge, 3, segments=3)
    send()
    limit(bridge, daily_budget=9)
    texts = people(bridge, 1, segments=3)
    send()
    assert states(texts) == ["sent"]


def test_a_bridge_that_is_to_stop_is_paused_and_says_why(
    bridge: Bridge, network: Network, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    limit(bridge, daily_budget=7, over_budget="stop")
    texts = people(bridge, 4, segments=3)
    with django_capture_on_commit_callbacks(execute=True):
        send()
    assert states(texts) == ["sent", "sent", "withdrawn", "withdrawn"]
    bridge.refresh_from_db()
    assert bridge.paused
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "is paused, as its budget is used up" in error.getMessage()
    (finding,) = budget_findings(bridge)
    assert "its budget of 7 segments was used up" in finding.what
    assert "manage.py resume" in finding.remedy
    limit(bridge, paused=False, daily_budget=20)
    for stage in (compose, send):
        stage()
    assert len(network.requests) == 4, "resuming goes on where it stopped"


def test_half_most_and_all_of_a_budget_are_told_once_a_day(
    bridge: Bridge, network: Network, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    limit(bridge, daily_budget=10)
    told: list[list[str]] = []
    findings: list[list[str]] = []
    for index in range(13):
        linked(bridge, phone=factories.phone(index))
        caplog.clear()
        with django_capture_on_commit_callbacks(execute=True):
            send()
        told.append([record.getMessage() for record in caplog.records if "budget" in record.getMessage()])
        findings.append([finding.level.value for finding in budget_findings(bridge)])
    name = bridge.name
    assert [index for index, lines in enumerate(told, 1) if lines] == [5, 8, 10]
    assert told[4] == [f"The bridge {name} has used 50 % of its budget of 10 segments."]
    assert told[7] == [f"The bridge {name} has used 80 % of its budget of 10 segments."]
    assert told[9] == [f"The bridge {name} has used up its budget of 10 segments."]
    assert findings == [[]] * 4 + [["note"]] * 5 + [["wrong"]] * 4


# Turns


def test_without_limits_nothing_is_asked_and_nothing_is_counted(
    bridge: Bridge, network: Network, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    clearance.claim(8)  # what is kept for some seconds is read
    people(bridge, 1)
    with django_assert_num_queries(0):
        caps.take_turn()
    send()
    assert not DailyUse.objects.exists()


@contextmanager
def somebody_counts() -> Iterator[None]:
    """Another process is frozen in the middle of its claim."""
    holds, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            assert try_lock(caps._LOCK)
            holds.set()
            ends.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait(10)
    try:
        yield
    finally:
        ends.set()
        thread.join()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_while_another_counts_only_bridges_without_limits_are_sent(bridge: Bridge, network: Network) -> None:
    limit(bridge, phone_cap=5)
    free = factories.bridge(bridge.hook, bridge.pool)
    counted = people(bridge, 70)
    uncounted = linked(free, phone=factories.phone(100))
    due = [text.next_at for text in OutboundSms.objects.filter(bridge=bridge).order_by("pk")]
    with somebody_counts():
        send()
        assert states([uncounted]) == ["sent"]
        assert set(states(counted)) == {"ready"}
        assert [text.next_at for text in OutboundSms.objects.filter(bridge=bridge).order_by("pk")] == due
    send()
    assert set(states(counted)) == {"sent"}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_claims_that_race_never_exceed_a_limit_and_reach_it(bridge: Bridge, network: Network) -> None:
    """Four workers, forty texts of two segments about one conversation, and a budget that has room for 21 of them."""
    limit(bridge, conversation_cap=25, daily_budget=43, phone_cap=1)
    place = conversation(bridge.hook.chat_app)
    texts = [
        linked(bridge, [message(place, unread_by=[f"u{n}"])], f"u{n}", phone=factories.phone(n), segments=2)
        for n in range(40)
    ]

    def work() -> int:
        claimed = 0
        for _ in range(60):
            claimed += len(clearance.claim(4))
        return claimed

    claimed = together([work] * 4)
    assert sum(claimed) == 21
    assert states(texts).count("sending") == 21
    assert (used("conv", str(place.pk)), used("budget")) == (21, 42)
    assert states(texts).count("withdrawn") == 19


# Settings


@pytest.mark.parametrize("field", ["phone_cap", "conversation_cap"])
def test_a_cap_of_nothing_is_refused(field: str) -> None:
    assert "pause it" in problems_of(Bridge(**{field: 0}))[field][0]
    assert problems_of(Bridge(**{field: 1})) == {}


def test_a_budget_must_hold_the_longest_sms() -> None:
    assert "at least 6" in problems_of(Bridge(daily_budget=5))["daily_budget"][0]
    assert problems_of(Bridge(daily_budget=6)) == {}


@pytest.mark.django_db
def test_the_environment_sets_them(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    env = environment(settings, monkeypatch)
    env(SMS_PHONE_CAP=5, SMS_CONVERSATION_CAP=50, SMS_DAILY_BUDGET=1000, SMS_OVER_BUDGET="stop")
    set_up()
    bridge = Bridge.objects.get()
    assert (bridge.phone_cap, bridge.conversation_cap, bridge.daily_budget) == (5, 50, 1000)
    assert bridge.over_budget == "stop"


@pytest.mark.django_db
def test_the_bridges_page_shows_what_today_has_used(admin_client: Client) -> None:
    here = admin_rows.installation()
    page = url("bridge", here.bridge.pk, "change")
    assert "There is no limit." in html(admin_client, page)
    form = bridge_form(here.bridge, phone_cap="2", daily_budget="100")
    assert admin_client.post(page, form).status_code == 302
    use(here.bridge, "budget", "", 63)
    use(here.bridge, "phone", "+12025551001", 2)
    use(here.bridge, "phone", "+12025551002", 1)
    assert "63 of 100 segments. Phones that had all their texts: 1." in html(admin_client, page)
    assert admin_client.post(page, bridge_form(here.bridge, phone_cap="0")).status_code == 200


# The switch


def run(command: str, *names: str) -> str:
    said = StringIO()
    call_command(command, *names, stdout=said)
    return said.getvalue()


def test_pausing_stops_all_bridges_and_says_what_waits(bridge: Bridge, network: Network) -> None:
    texts = people(bridge, 2)
    notice(bridge)
    assert f"{bridge.name} is paused; 1 notices and 2 texts wait." in run("pause")
    assert "is paused already" in run("pause")
    send()
    assert states(texts) == ["ready", "ready"]
    assert f"{bridge.name} is resumed; 1 notices and 2 texts wait." in run("resume")
    send()
    assert states(texts) == ["sent", "sent"]
    assert "is not paused" in run("resume")


def test_one_bridge_is_paused_by_its_name(bridge: Bridge) -> None:
    other = factories.bridge()
    run("pause", bridge.name)
    assert list(Bridge.objects.filter(paused=True)) == [bridge]
    with pytest.raises(CommandError, match=f"there are: .*{other.name}"):
        run("pause", "nowhere")


def test_a_dry_run_of_the_switch_changes_nothing_and_names_what_else_is_paused(bridge: Bridge) -> None:
    account = bridge.pool.numbers.all()[0].account
    account.paused = True
    account.save()
    said = run("resume", bridge.name, "--dry-run")
    assert "is not paused" in said
    assert f"the vendor account {account.slug} is paused" in said
    assert "would be paused" in run("pause", "--dry-run")
    assert not Bridge.objects.filter(paused=True).exists()
