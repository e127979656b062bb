"""From notices to texts: who is texted, and why somebody is not."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, InternalError, OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from notifier.backoff import backoff
from notifier.models import Departure, Message, Receipt
from smsbridge.models import Bridge, Contact, Lease, Notice, OptOut, OutboundSms
from smsbridge.services import composing, contacts, gathering, notices, openings, storing
from tests import factories
from tests.factories import BENS_PHONE, conversation, message, notice, outbound
from tests.notifier import servers
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, crash_at
from tests.smsbridge.upstreams import Chat

Reason = Notice.Reason


def change(bridge: Bridge, **policy: object) -> None:
    Bridge.objects.filter(pk=bridge.pk).update(**policy)
    factories.forget()


def texts() -> list[str]:
    return list(OutboundSms.objects.order_by("created_at", "id").values_list("text", flat=True))


def fate(of: Notice) -> tuple[str, str]:
    of.refresh_from_db()
    return of.state, of.reason


def make_due(*notices: Notice) -> None:
    Notice.objects.filter(pk__in=[one.pk for one in notices]).update(next_at=timezone.now() - timedelta(seconds=1))


def test_it_makes_a_text_of_a_notice(bridge: Bridge) -> None:
    one = notice(bridge)
    assert compose() == 1
    sms = OutboundSms.objects.get()
    assert (sms.text, sms.phone, sms.state, sms.segments, sms.attempts) == ("Ann: Hello", BENS_PHONE, "ready", 1, 0)
    assert sms.number in bridge.pool.numbers.all()
    assert sms.account_id == sms.number.account_id
    assert fate(one) == ("in_sms", "")
    assert one.sms == sms


def test_it_leaves_what_is_not_due_alone(bridge: Bridge) -> None:
    notice(bridge, next_at=timezone.now() + timedelta(minutes=1))
    assert compose() == 0
    assert texts() == []


# Reasons not to text


def has_read(one: Notice) -> None:
    Receipt.objects.filter(message=one.message).update(rank=2)


def is_deleted(one: Notice) -> None:
    Message.objects.filter(pk=one.message_id).update(deleted_at=timezone.now(), text="")


def conversation_is_deleted(one: Notice) -> None:
    one.conversation.deleted_at = timezone.now()
    one.conversation.save()


def has_left(one: Notice) -> None:
    Departure.objects.create(conversation=one.conversation, user_id=one.user_id, left_at=timezone.now())


def has_no_phone(one: Notice) -> None:
    Contact.objects.filter(user_id=one.user_id).update(phone="")


def opted_out(one: Notice) -> None:
    OptOut.objects.create(phone=BENS_PHONE, source="keyword")


def used_up(one: Notice) -> None:
    for number in one.bridge.pool.numbers.all():
        factories.lease(number, conversation(one.bridge.hook.chat_app))


def says_nothing(one: Notice) -> None:
    Message.objects.filter(pk=one.message_id).update(text=" \n")


def template_says_nothing(one: Notice) -> None:
    change(one.bridge, template="<%= sender.nickname %>")


def is_too_old(one: Notice) -> None:
    Notice.objects.filter(pk=one.pk).update(due_at=timezone.now() - timedelta(hours=13))


@pytest.mark.parametrize(
    ("happen", "reason"),
    [
        (has_read, Reason.READ),
        (is_deleted, Reason.DELETED),
        (conversation_is_deleted, Reason.DELETED),
        (has_left, Reason.LEFT),
        (has_no_phone, Reason.NO_PHONE),
        (opted_out, Reason.OPTED_OUT),
        (used_up, Reason.POOL_USED_UP),
        (says_nothing, Reason.EMPTY),
        (template_says_nothing, Reason.TEMPLATE),
        (is_too_old, Reason.TOO_OLD),
    ],
)
def test_it_says_why_somebody_is_not_texted(bridge: Bridge, happen: Callable[[Notice], None], reason: str) -> None:
    one = notice(bridge)
    happen(one)
    compose()
    assert fate(one) == ("skipped", reason)
    assert texts() == []


def test_it_texts_the_others_of_a_batch_all_the_same(bridge: Bridge) -> None:
    gone, kept = notice(bridge), notice(bridge)
    is_deleted(gone)
    compose()
    assert [fate(gone)[0], fate(kept)[0]] == ["skipped", "in_sms"]


def test_it_does_not_text_somebody_whom_the_platform_does_not_know(bridge: Bridge, chat: Chat) -> None:
    one = notice(bridge, user_id="eve")
    compose()
    assert fate(one) == ("skipped", Reason.NO_IDENTITY)


def test_it_does_not_text_anybody_unknown_while_identities_are_off(bridge: Bridge) -> None:
    bridge.hook.identities = "off"
    bridge.hook.save()
    unknown, entered = notice(bridge, user_id="eve"), notice(bridge)
    compose()
    assert fate(unknown) == ("skipped", Reason.NO_IDENTITY)
    assert fate(entered) == ("in_sms", "")


def test_it_counts_somebody_as_told_by_the_statuses_of_the_hook(bridge: Bridge) -> None:
    bridge.hook.report_for_status = ["sent"]
    bridge.hook.save()
    delivered = notice(bridge)
    Receipt.objects.filter(message=delivered.message).update(rank=1)
    compose()
    assert fate(delivered) == ("skipped", Reason.READ)


def test_it_waits_for_a_number_when_the_bridge_says_so(bridge: Bridge) -> None:
    change(bridge, when_exhausted=Bridge.WhenExhausted.WAIT)
    one = notice(bridge)
    used_up(one)
    compose()
    assert fate(one) == ("waiting", "")
    assert one.next_at > timezone.now()
    Lease.objects.all()[0].delete()
    make_due(one)
    compose()
    assert fate(one) == ("in_sms", "")


def test_it_waits_while_the_platform_does_not_answer_and_loses_nothing(bridge: Bridge, chat: Chat) -> None:
    chat.identities = {"eve": {"display_name": "Eve", "phone_number": factories.phone(5)}}
    one = notice(bridge, user_id="eve")
    chat.script = [servers.answer(503)]
    compose()
    assert fate(one) == ("waiting", "")
    assert timedelta(seconds=1) < one.next_at - timezone.now() < timedelta(seconds=5)
    assert one.attempts == 1
    assert "503" in one.note
    make_due(one)
    compose()
    assert fate(one) == ("in_sms", "")
    assert OutboundSms.objects.get().phone == factories.phone(5)


def test_it_waits_longer_with_each_try(bridge: Bridge, chat: Chat) -> None:
    one = notice(bridge, user_id="eve", attempts=5)
    chat.script = [servers.answer(503)]
    compose()
    one.refresh_from_db()
    assert timedelta(seconds=60) < one.next_at - timezone.now() <= timedelta(seconds=128)


def test_it_gives_up_on_a_platform_that_stays_away_too_long(bridge: Bridge) -> None:
    one = notice(bridge, user_id="eve", attempts=20, due_at=timezone.now() - timedelta(hours=12, seconds=1))
    compose()
    assert fate(one) == ("skipped", Reason.TOO_OLD)


def test_it_waits_when_the_platforms_address_is_none(bridge: Bridge) -> None:
    app = bridge.hook.chat_app
    app.options = {**app.options, "api_url": "nowhere"}
    app.save()
    factories.forget()
    other = factories.bridge()
    factories.contact(other.hook.chat_app, "ann"), factories.contact(other.hook.chat_app, "ben")
    stuck, well = notice(bridge, user_id="eve"), notice(other)
    compose()
    assert [fate(stuck)[0], fate(well)[0]] == ["waiting", "in_sms"]


@pytest.mark.parametrize("what", ["bridge", "app"])
def test_it_waits_while_paused_without_spending_tries(bridge: Bridge, what: str) -> None:
    paused = bridge if what == "bridge" else bridge.hook.chat_app
    paused.paused = True
    paused.save()
    factories.forget()
    one = notice(bridge)
    for _ in range(3):
        make_due(one)
        compose()
    assert fate(one) == ("waiting", "")
    assert one.attempts == 0
    paused.paused = False
    paused.save()
    factories.forget()
    make_due(one)
    compose()
    assert fate(one) == ("in_sms", "")


def test_it_texts_while_only_the_account_is_paused_so_that_the_text_can_wait(bridge: Bridge) -> None:
    account = bridge.pool.numbers.all()[0].account
    account.paused = True
    account.save()
    factories.forget()
    notice(bridge)
    compose()
    assert OutboundSms.objects.get().state == "ready"


def test_it_waits_while_its_hook_cannot_be_used(bridge: Bridge) -> None:
    bridge.hook.chat_app.platform = "unheard of"
    bridge.hook.chat_app.save()
    factories.forget()
    other = factories.bridge()
    factories.contact(other.hook.chat_app, "ann"), factories.contact(other.hook.chat_app, "ben")
    stuck, well = notice(bridge), notice(other)
    compose()
    assert [fate(stuck)[0], fate(well)[0]] == ["waiting", "in_sms"]


# Digests


def test_it_makes_one_text_of_what_is_due_together(bridge: Bridge) -> None:
    place = conversation(bridge.hook.chat_app)
    now = timezone.now()
    sent = [message(place, f"{index}", sent_at=now - timedelta(seconds=9 - index)) for index in range(3)]
    for one in reversed(sent):
        notice(bridge, one)
    compose()
    assert texts() == ["Ann: 0\nAnn: 1\nAnn: 2"]
    sms = OutboundSms.objects.get()
    assert sms.notices.count() == 3
    assert sms.due_at == sent[0].sent_at


def test_it_takes_all_that_is_due_together_even_beyond_a_batch(bridge: Bridge, settings: Settings) -> None:
    settings.COMPOSE_BATCH = 2
    place = conversation(bridge.hook.chat_app)
    for index in range(5):
        notice(bridge, message(place, f"{index}", sent_at=timezone.now() - timedelta(seconds=9 - index)))
    compose()
    assert texts() == ["\n".join(f"Ann: {index}" for index in range(5))]


def test_it_keeps_the_newest_up_to_the_cap(bridge: Bridge) -> None:
    change(bridge, max_segments=1)
    place = conversation(bridge.hook.chat_app)
    told = [
        notice(bridge, message(place, f"{index}" * 60, sent_at=timezone.now() - timedelta(seconds=9 - index)))
        for index in range(4)
    ]
    compose()
    assert texts() == ["(+2 earlier)\nAnn: " + "2" * 60 + "\nAnn: " + "3" * 60]
    assert {fate(one) for one in told} == {("in_sms", "")}


def test_it_keeps_people_and_conversations_apart(bridge: Bridge) -> None:
    factories.contact(bridge.hook.chat_app, "cat", factories.phone(7))
    place, other = conversation(bridge.hook.chat_app), conversation(bridge.hook.chat_app)
    for where, user in ((place, "ben"), (place, "cat"), (other, "ben")):
        notice(bridge, message(where, unread_by=[user]), user)
    compose()
    assert len(texts()) == 3


def test_it_makes_one_text_of_each_message_without_digest(bridge: Bridge) -> None:
    change(bridge, digest=False)
    place = conversation(bridge.hook.chat_app)
    for index in range(3):
        notice(bridge, message(place, f"{index}", sent_at=timezone.now() - timedelta(seconds=9 - index)))
    compose()
    assert sorted(texts()) == ["Ann: 0", "Ann: 1", "Ann: 2"]
    assert OutboundSms.objects.values("number").distinct().count() == 1


def test_it_leaves_out_of_a_digest_what_was_read_meanwhile(bridge: Bridge) -> None:
    place = conversation(bridge.hook.chat_app)
    seen, unseen = notice(bridge, message(place, "seen")), notice(bridge, message(place, "unseen"))
    has_read(seen)
    compose()
    assert texts() == ["Ann: unseen"]
    assert [fate(seen), fate(unseen)] == [("skipped", Reason.READ), ("in_sms", "")]


@pytest.mark.postgres
@pytest.mark.parametrize("round_", range(3))
@pytest.mark.django_db(transaction=True)
def test_two_workers_neither_split_nor_double_a_digest(bridge: Bridge, settings: Settings, round_: int) -> None:
    settings.COMPOSE_BATCH = 5
    places = [conversation(bridge.hook.chat_app) for _ in range(3)]
    for index in range(10):
        for place in places:
            notice(bridge, message(place, f"{index}", sent_at=timezone.now() - timedelta(seconds=60 - index)))
    together([compose, compose])
    assert texts() == ["\n".join(f"Ann: {index}" for index in range(10))] * 3
    assert not Notice.objects.exclude(state="in_sms").exists()


# What people are called, and the forms of messages


def test_it_names_non_text_parts_in_words(bridge: Bridge) -> None:
    place = conversation(bridge.hook.chat_app)
    notice(bridge, message(place, "Look", parts=[["text/plain", "Look"], ["image/png", None]]))
    compose()
    assert texts() == ["Ann: Look\n[image]"]


def test_it_skips_a_message_without_parts(bridge: Bridge) -> None:
    one = notice(bridge, message(conversation(bridge.hook.chat_app), "", parts=[]))
    compose()
    assert fate(one) == ("skipped", Reason.EMPTY)


@pytest.mark.parametrize("title", ["Complaints", ""])
def test_whom_nobody_can_name_is_named_after_the_place(bridge: Bridge, title: str) -> None:
    app = bridge.hook.chat_app
    notice(bridge, message(conversation(app, title=title), sender_id=None))
    compose()
    assert texts() == [f"{title or app.name}: Hello"]


def test_it_names_a_bot_as_the_platform_does(bridge: Bridge) -> None:
    notice(bridge, message(conversation(bridge.hook.chat_app), sender_id=None, sender_name="Robo"))
    compose()
    assert texts() == ["Robo: Hello"]


def test_it_asks_nobody_about_senders_whom_the_template_does_not_name(bridge: Bridge, chat: Chat) -> None:
    change(bridge, template="<%= text %>")
    notice(bridge, message(conversation(bridge.hook.chat_app), sender_id="stranger"))
    compose()
    assert (texts(), chat.asked) == (["Hello"], [])


def test_it_cuts_a_long_message_at_the_cap(bridge: Bridge) -> None:
    notice(bridge, message(conversation(bridge.hook.chat_app), "word " * 500))
    compose()
    sms = OutboundSms.objects.get()
    assert sms.segments == 6
    assert sms.text.endswith("word...")


# Introductions


def tell(bridge: Bridge, place: object, text: str = "Hello") -> OutboundSms:
    notice(bridge, message(place, text))  # type: ignore[arg-type]
    compose()
    return OutboundSms.objects.latest("created_at")


def test_it_introduces_the_first_text_of_a_link_and_no_later_one(bridge: Bridge) -> None:
    change(bridge, introduction="Here is <%= conversation.title %>.")
    place = conversation(bridge.hook.chat_app)
    assert [tell(bridge, place).text, tell(bridge, place).text] == ["Here is Tea.\nAnn: Hello", "Ann: Hello"]
    assert Lease.objects.get().introduced_by == OutboundSms.objects.earliest("created_at")


def test_it_introduces_each_conversation(bridge: Bridge) -> None:
    change(bridge, introduction="Hi.")
    assert tell(bridge, conversation(bridge.hook.chat_app)).introduces
    assert tell(bridge, conversation(bridge.hook.chat_app)).introduces


def test_it_introduces_once_when_several_texts_are_due_together_without_digest(bridge: Bridge) -> None:
    change(bridge, introduction="Hi.", digest=False)
    place = conversation(bridge.hook.chat_app)
    for index in range(3):
        notice(bridge, message(place, f"{index}", sent_at=timezone.now() - timedelta(seconds=9 - index)))
    compose()
    assert sorted(texts()) == ["Ann: 1", "Ann: 2", "Hi.\nAnn: 0"]


def changed_phone(bridge: Bridge) -> None:
    Contact.objects.filter(user_id="ben").update(phone=factories.phone(9))


def removed_number(bridge: Bridge) -> None:
    number = Lease.objects.get().number
    number.active = False
    number.save()
    factories.forget()


def taken_over(bridge: Bridge) -> None:
    """Every number went to conversations of this phone while the lease was expired, and came free again."""
    Lease.objects.update(
        expires_at=timezone.now() - timedelta(seconds=1),
        conversation=conversation(bridge.hook.chat_app),
        introduced_by=None,
    )


@pytest.mark.parametrize("happen", [changed_phone, removed_number, taken_over])
def test_it_introduces_every_changed_link(bridge: Bridge, happen: Callable[[Bridge], None]) -> None:
    change(bridge, introduction="Hi.")
    place = conversation(bridge.hook.chat_app)
    before = tell(bridge, place)
    happen(bridge)
    after = tell(bridge, place)
    assert after.text == "Hi.\nAnn: Hello"
    assert (after.phone, after.number_id) != (before.phone, before.number_id)


def test_it_never_cuts_the_introduction(bridge: Bridge) -> None:
    opening = "We are glad to have you. " * 14
    change(bridge, introduction=opening, max_segments=2)
    sms = tell(bridge, conversation(bridge.hook.chat_app), "word " * 200)
    assert sms.text.startswith(opening.strip() + "\nAnn: word")


def test_it_tries_a_failing_introduction_function_again_and_nobody_else_waits(bridge: Bridge) -> None:
    change(bridge, introduction_function=f"{__name__}.moody")
    shy, plain = conversation(bridge.hook.chat_app, title="shy"), conversation(bridge.hook.chat_app)
    stuck, well = notice(bridge, message(shy)), notice(bridge, message(plain))
    compose()
    assert [fate(stuck)[0], fate(well)[0]] == ["waiting", "in_sms"]
    assert stuck.next_at > timezone.now()
    assert "moody raised LookupError" in stuck.note
    shy.title = "bold"
    shy.save()
    make_due(stuck)
    compose()
    assert fate(stuck)[0] == "in_sms"
    assert stuck.sms is not None
    assert stuck.sms.text == "This is bold.\nAnn: Hello"


class Clock:
    """The monotonic clock, which moves only when told to."""

    now = 1000.0

    @classmethod
    def monotonic(cls) -> float:
        return cls.now


def slow(values: dict[str, dict[str, str]]) -> str:
    assert not connection.in_atomic_block, "it would hold up whoever needs the same rows"
    Clock.now += 4.0
    return "Hi."


@pytest.mark.django_db(transaction=True)
def test_a_slow_introduction_function_holds_up_a_batch_for_no_longer_than_its_claim(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there was no time for is due again at once, and no try is spent."""
    change(bridge, introduction_function=f"{__name__}.slow")
    monkeypatch.setattr(openings, "time", Clock)
    monkeypatch.setattr(composing, "time", Clock)
    told = [notice(bridge) for _ in range(3)]
    began = Clock.now
    step = composing.Composer().step()
    assert (step.done, step.more, Clock.now - began) == (3, True, 8.0)
    assert texts() == ["Hi.\nAnn: Hello"] * 2
    (late,) = Notice.objects.filter(state="waiting")
    assert (late.attempts, late.claim) == (0, None)
    compose()
    assert {fate(one)[0] for one in told} == {"in_sms"}


def test_an_introduction_function_is_asked_only_for_a_link_that_is_new(bridge: Bridge) -> None:
    change(bridge, introduction_function=f"{__name__}.counting", digest=False)
    place = conversation(bridge.hook.chat_app)
    counted.clear()
    for index in range(2):
        notice(bridge, message(place, f"{index}", sent_at=timezone.now() - timedelta(seconds=9 - index)))
    compose()
    notice(bridge, message(place, "2"))
    compose()
    assert (texts(), counted) == (["Hi.\nAnn: 0", "Ann: 1", "Ann: 2"], ["Tea"])


counted: list[str] = []


def counting(values: dict[str, dict[str, str]]) -> str:
    counted.append(values["conversation"]["title"])
    return "Hi."


def test_a_link_that_is_lost_while_its_introduction_is_not_asked_for_is_composed_anew(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(bridge, introduction_function=f"{__name__}.counting")
    place = conversation(bridge.hook.chat_app)
    tell(bridge, place)
    introduce = openings.introduce

    def lose(claim: uuid.UUID, letters: list[storing.Letter], **deadline: float) -> list[storing.Letter]:
        monkeypatch.setattr(composing, "introduce", introduce)
        letters = introduce(claim, letters, **deadline)
        Lease.objects.all().delete()
        return letters

    monkeypatch.setattr(composing, "introduce", lose)
    assert tell(bridge, place).text == "Hi.\nAnn: Hello"


def moody(values: dict[str, dict[str, str]]) -> str:
    title = values["conversation"]["title"]
    if title == "shy":
        raise LookupError(title)
    return f"This is {title}."


# Claims


def test_somebody_whom_there_was_no_time_to_ask_about_is_asked_about_next(
    bridge: Bridge, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.identities = {"eve": {"display_name": "Eve", "phone_number": factories.phone(5)}}
    one = notice(bridge, user_id="eve")
    ask = contacts.people

    def too_late(hook: object, users: list[str], *args: object, **kwargs: object) -> contacts.People:
        monkeypatch.setattr(composing, "people", ask)
        return {user: contacts.Unavailable("no answer in time", asked=False) for user in users}

    monkeypatch.setattr(composing, "people", too_late)
    composing.Composer().step()
    assert (fate(one)[0], one.attempts, one.claim) == ("waiting", 0, None)
    compose()
    assert fate(one)[0] == "in_sms"


def test_it_stores_nothing_when_its_claim_was_taken_over_while_it_asked(
    bridge: Bridge, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker composes what we are still asking about: one SMS comes of it."""
    chat.identities = {"eve": {"display_name": "Eve", "phone_number": factories.phone(5)}}
    one = notice(bridge, user_id="eve")
    ask = contacts.people

    def dawdle(*args: object, **kwargs: object) -> object:
        monkeypatch.setattr(composing, "people", ask)
        make_due(one)
        assert compose() == 1
        return ask(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(composing, "people", dawdle)
    compose()
    assert texts() == ["Ann: Hello"]
    assert fate(one) == ("in_sms", "")
    assert Lease.objects.count() == 1


def test_it_skips_nothing_by_a_claim_that_was_taken_over(bridge: Bridge) -> None:
    one = notice(bridge, claim=uuid.uuid4())
    notices.skip(uuid.uuid4(), [(one.pk, Reason.READ, "")])
    notices.put_off(uuid.uuid4(), [(one.pk, 600.0)])
    assert fate(one) == ("waiting", "")
    assert one.next_at < timezone.now()


def test_it_composes_again_what_a_dead_worker_had_claimed(bridge: Bridge, settings: Settings) -> None:
    one = notice(bridge)
    gathering.gather(uuid.uuid4(), 10)
    assert compose() == 0, "the claim stands"
    make_due(one)
    compose()
    assert fate(one) == ("in_sms", "")


def test_it_leaves_nothing_behind_when_it_ends_while_writing(bridge: Bridge) -> None:
    one = notice(bridge)
    with crash_at("smsbridge.services.storing.leases.introduced"):
        compose()
    assert (fate(one)[0], OutboundSms.objects.count(), Lease.objects.count()) == ("waiting", 0, 0)
    make_due(one)
    compose()
    assert texts() == ["Ann: Hello"]


def test_a_row_that_the_database_refuses_holds_up_no_others_for_long(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisonous, well = notice(bridge), notice(bridge)
    write = storing.write

    def refuse(claim: uuid.UUID, letters: list[storing.Letter]) -> None:
        if any(letter.first.notice == poisonous.pk for letter in letters):
            raise ValueError("a column cannot hold it")
        write(claim, letters)

    monkeypatch.setattr(composing, "write", refuse)
    # Long enough that no slow machine makes the poisonous one due again meanwhile.
    monkeypatch.setattr(composing, "backoff", lambda attempt: 60 + backoff(attempt))
    compose()
    assert [fate(poisonous), fate(well)] == [("waiting", ""), ("waiting", "")]
    assert abs(poisonous.next_at - well.next_at) < timedelta(seconds=5)
    make_due(well)
    compose()
    assert [fate(poisonous)[0], fate(well)[0]] == ["waiting", "in_sms"]


@pytest.mark.parametrize("error", [OperationalError("away"), InternalError("its transaction was ended")])
def test_a_database_that_fails_spends_no_pause(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, error: DatabaseError
) -> None:
    """The claim runs out, and then the notice is composed again."""
    one = notice(bridge)

    def fail(claim: uuid.UUID, letters: list[storing.Letter]) -> None:
        raise error

    monkeypatch.setattr(composing, "write", fail)
    with pytest.raises(type(error)):
        compose()
    assert (fate(one)[0], one.note) == ("waiting", "")
    assert one.claim is not None


def test_it_says_when_the_next_notice_is_due(bridge: Bridge) -> None:
    notice(bridge, next_at=timezone.now() + timedelta(seconds=30))
    step = composing.Composer().step()
    assert step.next_in is not None
    assert 25 < step.next_in < 31


def test_a_messages_recipient_gets_one_notice_per_bridge(bridge: Bridge) -> None:
    """A check that runs twice, or two hooks' worth of events, does not notify twice."""
    from notifier.services.hooks import live_hooks
    from notifier.signals import Unread

    one = message(conversation(bridge.hook.chat_app))
    unread = [Unread(one.pk, one.conversation_id, "ben", 0, timezone.now())]
    for _ in range(2):
        notices.decide(live_hooks()[bridge.hook_id], unread)
    assert Notice.objects.get().bridge == bridge


def test_it_lists_what_an_sms_tells_of(bridge: Bridge) -> None:
    one = message(conversation(bridge.hook.chat_app))
    assert outbound(bridge, [one]).notices.get().message == one
