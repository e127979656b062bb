"""Merging: at least once, in any order, and always the same facts in the end."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.models import ChatApp, Conversation, Departure, EarlyEdit, Message, Receipt, ReceiptCheck
from notifier.platforms.base import ChatEvent, Kind, MessageFacts, Part, Rank
from notifier.services.conversations import Arrived
from notifier.services.hooks import live_hooks
from notifier.services.merging import due_at, merge
from tests.factories import DELAY, chat_app, receipts_hook

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def facts(key: str = "m1", text: str = "Hello", *, sender: str | None = "ann", **fields: Any) -> MessageFacts:
    values: dict[str, Any] = {"sender_name": None, "parts": (Part("text/plain", text),), "sent_at": NOW}
    return MessageFacts(id=key, sender_id=sender, **{**values, **fields})


def event(kind: Kind = Kind.SENT, *, seconds: int = 0, message: MessageFacts | None = None, **fields: Any) -> ChatEvent:
    values: dict[str, Any] = {"key": str(uuid.uuid4()), "type": str(kind), "conversation": "c1"}
    at = NOW + seconds * SECOND
    return ChatEvent(kind=kind, at=at, message=message or facts(), **{**values, **fields})


def about_conversation(kind: Kind, *, seconds: int = 0, **fields: Any) -> ChatEvent:
    return ChatEvent(
        key=str(uuid.uuid4()), type=str(kind), kind=kind, at=NOW + seconds * SECOND, conversation="c1", **fields
    )


def sent(**statuses: Rank) -> ChatEvent:
    return event(statuses=statuses or {"ben": Rank.SENT})


def receipt(seconds: int = 1, **statuses: Rank) -> ChatEvent:
    return event(Kind.RECEIPT, seconds=seconds, statuses=statuses)


def edited(text: str, seconds: int = 1, *, by: str | None = "ann", **fields: Any) -> ChatEvent:
    return event(Kind.EDITED, seconds=seconds, message=facts(text=text, sender=by, **fields))


def merged(app: ChatApp, *batches: Sequence[ChatEvent]) -> Message:
    """Merge batch after batch, with the receipts hooks of the app; the message that they are about."""
    hooks = [hook for hook in live_hooks().values() if hook.chat_app == app.pk]
    for batch in batches:
        merge(app.pk, hooks, [Arrived(NOW + SECOND, one) for one in batch])
    return Message.objects.get(chat_app=app, key="m1")


def ranks(message: Message) -> dict[str, int]:
    return dict(Receipt.objects.filter(message=message).values_list("user_id", "rank"))


@pytest.fixture
def app(db: None) -> ChatApp:
    return chat_app()


# Receipts


def test_read_before_sent_stays_read(app: ChatApp) -> None:
    message = merged(app, [receipt(ben=Rank.READ)], [sent(ben=Rank.SENT, cid=Rank.SENT)])
    assert ranks(message) == {"ben": Rank.READ, "cid": Rank.SENT}
    assert message.text == "Hello"


def test_an_old_snapshot_does_not_unread(app: ChatApp) -> None:
    old = receipt(ben=Rank.DELIVERED, cid=Rank.SENT)
    assert ranks(merged(app, [sent()], [receipt(ben=Rank.READ)], [old])) == {"ben": Rank.READ}


def test_the_sender_is_no_recipient(app: ChatApp) -> None:
    statuses = {"ann": Rank.READ, "ben": Rank.READ}
    assert ranks(merged(app, [receipt(**statuses)], [sent(**statuses)])) == {"ben": Rank.READ}


def test_five_hundred_recipients(app: ChatApp) -> None:
    everyone = {f"user-{number}": Rank.SENT for number in range(500)}
    assert ranks(merged(app, [event(statuses=everyone)])) == everyone


# Texts


def test_parts_are_kept_when_there_is_more_than_a_text(app: ChatApp) -> None:
    parts = (Part("text/plain", "Look"), Part("image/png"))
    message = merged(app, [event(message=facts(parts=parts))])
    assert (message.text, message.all_parts) == ("Look", [("text/plain", "Look"), ("image/png", None)])


def test_where_a_part_can_be_fetched_is_kept_and_rows_without_it_read_as_before(app: ChatApp) -> None:
    until = datetime(2026, 11, 20, 9, tzinfo=UTC)
    told = (
        Part("image/png", None, "https://content.example/1", until),
        Part("image/gif", None, "https://content.example/2", size=90210),
    )
    message = merged(app, [event(message=facts(parts=(Part("image/png"), *told)))])
    assert message.parts == [
        ["image/png", None],
        ["image/png", None, "https://content.example/1", "2026-11-20T09:00:00+00:00", None],
        ["image/gif", None, "https://content.example/2", None, 90210],
    ]
    assert message.all_parts == [("image/png", None), ("image/png", None), ("image/gif", None)]


def test_an_edit_changes_the_text(app: ChatApp) -> None:
    assert merged(app, [sent()], [edited("Bye")]).text == "Bye"


def test_an_edit_is_noted_by_our_own_clock(app: ChatApp) -> None:
    """The platform's stamp says which edit is the newest, and ours whether a text was made before it."""
    before = timezone.now() - timedelta(minutes=1)
    assert merged(app, [sent()]).changed_at is None
    message = merged(app, [edited("Bye")])
    assert message.edited_at == NOW + SECOND
    assert message.changed_at is not None
    assert before < message.changed_at < timezone.now() + timedelta(minutes=1)


def test_an_old_edit_changes_nothing(app: ChatApp) -> None:
    first = merged(app, [sent()], [edited("second", 2)])
    assert merged(app, [edited("first", 1)]).changed_at == first.changed_at


def test_an_edit_that_comes_first_is_not_undone(app: ChatApp) -> None:
    assert merged(app, [edited("Bye")], [sent()]).text == "Bye"


def test_the_newest_edit_counts_whenever_it_comes(app: ChatApp) -> None:
    assert merged(app, [sent()], [edited("second", 2)], [edited("first", 1)]).text == "second"
    assert merged(app, [edited("fourth", 4), edited("third", 3)]).text == "fourth"


@pytest.mark.parametrize("first", [True, False])
def test_nobody_else_edits_a_message(app: ChatApp, first: bool) -> None:
    order = [[sent()], [edited("Forged", 2, by="mal")]]
    message = merged(app, *(order[::-1] if first else order))
    assert (message.text, message.edited_at, message.sender_id) == ("Hello", None, "ann")
    assert not EarlyEdit.objects.exists()


@pytest.mark.parametrize("apart", [True, False])
def test_an_edit_that_came_first_counts_though_a_stranger_edited_later(app: ChatApp, apart: bool) -> None:
    edits = [edited("Bye", 1), edited("Forged", 2, by="mal")]
    merged(app, *([[one] for one in edits] if apart else [edits]))
    assert EarlyEdit.objects.count() == 2
    message = merged(app, [sent()])
    assert (message.text, message.edited_at) == ("Bye", NOW + SECOND)
    assert not EarlyEdit.objects.exists()


def test_a_message_that_nobody_has_seen_yet_has_no_text(app: ChatApp) -> None:
    assert merged(app, [edited("Forged", by="mal")]).text == ""


def test_an_edit_that_names_nobody_counts(app: ChatApp) -> None:
    assert merged(app, [sent()], [edited("Bye", by=None)]).text == "Bye"
    assert merged(chat_app(), [edited("Bye", by=None)], [sent()]).text == "Bye"


def test_a_bot_edits_its_own_messages_only(app: ChatApp) -> None:
    message = event(message=facts(sender=None, sender_name="Robot"))
    others = edited("Forged", 2, by=None, sender_name="Other"), edited("Forged", 3)
    assert merged(app, [edited("Bye", by=None, sender_name="Robot")], [message], others).text == "Bye"


def test_a_message_that_is_edited_into_a_bots_is_still_its_senders(app: ChatApp) -> None:
    """As Matrix tells it of a text that becomes a notice."""
    assert merged(app, [sent()], [edited("Bye", by=None, sender_name="ann")]).text == "Bye"


def test_of_a_deleted_message_no_early_edit_is_kept(app: ChatApp) -> None:
    merged(app, [edited("Bye")], [event(Kind.DELETED, seconds=2)], [edited("Again", 3)])
    assert not EarlyEdit.objects.exists()


def test_a_moderator_deletes_what_others_wrote(app: ChatApp) -> None:
    """The platform has looked at who may, before it tells us."""
    message = merged(app, [sent()], [event(Kind.DELETED, message=facts(sender="moderator"))])
    assert message.deleted_at is not None


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_a_deleted_message_keeps_no_text(app: ChatApp, together: bool, first: bool) -> None:
    others = [sent(), edited("Bye")]
    deletion = event(Kind.DELETED)
    order = [deletion, *others] if first else [*others, deletion]
    message = merged(app, order) if together else merged(app, *[[one] for one in order])
    assert message.deleted_at is not None
    assert (message.text, message.parts) == ("", None)


def _everything() -> list[ChatEvent]:
    return [
        sent(ben=Rank.SENT, cid=Rank.SENT),
        receipt(1, ben=Rank.DELIVERED, cid=Rank.SENT),
        receipt(2, ben=Rank.READ, cid=Rank.DELIVERED),
        receipt(3, ann=Rank.READ, cid=Rank.READ),
        edited("second thoughts", 4),
        edited("third thoughts", 5),
        edited("a stranger's", 6, by="mal"),
        edited("a stranger's earlier ones", 3, by="mal"),
        event(Kind.DELETED, seconds=6),
        about_conversation(Kind.OTHER),
    ]


def _final(app: ChatApp) -> tuple[Any, ...]:
    shown = ("sender_id", "sender_name", "text", "parts", "sent_at", "edited_at", "deleted_at")
    messages = list(Message.objects.filter(chat_app=app).order_by("key").values_list("key", *shown))
    found = Receipt.objects.filter(message__chat_app=app)
    early = EarlyEdit.objects.filter(message__chat_app=app).order_by("editor_id")
    assert not early.filter(message__sent_at__isnull=False).exists()
    known = [*messages, *early.values_list("editor_id", "text", "edited_at")]
    return known, sorted(found.values_list("message__key", "user_id", "rank"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_events_changes_nothing(data: st.DataObject) -> None:
    """Any choice of events, in any order, some twice, in batches of any size, against the same in order, at once."""
    everything = _everything()
    chosen = data.draw(st.lists(st.sampled_from(range(len(everything))), unique=True, min_size=1))
    events = [everything[index] for index in sorted(chosen)]
    mixed = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=4))]))
    cut = data.draw(st.integers(0, len(mixed)))
    other = data.draw(st.integers(cut, len(mixed)))

    straight, crooked = chat_app(), chat_app()
    merge(straight.pk, [], [Arrived(NOW, one) for one in events])
    for batch in (mixed[:cut], mixed[cut:other], mixed[other:]):
        merge(crooked.pk, [], [Arrived(NOW, one) for one in batch])
    if not any(one.kind is Kind.DELETED for one in events):
        assert _final(crooked) == _final(straight)
        return
    (messages, receipts), (others, other_receipts) = _final(crooked), _final(straight)
    assert receipts == other_receipts
    # A tombstone keeps no edit, and whether it saw one is of no interest.
    assert [(*m[:6], m[7]) for m in messages] == [(*m[:6], m[7]) for m in others]


# Checks


def checks(hook: Any) -> list[datetime | None]:
    return list(ReceiptCheck.objects.filter(hook=hook).values_list("due_at", flat=True))


def test_a_check_is_planned_once(app: ChatApp) -> None:
    hook = receipts_hook(app)
    event_ = sent()
    message = merged(app, [event_, event_], [event_])
    assert checks(hook) == [NOW + DELAY]
    ReceiptCheck.objects.filter(message=message).delete()  # done
    merged(app, [event_])
    assert checks(hook) == []


def test_each_receipts_hook_has_its_own_check(app: ChatApp) -> None:
    quick, slow = receipts_hook(app, delay=1000), receipts_hook(app, delay=600000)
    merged(app, [sent()])
    assert (checks(quick), checks(slow)) == ([NOW + SECOND], [NOW + timedelta(minutes=10)])


def test_a_bots_message_is_not_checked(app: ChatApp) -> None:
    hook = receipts_hook(app)
    message = merged(app, [event(message=facts(sender=None, sender_name="Robot"), statuses={"ben": Rank.SENT})])
    assert (message.sender_id, message.sender_name) == (None, "Robot")
    assert checks(hook) == []


def test_a_message_that_everybody_has_read_is_not_checked(app: ChatApp) -> None:
    hook = receipts_hook(app)
    merged(app, [sent(ben=Rank.READ)])
    assert checks(hook) == []


def test_a_status_that_is_reported_may_be_reached_later(app: ChatApp) -> None:
    hook = receipts_hook(app, report_for_status=["delivered"])
    merged(app, [sent(ben=Rank.SENT)])
    assert len(checks(hook)) == 1


def test_recipients_may_be_heard_of_later(app: ChatApp) -> None:
    hook = receipts_hook(app)
    merged(app, [event(statuses={})], [receipt(ben=Rank.DELIVERED)])
    assert len(checks(hook)) == 1


@pytest.mark.parametrize("first", [True, False])
def test_a_deleted_message_is_not_checked(app: ChatApp, first: bool) -> None:
    hook = receipts_hook(app)
    order = [sent(), event(Kind.DELETED)]
    merged(app, order if first else order[::-1])
    assert checks(hook) == []


moments = st.datetimes(timezones=st.just(UTC))


@pytest.mark.once
@given(stamp=st.none() | moments, delay=st.timedeltas(timedelta(0), timedelta(days=40)))
def test_a_check_is_due_neither_before_it_was_received_nor_after_its_delay(
    stamp: datetime | None, delay: timedelta
) -> None:
    due = due_at(stamp, NOW, delay)
    assert NOW <= due <= NOW + delay
    if stamp and NOW - delay <= stamp <= NOW:
        assert due == stamp + delay


# Conversations


def gone(app: ChatApp) -> set[str]:
    return set(Departure.objects.filter(conversation__chat_app=app).values_list("user_id", flat=True))


def test_who_leaves_is_noted(app: ChatApp) -> None:
    merged(app, [sent()], [about_conversation(Kind.LEFT, left=["ben"])])
    assert gone(app) == {"ben"}


def test_a_user_id_that_is_too_long_is_left_out_and_the_others_are_kept(
    app: ChatApp, caplog: pytest.LogCaptureFixture
) -> None:
    endless = "x" * 256
    receipts_hook(app)
    leaving = about_conversation(Kind.LEFT, left=["cid", endless])
    message = merged(app, [sent(**{"ben": Rank.SENT, "y" * 255: Rank.SENT, endless: Rank.SENT})], [leaving])
    assert ranks(message) == {"ben": 0, "y" * 255: 0}
    assert ReceiptCheck.objects.count() == 1
    assert [gone.user_id for gone in Departure.objects.all()] == ["cid"]
    assert "too long" in caplog.text
    assert endless not in caplog.text


def test_who_is_missing_among_the_participants_has_left(app: ChatApp) -> None:
    merged(app, [sent(ben=Rank.SENT, cid=Rank.SENT)], [about_conversation(Kind.LEFT, participants=["ann", "cid"])])
    assert gone(app) == {"ben"}


def test_who_comes_back_is_no_longer_gone(app: ChatApp) -> None:
    leaving = about_conversation(Kind.LEFT, seconds=1, participants=["ann"])
    coming = about_conversation(Kind.LEFT, seconds=2, participants=["ann", "ben"])
    merged(app, [sent()], [leaving], [coming])
    assert gone(app) == set()


def test_who_has_unread_messages_of_long_ago_only_is_not_looked_for(app: ChatApp) -> None:
    """A conversation of years has many receipts, and nobody is texted for the old ones any more."""
    for weeks, user in ((8, "dan"), (6, "cid")):
        old = facts(f"m-{weeks}", sent_at=NOW - timedelta(weeks=weeks))
        merge(app.pk, [], [Arrived(NOW, event(message=old, statuses={user: Rank.SENT}))])
    receipts_hook(app, delay=timedelta(weeks=6))
    merged(app, [sent()], [about_conversation(Kind.LEFT, participants=["ann", "ben"])])
    assert [gone.user_id for gone in Departure.objects.all()] == ["cid"]


def test_a_stamp_of_the_year_1_is_no_error(app: ChatApp) -> None:
    leaving = replace(about_conversation(Kind.LEFT, participants=["ann"]), at=datetime(1, 1, 1, tzinfo=UTC))
    merged(app, [sent()], [leaving])
    assert Message.objects.exists()


def test_an_old_list_of_participants_brings_nobody_back(app: ChatApp) -> None:
    leaving = about_conversation(Kind.LEFT, seconds=2, participants=["ann"])
    before = about_conversation(Kind.LEFT, seconds=1, participants=["ann", "ben"])
    merged(app, [sent()], [leaving], [before])
    assert gone(app) == {"ben"}


def test_of_one_batch_the_later_list_counts(app: ChatApp) -> None:
    leaving = about_conversation(Kind.LEFT, seconds=1, participants=["ann"])
    coming = about_conversation(Kind.LEFT, seconds=2, participants=["ann", "ben"])
    merged(app, [sent(), coming, leaving])
    assert gone(app) == set()


def test_a_title_is_taken_over_also_an_empty_one(app: ChatApp) -> None:
    merged(app, [sent(), about_conversation(Kind.CONVERSATION, title="")])
    assert Conversation.objects.get(chat_app=app).title == ""
    merged(app, [about_conversation(Kind.CONVERSATION, seconds=1, title="Lunch")])
    assert Conversation.objects.get(chat_app=app).title == "Lunch"


def test_a_deleted_conversation_stays_deleted(app: ChatApp) -> None:
    merged(app, [about_conversation(Kind.DELETED)], [sent()])
    assert Conversation.objects.get(chat_app=app).deleted_at == NOW
