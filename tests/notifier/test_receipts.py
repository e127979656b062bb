"""Checks: who has still not read a message when its delay is over, and never ahead of what was already accepted."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, transaction
from django.test import Client, TestCase

from notifier.backoff import MAX_ATTEMPTS
from notifier.models import Conversation, Hook, InboxEvent, Message, Receipt, ReceiptCheck
from notifier.services import receipts
from notifier.signals import message_unread
from notifier.sql import database_now
from tests.factories import chat_app, deliver, drain, forget, layer_event, receipts_hook, run_stage
from tests.notifier.listeners import Rings, Told
from tests.threads import together

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
PLACE = "5b0c1c9e-3f0a-4a53-9a55-0d6f3f3b8f10"
MESSAGE = "2c7a1f50-8f0b-4b7e-9d2b-6f1f2a3c4d5e"


@pytest.fixture
def hook(db: None) -> Hook:
    """Its checks are due at once."""
    return receipts_hook(delay=0)


def said(hook: Hook, **ranks: int) -> Message:
    """A message that is due, with a conversation of its own; its recipients are sent (0), delivered (1) or read (2)."""
    number = Message.objects.count()
    now = database_now()
    conversation = Conversation.objects.create(chat_app=hook.chat_app, key=f"c{number}")
    message = Message.objects.create(
        chat_app=hook.chat_app,
        conversation=conversation,
        key=f"m{number}",
        sender_id="ann",
        text="Hello",
        sent_at=now - 10 * SECOND,
    )
    for user, rank in (ranks or {"ben": 0}).items():
        Receipt.objects.create(message=message, user_id=user, rank=rank)
    plan(hook, message)
    return message


def plan(hook: Hook, message: Message) -> None:
    ReceiptCheck.objects.create(hook=hook, message=message, due_at=database_now() - SECOND)


def undrained(hook: Hook, message: Message | None, *, after: timedelta, state: int = 0) -> InboxEvent:
    """An accepted event about the conversation of a message, or about none known, received so long after it was due."""
    check = ReceiptCheck.objects.get(message=message) if message else ReceiptCheck.objects.earliest("due_at")
    assert check.due_at
    return InboxEvent.objects.create(
        hook=hook,
        key=str(InboxEvent.objects.count()),
        conversation=message.conversation.key if message else None,
        received_at=check.due_at + after,
        state=state,
        body=b"{}",
    )


def check() -> int:
    return run_stage("check")


# Who is told of


@pytest.mark.parametrize(
    ("statuses", "users"),
    [
        ([], ["ben", "cid"]),
        (["sent"], ["ben"]),
        (["delivered"], ["cid"]),
        (["sent", "delivered", "read"], ["ben", "cid", "dan"]),
    ],
)
def test_only_the_statuses_of_the_hook_are_reported(told: Told, statuses: list[str], users: list[str]) -> None:
    hook = receipts_hook(report_for_status=statuses)
    message = said(hook, ben=0, cid=1, dan=2)
    check()
    assert told.users == users
    slug, first = told.unread[0]
    assert (slug, first.message, first.conversation) == (hook.slug, message.pk, message.conversation_id)
    assert not ReceiptCheck.objects.exists()


def test_the_sender_is_not_told_of_his_own_message(told: Told, hook: Hook) -> None:
    said(hook, ann=0, ben=0)
    check()
    assert told.users == ["ben"]


def test_what_was_read_in_time_is_not_reported(client: Client, told: Told, hook: Hook) -> None:
    deliver(client, hook, layer_event(message=MESSAGE, conversation=PLACE))
    deliver(client, hook, layer_event("message.read", message=MESSAGE, conversation=PLACE, recipients={}, actor="ben"))
    drain()
    check()
    assert told.unread == []


def test_what_is_not_due_yet_is_left_alone(client: Client, told: Told) -> None:
    deliver(client, receipts_hook(delay=60_000), layer_event())
    drain()
    assert check() == 0
    assert told.unread == []


def test_a_status_reached_after_the_message_is_reported(client: Client, told: Told) -> None:
    hook = receipts_hook(delay=0, report_for_status=["delivered"])
    deliver(client, hook, layer_event(message=MESSAGE, conversation=PLACE))
    drain()
    later = layer_event("message.delivered", message=MESSAGE, conversation=PLACE, recipients={}, actor="ben")
    deliver(client, hook, later)
    drain()
    check()
    assert told.users == ["ben"]


def test_all_who_are_unread_are_told_of_in_one_batch(told: Told, hook: Hook) -> None:
    batches: list[int] = []

    def count(*, unread: list[Any], **_: Any) -> None:
        batches.append(len(unread))

    message_unread.connect(count)
    for _ in range(3):
        said(hook, ben=0, cid=0)
    check()
    message_unread.disconnect(count)
    assert batches == [6]


def test_each_hook_of_an_app_is_told(told: Told, hook: Hook) -> None:
    other = receipts_hook(hook.chat_app, delay=0)
    plan(other, said(hook))
    check()
    assert {slug for slug, _ in told.unread} == {hook.slug, other.slug}


@pytest.mark.parametrize("what", ["message", "conversation"])
def test_what_was_deleted_is_not_reported(told: Told, hook: Hook, what: str) -> None:
    message = said(hook)
    row = message if what == "message" else message.conversation
    row.deleted_at = database_now()
    row.save()
    check()
    assert told.unread == []
    assert not ReceiptCheck.objects.exists()


def test_the_checks_of_a_disabled_hook_wait_until_it_is_enabled(told: Told) -> None:
    disabled = receipts_hook(enabled=False)
    said(disabled)
    check()
    assert told.unread == []
    assert ReceiptCheck.objects.get().attempts == 0
    Hook.objects.update(enabled=True)
    forget()
    check()
    assert told.users == ["ben"]


def test_the_checks_of_a_disabled_hook_hold_up_no_others(told: Told, hook: Hook, settings: Any) -> None:
    settings.CHECK_BATCH = 2
    disabled = receipts_hook(enabled=False)
    for _ in range(3):
        said(disabled)
    said(hook, zoe=0)
    step = receipts.check()
    assert (step.done, step.next_in) == (1, None)
    assert told.users == ["zoe"]


def test_a_check_of_a_hook_made_just_now_is_told(told: Told, hook: Hook) -> None:
    said(hook)
    check()  # this process knows its hooks now
    said(Hook.objects.create(chat_app=chat_app(), slug="new", name="new", delay=hook.delay), zoe=0)
    check()
    assert told.users == ["ben", "zoe"]


def test_a_check_whose_hook_cannot_be_used_is_kept_with_the_reason(told: Told, hook: Hook) -> None:
    broken = receipts_hook(report_for_status=["seen"])
    said(broken, zoe=0)
    said(hook)
    check()
    assert told.users == ["ben"]
    assert "cannot be used" in (ReceiptCheck.objects.get(hook=broken).error or "")


# Who has left


def _participants(place: str, *users: str) -> dict[str, Any]:
    return layer_event("conversation.updated.participants", conversation=place, participants=users)


def test_who_has_left_is_not_told_of(client: Client, told: Told, hook: Hook) -> None:
    deliver(client, hook, layer_event(conversation=PLACE, recipients={"ben": "sent", "cid": "sent"}))
    deliver(client, hook, _participants(PLACE, "ann", "cid"))
    drain()
    check()
    assert told.users == ["cid"]


def test_who_came_back_is_told_of(client: Client, told: Told, hook: Hook) -> None:
    deliver(client, hook, layer_event(conversation=PLACE))
    deliver(client, hook, _participants(PLACE, "ann"))
    deliver(client, hook, _participants(PLACE, "ann", "ben"))
    drain()
    check()
    assert told.users == ["ben"]


def test_leaving_before_a_message_does_not_count(client: Client, told: Told, hook: Hook) -> None:
    deliver(client, hook, layer_event(conversation=PLACE))
    deliver(client, hook, _participants(PLACE, "ann"))
    drain()
    deliver(client, hook, layer_event(conversation=PLACE, text="You are back, it seems"))
    drain()
    check()
    assert len(told.users) == 1


def test_a_deleted_conversation_is_not_reported(client: Client, told: Told, hook: Hook) -> None:
    deliver(client, hook, layer_event(conversation=PLACE))
    deliver(client, hook, layer_event("conversation.deleted", conversation=PLACE))
    drain()
    check()
    assert told.unread == []


# Never ahead of the inbox


@pytest.mark.parametrize("known", [True, False])
def test_an_undrained_event_from_before_it_was_due_blocks(told: Told, rings: Rings, hook: Hook, known: bool) -> None:
    message = said(hook)
    event = undrained(hook, message if known else None, after=-SECOND)
    step = receipts.check()
    assert (step.done, step.more, told.unread) == (0, False, [])
    assert step.next_in is not None
    assert step.next_in < 1
    assert "drain" in rings.stages
    event.delete()  # drained
    check()
    assert told.users == ["ben"]


def test_an_event_received_later_does_not_block(told: Told, hook: Hook) -> None:
    undrained(hook, said(hook), after=SECOND / 2)
    check()
    assert told.users == ["ben"]


def test_a_failed_event_does_not_block(told: Told, hook: Hook) -> None:
    undrained(hook, said(hook), after=-SECOND, state=InboxEvent.State.FAILED)
    check()
    assert told.users == ["ben"]


def test_other_conversations_are_not_blocked(told: Told, rings: Rings, hook: Hook) -> None:
    undrained(hook, said(hook), after=-SECOND)
    said(hook, zoe=0)
    check()
    assert told.users == ["zoe"]
    assert "drain" in rings.stages


# Receivers that raise


def test_the_check_of_a_receiver_that_raises_fails_alone(told: Told, hook: Hook) -> None:
    told.refuses = "cid"
    said(hook, ben=0)
    refused = said(hook, cid=0)
    said(hook, dan=0)
    check()
    assert sorted(told.users) == ["ben", "dan"]
    left = ReceiptCheck.objects.get()
    assert (left.message_id, left.attempts, left.error) == (refused.pk, 1, "ValueError in a receiver of message_unread")
    assert left.due_at
    assert left.due_at > database_now()


def test_a_check_that_was_put_off_is_done_later(told: Told, hook: Hook) -> None:
    told.refuses = "ben"
    said(hook)
    check()
    told.refuses = ""
    ReceiptCheck.objects.update(due_at=database_now())
    check()
    assert told.users == ["ben"]
    assert not ReceiptCheck.objects.exists()


def test_it_is_given_up_in_the_end_and_says_why(told: Told, hook: Hook) -> None:
    told.raises = KeyError("ben's number is +15550001111")
    said(hook)
    for _ in range(MAX_ATTEMPTS):
        check()
        ReceiptCheck.objects.filter(due_at__isnull=False).update(due_at=database_now())
    given_up = ReceiptCheck.objects.get()
    assert (given_up.due_at, given_up.attempts) == (None, MAX_ATTEMPTS)
    assert given_up.error == "KeyError in a receiver of message_unread"
    assert check() == 0
    assert receipts.seconds_to_next() is None


@pytest.mark.parametrize("error", [OperationalError("locked"), DatabaseError("refused")])
def test_a_receiver_whose_database_fails_does_not_stop_the_others(told: Told, hook: Hook, error: Exception) -> None:
    said(hook, ben=0)
    with_error = said(hook, cid=0)

    def receiver(*, unread: list[Any], **_: Any) -> None:
        if any(one.user_id == "cid" for one in unread):
            raise error

    message_unread.connect(receiver)
    check()
    message_unread.disconnect(receiver)
    assert ReceiptCheck.objects.get().message_id == with_error.pk


def test_what_a_receiver_writes_is_kept_with_the_check_or_not_at_all(hook: Hook) -> None:
    said(hook)
    fails = [True]

    def receiver(*, unread: list[Any], **_: Any) -> None:
        Message.objects.filter(pk=unread[0].message).update(text="told")
        if fails:
            raise ValueError

    message_unread.connect(receiver)
    check()
    assert Message.objects.get().text == "Hello"
    fails.clear()
    ReceiptCheck.objects.update(due_at=database_now())
    check()
    message_unread.disconnect(receiver)
    assert Message.objects.get().text == "told"
    assert not ReceiptCheck.objects.exists()


def give_up(hook: Hook, why: str = "KeyError in a receiver of message_unread") -> None:
    message = said(hook)
    ReceiptCheck.objects.filter(message=message).update(due_at=None, attempts=MAX_ATTEMPTS, error=why)


def retry(*arguments: str) -> str:
    output = StringIO()
    call_command("retry_checks", *arguments, stdout=output)
    return output.getvalue()


def test_what_was_given_up_is_done_when_it_is_retried(told: Told, rings: Rings, hook: Hook) -> None:
    give_up(hook)
    assert check() == 0
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert "Tried again: 1." in retry()
    assert "check" in rings.stages
    check()
    assert told.users == ["ben"]
    assert "No check was given up." in retry()


def test_retrying_tells_how_many_were_given_up_and_why(hook: Hook) -> None:
    other = receipts_hook()
    for why in ("one reason", "one reason", "another"):
        give_up(hook, why)
    give_up(other, "their own")
    assert retry(hook.slug, "--dry-run").splitlines() == [
        f"{hook.slug}: 1 given up: another",
        f"{hook.slug}: 2 given up: one reason",
    ]
    assert ReceiptCheck.objects.filter(due_at=None).count() == 4
    retry(hook.slug)
    assert ReceiptCheck.objects.get(due_at=None).hook == other


def test_retrying_a_hook_that_is_none_names_the_known_ones(hook: Hook) -> None:
    with pytest.raises(CommandError, match=hook.slug):
        retry("nobody")


def test_putting_off_a_check_that_is_gone_is_no_error(hook: Hook) -> None:
    receipts._put_off(hook.pk, 0, "too late")
    assert not ReceiptCheck.objects.exists()


# Races


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("refuses", ["", "user-7"])
def test_workers_report_each_message_once(told: Told, hook: Hook, settings: Any, refuses: str) -> None:
    settings.CHECK_BATCH = 5
    told.refuses = refuses
    for number in range(30):
        said(hook, **{f"user-{number}": 0})
    together(check, check, check)
    assert sorted(told.users) == sorted(f"user-{number}" for number in range(30) if f"user-{number}" != refuses)
    assert ReceiptCheck.objects.count() == (1 if refuses else 0)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_check_that_another_worker_holds_is_not_done_here(told: Told, hook: Hook) -> None:
    said(hook)
    with transaction.atomic():
        list(ReceiptCheck.objects.select_for_update())
        assert together(check) == [0]
    assert told.unread == []
    assert check() == 1


# When the next is due


def test_the_next_is_none_when_there_is_none(db: None) -> None:
    assert receipts.seconds_to_next() is None


def test_the_next_is_now_when_it_is_overdue(hook: Hook) -> None:
    said(hook)
    assert receipts.seconds_to_next() == 0


@pytest.mark.parametrize(("minutes", "rung"), [(5, 1), (20, 0)])
def test_the_next_is_rung_for_when_it_is_near(rings: Rings, hook: Hook, minutes: int, rung: int) -> None:
    said(hook)
    ReceiptCheck.objects.update(due_at=database_now() + timedelta(minutes=minutes))
    wait = receipts.seconds_to_next()
    assert wait
    assert minutes * 60 - 5 < wait <= minutes * 60
    due = ReceiptCheck.objects.get().due_at
    assert due
    assert rings.at("check") == [int(due.timestamp())] * rung


def test_a_changed_hook_is_seen_when_it_is_read_anew(told: Told, hook: Hook) -> None:
    said(hook)
    Hook.objects.update(enabled=False)
    forget()
    check()
    assert told.unread == []
