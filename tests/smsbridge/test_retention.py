"""What is forgotten by age, and what is not as it is still at work."""

from datetime import timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from axes.models import AccessLog
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifier.models import Departure, EarlyEdit, InboxEvent, Message, Participant, Receipt, ReceiptCheck, Watermark
from notifier.services import forgetting, retention
from notifier.tasks import forget_old
from smsbridge.models import (
    Bridge,
    ConsentEvent,
    Contact,
    DailyLookups,
    DailyUse,
    InboundSms,
    Lease,
    Notice,
    OptOut,
    OutboundSms,
    PhoneFact,
)
from tests import factories
from tests.factories import BEN, BENS_PHONE
from tests.threads import together

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS, ROWS = timedelta(days=30), timedelta(days=180)
YOUNG, OLD, ANCIENT = timedelta(days=1), timedelta(days=60), timedelta(days=200)


@pytest.fixture
def bridge() -> Bridge:
    return factories.bridge()


def ago(age: timedelta) -> Any:
    return timezone.now() - age


def told(bridge: Bridge, age: timedelta, state: str = "sent", **fields: Any) -> OutboundSms:
    """A message of that age, and the text that told Ben of it."""
    place = factories.conversation(bridge.hook.chat_app)
    message = factories.message(place, sent_at=ago(age))
    return factories.outbound(bridge, [message], state=state, created_at=ago(age), **fields)


def forget() -> dict[str, int]:
    return retention.forget_old(TEXTS, ROWS)


def test_tags_go_with_the_words(bridge: Bridge) -> None:
    out = told(bridge, OLD, tags=["rude"])
    came = factories.inbound(out.number, state="posted", received_at=ago(OLD), tags=["rude"])
    forget()
    out.refresh_from_db()
    came.refresh_from_db()
    assert (out.text, out.tags, came.text, came.tags) == ("", None, "", None)


def test_words_go_first_and_the_history_stays(bridge: Bridge) -> None:
    old, young = told(bridge, OLD), told(bridge, YOUNG)
    factories.inbound(old.number, state="posted", received_at=ago(OLD))
    forget()
    assert OutboundSms.objects.get(pk=old.pk).text == ""
    assert OutboundSms.objects.get(pk=young.pk).text != ""
    assert [message.text for message in Message.objects.order_by("sent_at")] == ["", "Hello"]
    assert InboundSms.objects.get().text == ""
    assert Notice.objects.count() == 2


def test_then_whole_rows_go(bridge: Bridge) -> None:
    ancient, old = told(bridge, ANCIENT), told(bridge, OLD)
    factories.inbound(ancient.number, state="posted", received_at=ago(ANCIENT))
    factories.notice(bridge, state="skipped", reason="read", due_at=ago(ANCIENT))
    forget()
    assert [sms.pk for sms in OutboundSms.objects.all()] == [old.pk]
    assert Notice.objects.get().sms == old
    assert not InboundSms.objects.exists()
    assert not Message.objects.filter(sent_at__lt=ago(ROWS)).exists()
    assert not Receipt.objects.exclude(message__in=Message.objects.all()).exists()


@pytest.mark.parametrize("state", ["ready", "sending"])
def test_what_is_still_to_be_sent_keeps_its_words(bridge: Bridge, state: str) -> None:
    sms = told(bridge, ANCIENT, state)
    assert forget() == {}
    assert OutboundSms.objects.get(pk=sms.pk).text != ""
    assert Message.objects.get().text != ""


def test_what_is_perhaps_sent_keeps_the_words_by_which_it_is_looked_up(bridge: Bridge) -> None:
    told(bridge, OLD, "uncertain")
    forget()
    assert OutboundSms.objects.get().text != ""


@pytest.mark.parametrize("state", ["uncertain", "dead"])
def test_what_nobody_decided_on_goes_at_last_and_is_counted_apart(bridge: Bridge, state: str) -> None:
    told(bridge, ANCIENT, state)
    assert forget()["texts that nobody decided on"] == 1
    assert not OutboundSms.objects.exists()


@pytest.mark.parametrize("of_before", [False, True], ids=["new", "of a former version"])
def test_a_message_of_which_only_receipts_came_is_forgotten_too(
    client: Client, bridge: Bridge, of_before: bool
) -> None:
    event = factories.layer_event("message.read", recipients={BEN: "read"})
    factories.deliver(client, bridge.hook, event)
    factories.drain()
    assert forget() == {}
    if of_before:
        Message.objects.update(changed_at=None)
        migration = import_module("notifier.migrations.0003_age_of_messages_never_seen")
        migration.begin_to_age(apps, connection.schema_editor())
    Message.objects.filter(changed_at__lt=timezone.now()).update(changed_at=ago(ANCIENT))
    forget()
    assert not Message.objects.exists()
    assert not Receipt.objects.exists()


def test_a_message_that_waits_for_its_check_or_its_text_is_kept(bridge: Bridge) -> None:
    place = factories.conversation(bridge.hook.chat_app)
    checked, noticed = (factories.message(place, sent_at=ago(ANCIENT)) for _ in range(2))
    ReceiptCheck.objects.create(hook=bridge.hook, message=checked, due_at=timezone.now())
    factories.notice(bridge, noticed)
    forget()
    assert [message.text for message in Message.objects.all()] == ["Hello", "Hello"]


def test_the_text_that_tells_where_a_reply_belongs_stays_while_its_lease_lives(bridge: Bridge) -> None:
    sms = told(bridge, ANCIENT)
    assert sms.conversation is not None
    link = factories.lease(sms.number, sms.conversation, phone=sms.phone, lasts=3600)
    forget()
    assert OutboundSms.objects.filter(pk=sms.pk).exists()
    Lease.objects.filter(pk=link.pk).update(expires_at=ago(YOUNG))
    forget()
    assert not OutboundSms.objects.filter(pk=sms.pk).exists()
    assert Lease.objects.filter(pk=link.pk).exists(), "it may be taken up again"


def test_people_whom_nobody_asked_for_and_leases_that_ran_out_go(bridge: Bridge) -> None:
    app = bridge.hook.chat_app
    factories.contact(app, "gone", source="platform", fetched_at=ago(ANCIENT))
    factories.contact(app, "kept", source="platform", fetched_at=ago(OLD))
    factories.contact(app, "entered", source="admin", fetched_at=ago(ANCIENT))
    place = factories.conversation(app)
    Departure.objects.create(conversation=place, user_id="gone", left_at=ago(ANCIENT))
    factories.lease(bridge.pool.numbers.all()[0], place, lasts=-ANCIENT.total_seconds())
    DailyUse.objects.create(bridge=bridge, day=ago(OLD).date(), kind="phone", key=BENS_PHONE, used=1)
    DailyUse.objects.create(bridge=bridge, day=timezone.now().date(), kind="phone", key=BENS_PHONE, used=1)
    forget()
    assert {contact.user_id for contact in Contact.objects.all()} == {"kept", "entered"}
    assert not Lease.objects.exists()
    assert not Departure.objects.exists()
    assert DailyUse.objects.count() == 1


def test_old_read_marks_go_and_participants_with_their_conversation(bridge: Bridge) -> None:
    app = bridge.hook.chat_app
    alive, gone, going = (factories.conversation(app, deleted_at=at and ago(at)) for at in (None, ANCIENT, YOUNG))
    for place in (alive, gone, going):
        Participant.objects.bulk_create(Participant(conversation=place, user_id=user) for user in "ab")
    for message, age in (("m1", ANCIENT), ("m2", ANCIENT), ("m3", OLD)):
        Watermark.objects.create(conversation=alive, user_id=BEN, message=message, marked_at=ago(age))
    assert forget() == {"read marks": 2, "participants of conversations that were deleted": 2}
    assert [mark.message for mark in Watermark.objects.all()] == ["m3"]
    assert set(Participant.objects.values_list("conversation", flat=True)) == {alive.pk, going.pk}


def test_edits_of_messages_that_nobody_saw_go_with_the_words(bridge: Bridge) -> None:
    place = factories.conversation(bridge.hook.chat_app)
    for editor, age in (("ann", OLD), ("mal", YOUNG)):
        unseen = factories.message(place, sent_at=None, changed_at=timezone.now())
        EarlyEdit.objects.create(message=unseen, editor_id=editor, text="?", edited_at=ago(ANCIENT), noted_at=ago(age))
    assert forget() == {"edits of messages that were not seen": 1}
    assert EarlyEdit.objects.get().editor_id == "mal"
    Message.objects.update(changed_at=ago(ANCIENT), text="")
    forget()
    assert not EarlyEdit.objects.exists()


def test_consent_is_never_forgotten_by_age() -> None:
    OptOut.objects.create(phone=BENS_PHONE, source="keyword", since=ago(ANCIENT * 10))
    ConsentEvent.objects.create(phone=BENS_PHONE, what="out", source="keyword", at=ago(ANCIENT * 10))
    assert forget() == {}


def test_events_that_nobody_mended_go_with_the_words(bridge: Bridge) -> None:
    for key, age, state in [("old", OLD, 1), ("young", YOUNG, 1), ("waiting", ANCIENT, 0)]:
        InboxEvent.objects.create(hook=bridge.hook, key=key, body=b"{}", received_at=ago(age), state=state)
    forget()
    assert {event.key for event in InboxEvent.objects.all()} == {"young", "waiting"}


def test_who_logged_in_and_from_where_is_forgotten_too_and_sessions_that_ran_out() -> None:
    AccessLog.objects.create(username="old", attempt_time=ago(ANCIENT))
    AccessLog.objects.filter(username="old").update(attempt_time=ago(ANCIENT))
    AccessLog.objects.create(username="young")
    Session.objects.create(session_key="over", expire_date=ago(YOUNG))
    forget_old()
    assert [log.username for log in AccessLog.objects.all()] == ["young"]
    assert not Session.objects.exists()


def test_nothing_is_forgotten_where_the_age_is_0(bridge: Bridge) -> None:
    told(bridge, ANCIENT)
    assert retention.forget_old(timedelta(0), timedelta(0)) == {}


def test_many_rows_go_in_batches(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    number = bridge.pool.numbers.all()[0]
    for _ in range(5):
        factories.inbound(number, state="posted", received_at=ago(OLD))
    ticks: list[int] = []
    done = retention.forget_old(TEXTS, ROWS, tick=lambda: ticks.append(1))
    assert done == {"words of texts received": 5}
    assert len(ticks) == 3


def test_a_batch_of_which_all_stays_does_not_end_the_work(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    place = factories.conversation(bridge.hook.chat_app)
    needed = [factories.message(place, sent_at=ago(ANCIENT)) for _ in range(3)]
    for message in needed:
        factories.notice(bridge, message)
    factories.message(place, sent_at=ago(ANCIENT))
    assert forget()["messages"] == 1
    assert {message.pk for message in Message.objects.all()} == {message.pk for message in needed}


def test_what_a_message_is_needed_for_is_asked_of_one_batch_at_a_time(bridge: Bridge) -> None:
    told(bridge, ANCIENT)
    with CaptureQueriesContext(connection) as queries:
        forget()
    asked = [one["sql"] for one in queries if "smsbridge_notice n" in one["sql"]]
    assert len(asked) == 2
    assert all("x.id = any(" in sql or "x.id in (select value from json_each(" in sql for sql in asked)


def test_what_is_known_of_phones_goes_unless_an_operator_said_it() -> None:
    for serial, fields in enumerate(
        [
            {"source": "look-up", "looked_at": ago(ANCIENT)},
            {"looked_at": None},
            {"source": "look-up", "looked_at": ago(OLD)},
            {"source": "operator", "looked_at": ago(ANCIENT)},
            {"next_at": timezone.now()},
        ]
    ):
        PhoneFact.objects.create(phone=factories.phone(serial), **fields)
    account = factories.vendor_account()
    DailyLookups.objects.create(account=account, day=ago(ANCIENT).date(), used=1)
    kept = DailyLookups.objects.create(account=account, day=ago(YOUNG).date(), used=1)
    forget()
    assert set(PhoneFact.objects.values_list("phone", flat=True)) == {factories.phone(serial) for serial in (2, 3, 4)}
    assert list(DailyLookups.objects.all()) == [kept]


def test_what_is_forgotten_is_looked_for_by_index_in_what_refers_to_it() -> None:
    """The database looks at commit for rows that refer to each row that was deleted."""
    forgotten = {"smsbridge_outboundsms", "smsbridge_inboundsms", "smsbridge_lease", "smsbridge_notice"}
    forgotten |= {"smsbridge_contact", "notifier_message", "notifier_receipt", "notifier_departure"}
    with connection.cursor() as cursor:
        for model in apps.get_models():
            found = connection.introspection.get_constraints(cursor, model._meta.db_table).values()
            indexed = {one["columns"][0] for one in found if one["index"] or one["unique"]}
            refers = {one["columns"][0] for one in found if one["foreign_key"] and one["foreign_key"][0] in forgotten}
            assert refers <= indexed, model


@pytest.mark.postgres
def test_a_row_that_somebody_works_on_is_passed_over(bridge: Bridge) -> None:
    number = bridge.pool.numbers.all()[0]
    held, free = (factories.inbound(number, state="posted", received_at=ago(OLD)) for _ in range(2))
    with transaction.atomic():
        InboundSms.objects.select_for_update().get(pk=held.pk)
        together(forget)
    assert InboundSms.objects.get(pk=free.pk).text == ""
    assert InboundSms.objects.get(pk=held.pk).text != ""
    assert not connection.in_atomic_block


def test_the_command_tells_before_it_forgets(bridge: Bridge) -> None:
    sms, said = told(bridge, OLD), StringIO()
    call_command("forget_old", "--dry-run", stdout=said)
    assert "words of texts sent: 1 old enough" in said.getvalue()
    assert OutboundSms.objects.get(pk=sms.pk).text
    call_command("forget_old", "--texts", "90 days", stdout=said)
    assert OutboundSms.objects.get(pk=sms.pk).text
    call_command("forget_old", stdout=said)
    assert "words of texts sent: 1 forgotten" in said.getvalue()
    call_command("forget_old", stdout=said)
    assert "Nothing is old enough." in said.getvalue()
    with pytest.raises(CommandError, match="not a duration"):
        call_command("forget_old", "--texts", "some days", stdout=said)
    for option in ("--texts", "--rows"):
        with pytest.raises(CommandError, match=f"{option} must be at least 2 days"):
            call_command("forget_old", option, "1 day", stdout=said)
