"""Erasing one person: what goes, and what is not his."""

import uuid
from datetime import timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from notifier.models import Departure, EarlyEdit, InboxEvent, ListenedEvent, Message, Participant, Receipt, Watermark
from notifier.services import forgetting, rules
from smsbridge.models import (
    Bridge,
    ConsentEvent,
    Contact,
    DailyUse,
    InboundSms,
    Lease,
    Notice,
    OptOut,
    OutboundSms,
    PhoneFact,
)
from smsbridge.services import erasing, persons
from tests import factories
from tests.factories import ANN, BEN, BENS_PHONE, phone

pytestmark = pytest.mark.django_db(transaction=True)

CARLS_PHONE = phone(77)
#: of every row of these, how to tell whose it is
PERSONAL: list[tuple[type[Model], str]] = [
    *((model, "user_id") for model in (Contact, Lease, Notice, OutboundSms, InboundSms, Receipt)),
    *((model, "user_id") for model in (Departure, Participant, Watermark)),
    *((model, "phone") for model in (Contact, Lease, OutboundSms, InboundSms, PhoneFact)),
]


@pytest.fixture
def bridge() -> Bridge:
    made = factories.bridge()
    lives(made, BEN, BENS_PHONE)
    lives(made, "carl", CARLS_PHONE)
    return made


def lives(bridge: Bridge, user: str, number: str) -> None:
    """Somebody with everything that can be kept of a person."""
    app = bridge.hook.chat_app
    factories.contact(app, user, number)
    place = factories.conversation(app)
    sms = factories.linked(bridge, [factories.message(place, unread_by=[user])], user, phone=number, state="sent")
    factories.inbound(sms.number, phone=number, user_id=user, conversation=place, state="posted")
    factories.message(place, f"{user} says so", sender_id=user, unread_by=[ANN])
    factories.notice(bridge, user_id=user, state="skipped", reason="read")
    Departure.objects.create(conversation=place, user_id=user, left_at=timezone.now())
    Participant.objects.create(conversation=place, user_id=user)
    Watermark.objects.create(conversation=place, user_id=user, message="m1", position=1)
    Watermark.objects.create(conversation=place, user_id=user, message="not known yet")
    unseen = factories.message(place, sent_at=None, sender_id=None)
    EarlyEdit.objects.create(message=unseen, editor_id=user, text="mine", edited_at=timezone.now())
    DailyUse.objects.create(bridge=bridge, day=timezone.now().date(), kind="phone", key=number, used=1)
    InboxEvent.objects.create(hook=bridge.hook, key=user, body=f'{{"by": "{user}"}}'.encode(), state=1)
    PhoneFact.objects.create(phone=number, status=1, source="look-up", carrier="Air", looked_at=timezone.now())
    OptOut.objects.create(phone=number, source="keyword")
    ConsentEvent.objects.create(phone=number, what="out", source="keyword")


def found(person: str, number: str) -> dict[str, int]:
    """How many rows name him, of each kind of which there are any."""
    his = {"user_id": person, "phone": number}
    counts = {
        f"{model.__name__}.{field}": model._default_manager.filter(**{field: his[field]}).count()
        for model, field in PERSONAL
    }
    counts["Message"] = Message.objects.filter(sender_id=person).count()
    counts["EarlyEdit"] = EarlyEdit.objects.filter(editor_id=person).count()
    counts["InboxEvent"] = sum(person.encode() in bytes(event.body) for event in InboxEvent.objects.all())
    counts["DailyUse"] = DailyUse.objects.filter(key=number).count()
    return {what: count for what, count in counts.items() if count}


def erase(**who: Any) -> dict[str, int]:
    consent = who.pop("consent", False)
    person = persons.by_user(who["user"]) if "user" in who else persons.by_phone(who["phone"])
    return erasing.erase(person, consent=consent)


@pytest.mark.parametrize("who", [{"user": BEN}, {"phone": BENS_PHONE}], ids=["by user id", "by phone"])
def test_nothing_of_him_is_left_and_all_of_others(bridge: Bridge, who: dict[str, str]) -> None:
    others = found("carl", CARLS_PHONE)
    assert set(found(BEN, BENS_PHONE)) == set(others)
    assert len(others) >= 13
    erase(**who)
    assert found(BEN, BENS_PHONE) == {}
    assert found("carl", CARLS_PHONE) == others


def test_receipts_go_in_batches_too(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 1)
    factories.message(factories.conversation(bridge.hook.chat_app), unread_by=[BEN, "bella"])
    his = Receipt.objects.filter(user_id=BEN).count()
    with CaptureQueriesContext(connection) as queries:
        assert erase(user=BEN)["receipts"] == his > 1
    assert sum("delete from notifier_receipt " in one["sql"] for one in queries) == his
    assert not Receipt.objects.filter(user_id=BEN).exists()
    assert Receipt.objects.filter(user_id="bella").exists()


@pytest.mark.parametrize("who", [{"user": BEN}, {"phone": BENS_PHONE}], ids=["by user id", "by phone"])
def test_what_a_rule_made_of_his_phone_goes_too(bridge: Bridge, who: dict[str, str]) -> None:
    mine, other = (f"{rules.SCHEME}{number}" for number in (BENS_PHONE, CARLS_PHONE))
    told = factories.message(factories.conversation(bridge.hook.chat_app), unread_by=[mine, other])
    factories.notice(bridge, told, mine)
    erase(**who)
    assert [receipt.user_id for receipt in Receipt.objects.filter(message=told)] == [other]
    assert not Notice.objects.filter(message=told).exists()
    person = persons.by_user(BEN) if "user" in who else persons.by_phone(BENS_PHONE)
    assert not any(BENS_PHONE in name for name in person.names)


def test_what_he_wrote_counts_as_deleted(bridge: Bridge) -> None:
    erase(user=BEN)
    mine = Message.objects.get(deleted_at__isnull=False)
    assert (mine.text, mine.sender_id) == ("", None)


def test_texts_that_quoted_him_to_others_lose_their_words(bridge: Bridge) -> None:
    place = factories.conversation(bridge.hook.chat_app)
    quoted = factories.message(place, "My secret", sender_id=BEN, unread_by=["carl"])
    sms = factories.outbound(bridge, [quoted], "carl", phone=CARLS_PHONE, text="Ben: My secret", state="delivered")
    erase(user=BEN)
    sms.refresh_from_db()
    assert (sms.text, sms.phone) == ("", CARLS_PHONE)


def test_texts_that_are_about_to_quote_him_are_taken_back(bridge: Bridge) -> None:
    place = factories.conversation(bridge.hook.chat_app)
    messages = [factories.message(place, sender_id=sender, unread_by=["carl"]) for sender in (BEN, ANN)]
    sms = factories.linked(bridge, messages, "carl", phone=CARLS_PHONE, text="Ben: My secret\nAnn: Hello")
    erase(user=BEN)
    sms.refresh_from_db()
    assert (sms.text, sms.state) == ("", "withdrawn")
    assert Notice.objects.filter(message__in=messages, state="waiting").count() == 2, "Ann's is composed again"


def test_a_phone_that_another_user_shares_keeps_what_is_the_others(bridge: Bridge) -> None:
    app = bridge.hook.chat_app
    factories.contact(app, "bella", BENS_PHONE)
    hers = factories.outbound(bridge, user_id="bella", phone=BENS_PHONE, state="sent")
    erase(user=BEN)
    assert OutboundSms.objects.get(phone=BENS_PHONE) == hers
    assert Contact.objects.filter(user_id="bella").exists()


def test_a_user_of_the_same_id_in_another_chat_is_another_person(bridge: Bridge) -> None:
    other = factories.bridge()
    factories.contact(other.hook.chat_app, BEN, phone(78))
    sms = factories.outbound(other, phone=phone(78), state="sent")
    erasing.erase(persons.by_user(BEN, [bridge.hook.chat_app_id]))
    assert OutboundSms.objects.get(user_id=BEN) == sms
    assert Contact.objects.get(user_id=BEN).phone == phone(78)


def test_he_is_not_texted_again_unless_the_ledger_is_erased_too(bridge: Bridge) -> None:
    erase(user=BEN)
    assert OptOut.objects.filter(phone=BENS_PHONE).exists()
    erase(phone=BENS_PHONE, consent=True)
    assert not OptOut.objects.filter(phone=BENS_PHONE).exists()
    assert not ConsentEvent.objects.filter(phone=BENS_PHONE).exists()
    assert OptOut.objects.filter(phone=CARLS_PHONE).exists()


def test_users_of_the_same_id_in_other_chats_are_other_people_when_found_by_phone(bridge: Bridge) -> None:
    other = factories.bridge()
    lives(other, BEN, phone(78))
    mine = Contact.objects.get(chat_app=other.hook.chat_app)
    erase(phone=BENS_PHONE)
    assert Contact.objects.get(user_id=BEN) == mine
    for model in (OutboundSms, InboundSms, Lease, Notice, Departure):
        rows = model._default_manager.filter(user_id=BEN)
        assert set(rows.values_list("conversation__chat_app", flat=True)) == {mine.chat_app_id}
    assert Message.objects.get(sender_id=BEN).chat_app_id == mine.chat_app_id
    assert InboxEvent.objects.get(key=BEN).hook == other.hook


def test_limited_to_a_chat_app_what_names_the_phone_elsewhere_stays(bridge: Bridge) -> None:
    other = factories.bridge()
    factories.contact(other.hook.chat_app, "bert", BENS_PHONE)
    theirs = factories.linked(other, [], "bert", phone=BENS_PHONE, state="sent")
    reply = factories.inbound(theirs.number, user_id="bert", conversation=theirs.conversation, state="posted")
    lost = factories.inbound(theirs.number, state="unrouted")
    used = DailyUse.objects.create(bridge=other, day=timezone.now().date(), kind="phone", key=BENS_PHONE, used=1)
    erasing.erase(persons.by_phone(BENS_PHONE, [bridge.hook.chat_app_id]))
    assert not Contact.objects.filter(user_id=BEN).exists()
    assert OutboundSms.objects.get(phone=BENS_PHONE) == theirs
    assert list(InboundSms.objects.filter(phone=BENS_PHONE).order_by("pk")) == [reply, lost]
    assert Lease.objects.get(phone=BENS_PHONE).user_id == "bert"
    assert DailyUse.objects.get(key=BENS_PHONE) == used
    assert PhoneFact.objects.filter(phone=BENS_PHONE).exists()


def test_the_only_chat_app_is_no_limit(bridge: Bridge) -> None:
    lost = factories.inbound(bridge.pool.numbers.all()[0], state="unrouted")
    erasing.erase(persons.by_phone(BENS_PHONE, [bridge.hook.chat_app_id]))
    assert not InboundSms.objects.filter(pk=lost.pk).exists()


def test_former_phones_of_his_are_found_by_what_he_was_texted(bridge: Bridge) -> None:
    before = factories.linked(bridge, phone=phone(79), state="sent")
    factories.inbound(before.number, "STOP", phone(79), state="keyword")
    shared = factories.linked(bridge, phone=phone(80), state="sent")
    factories.outbound(bridge, user_id="carl", phone=phone(80), state="sent")
    hers = factories.inbound(shared.number, "Where am I?", phone(80), state="unrouted")
    erase(user=BEN)
    assert not InboundSms.objects.filter(phone=phone(79)).exists()
    assert InboundSms.objects.get(phone=phone(80)) == hers


def quoting(bridge: Bridge, state: str) -> OutboundSms:
    """A text to Carl that tells of a message of Ben's."""
    said = factories.message(
        factories.conversation(bridge.hook.chat_app), "My secret", sender_id=BEN, unread_by=["carl"]
    )
    return factories.linked(bridge, [said], "carl", phone=CARLS_PHONE, text="Ben: My secret", state=state)


def words_of(sms: OutboundSms) -> str:
    return OutboundSms.objects.get(pk=sms.pk).text


def test_a_text_that_is_being_sent_is_waited_for(
    bridge: Bridge, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sms = quoting(bridge, "sending")
    monkeypatch.setattr(
        "smsbridge.services.erasing.time.sleep", lambda _: OutboundSms.objects.filter(pk=sms.pk).update(state="sent")
    )
    erase(user=BEN)
    assert words_of(sms) == ""


def test_where_nobody_ends_it_another_run_finds_its_words(bridge: Bridge, settings: Any) -> None:
    settings.SENDING_SECONDS = settings.SWEEP_SECONDS = 0
    sms = quoting(bridge, "sending")
    with pytest.raises(CommandError, match="Run this again"):
        call_command("erase", "--user", BEN, "--yes", stdout=StringIO())
    OutboundSms.objects.filter(pk=sms.pk).update(state="sent")
    call_command("erase", "--user", BEN, "--yes", stdout=StringIO())
    assert words_of(sms) == ""


def test_what_is_being_composed_is_waited_for_and_taken_back(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    sms = quoting(bridge, "ready")
    notice = Notice.objects.get(sms=sms)
    in_a_moment = timezone.now() + timedelta(minutes=1)
    Notice.objects.filter(pk=notice.pk).update(state="waiting", sms=None, claim=uuid.uuid4(), next_at=in_a_moment)

    def stored(_: float) -> None:
        monkeypatch.undo()
        Notice.objects.filter(pk=notice.pk).update(state="in_sms", sms=sms, claim=None)

    monkeypatch.setattr("smsbridge.services.erasing.time.sleep", stored)
    erase(user=BEN)
    assert OutboundSms.objects.get(pk=sms.pk).state == "withdrawn"


@pytest.mark.parametrize("state", ["withdrawn", "closed"])
def test_texts_that_are_parted_from_what_they_told_lose_their_words_too(bridge: Bridge, state: str) -> None:
    sms, other = quoting(bridge, state), factories.outbound(bridge, user_id="carl", phone=CARLS_PHONE, state=state)
    Notice.objects.filter(sms=sms).update(sms=None, state="waiting")
    erase(user=BEN)
    assert words_of(sms) == ""
    assert words_of(other) != "", "of a conversation in which he wrote nothing"


def test_events_go_that_name_him_and_not_those_that_only_look_like_it(bridge: Bridge) -> None:
    his = ['{"by": "be"}', '{"status": {"layer:///identities/be": "sent"}}', '{"to": ["x/b\\u0065"]}', "no JSON: be"]
    others = ['{"by": "ben", "text": "to be"}', '{"id": "layer:///messages/be-1"}', "[" * 99_999]
    for number, body in enumerate(his + others):
        InboxEvent.objects.create(hook=bridge.hook, key=f"failed {number}", body=body.encode(), state=1)
    hook = factories.listening_hook(bridge.hook.chat_app)
    now = timezone.now()
    for state in ("waiting", "dead"):
        for body in (his[0], others[0]):
            ListenedEvent.objects.create(
                hook=hook, key=f"{state} {body}", body=body, state=state, received_at=now, next_at=now
            )
    erasing.erase(persons.by_user("be"))
    left = [bytes(event.body).decode() for event in InboxEvent.objects.filter(key__startswith="failed").order_by("pk")]
    assert left == others
    assert {event.body for event in ListenedEvent.objects.all()} == {others[0]}
    assert ListenedEvent.objects.count() == 2


def test_the_audit_never_holds_whose_contact_or_assignment_it_was(bridge: Bridge, admin_client: Client) -> None:
    ben = Contact.objects.get(user_id=BEN)
    link = Lease.objects.get(user_id=BEN)
    admin_client.post(reverse("admin:smsbridge_contact_delete", args=[ben.pk]), {"post": "yes"})
    admin_client.post(
        reverse("admin:smsbridge_lease_changelist"),
        {"action": "release", "_selected_action": [link.pk], "post": "yes", "confirmed": "yes"},
    )
    named = {entry.object_repr for entry in LogEntry.objects.all()}
    assert named == {f"contact {ben.pk}", f"number assignment {link.pk}"}


def test_names_that_the_audit_held_before_are_taken_out_of_it(bridge: Bridge, admin_user: User) -> None:
    entries = LogEntry.objects.log_actions(
        admin_user.pk, [Contact.objects.get(user_id=BEN), bridge], CHANGE, "Changed."
    )
    LogEntry.objects.update(object_repr="Ben")
    import_module("smsbridge.migrations.0004_audit_names_people_by_key").forget_names(apps, connection.schema_editor())
    of_contact, of_bridge = LogEntry.objects.order_by("pk")
    assert (of_contact.object_repr, of_bridge.object_repr) == (f"contact {of_contact.object_id}", "Ben")
    assert len(entries) == 2


def test_the_command_tells_first_and_erases_when_told_so(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    said = StringIO()
    call_command("erase", "--user", BEN, "--dry-run", stdout=said)
    assert "texts sent to him: 1 to erase" in said.getvalue()
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase", "--user", BEN, stdout=said)
    assert found(BEN, BENS_PHONE)
    call_command("erase", "--phone", BENS_PHONE, "--yes", stdout=said)
    assert found(BEN, BENS_PHONE) == {}
    call_command("erase", "--phone", BENS_PHONE, "--yes", stdout=said)
    assert "Nothing else is kept of this person." in said.getvalue()
    assert "opt-outs: 1 kept" in said.getvalue()
    call_command("erase", "--phone", BENS_PHONE, "--consent", "--yes", stdout=said)
    call_command("erase", "--phone", BENS_PHONE, "--consent", "--yes", stdout=said)
    assert "Nothing is kept of this person." in said.getvalue()


def test_the_command_refuses_to_erase_a_ledger_that_it_cannot_find(bridge: Bridge) -> None:
    call_command("erase", "--user", BEN, "--yes", stdout=StringIO())
    with pytest.raises(CommandError, match="by --phone"):
        call_command("erase", "--user", BEN, "--consent", "--yes", stdout=StringIO())
    factories.chat_app("another")
    with pytest.raises(CommandError, match="leave out --chat-app"):
        call_command("erase", phone=BENS_PHONE, chat_app=bridge.hook.chat_app.slug, consent=True, stdout=StringIO())
    assert OptOut.objects.filter(phone=BENS_PHONE).exists()


def test_the_command_says_what_it_cannot_read() -> None:
    with pytest.raises(CommandError, match="country code"):
        call_command("erase", "--phone", "12")
    with pytest.raises(CommandError, match="There is no chat app"):
        call_command("erase", "--user", BEN, "--chat-app", "nowhere")
