"""What a rule says is what is texted: fixed phones, or the conversation's users who are among our contacts."""

import pytest
from django.test import Client

from notifier.models import Hook, Rule
from smsbridge.models import Notice, OutboundSms
from tests import factories
from tests.factories import BEN, BENS_PHONE, deliver, drain, layer_event, run_stage
from tests.smsbridge import stages

pytestmark = pytest.mark.django_db(transaction=True)

PHONES = ["+12025550177", "+12025550178"]


@pytest.fixture
def hook(db: None) -> Hook:
    """One that tells of each message, of people whom only our own contacts know: Ben."""
    hook = factories.notifying_hook(delay=0, identities=Hook.Identities.DIRECTORY)
    factories.bridge(hook)
    factories.contact(hook.chat_app, BEN)
    return hook


def texted(client: Client, hook: Hook, *rules: Rule) -> set[str]:
    """The phones that are texted of one message of Ann's to Ben and Cem, who has read it."""
    Rule.objects.bulk_create(rules)
    factories.forget()
    deliver(client, hook, layer_event(recipients={BEN: "read", "cem": "sent"}))
    drain()
    run_stage("check")
    stages.compose()
    assert not Notice.objects.filter(state=Notice.State.WAITING).exists()
    return set(OutboundSms.objects.values_list("phone", flat=True))


def test_without_a_rule_whoever_is_known_is_texted_read_or_not(client: Client, hook: Hook) -> None:
    assert texted(client, hook) == {BENS_PHONE}


def test_the_phones_of_a_rule_are_texted_and_nobody_else(client: Client, hook: Hook) -> None:
    rule = Rule(chat_app=hook.chat_app, name="board", recipients="phones", phones=PHONES)
    assert texted(client, hook, rule) == set(PHONES)


def test_rules_add_up(client: Client, hook: Hook) -> None:
    board = Rule(chat_app=hook.chat_app, name="board", recipients="phones", phones=PHONES[:1])
    assert texted(client, hook, board, Rule(chat_app=hook.chat_app, name="users")) == {PHONES[0], BENS_PHONE}


def test_what_fits_no_rule_is_texted_to_nobody(client: Client, hook: Hook) -> None:
    rule = Rule(chat_app=hook.chat_app, name="elsewhere", conversations=["another"])
    assert texted(client, hook, rule) == set()
