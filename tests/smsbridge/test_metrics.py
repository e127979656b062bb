"""What /metrics tells of the SMS side, and what counts as overdue: nothing that is held back on purpose."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, TestCase
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from notifier.models import Heartbeat
from notifier.services import listener_states
from notifier.services.metrics import exposition, tallied, workers
from notifier.tallies import flush
from smsbridge.models import Breaker, Bridge, OutboundSms
from smsbridge.services import inbound, metrics, settling, unsettled
from smsbridge.services.accounts import live_account
from smsbridge.vendors.base import DeliveryReceipt, InboundText, ReceiptState
from tests import factories
from tests.notifier.servers import close
from tests.processes import ROOT
from tests.smsbridge import stages
from tests.smsbridge.upstreams import Chat, Network, refused

pytestmark = pytest.mark.django_db

Figures = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(autouse=True)
def _looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_slow", metrics._slow.__wrapped__)  # type: ignore[attr-defined]


def figures() -> Figures:
    """Every sample by name and label values, as Prometheus reads them."""
    flush()
    text = exposition([*tallied(), *workers(), *listener_states.families(), *metrics.families()]).decode()
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def counted(act: Callable[[], object]) -> Figures:
    """The figures after something that commits."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        act()
    return figures()


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


# What became of texts


def test_a_text_that_is_sent_is_counted_with_its_segments_and_its_lateness(bridge: Bridge, network: Network) -> None:
    factories.linked(bridge, due_at=ago(3), segments=2)
    slug = network_account(bridge)
    found = counted(stages.send)
    assert found["smsbridge_texts_total"] == {(slug, "sent", ""): 1}
    assert found["smsbridge_segments_sent_total"] == {(slug,): 1}  # as the vendor counted
    assert found["smsbridge_lateness_seconds_count"] == {(): 1}
    assert 2.9 <= found["smsbridge_lateness_seconds_sum"][()] < 30
    buckets = found["smsbridge_lateness_seconds_bucket"]
    assert (buckets[("2.5",)], buckets[("30.0",)], buckets[("+Inf",)]) == (0, 1, 1)


def network_account(bridge: Bridge) -> str:
    return str(bridge.pool.numbers.all()[0].account.slug)


def test_what_a_vendor_says_instead_is_a_class_of_reasons(bridge: Bridge, network: Network) -> None:
    slug = network_account(bridge)
    network.script = [refused("30006"), close]
    for _ in range(2):
        factories.linked(bridge)
        found = counted(stages.send)
    assert found["smsbridge_texts_total"] == {
        (slug, "dead", "recipient"): 1,
        (slug, "uncertain", "unclear_answer"): 1,
    }


def test_a_text_that_is_taken_back_says_why_in_a_word(bridge: Bridge) -> None:
    told = factories.message(factories.conversation(bridge.hook.chat_app))
    factories.linked(bridge, [told])
    told.deleted_at = timezone.now()
    told.save()
    found = counted(stages.send)
    assert found["smsbridge_texts_total"] == {(network_account(bridge), "withdrawn", "changed"): 1}


def test_a_text_beyond_the_budget_of_a_bridge_that_stops_is_deferred(bridge: Bridge, network: Network) -> None:
    Bridge.objects.update(daily_budget=1, over_budget="stop")
    factories.forget()
    factories.linked(bridge, segments=2)
    found = counted(stages.send)
    assert found["smsbridge_texts_total"] == {(network_account(bridge), "withdrawn", "deferred"): 1}


def test_a_look_that_hangs_holds_nobody_up() -> None:
    goes_on, began = threading.Event(), threading.Event()

    def look() -> list[Any]:
        began.set()
        goes_on.wait(20)
        return [1]

    slow = metrics.kept(look)
    thread = threading.Thread(target=slow)
    thread.start()
    assert began.wait(10)
    assert slow() == []
    goes_on.set()
    thread.join(10)
    assert slow() == [1]


def test_a_send_whose_worker_vanished_is_a_claim_that_ran_out(bridge: Bridge) -> None:
    factories.linked(bridge, state="sending", next_at=ago(1))
    found = counted(unsettled.lose_track)
    assert found["smsbridge_texts_total"] == {(network_account(bridge), "uncertain", "worker_lost"): 1}
    assert found["smsbridge_claims_expired_total"] == {("send",): 1}


@pytest.mark.postgres
def test_what_another_worker_had_claimed_is_counted_when_it_is_taken_over(bridge: Bridge, network: Network) -> None:
    factories.notice(bridge, claim="00000000-0000-4000-8000-000000000001", attempts=1)
    factories.notice(bridge)
    assert counted(stages.compose)["smsbridge_claims_expired_total"] == {("compose",): 1}
    number = bridge.pool.numbers.order_by("pk")[0]
    factories.inbound(number, claim="00000000-0000-4000-8000-000000000001", attempts=1)
    assert counted(stages.reply)["smsbridge_claims_expired_total"] == {("compose",): 1, ("reply",): 1}


def test_delivery_receipts_are_counted_by_what_they_settle(bridge: Bridge) -> None:
    sms = factories.linked(bridge, state="sent", vendor_id="v-1", sent_at=ago(1))
    account = live_account(network_account(bridge))
    assert account is not None
    told = DeliveryReceipt(vendor_id="v-1", reference="", state=ReceiptState.DELIVERED)
    for _ in range(2):
        found = counted(lambda: settling.settle(account, [told]))
    assert OutboundSms.objects.get(pk=sms.pk).state == "delivered"
    assert found["smsbridge_delivery_receipts_total"] == {
        (account.slug, "settled"): 1,
        (account.slug, "nothing_new"): 1,
    }
    assert found["smsbridge_texts_total"] == {(account.slug, "delivered", ""): 1}


# Notices and replies


def test_notices_are_counted_by_how_they_end(bridge: Bridge, network: Network) -> None:
    factories.notice(bridge)
    factories.contact(bridge.hook.chat_app, "nobody", phone="")
    factories.notice(bridge, user_id="nobody")
    found = counted(stages.compose)
    assert found["smsbridge_notices_ended_total"] == {("in_sms",): 1, ("no_phone",): 1}


def test_texts_that_come_in_are_counted_once_and_by_what_becomes_of_them(bridge: Bridge, chat: Chat) -> None:
    number = bridge.pool.numbers.order_by("pk")[0]
    link = factories.lease(number, factories.conversation(bridge.hook.chat_app))
    factories.texted(link, bridge=bridge)
    account = live_account(network_account(bridge))
    assert account is not None
    texts = [
        InboundText(vendor_id="1", sender=factories.BENS_PHONE, recipient=number.e164, text="On my way"),
        InboundText(vendor_id="2", sender=factories.phone(7), recipient=number.e164, text="Who is it?"),
    ]
    for _ in range(2):
        counted(lambda: inbound.accept(account, texts))
    found = counted(stages.reply)
    assert found["smsbridge_inbound_texts_total"] == {(account.slug,): 2}
    assert found["smsbridge_replies_total"] == {("posted",): 1, ("unrouted",): 1}


def test_a_forged_call_of_a_vendor_is_counted(bridge: Bridge, client: Client) -> None:
    slug = network_account(bridge)
    client.post(f"/webhooks/sms/{slug}/inbound/", b"{}", content_type="application/json")
    client.post("/webhooks/sms/nobody/inbound/", b"{}", content_type="application/json")
    assert figures()["smsbridge_vendor_calls_refused_total"] == {(slug, "forged"): 1}


# Figures of the moment


def test_each_stage_tells_how_much_waits_and_for_how_long_the_oldest_is_late(bridge: Bridge) -> None:
    factories.linked(bridge, next_at=ago(300))
    found = figures()
    assert found["smsbridge_rows_waiting"][("send",)] == sum(found["smsbridge_rows_waiting"].values()) == 1
    assert found["smsbridge_oldest_overdue_seconds"][("send",)] >= 299
    assert found["smsbridge_oldest_overdue_seconds"][("reply",)] == 0


def test_what_waits_for_a_person_is_told_by_kind(bridge: Bridge) -> None:
    factories.outbound(bridge, state="dead")
    factories.outbound(bridge, state="uncertain")
    found = figures()["smsbridge_needs_decision"]
    assert {kind for (kind,), count in found.items() if count} == {"texts dead", "texts uncertain"}
    assert len(found) == 7


def test_a_pool_tells_how_much_of_it_is_free_and_on_how_many_phones_none_is(bridge: Bridge) -> None:
    name = (bridge.pool.name,)
    assert figures()["smsbridge_pool_free_ratio"][name] == 1
    places = [factories.conversation(bridge.hook.chat_app) for _ in range(4)]
    numbers = list(bridge.pool.numbers.order_by("pk"))
    for number, place in zip(numbers, places, strict=False):
        factories.lease(number, place)
    factories.lease(numbers[0], places[3], "carl", factories.phone(7), lasts=-1)
    factories.lease(numbers[1], places[3], "carl-2", factories.phone(7))
    found = figures()
    assert found["smsbridge_pool_free_ratio"][name] == pytest.approx(1 - 4 / 6)
    assert found["smsbridge_pool_full_phones"][name] == 1


def test_an_open_breaker_is_told_by_account(bridge: Bridge) -> None:
    slug = (network_account(bridge),)
    assert figures()["smsbridge_breaker_open"][slug] == 0
    Breaker.objects.create(account=bridge.pool.numbers.all()[0].account, opened_at=ago(1))
    assert figures()["smsbridge_breaker_open"][slug] == 1


def test_workers_are_told_by_state(bridge: Bridge, settings: Any) -> None:
    settings.WORKER_SILENT_SECONDS = 60.0
    Heartbeat.objects.bulk_create(
        [
            Heartbeat(worker="one@host", started_at=ago(900), seen_at=ago(5), consumed_at=ago(10)),
            Heartbeat(worker="new@host", started_at=ago(5), seen_at=ago(5)),
            Heartbeat(worker="deaf@host", started_at=ago(900), seen_at=ago(5), consumed_at=ago(100)),
            Heartbeat(worker="gone@host", started_at=ago(900), seen_at=ago(300), consumed_at=ago(301)),
            Heartbeat(worker="old@host", started_at=ago(900), seen_at=ago(100_000)),
        ]
    )
    found = figures()
    assert found["smsbridge_workers"] == {("working",): 2, ("deaf",): 1, ("gone",): 1}
    assert found["smsbridge_worker_consumed_seconds"][("deaf@host",)] == pytest.approx(100, abs=30)
    assert ("old@host",) not in found["smsbridge_worker_seen_seconds"]


def test_no_figure_names_a_person(bridge: Bridge, network: Network) -> None:
    factories.linked(bridge)
    counted(stages.send)
    text = exposition([*tallied(), *metrics.families()]).decode()
    assert factories.BENS_PHONE.removeprefix("+") not in text
    assert factories.BEN not in text


def test_each_figure_is_explained_and_each_one_explained_is_there(bridge: Bridge) -> None:
    families = [*tallied(), *workers(), *listener_states.families(), *metrics.families()]
    there = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    explained = set(re.findall(r"^\| `(smsbridge_\w+)`", (ROOT / "docs/watching.md").read_text(), re.MULTILINE))
    assert explained == there | {"smsbridge_broker_up"}


def test_the_alerts_are_about_figures_that_are_there(bridge: Bridge) -> None:
    text = (ROOT / "docs/watching.md").read_text()
    used = set(re.findall(r"smsbridge_\w+", text.partition("## Alerts")[2].partition("## Is this")[0]))
    explained = set(re.findall(r"^\| `(smsbridge_\w+)`", text, re.MULTILINE))
    assert {name.removesuffix("_bucket") for name in used} <= explained
    assert used
