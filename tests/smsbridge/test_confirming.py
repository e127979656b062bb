"""Before an SMS the platform is asked whether it is still needed, where receipts can get lost on their way to us."""

import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from notifier.models import Receipt, Rule
from notifier.platforms.base import Later, Question
from notifier.services.asking import standings
from notifier.services.hooks import live_hooks
from notifier.transport import Exchange
from smsbridge.ids import uuid7
from smsbridge.models import Bridge, Contact, Notice, OptOut, OutboundSms
from smsbridge.services import asking_anew, claiming, composing
from tests import factories
from tests.factories import conversation, message, notice
from tests.notifier import servers
from tests.smsbridge.asked import Asked, AskedPlatform, use
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, send
from tests.smsbridge.upstreams import Chat, Network, after

Reason = Notice.Reason


@pytest.fixture
def asked(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """The bridge's platform, which is asked before each SMS."""
    with Asked() as asked:
        use(bridge, monkeypatch, AskedPlatform, asked.url)
        yield asked


def fate(of: Notice) -> tuple[str, str]:
    of.refresh_from_db()
    return of.state, of.reason


def make_due(*notices: Notice) -> None:
    Notice.objects.filter(pk__in=[one.pk for one in notices]).update(next_at=timezone.now() - timedelta(seconds=1))


def texts() -> list[str]:
    return list(OutboundSms.objects.order_by("pk").values_list("text", flat=True))


def rank(of: Notice) -> int:
    return Receipt.objects.get(message=of.message_id, user_id=of.user_id).rank


def slowly(asked: Asked, seconds: float) -> servers.Step:
    def wait() -> None:
        threading.Event().wait(seconds)

    return after(wait, asked.stand)


def say(asked: Asked, of: Notice, standing: str) -> None:
    asked.standings[of.message.key, of.user_id] = standing


@pytest.mark.parametrize("standing", ["unread", "unknown"])
def test_what_is_unread_or_not_told_is_texted(bridge: Bridge, asked: Asked, standing: str) -> None:
    one = notice(bridge)
    say(asked, one, standing)
    compose()
    assert fate(one) == ("in_sms", "")
    assert asked.calls == [[[one.conversation.key, one.message.key, "ben"]]]


@pytest.mark.parametrize(
    ("standing", "reason"),
    [("read", Reason.READ), ("deleted", Reason.DELETED), ("left", Reason.LEFT), ("muted", Reason.MUTED)],
)
def test_what_need_not_be_told_is_not_texted(bridge: Bridge, asked: Asked, standing: str, reason: str) -> None:
    one = notice(bridge)
    say(asked, one, standing)
    compose()
    assert (fate(one), texts()) == (("skipped", reason), [])


def test_a_receipt_that_was_lost_prevents_the_sms_and_is_made_good(bridge: Bridge, asked: Asked) -> None:
    one = notice(bridge)
    say(asked, one, "read")
    compose()
    assert (fate(one), rank(one)) == (("skipped", Reason.READ), 2)
    again = notice(factories.bridge(bridge.hook, bridge.pool), one.message)
    compose()
    assert fate(again) == ("skipped", Reason.READ)
    assert len(asked.calls) == 1, "nobody asks for what is known"


def test_a_hook_that_tells_of_all_messages_tells_of_those_that_were_read(bridge: Bridge, asked: Asked) -> None:
    bridge.hook.kind, bridge.hook.ask_first = "notify", "always"
    bridge.hook.save()
    factories.forget()
    one, gone = notice(bridge), notice(bridge)
    say(asked, one, "read")
    say(asked, gone, "deleted")
    compose()
    assert (fate(one), fate(gone)) == (("in_sms", ""), ("skipped", Reason.DELETED))


def test_a_digest_loses_only_what_is_not_unread(bridge: Bridge, asked: Asked) -> None:
    place = conversation(bridge.hook.chat_app)
    three = [notice(bridge, message(place, text)) for text in ("one", "two", "three")]
    say(asked, three[1], "read")
    compose()
    assert texts() == ["Ann: one\nAnn: three"]
    assert [fate(one)[0] for one in three] == ["in_sms", "skipped", "in_sms"]


def test_all_messages_that_are_due_are_asked_about_in_one_call(bridge: Bridge, asked: Asked) -> None:
    other = factories.bridge(bridge.hook, bridge.pool)
    first = notice(bridge)
    for one in [notice(bridge) for _ in range(20)] + [notice(other, first.message)]:
        assert one.state == "waiting"
    compose()
    assert len(asked.calls) == 1
    assert len(asked.calls[0]) == 21, "two bridges ask once about the same message"


def test_as_many_calls_are_made_as_the_platform_needs(
    bridge: Bridge, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AskedPlatform, "most_at_once", 3)
    for _ in range(7):
        notice(bridge)
    compose()
    assert sorted(map(len, asked.calls)) == [1, 3, 3]
    assert not Notice.objects.filter(state="waiting").exists()


def test_nobody_asks_about_somebody_who_is_not_texted_anyway(bridge: Bridge, asked: Asked) -> None:
    factories.contact(bridge.hook.chat_app, "eve", "")
    notice(bridge, user_id="eve")
    OptOut.objects.create(phone=factories.BENS_PHONE, source="keyword")
    notice(bridge)
    compose()
    assert (asked.calls, texts()) == ([], [])


def test_nobody_asks_in_quiet_hours(bridge: Bridge, asked: Asked) -> None:
    now = timezone.now()
    Contact.objects.update(time_zone="UTC")
    Bridge.objects.update(quiet_from=(now - timedelta(hours=1)).time(), quiet_until=(now + timedelta(hours=1)).time())
    factories.forget()
    one = notice(bridge)
    compose()
    assert (fate(one)[0], asked.calls) == ("waiting", [])


def test_a_hook_that_does_not_ask_makes_no_call(bridge: Bridge, asked: Asked) -> None:
    bridge.hook.ask_first = "never"
    bridge.hook.save()
    factories.forget()
    one = notice(bridge)
    say(asked, one, "read")
    compose()
    assert (fate(one)[0], asked.requests) == ("in_sms", [])


def test_layer_is_asked_where_the_hook_says_so(bridge: Bridge, chat: Chat) -> None:
    bridge.hook.ask_first = "always"
    bridge.hook.save()
    factories.forget()
    one = notice(bridge)
    listed = [{"id": f"layer:///messages/{one.message.key}", "recipient_status": {"ben": "read"}}]
    chat.script = [servers.answer(200, json.dumps(listed).encode())]
    compose()
    assert fate(one) == ("skipped", Reason.READ)


def test_a_phone_of_a_rule_is_not_asked_about(bridge: Bridge, asked: Asked) -> None:
    phone = factories.phone(5)
    Rule.objects.create(chat_app=bridge.hook.chat_app, name="all", recipients="phones", phones=[phone])
    one = notice(bridge, user_id=f"tel:{phone}")
    compose()
    assert (fate(one)[0], asked.calls) == ("in_sms", [])
    assert OutboundSms.objects.get().phone == phone


def test_a_user_whose_id_is_his_phone_is_asked_about_like_others(bridge: Bridge, asked: Asked) -> None:
    user = f"tel:{factories.phone(5)}"
    factories.contact(bridge.hook.chat_app, user, factories.phone(5))
    one = notice(bridge, user_id=user)
    say(asked, one, "read")
    compose()
    assert (fate(one), texts()) == (("skipped", Reason.READ), [])


# A platform that does not answer


@pytest.mark.parametrize(
    ("step", "note"),
    [
        (servers.answer(503), "it answered 503"),
        (servers.answer(401), "wrong token"),
        (servers.reset, "no answer"),
    ],
)
def test_nothing_is_texted_blindly_while_it_cannot_be_asked(
    bridge: Bridge, asked: Asked, step: servers.Step, note: str
) -> None:
    one = notice(bridge)
    asked.script = [step]
    compose()
    assert (fate(one), one.note, one.attempts, texts()) == (("waiting", ""), note, 1, [])
    assert one.next_at > timezone.now()
    make_due(one)
    compose()
    assert fate(one) == ("in_sms", "")


def test_it_waits_as_long_as_the_platform_asks(bridge: Bridge, asked: Asked) -> None:
    one = notice(bridge)
    asked.script = [servers.answer(503)]
    compose()
    one.refresh_from_db()
    assert one.next_at > timezone.now() + timedelta(seconds=95)


def test_it_gives_up_on_a_platform_that_stays_away_too_long(bridge: Bridge, asked: Asked) -> None:
    one = notice(bridge, due_at=timezone.now() - timedelta(hours=12, seconds=1))
    compose()
    assert fate(one) == ("skipped", Reason.TOO_OLD)


def test_what_the_answer_does_not_tell_of_is_asked_again(bridge: Bridge, asked: Asked) -> None:
    silent, told = notice(bridge), notice(bridge)
    say(asked, silent, "")
    compose()
    assert (fate(silent)[0], fate(told)[0]) == ("waiting", "in_sms")
    assert "does not tell of the message" in silent.note
    assert silent.attempts == 1


def test_an_address_that_is_none_stops_nobody_else(
    bridge: Bridge, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.bridge()
    use(other, monkeypatch, AskedPlatform, "nowhere")
    factories.contact(other.hook.chat_app, "ann"), factories.contact(other.hook.chat_app, "ben")
    stuck, well = notice(other), notice(bridge)
    compose()
    assert [fate(stuck)[0], fate(well)[0]] == ["waiting", "in_sms"]
    assert "cannot be asked" in stuck.note


def test_what_there_was_no_time_for_is_due_at_once_and_no_try_is_spent(
    bridge: Bridge, asked: Asked, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(AskedPlatform, "most_at_once", 1)
    settings.CONNECTIONS_PER_STAGE = 1
    settings.CLAIM_SECONDS = 2.0
    both = [notice(bridge), notice(bridge)]
    asked.script = [slowly(asked, 0.55), slowly(asked, 0.55)]  # asking ends after a second
    compose()
    assert len(asked.calls) == 3
    assert [(fate(one)[0], one.attempts, one.note) for one in both] == [("in_sms", 1, "")] * 2


def test_an_answer_for_which_all_the_time_is_not_enough_is_a_try(bridge: Bridge, asked: Asked) -> None:
    hook, question = live_hooks()[bridge.hook_id], Question("c", "m", "ben")
    asked.script = [servers.hang]
    with Exchange[str](timeout=5) as exchange:
        late = standings(hook, [question], exchange, deadline=time.monotonic() + 0.1)
        assert standings(hook, [question], exchange, deadline=time.monotonic() - 1) == {}
    assert isinstance(late[question], Later)
    assert len(asked.calls) == 1


def test_a_platform_that_hangs_costs_a_try(bridge: Bridge, asked: Asked, settings: Settings) -> None:
    settings.CLAIM_SECONDS = 1.0
    settings.HTTP_TIMEOUT_SECONDS = 5
    one = notice(bridge)
    asked.script = [servers.hang, servers.hang]
    compose()
    assert (fate(one)[0], one.attempts, texts()) == ("waiting", 1, [])
    assert one.note


def test_the_claim_is_prolonged_while_the_platform_takes_its_time(
    bridge: Bridge, asked: Asked, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAIM_SECONDS = 2.0
    prolonged: list[list[int]] = []

    def prolong(claim: uuid.UUID, notices: Sequence[int]) -> None:
        prolonged.append(list(notices))
        claiming.prolong(claim, notices)

    monkeypatch.setattr(composing, "prolong", prolong)
    one = notice(bridge)
    asked.script = [slowly(asked, 0.6)]  # longer than a quarter of the claim
    compose()
    assert fate(one)[0] == "in_sms"
    assert prolonged[-1] == [one.pk]


# Races


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_message_that_is_read_while_the_platform_answers_is_not_sent(
    bridge: Bridge, asked: Asked, network: Network
) -> None:
    one = notice(bridge)

    def read() -> None:
        together([lambda: Receipt.objects.filter(message=one.message_id).update(rank=2)])

    asked.script = [after(read, asked.stand)]
    compose()
    send()
    assert network.texts == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_workers_that_hear_of_the_same_read_at_once_store_it_once(bridge: Bridge, asked: Asked) -> None:
    other = factories.bridge(bridge.hook, bridge.pool)
    both = [notice(one, about) for about in [message(conversation(bridge.hook.chat_app))] for one in (bridge, other)]
    say(asked, both[0], "read")
    together([compose, compose])
    compose()
    assert [fate(one) for one in both] == [("skipped", Reason.READ)] * 2
    assert (rank(both[0]), texts()) == (2, [])


# Texts that wait after that


def ready(bridge: Bridge, seconds: float, **fields: Any) -> OutboundSms:
    """A text that was composed so many seconds ago."""
    told = message(conversation(bridge.hook.chat_app))
    made = timezone.now() - timedelta(seconds=seconds)
    return factories.linked(bridge, [told], created_at=made, read_at=made, due_at=made, **fields)


def state(sms: OutboundSms) -> tuple[str, str]:
    sms.refresh_from_db()
    return sms.state, sms.reason


def test_a_text_that_waited_is_composed_anew_and_asked_about_again(
    bridge: Bridge, asked: Asked, network: Network
) -> None:
    fresh, waited = ready(bridge, 5), ready(bridge, 65)
    one = waited.notices.get()
    send()
    assert (state(waited), state(fresh)[0]) == (("withdrawn", asking_anew.REASON), "sent")
    say(asked, one, "read")
    make_due(one)
    compose()
    assert fate(one) == ("skipped", Reason.READ)


def test_a_hook_that_does_not_ask_lets_it_leave(bridge: Bridge, network: Network) -> None:
    waited = ready(bridge, 3000)
    send()
    assert state(waited)[0] == "sent"


def test_what_waits_long_each_time_leaves_at_last(bridge: Bridge, asked: Asked, network: Network) -> None:
    """Behind a pace each text may wait for longer than a minute: twice as long each time."""
    waited, tries = ready(bridge, 300), 0
    one = waited.notices.get()
    while state(waited)[0] != "sent":
        OutboundSms.objects.filter(state="ready").update(read_at=timezone.now() - timedelta(seconds=300))
        send()
        tries += 1
        make_due(one)
        compose()
        waited = OutboundSms.objects.latest("pk")
        assert tries < 5
    assert tries == 2


@pytest.mark.postgres
def test_texts_before_it_are_looked_for_by_its_phone(bridge: Bridge, asked: Asked) -> None:
    """A conversation of many people has many more texts, and this is asked of each text while its claim is open."""
    waited = ready(bridge, 65)
    others = [copy(waited) for _ in range(500)]
    for serial, other in enumerate(others):
        other.pk, other.phone = uuid7(), factories.phone(serial)
    OutboundSms.objects.bulk_create(others)
    with CaptureQueriesContext(connection) as queries:
        asking_anew._times([waited.pk])
    with connection.cursor() as cursor:
        cursor.execute("analyze smsbridge_outboundsms")
        cursor.execute(f"explain {queries[-1]['sql']}")
        plan = " ".join(line for (line,) in cursor.fetchall())
    assert "smsbridge_outboundsms_phone" in plan
    assert "conversation_id_" not in plan


def test_answers_to_keywords_are_not_asked_about(bridge: Bridge, asked: Asked, network: Network) -> None:
    number = bridge.pool.numbers.order_by("pk")[0]
    made = timezone.now() - timedelta(seconds=100)
    sms = OutboundSms.objects.create(
        purpose="help",
        number=number,
        account_id=number.account_id,
        phone=factories.BENS_PHONE,
        text="Help",
        segments=1,
        unicode=False,
        due_at=made,
        next_at=made,
        created_at=made,
    )
    send()
    assert state(sms)[0] == "sent"
