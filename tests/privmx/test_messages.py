"""What happens at a Bridge becomes texts: over a real WebSocket, with our own parts in threads of this process."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from notifier.models import Conversation, Hook, Message, ReceiptCheck, Rule
from smsbridge.models import InboundSms, Notice, OutboundSms
from tests import factories
from tests.factories import ANN, BEN, BENS_PHONE
from tests.notifier.socket_ground import listening
from tests.privmx.bridge import Bridge
from tests.privmx.office import CLEO, CLEOS_PHONE, CONTEXT, Office, catches_up
from tests.smsbridge.upstreams import Network

pytestmark = pytest.mark.django_db(transaction=True)

ANYBODY = "+12025559000"
NEW_MESSAGE, NEW_FILE = "Ann: [new message]", "Ann: [new file]"


@pytest.fixture
def office(bridge: Bridge, vendor: Network) -> Iterator[Office]:
    """Caught up with, and listened to."""
    made = Office(bridge, vendor, channels="thread,store,inbox")
    with listening():
        assert catches_up()
        yield made


def test_a_message_is_one_text_to_its_readers_who_have_a_phone_and_none_to_its_author(office: Office) -> None:
    office.world.change(office.thread, users=[ANN, BEN, CLEO, "dora"])
    office.world.write(office.thread, BEN)
    office.world.write(office.thread, ANN)
    expected = [(CLEOS_PHONE, "Ben: [new message]"), (BENS_PHONE, NEW_MESSAGE), (CLEOS_PHONE, NEW_MESSAGE)]
    assert office.texted(*expected)
    reasons = Notice.objects.exclude(reason="").values_list("user_id", "reason").distinct()
    assert set(reasons) == {(ANN, "no phone"), ("dora", "no identity")}


def test_the_words_of_a_message_are_nowhere_and_what_its_application_shows_is_told(
    bridge: Bridge, vendor: Network
) -> None:
    office = Office(bridge, vendor)
    office.reconfigure(text_key="subject")
    with listening():
        assert catches_up()
        office.world.write(office.thread, ANN, {"subject": "Lunch at 1"})
        assert office.texted((BENS_PHONE, "Ann: Lunch at 1"))


def test_a_file_and_an_entry_of_an_inbox_are_told_too(office: Office) -> None:
    store = office.world.create_store(CONTEXT, [ANN, BEN])
    office.world.upload(store, ANN)
    assert office.texted((BENS_PHONE, NEW_FILE))
    inbox = office.world.create_inbox(CONTEXT, [CLEO])
    office.world.enter(inbox)
    assert office.eventually(lambda: len(office.texts) == 2)
    phone, words = office.texts[1]
    assert (phone, words.endswith("[new entry]")) == (CLEOS_PHONE, True)


def test_a_thread_behind_an_inbox_is_called_as_the_inbox_also_when_it_was_made_just_now(
    bridge: Bridge, vendor: Network
) -> None:
    office = Office(bridge, vendor, channels="thread,inbox")
    office.reconfigure(title_key="title")
    with listening():
        assert catches_up()
        inbox = office.world.create_inbox(CONTEXT, [BEN], meta={"title": "Orders"})
        office.world.enter(inbox)
        office.world.enter(inbox)
        assert office.eventually(lambda: len(office.texts) == 2)
    assert Conversation.objects.get(key=office.world.containers[inbox].thread).title == "Orders"
    assert bridge.asked("thread/getThread") == 1


# Rules


def test_a_rule_texts_fixed_phones_whoever_is_in_the_thread(office: Office) -> None:
    office.rule(recipients=Rule.Recipients.PHONES, phones=[ANYBODY, CLEOS_PHONE])
    office.world.write(office.thread, BEN)
    assert office.texted((ANYBODY, "Ben: [new message]"), (CLEOS_PHONE, "Ben: [new message]"))


def test_rules_choose_by_context_container_and_type_of_event(office: Office) -> None:
    world = office.world
    world.add_context("C2", [ANN, BEN])
    other, elsewhere = world.create_thread(CONTEXT, [ANN, BEN]), world.create_thread("C2", [ANN, BEN])
    store = world.create_store(CONTEXT, [ANN, BEN])
    office.rule(contexts=["C2"])
    office.rule(conversations=[other])
    office.rule(contexts=[CONTEXT], events=["storeFileCreated"])
    unwanted = world.write(office.thread, ANN)
    wanted = [world.write(other, ANN), world.write(elsewhere, ANN), world.upload(store, ANN)]
    assert office.texted((BENS_PHONE, NEW_MESSAGE), (BENS_PHONE, NEW_MESSAGE), (BENS_PHONE, NEW_FILE))
    assert {key.removeprefix("file:") for key in office.told} == set(wanted)
    assert not Notice.objects.filter(message__key=unwanted).exists()


# Until it is sent


def test_a_message_that_is_deleted_before_its_text_leaves_is_not_told(office: Office) -> None:
    Hook.objects.update(ask_first=Hook.AskFirst.ALWAYS)
    factories.forget()
    office.bridge.faults.swallow("out", "threadDeletedMessage")
    kept, deleted = office.world.write(office.thread, ANN), office.world.write(office.thread, ANN)
    office.world.remove(deleted)
    assert office.eventually(lambda: office.told == [kept])
    assert office.eventually(lambda: Notice.objects.filter(message__key=deleted, reason="deleted").exists())
    assert len(office.texts) == 1


def test_a_deletion_that_is_told_needs_no_question(office: Office) -> None:
    Hook.objects.update(delay=timedelta(days=1))
    factories.forget()
    message = office.world.write(office.thread, ANN)
    office.world.remove(message)
    assert office.eventually(lambda: Message.objects.filter(key=message, deleted_at__isnull=False).exists())
    assert ReceiptCheck.objects.count() == Notice.objects.count() == 0
    assert office.bridge.asked("thread/getThreadMessage") == 0


# What comes back


def test_who_texts_back_is_told_politely_that_it_cannot_be_posted(office: Office) -> None:
    office.world.write(office.thread, ANN)
    assert office.texted((BENS_PHONE, NEW_MESSAGE))
    sms = OutboundSms.objects.get()
    assert sms.number is not None
    factories.inbound(sms.number, "I am coming", BENS_PHONE)
    assert office.eventually(lambda: len(office.vendor.accepted) == 2)
    answer = OutboundSms.objects.exclude(pk=sms.pk).get()
    assert (answer.phone, answer.purpose, answer.number) == (BENS_PHONE, OutboundSms.Purpose.NO_REPLY, sms.number)
    assert InboundSms.objects.get().state == InboundSms.State.REFUSED
