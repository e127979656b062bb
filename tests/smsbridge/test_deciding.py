"""Texts that came to no good end wait for an operator, who sends them again or closes them."""

from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from notifier.models import Receipt
from smsbridge.models import Bridge, InboundSms, Notice, OptOut, OutboundSms
from smsbridge.services import belonging
from smsbridge.services.deciding import close, close_replies, send_again
from tests import factories
from tests.admin_pages import Pages
from tests.factories import BENS_PHONE, conversation, inbound, linked, message, outbound
from tests.smsbridge.calls import receipt, text_to
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, send
from tests.smsbridge.upstreams import Network

OPEN = ["dead", "uncertain", "undelivered"]
OTHERS = sorted(set(OutboundSms.State.values) - set(OPEN))

pages = Pages("smsbridge")


def lost(bridge: Bridge, state: str = "dead", *, hours: float = 24.0, **fields: Any) -> OutboundSms:
    """A text about one message, that came to no good end so many hours ago."""
    past = timezone.now() - timedelta(hours=hours)
    about = message(conversation(bridge.hook.chat_app), sent_at=past)
    values = {"state": state, "attempts": 1, "reason": "The vendor said no.", "created_at": past, "settled_at": past}
    sms = linked(bridge, [about], **{**values, **fields})
    Notice.objects.filter(sms=sms).update(due_at=past)
    return sms


def now_of(sms: OutboundSms) -> OutboundSms:
    sms.refresh_from_db()
    return sms


# Send again


@pytest.mark.parametrize("state", OPEN)
def test_what_it_told_is_told_anew_however_old_it_is(bridge: Bridge, network: Network, state: str) -> None:
    sms = lost(bridge, state, hours=100)
    assert send_again([sms.pk], "olga") == [sms.pk]
    assert (now_of(sms).state, sms.reason) == ("closed", "Sent again by olga.")
    assert (compose(), send()) == (1, 1)
    new = Notice.objects.get().sms
    assert new is not None
    assert (new.state, new.pk == sms.pk) == ("sent", False)


def test_its_history_keeps_what_it_was_before(bridge: Bridge) -> None:
    sms = lost(bridge)
    send_again([sms.pk], "olga")
    told = [(state, words) for _, state, words in now_of(sms).log]
    assert told == [("dead", "The vendor said no."), ("closed", "Sent again by olga.")]


@pytest.mark.parametrize("happened", ["read", "deleted", "opted out"])
def test_who_need_not_be_told_any_more_is_not(bridge: Bridge, network: Network, happened: str) -> None:
    sms = lost(bridge)
    about = Notice.objects.get().message
    if happened == "read":
        Receipt.objects.filter(message=about).update(rank=2)
    elif happened == "deleted":
        type(about).objects.update(deleted_at=timezone.now())
    else:
        OptOut.objects.create(phone=BENS_PHONE, source="keyword")
    send_again([sms.pk], "olga")
    compose()
    send()
    assert (Notice.objects.get().reason, network.requests) == (happened, [])


@pytest.mark.parametrize("state", OTHERS)
def test_other_texts_are_left_alone(bridge: Bridge, state: str) -> None:
    sms = lost(bridge, state)
    assert send_again([sms.pk], "olga") == close([sms.pk], "olga", "why") == []
    assert (now_of(sms).state, Notice.objects.get().state) == (state, "in_sms")


@pytest.mark.parametrize(
    ("purpose", "text", "copies"),
    [("opted in", "You are back.", 1), ("opted in", "", 0), ("help", "Ask us.", 0), ("opted out", "Bye.", 0)],
)
def test_an_answer_to_start_is_copied_but_nothing_that_passes_an_opt_out_comes_late(
    bridge: Bridge, network: Network, purpose: str, text: str, copies: int
) -> None:
    sms = outbound(bridge, state="dead", purpose=purpose, text=text)
    OutboundSms.objects.update(bridge=None, conversation=None, user_id="")
    assert len(send_again([sms.pk], "olga")) == copies
    new = OutboundSms.objects.exclude(pk=sms.pk)
    assert [(one.purpose, one.text, one.phone) for one in new] == [(purpose, sms.text, sms.phone)] * copies
    assert send() == copies
    assert now_of(sms).state == ("closed" if copies else "dead")


def test_a_text_whose_messages_are_gone_has_nothing_to_tell(bridge: Bridge) -> None:
    sms = lost(bridge)
    Notice.objects.all().delete()
    assert send_again([sms.pk], "olga") == []
    assert now_of(sms).state == "dead"


def test_a_receipt_for_the_old_one_is_still_shown(bridge: Bridge) -> None:
    sms = lost(bridge, "uncertain")
    send_again([sms.pk], "olga")
    receipt(sms.account, "sent", vendor_id="v-1", reference=sms.pk.hex)
    assert (now_of(sms).state, sms.vendor_id) == ("closed", "v-1")
    receipt(sms.account, "delivered", vendor_id="v-1")
    assert now_of(sms).state == "delivered"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_operators_at_once_send_it_again_once(bridge: Bridge) -> None:
    sms = lost(bridge)
    done = together([partial(send_again, [sms.pk], f"operator {n}") for n in range(6)])
    assert sorted(map(len, done)) == [0, 0, 0, 0, 0, 1]
    assert len(now_of(sms).log) == 2
    connection.close()


# Close


@pytest.mark.parametrize("state", OPEN)
def test_a_closed_text_says_who_closed_it_and_why(bridge: Bridge, network: Network, state: str) -> None:
    sms = lost(bridge, state)
    assert close([sms.pk], "olga", "phoned him") == [sms.pk]
    assert (now_of(sms).state, sms.reason) == ("closed", "Closed by olga: phoned him")
    assert (compose(), send(), Notice.objects.get().state) == (0, 0, "in_sms")


@pytest.mark.parametrize(("state", "links"), [("uncertain", 1), ("undelivered", 1), ("dead", 0)])
def test_an_answer_to_a_closed_text_still_finds_its_conversation_if_it_may_have_left(
    bridge: Bridge, state: str, links: int
) -> None:
    sms = lost(bridge, state, hours=1, sent_at=timezone.now() if state == "undelivered" else None)
    close([sms.pk], "olga", "why")
    came = timezone.now() + timedelta(seconds=1)
    assert len(belonging.links([(1, sms.account_id, sms.number.e164, BENS_PHONE, came)])) == links


def test_a_closed_reply_is_not_posted_and_keeps_why_it_was_lost(bridge: Bridge) -> None:
    number = bridge.pool.numbers.all()[0]
    lost_at = timezone.now() - timedelta(days=2)
    reply = inbound(number, state="unrouted", reason="No conversation.", settled_at=lost_at)
    posted = inbound(number, state="posted")
    assert close_replies([reply.pk, posted.pk], "olga", "spam") == [reply.pk]
    reply.refresh_from_db()
    assert reply.settled_at is not None
    assert reply.settled_at - lost_at > timedelta(days=1)
    assert (reply.state, reply.reason) == ("closed", "Closed by olga: spam Before: No conversation.")
    text_to(number, vendor_id=reply.vendor_id)
    assert InboundSms.objects.get(pk=reply.pk).state == "closed", "a repeat of the vendor's changes nothing"


# In the admin


def answer(client: Client, page: str, action: str, rows: list[Any], **more: str) -> str:
    values = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(pages.url(page), values, follow=True).content.decode()


def test_the_admin_asks_and_says_what_it_means_and_may_cost(bridge: Bridge, admin_client: Client) -> None:
    sms, plain = lost(bridge, "uncertain", segments=3), lost(bridge, "sent")
    shown = answer(admin_client, "outboundsms", "send_again", [sms, plain])
    assert "Send these texts again? Selected: 1." in shown
    assert "Perhaps sent: 1. These people may get the same words twice" in shown
    assert "Up to 3 parts are paid for again." in shown
    assert BENS_PHONE not in shown
    assert (now_of(sms).state, LogEntry.objects.count()) == ("uncertain", 0)


def test_the_admin_sends_again_and_writes_down_who_did(bridge: Bridge, admin_client: Client) -> None:
    sms, plain = lost(bridge), lost(bridge, "sent")
    shown = answer(admin_client, "outboundsms", "send_again", [sms, plain], confirmed="yes")
    assert "Sent again: 1. Left alone, as it does not apply to them: 1." in shown
    assert (now_of(sms).state, sms.reason) == ("closed", "Sent again by admin.")
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(sms.pk), "Sent again.")


@pytest.mark.parametrize("page", ["outboundsms", "inboundsms"])
def test_the_admin_closes_only_with_a_reason(bridge: Bridge, admin_client: Client, page: str) -> None:
    row: Any = lost(bridge) if page == "outboundsms" else inbound(bridge.pool.numbers.all()[0], state="dead")
    answer(admin_client, page, "close", [row], confirmed="yes", why=" ")
    row.refresh_from_db()
    assert row.state == "dead"
    answer(admin_client, page, "close", [row], confirmed="yes", why="phoned him")
    row.refresh_from_db()
    assert row.state == "closed"
    assert row.reason.startswith("Closed by admin: phoned him")
    assert LogEntry.objects.get().change_message == "Closed: phoned him"


@pytest.mark.parametrize("action", ["send_again", "close"])
def test_deciding_needs_the_permission_to_change(bridge: Bridge, client: Client, action: str) -> None:
    sms = lost(bridge)
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_outboundsms"))
    client.force_login(looker)
    answer(client, "outboundsms", action, [sms], confirmed="yes", why="x")
    assert now_of(sms).state == "dead"


@pytest.mark.parametrize(
    ("page", "states", "wants"),
    [
        ("outboundsms", OutboundSms.State.values, {"dead", "uncertain"}),
        ("inboundsms", InboundSms.State.values, {"dead", "unrouted"}),
    ],
)
def test_what_needs_a_decision_is_one_click_away(
    bridge: Bridge, admin_client: Client, page: str, states: list[str], wants: set[str]
) -> None:
    for state in states:
        if page == "outboundsms":
            outbound(bridge, state=state)
        else:
            inbound(bridge.pool.numbers.all()[0], state=state)
    shown = admin_client.get(pages.url(page) + "?open=yes").context["cl"].result_list
    assert {row.state for row in shown} == wants


# By command


def run(command: str, *args: str) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("command", ["send_again", "close_sms", "retry_replies", "close_replies"])
def test_a_command_that_is_not_told_which_does_nothing(bridge: Bridge, command: str) -> None:
    sms = lost(bridge)
    with pytest.raises(CommandError, match="Say which"):
        run(command, "--yes")
    assert now_of(sms).state == "dead"


@pytest.mark.parametrize("command", ["send_again", "close_sms"])
def test_a_dry_run_shows_what_would_happen_without_a_whole_phone(bridge: Bridge, command: str) -> None:
    sms = lost(bridge, "uncertain")
    shown = run(command, "--state", "uncertain", "--dry-run")
    assert str(sms.pk) in shown
    assert ("told anew (1), perhaps a second time" if command == "send_again" else "closed") in shown
    assert BENS_PHONE not in shown
    assert now_of(sms).state == "uncertain"


def test_nobody_is_asked_where_nobody_can_answer(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    sms = lost(bridge)
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    with pytest.raises(CommandError, match="--yes"):
        run("send_again", "--state", "dead")
    assert now_of(sms).state == "dead"


@pytest.mark.parametrize(("said", "state"), [("y", "closed"), ("", "dead"), ("no", "dead")])
def test_a_person_is_asked(bridge: Bridge, monkeypatch: pytest.MonkeyPatch, said: str, state: str) -> None:
    sms = lost(bridge)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: said)
    if state == "dead":
        with pytest.raises(CommandError, match="Nothing was done"):
            run("send_again", "--state", "dead")
    else:
        run("send_again", "--state", "dead")
    assert now_of(sms).state == state


def test_states_bridges_accounts_ages_and_ids_narrow_it_down(bridge: Bridge) -> None:
    other = factories.bridge()
    old, young, uncertain = lost(bridge), lost(bridge, hours=1), lost(bridge, "uncertain")
    elsewhere = lost(other)

    def shown(*args: str) -> set[OutboundSms]:
        table = run("close_sms", *args, "--dry-run")
        return {sms for sms in (old, young, uncertain, elsewhere) if str(sms.pk) in table}

    assert shown("--state", "dead") == {old, young, elsewhere}
    assert shown("--state", "dead", "--state", "uncertain", "--bridge", bridge.name) == {old, young, uncertain}
    assert shown("--state", "dead", "--account", other.pool.numbers.all()[0].account.slug) == {elsewhere}
    assert shown("--state", "dead", "--older-than", "2 hours", "--bridge", bridge.name) == {old}
    assert shown(str(young.pk), str(uncertain.pk)) == {young, uncertain}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--state", "dead", "--bridge", "nowhere"], "There is no bridge nowhere"),
        (["--state", "dead", "--account", "nobody"], "There is no vendor account nobody"),
        (["--state", "dead", "--older-than", "soon"], "soon"),
        (["17"], "not of the form"),
    ],
)
def test_what_cannot_be_understood_is_said(bridge: Bridge, args: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("send_again", *args, "--yes")


def test_the_commands_decide_and_say_who_did(bridge: Bridge) -> None:
    again, ended, gone = lost(bridge), lost(bridge, "uncertain"), lost(bridge)
    Notice.objects.filter(sms=gone).delete()
    assert "Sent again: 1. Left alone: 1." in run("send_again", "--state", "dead", "--yes", "--by", "olga")
    assert "Closed: 1." in run("close_sms", str(ended.pk), "--yes", "--by", "olga", "--why", "seen in the log")
    assert now_of(again).reason == "Sent again by olga."
    assert now_of(ended).reason == "Closed by olga: seen in the log"
    assert "There are none." in run("close_sms", "--state", "uncertain", "--yes")


def test_replies_are_tried_again_and_closed_by_command(bridge: Bridge) -> None:
    number = bridge.pool.numbers.all()[0]
    dead, unrouted = inbound(number, state="dead"), inbound(number, state="unrouted", reason="No conversation.")
    assert BENS_PHONE not in run("retry_replies", "--state", "unrouted", "--dry-run")
    assert "Tried again: 1." in run("retry_replies", str(dead.pk), "--yes")
    assert "Closed: 1." in run("close_replies", "--state", "unrouted", "--yes", "--by", "olga", "--why", "spam")
    assert dict(InboundSms.objects.values_list("pk", "state")) == {dead.pk: "waiting", unrouted.pk: "closed"}
