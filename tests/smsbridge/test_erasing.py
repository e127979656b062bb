"""Erasing one person: what goes, and what is not his."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.utils import timezone

from notifier.models import Departure, InboxEvent, Message, Receipt
from smsbridge.models import Bridge, ConsentEvent, Contact, DailyUse, InboundSms, Lease, Notice, OptOut, OutboundSms
from smsbridge.services import erasing
from tests import factories
from tests.factories import ANN, BEN, BENS_PHONE, phone

pytestmark = pytest.mark.django_db(transaction=True)

CARLS_PHONE = phone(77)
#: of every row of these, how to tell whose it is
PERSONAL: list[tuple[type[Model], str]] = [
    *((model, "user_id") for model in (Contact, Lease, Notice, OutboundSms, InboundSms, Receipt, Departure)),
    *((model, "phone") for model in (Contact, Lease, OutboundSms, InboundSms)),
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
    DailyUse.objects.create(bridge=bridge, day=timezone.now().date(), kind="phone", key=number, used=1)
    InboxEvent.objects.create(hook=bridge.hook, key=user, body=f'{{"by": "{user}"}}'.encode(), state=1)
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
    counts["InboxEvent"] = sum(person.encode() in bytes(event.body) for event in InboxEvent.objects.all())
    counts["DailyUse"] = DailyUse.objects.filter(key=number).count()
    return {what: count for what, count in counts.items() if count}


def erase(**who: Any) -> dict[str, int]:
    consent = who.pop("consent", False)
    person = erasing.by_user(who["user"]) if "user" in who else erasing.by_phone(who["phone"])
    return erasing.erase(person, consent=consent)


@pytest.mark.parametrize("who", [{"user": BEN}, {"phone": BENS_PHONE}], ids=["by user id", "by phone"])
def test_nothing_of_him_is_left_and_all_of_others(bridge: Bridge, who: dict[str, str]) -> None:
    others = found("carl", CARLS_PHONE)
    assert set(found(BEN, BENS_PHONE)) == set(others)
    assert len(others) >= 13
    erase(**who)
    assert found(BEN, BENS_PHONE) == {}
    assert found("carl", CARLS_PHONE) == others


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
    erasing.erase(erasing.by_user(BEN, [bridge.hook.chat_app_id]))
    assert OutboundSms.objects.get(user_id=BEN) == sms
    assert Contact.objects.get(user_id=BEN).phone == phone(78)


def test_he_is_not_texted_again_unless_the_ledger_is_erased_too(bridge: Bridge) -> None:
    erase(user=BEN)
    assert OptOut.objects.filter(phone=BENS_PHONE).exists()
    erase(phone=BENS_PHONE, consent=True)
    assert not OptOut.objects.filter(phone=BENS_PHONE).exists()
    assert not ConsentEvent.objects.filter(phone=BENS_PHONE).exists()
    assert OptOut.objects.filter(phone=CARLS_PHONE).exists()


def test_the_audit_keeps_that_a_contact_was_changed_and_not_whose_it_was(bridge: Bridge) -> None:
    ben = Contact.objects.get(user_id=BEN)
    LogEntry.objects.create(
        user=User.objects.create(username="operator"),
        content_type=ContentType.objects.get_for_model(Contact),
        object_id=str(ben.pk),
        object_repr="Ben",
        action_flag=CHANGE,
    )
    erase(user=BEN)
    assert LogEntry.objects.get().object_repr == "erased"


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
    assert "Nothing is kept of this person." in said.getvalue()


def test_the_command_says_what_it_cannot_read() -> None:
    with pytest.raises(CommandError, match="country code"):
        call_command("erase", "--phone", "12")
    with pytest.raises(CommandError, match="There is no chat app"):
        call_command("erase", "--user", BEN, "--chat-app", "nowhere")
