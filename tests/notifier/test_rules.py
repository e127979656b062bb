"""Rules: whom a new message is for, where the platform does not say or says too much."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from notifier.models import ChatApp, Hook, Receipt, Rule
from notifier.platforms.base import ChatEvent, Kind, MessageFacts, Rank
from notifier.services.hooks import forget_hooks
from notifier.services.rules import LiveRule, for_app, ruled
from tests.factories import deliver, drain, layer_event, listening_hook, receipts_hook, run_stage
from tests.notifier.listeners import Told

PHONES = ("+12025550100", "+12025550101")
TELS = {f"tel:{phone}": Rank.SENT for phone in PHONES}


def rule(
    phones: Sequence[str] | None = None,
    *,
    events: Sequence[str] = (),
    contexts: Sequence[str] = (),
    conversations: Sequence[str] = (),
) -> LiveRule:
    told = None if phones is None else tuple(phones)
    return LiveRule(frozenset(events), frozenset(contexts), frozenset(conversations), told)


def sent(**changes: Any) -> ChatEvent:
    message = MessageFacts(id="m", sender_id="ann", sender_name=None, parts=(), sent_at=None)
    values: dict[str, Any] = {
        "key": "k",
        "type": "threadNewMessage",
        "kind": Kind.SENT,
        "at": None,
        "conversation": "room",
        "message": message,
        "context": "c1",
        "to_participants": True,
    }
    return ChatEvent(**values | changes)


def recipients(event: ChatEvent) -> tuple[dict[str, Rank], bool]:
    return dict(event.statuses), event.to_participants


def test_without_rules_an_event_stays_as_it_is() -> None:
    event = sent(statuses={"ben": Rank.SENT})
    assert ruled(event, []) is event


def test_users_are_whomever_the_platform_names_but_the_author() -> None:
    event = sent(statuses={"ann": Rank.READ, "ben": Rank.DELIVERED}, to_participants=False)
    assert recipients(ruled(event, [rule()])) == ({"ben": Rank.DELIVERED}, False)
    assert recipients(ruled(sent(), [rule()])) == ({}, True)


def test_phones_are_told_whoever_is_in_the_conversation() -> None:
    assert recipients(ruled(sent(statuses={"ben": Rank.SENT}), [rule(PHONES)])) == (TELS, False)


@pytest.mark.parametrize(
    "elsewhere",
    [{"events": ["kvdbNewEntry"]}, {"contexts": ["c2"]}, {"conversations": ["other"]}],
    ids=["another event", "another context", "another conversation"],
)
def test_what_fits_no_rule_is_for_nobody(elsewhere: dict[str, list[str]]) -> None:
    event = sent(statuses={"ben": Rank.SENT})
    assert recipients(ruled(event, [rule(**elsewhere), rule(PHONES, **elsewhere)])) == ({}, False)


def test_what_fits_all_that_a_rule_names_is_told() -> None:
    fitting = rule(PHONES, events=["threadNewMessage", "x"], contexts=["c1", "c2"], conversations=["room"])
    assert recipients(ruled(sent(), [fitting])) == (TELS, False)


def test_rules_that_fit_add_up() -> None:
    rules = [rule(PHONES[:1]), rule(contexts=["c1"]), rule(PHONES, contexts=["c1"]), rule(["+1"], contexts=["c2"])]
    assert recipients(ruled(sent(statuses={"ben": Rank.SENT}), rules)) == ({"ben": Rank.SENT, **TELS}, True)


def test_a_context_that_is_not_told_is_none_that_a_rule_names() -> None:
    assert recipients(ruled(sent(context=None), [rule(contexts=["c1"])])) == ({}, False)


def receipt(**changes: Any) -> ChatEvent:
    return sent(kind=Kind.RECEIPT, to_participants=False, context=None, statuses={"ben": Rank.DELIVERED}, **changes)


def test_a_receipt_makes_nobody_a_recipient_where_only_phones_are_told() -> None:
    assert ruled(receipt(), [rule(PHONES), rule(conversations=["other"])]).statuses == {}


def test_a_receipt_counts_where_users_are_told() -> None:
    assert ruled(receipt(), [rule(contexts=["c1"], events=["message.sent"])]).statuses == {"ben": Rank.DELIVERED}


_ids = st.lists(st.sampled_from(["threadNewMessage", "c1", "room", "other"]), max_size=2)
_rules = st.lists(
    st.builds(
        rule,
        st.none() | st.lists(st.sampled_from(PHONES), min_size=1),
        events=_ids,
        contexts=_ids,
        conversations=_ids,
    ),
    min_size=1,
)


@given(_rules, st.permutations(range(10)))
def test_the_order_of_rules_does_not_matter_and_more_rules_tell_no_fewer(
    rules: list[LiveRule], order: list[int]
) -> None:
    event = sent(statuses={"ann": Rank.READ, "ben": Rank.SENT})
    shuffled = [rules[index] for index in order if index < len(rules)]
    if len(shuffled) == len(rules):
        assert recipients(ruled(event, shuffled)) == recipients(ruled(event, rules))
    fewer = ruled(event, rules[:-1]).statuses if rules[:-1] else {}
    assert set(fewer) <= set(ruled(event, rules).statuses) <= {"ben", *TELS}


# As rows


@pytest.fixture
def hook(db: None) -> Hook:
    return receipts_hook(delay=0)


def stored(app: ChatApp, **fields: Any) -> Rule:
    made = Rule.objects.create(chat_app=app, **{"name": f"rule {Rule.objects.count()}", **fields})
    forget_hooks()
    return made


def test_only_enabled_rules_of_the_chat_app_count(hook: Hook) -> None:
    stored(hook.chat_app, enabled=False)
    stored(receipts_hook().chat_app)
    assert for_app(hook.chat_app_id) == ()
    stored(hook.chat_app, recipients="phones", phones=list(PHONES), contexts=["c1"])
    assert for_app(hook.chat_app_id) == [rule(PHONES, contexts=["c1"])]


def test_a_change_is_seen_once_hooks_are_forgotten(hook: Hook) -> None:
    made = stored(hook.chat_app)
    for_app(hook.chat_app_id)
    made.delete()
    assert for_app(hook.chat_app_id)
    forget_hooks()
    assert not for_app(hook.chat_app_id)


def test_a_message_is_told_to_the_phones_of_a_rule_and_to_nobody_else(client: Client, hook: Hook, told: Told) -> None:
    stored(hook.chat_app, recipients="phones", phones=list(PHONES))
    message = layer_event()
    place = message["message"]["conversation"]["id"].rpartition("/")[2]
    key = message["message"]["id"].rpartition("/")[2]
    deliver(client, hook, message)
    deliver(
        client, hook, layer_event("message.delivered", message=key, conversation=place, recipients={"cem": "delivered"})
    )
    drain()
    run_stage("check")
    assert sorted(told.users) == sorted(TELS)
    assert set(Receipt.objects.values_list("user_id", flat=True)) == set(TELS)


@pytest.mark.django_db
def test_listening_hooks_hear_of_everything(client: Client, told: Told) -> None:
    hook = listening_hook()
    stored(hook.chat_app, conversations=["none"])
    deliver(client, hook, layer_event())
    drain()
    run_stage("listen")
    assert len(told.events) == 1
