"""A project's own functions see each text before it leaves or is posted; docs/own-code.md is run as it stands there."""

import asyncio
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from smsbridge.guards import Incoming, Outgoing, Verdict
from smsbridge.models import Bridge, Contact, InboundSms, Lease, Notice, OptOut, OutboundSms
from smsbridge.services import filing, guarding, own_calls, own_code, routing
from smsbridge.services.composing import Composer
from smsbridge.services.inbound import again
from smsbridge.services.own_code import OwnCodeError
from smsbridge.services.receiving import Unseen
from smsbridge.services.validation import problems_of
from tests import factories
from tests.admin_pages import Pages, html
from tests.factories import BENS_PHONE, conversation, inbound, message, notice
from tests.notifier import servers
from tests.processes import ROOT
from tests.smsbridge.hearing import hear, is_out, ledger
from tests.smsbridge.stages import compose, reply, send
from tests.smsbridge.upstreams import Chat, Network
from tests.waiting import eventually

pages = Pages("smsbridge")


def unchanged(about: Any) -> Any:
    return None


_says: Callable[[Any], Any] = unchanged
seen: list[Any] = []


def function(about: Any) -> Any:
    """What the bridge names; each test says what it does."""
    seen.append(about)
    return _says(about)


@pytest.fixture(autouse=True)
def says(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], Any]], None]:
    """Both functions of the bridge do as told from then on."""
    seen.clear()
    change(bridge, before_sending=f"{__name__}.function", after_receiving=f"{__name__}.function")
    return lambda does: monkeypatch.setattr(sys.modules[__name__], "_says", does)


Says = Callable[[Callable[[Any], Any]], None]


def change(bridge: Bridge, **policy: object) -> None:
    Bridge.objects.filter(pk=bridge.pk).update(**policy)
    factories.forget()


def fails(about: object) -> object:
    raise LookupError(f"no rule for {about}")


def cancelled(about: object) -> object:
    raise asyncio.CancelledError


def told(bridge: Bridge, text: str = "Hello") -> Notice:
    return notice(bridge, message(conversation(bridge.hook.chat_app), text))


def nobody(text: str) -> Incoming:
    return Incoming(
        text=text, media=(), phone=BENS_PHONE, number="+1", user_id="ben", conversation_id="c", chat_app="a"
    )


def fate(of: Notice) -> tuple[str, str, str]:
    of.refresh_from_db()
    return of.state, of.reason, of.note


def the_text() -> OutboundSms:
    return OutboundSms.objects.get()


# Before sending


def test_it_sees_the_words_and_what_is_known_of_the_people(bridge: Bridge) -> None:
    change(bridge, introduction="This is Acme.")
    one = told(bridge)
    compose()
    (about,) = seen
    assert isinstance(about, Outgoing)
    assert (about.text, about.introduces, about.purpose) == ("Ann: Hello", True, "notice")
    assert (about.recipient["phone"], about.senders[0]["name"]) == (BENS_PHONE, "Ann")
    assert (about.conversation_id, about.title) == (one.conversation.key, "Tea")
    assert (about.message_ids, about.bridge) == ((one.message.key,), bridge.name)
    assert the_text().text == "This is Acme.\nAnn: Hello"


def test_it_knows_when_there_will_be_no_introduction(bridge: Bridge, network: Network) -> None:
    change(bridge, introduction="This is Acme.")
    one = told(bridge)
    compose()
    send()
    notice(bridge, message(one.conversation, "Once more"))
    compose()
    assert [about.introduces for about in seen] == [True, False]


def test_it_is_called_outside_any_transaction(bridge: Bridge, says: Says, transactional_db: None) -> None:
    stage = connections["default"]
    says(lambda about: str(stage.in_atomic_block))
    told(bridge)
    compose()
    assert the_text().text == "False"


def test_words_that_it_changes_are_introduced_measured_and_cut_as_usual(bridge: Bridge, says: Says) -> None:
    change(bridge, introduction="This is Acme.", max_segments=1)
    says(lambda about: "Привет " * 30)
    told(bridge)
    compose()
    sms = the_text()
    assert sms.text.startswith("This is Acme.\nПривет Привет")
    assert (sms.segments, sms.unicode) == (1, True)


def test_it_sees_a_digest_as_one_text(bridge: Bridge, says: Says) -> None:
    says(lambda about: about.text.upper())
    place = conversation(bridge.hook.chat_app)
    for index in range(2):
        sent_at = timezone.now() - timedelta(seconds=9 - index)
        notice(bridge, message(place, f"no. {index}", sent_at=sent_at))
    compose()
    assert the_text().text == "ANN: NO. 0\nANN: NO. 1"
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("verdict", "note"),
    [(Verdict(block="Not ours to say."), "Not ours to say."), (" \n", guarding._NOTHING_LEFT)],
)
def test_what_it_blocks_is_not_sent_and_says_why(bridge: Bridge, says: Says, verdict: object, note: str) -> None:
    says(lambda about: verdict)
    one = told(bridge)
    compose()
    assert fate(one) == ("skipped", Notice.Reason.BLOCKED, note)
    assert not OutboundSms.objects.exists()
    assert not Lease.objects.exists()


def test_tags_are_kept_shown_and_found(bridge: Bridge, says: Says, admin_client: Client) -> None:
    says(lambda about: Verdict(tags=["rude", " rude ", "", "long " * 20]))
    told(bridge)
    compose()
    sms = the_text()
    assert sms.tags == ["rude", ("long " * 20)[:50]]
    assert sms.text == "Ann: Hello"
    assert "rude" in html(admin_client, pages.url("outboundsms", sms.pk, "change"))
    for tag, found in (("rude", 1), ("rud", 0)):
        shown = admin_client.get(pages.url("outboundsms"), {"tag": tag})
        assert shown.context["cl"].result_count == found


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (fails, "raised LookupError."),
        (lambda about: sys.exit(3), "raised SystemExit."),
        (cancelled, "raised CancelledError."),
        (lambda about: 7, "returned int: it may return None, a text or a Verdict."),
        (lambda about: Verdict(text=7), "returned a Verdict whose text or block is no text."),  # type: ignore[arg-type]
        (lambda about: Verdict(tags="rude"), "returned a Verdict whose tags are no list of texts."),
        (lambda about: Verdict(opt_out=True), "returned a Verdict with opt_out, which is for texts that came in."),
    ],
)
def test_while_it_fails_nothing_leaves_and_it_is_called_again(
    bridge: Bridge, says: Says, caplog: pytest.LogCaptureFixture, wrong: Callable[[Any], Any], words: str
) -> None:
    says(wrong)
    one = told(bridge)
    with caplog.at_level(logging.WARNING):
        compose()
    assert fate(one) == ("waiting", "", f"The function {__name__}.function {words}")
    assert one.next_at > timezone.now()
    assert words in caplog.text
    assert "Hello" not in caplog.text
    assert not OutboundSms.objects.exists()
    says(lambda about: None)
    Notice.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    compose()
    assert fate(one)[0] == "in_sms"


def test_one_text_that_it_fails_on_holds_up_no_other(bridge: Bridge, says: Says) -> None:
    says(lambda about: fails(about) if "odd" in about.text else None)
    odd, even = told(bridge, "odd"), told(bridge, "even")
    compose()
    assert (fate(odd)[0], fate(even)[0]) == ("waiting", "in_sms")


def test_what_there_is_no_time_for_is_due_again_at_once(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    one = told(bridge)
    with monkeypatch.context() as patch:
        patch.setattr(guarding, "time", Late)
        Composer().step()
    one.refresh_from_db()
    assert (one.state, one.attempts, seen) == ("waiting", 0, [])
    compose()
    assert fate(one)[0] == "in_sms"


class Late:
    """A clock that is past every deadline."""

    @staticmethod
    def monotonic() -> float:
        return float("inf")


def test_answers_to_keywords_pass_no_function(bridge: Bridge, network: Network) -> None:
    told(bridge)
    compose()
    send()
    seen.clear()
    hear(the_text().number, "STOP")
    send()
    assert OutboundSms.objects.filter(purpose="opted out", state="sent").count() == 1
    assert seen == []


def test_without_a_function_none_is_looked_for(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    change(bridge, before_sending="")
    monkeypatch.setattr(own_code, "ask", None)
    monkeypatch.setattr(guarding, "_introduced", None)
    told(bridge)
    compose()
    assert the_text().tags is None


def test_the_first_letter_that_is_not_blocked_is_the_one_that_is_introduced(bridge: Bridge, says: Says) -> None:
    change(bridge, introduction="This is Acme.", digest=False)
    says(lambda about: Verdict(block="No.") if "bad" in about.text else None)
    place = conversation(bridge.hook.chat_app)
    for index, text in enumerate(["bad", "good", "more"]):
        notice(bridge, message(place, text, sent_at=timezone.now() - timedelta(seconds=9 - index)))
    compose()
    assert [(about.text, about.introduces) for about in seen] == [
        ("Ann: bad", True),
        ("Ann: good", True),
        ("Ann: more", False),
    ]


def test_what_it_does_to_its_values_changes_nobody_elses(bridge: Bridge, says: Says) -> None:
    def spoil(about: Outgoing) -> None:
        about.recipient["metadata"]["nick"] = "?"

    change(bridge, introduction="Hi <%= recipient.metadata.nick %>.")
    Contact.objects.filter(phone=BENS_PHONE).update(custom={"metadata": {"nick": "Benny"}})
    says(spoil)
    told(bridge)
    compose()
    assert the_text().text == "Hi Benny.\nAnn: Hello"


# Functions that do not return


@pytest.fixture
def hangs(settings: Settings) -> Iterator[Callable[[Any], None]]:
    """What hangs on texts that are odd, until the test is over."""
    settings.CLAIM_SECONDS = 0.6
    over = threading.Event()

    def hang(about: Any) -> None:
        if "odd" in about.text:
            over.wait(60)

    yield hang
    over.set()
    assert eventually(lambda: not own_calls._left_behind)


HANGS = f"The function {__name__}.function did not return within 0.3 seconds."
GIVEN_UP = f"{HANGS} It is not called for this text any more."


def test_where_it_hangs_the_others_are_sent_and_it_is_called_again(
    bridge: Bridge, says: Says, hangs: Callable[[Any], None]
) -> None:
    says(hangs)
    odd, even = told(bridge, "odd"), told(bridge, "even")
    compose()
    assert (fate(odd), fate(even)[0]) == (("waiting", "", HANGS), "in_sms")
    assert odd.next_at > timezone.now()


def test_where_it_hangs_again_and_again_the_text_is_blocked(
    bridge: Bridge, says: Says, hangs: Callable[[Any], None]
) -> None:
    says(hangs)
    odd = told(bridge, "odd")
    Notice.objects.update(attempts=own_code.MOST_TRIES - 1)
    compose()
    assert fate(odd) == ("skipped", "blocked", GIVEN_UP)


def test_while_too_many_calls_hang_no_more_are_made(
    bridge: Bridge, says: Says, hangs: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_calls, "MOST_LEFT_BEHIND", 1)
    says(hangs)
    told(bridge, "odd")
    compose()
    even = told(bridge, "even")
    compose()
    assert fate(even)[0] == "waiting"
    assert "was not called: 1 calls of such functions hang" in fate(even)[2]
    assert len(seen) == 1


def test_a_call_that_returns_late_makes_room_for_others(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CLAIM_SECONDS = 0.02
    monkeypatch.setattr(own_calls, "MOST_LEFT_BEHIND", 1)
    over = threading.Event()
    monkeypatch.setattr(sys.modules[__name__], "_says", lambda about: over.wait(60))
    with pytest.raises(own_calls.NotReturnedError):
        own_calls.call(f"{__name__}.function", None)
    over.set()
    assert eventually(lambda: not own_calls._left_behind)
    settings.CLAIM_SECONDS = 60
    assert own_calls.call(f"{__name__}.function", None) is True


def test_its_threads_end_when_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_calls, "_IDLE_SECONDS", 0.01)
    for _ in range(20):
        own_calls.call(f"{__name__}.function", None)
    assert eventually(
        lambda: not own_calls._idle and "own code" not in [thread.name for thread in threading.enumerate()]
    )


def test_an_introduction_that_hangs_holds_up_no_other(bridge: Bridge, says: Says, hangs: Callable[[Any], None]) -> None:
    change(bridge, before_sending="", introduction_function=f"{__name__}.opening")
    says(lambda values: hangs(nobody(values["text"])))
    odd, even = told(bridge, "odd"), told(bridge, "even")
    compose()
    assert (fate(odd)[0], fate(even)[0]) == ("waiting", "in_sms")
    assert "did not return" in fate(odd)[2]
    Notice.objects.update(attempts=own_code.MOST_TRIES - 1, next_at=timezone.now() - timedelta(seconds=1))
    compose()
    assert fate(odd)[:2] == ("skipped", "blocked")


def opening(values: Any) -> str:
    _says(values)
    return "Hi."


def test_that_it_may_stop_the_process_is_written_down_before_the_call(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an expression that searches for ever: nothing else of the process runs meanwhile."""
    asked: list[int] = []
    monkeypatch.setattr(own_calls, "call", lambda path, about: asked.append(Notice.objects.get().asked))
    one = told(bridge)
    compose()
    Notice.objects.update(state="waiting", next_at=timezone.now() - timedelta(seconds=1), claim=None)
    compose()
    assert asked == [0, 1], "not of the first try, which costs nothing so"
    one.refresh_from_db()
    assert one.asked == 0


def test_what_it_stopped_processes_for_is_not_shown_to_it_again(bridge: Bridge) -> None:
    odd, even = told(bridge, "odd"), told(bridge, "even")
    Notice.objects.update(attempts=3)
    Notice.objects.filter(pk=odd.pk).update(asked=own_code.MOST_ASKED)
    compose()
    assert fate(odd)[:2] == ("skipped", "blocked")
    assert fate(odd)[2].startswith(f"The function {__name__}.function was called 2 times and did not return.")
    assert fate(even)[0] == "in_sms"
    assert [about.text for about in seen] == ["Ann: even"]


# After receiving


@pytest.fixture
def link(bridge: Bridge, chat: Chat) -> Lease:
    made = factories.lease(bridge.pool.numbers.order_by("pk")[0], conversation(bridge.hook.chat_app))
    factories.texted(made)
    return made


def came(link: Lease, text: str = "On my way", **fields: Any) -> InboundSms:
    made = inbound(link.number, text, **fields)
    reply()
    made.refresh_from_db()
    return made


def test_it_sees_what_came_in_and_where_it_belongs(link: Lease, chat: Chat) -> None:
    picture = "https://example.com/a.jpg"
    came(link, f"Look\n{picture}", media=[picture])
    (about,) = seen
    assert isinstance(about, Incoming)
    assert (about.text, about.media) == ("Look", (picture,))
    assert (about.phone, about.number, about.user_id) == (link.phone, link.number.e164, link.user_id)
    assert (about.conversation_id, about.chat_app) == (link.conversation.key, link.conversation.chat_app.name)
    assert chat.said == [("ben", f"Look\n{picture}")]


def test_changed_words_are_posted_with_the_pictures_and_the_row_keeps_what_came(
    link: Lease, chat: Chat, says: Says
) -> None:
    says(lambda about: about.text.replace("damn", "d***"))
    picture = "https://example.com/a.jpg"
    sms = came(link, f"damn\n{picture}", media=[picture])
    assert chat.said == [("ben", f"d***\n{picture}")]
    assert (sms.state, sms.text) == ("posted", f"damn\n{picture}")
    assert sms.reason == "The project's own function changed its words."


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(Verdict(block="Spam."), "Spam."), ("", "The project's own function left nothing to post.")],
)
def test_what_it_blocks_is_not_posted_stays_visible_and_can_be_tried_again(
    link: Lease, chat: Chat, says: Says, verdict: object, reason: str, admin_client: Client
) -> None:
    says(lambda about: verdict)
    sms = came(link)
    assert (sms.state, sms.reason, chat.said) == ("blocked", reason, [])
    assert (sms.conversation_id, sms.user_id) == (link.conversation_id, link.user_id)
    assert reason.partition("'")[0] in html(admin_client, pages.url("inboundsms"))
    says(lambda about: None)
    assert again([sms.pk]) == 1
    reply()
    assert chat.said == [("ben", "On my way")]


def test_what_comes_after_a_blocked_text_is_posted(link: Lease, chat: Chat, says: Says) -> None:
    says(lambda about: Verdict(block="Spam.") if "spam" in about.text else None)
    inbound(link.number, "spam")
    came(link, "ham")
    assert chat.said == [("ben", "ham")]


def test_tags_are_kept_with_what_came_in(link: Lease, chat: Chat, says: Says, admin_client: Client) -> None:
    says(lambda about: Verdict(tags=["grob (üble Rede)"]))
    sms = came(link)
    assert (sms.state, sms.tags) == ("posted", ["grob (üble Rede)"])
    assert "üble Rede" in html(admin_client, pages.url("inboundsms", sms.pk, "change"))
    shown = admin_client.get(pages.url("inboundsms"), {"tag": "grob (üble Rede)"})
    assert shown.context["cl"].result_count == 1


@pytest.mark.parametrize(("wrong", "error"), [(fails, "LookupError"), (lambda about: sys.exit(3), "SystemExit")])
def test_while_it_fails_nothing_is_posted_and_it_is_called_again(
    link: Lease, chat: Chat, says: Says, caplog: pytest.LogCaptureFixture, wrong: Callable[[Any], Any], error: str
) -> None:
    says(wrong)
    with caplog.at_level(logging.WARNING):
        sms = came(link)
    assert (sms.state, sms.reason) == ("waiting", f"The function {__name__}.function raised {error}.")
    assert "On my way" not in caplog.text
    assert chat.tries == []
    says(lambda about: None)
    InboundSms.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    reply()
    assert chat.said == [("ben", "On my way")]


def test_it_is_called_again_for_a_post_that_is_tried_again(link: Lease, chat: Chat) -> None:
    chat.script = [servers.answer(503)]
    sms = came(link)
    InboundSms.objects.filter(pk=sms.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    reply()
    assert len(seen) == 2
    assert chat.said == [("ben", "On my way")]


def test_a_function_of_a_bridge_that_cannot_be_used_is_asked_all_the_same(link: Lease, chat: Chat, says: Says) -> None:
    Bridge.objects.update(template="<%= nobody %>")
    factories.forget()
    says(lambda about: Verdict(block="Spam."))
    assert came(link).state == "blocked"


def test_what_belongs_nowhere_and_keywords_pass_no_function(link: Lease, chat: Chat) -> None:
    came(link, "STOP")
    inbound(link.number, "Hello?", phone=factories.phone(5))
    reply()
    assert seen == []


def test_without_a_function_nothing_is_asked(link: Lease, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    Bridge.objects.update(after_receiving="")
    factories.forget()
    monkeypatch.setattr(own_code, "ask", None)
    assert came(link).state == "posted"


@pytest.fixture
def others(bridge: Bridge, link: Lease) -> list[InboundSms]:
    """What two other people text, before and after what hangs."""
    made = []
    for index, text in ((1, "before"), (2, "odd"), (3, "after")):
        number = bridge.pool.numbers.order_by("pk")[0]
        lease = factories.lease(number, conversation(bridge.hook.chat_app), f"u{index}", factories.phone(40 + index))
        factories.texted(lease)
        made.append(inbound(number, text, phone=lease.phone))
    return made


def test_where_it_hangs_what_others_text_is_posted(
    others: list[InboundSms], chat: Chat, says: Says, hangs: Callable[[Any], None], settings: Settings
) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 10
    says(hangs)
    reply()
    assert sorted(text for _, text in chat.said) == ["after", "before"]
    odd = InboundSms.objects.get(text="odd")
    assert (odd.state, odd.reason, odd.claim, odd.asked) == ("waiting", HANGS, None, 0)


def test_where_it_hangs_again_and_again_the_text_is_given_up_and_can_be_tried_again(
    link: Lease, chat: Chat, says: Says, hangs: Callable[[Any], None]
) -> None:
    says(hangs)
    sms = came(link, "odd", attempts=own_code.MOST_TRIES - 1)
    assert (sms.state, sms.reason, chat.said) == ("dead", GIVEN_UP, [])
    says(lambda about: None)
    again([sms.pk])
    reply()
    assert chat.said == [("ben", "odd")]


def test_that_it_may_stop_the_process_is_written_down_before_it_sees_a_text_again(
    link: Lease, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(own_calls, "call", lambda path, about: asked.append(InboundSms.objects.get().asked))
    chat.script = [servers.answer(503)]
    sms = came(link)
    InboundSms.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    reply()
    sms.refresh_from_db()
    assert (asked, sms.asked) == ([0, 1], 0)


def test_what_it_stopped_processes_for_is_not_shown_to_it_until_an_operator_says_so(
    others: list[InboundSms], chat: Chat
) -> None:
    InboundSms.objects.filter(text="odd").update(asked=own_code.MOST_ASKED, attempts=3)
    reply()
    odd = InboundSms.objects.get(text="odd")
    assert odd.state == "dead"
    assert odd.reason.startswith(f"The function {__name__}.function was called 2 times and did not return.")
    assert sorted(text for _, text in chat.said) == ["after", "before"]
    again([odd.pk])
    reply()
    assert len(chat.said) == 3


def test_those_that_were_tried_before_are_looked_at_last(others: list[InboundSms], chat: Chat) -> None:
    InboundSms.objects.filter(text="before").update(attempts=1)
    reply()
    assert [about.text for about in seen][2:] == ["before"]


def test_a_text_that_there_was_no_time_for_is_due_at_once_and_loses_no_try(link: Lease, settings: Settings) -> None:
    sms = inbound(link.number)
    unseen = Unseen()
    _, claimed = routing.claim(10)
    settings.CLAIM_SECONDS = -1.0
    assert unseen.sift(claimed) == []
    _, end = unseen.look()
    assert end is not None
    filing.file([end])
    sms.refresh_from_db()
    assert (sms.state, sms.attempts, sms.claim, seen) == ("waiting", 0, None, [])
    assert sms.next_at <= timezone.now()


def test_what_may_be_in_the_chat_already_says_so_when_it_is_blocked(link: Lease, chat: Chat, says: Says) -> None:
    chat.script = [chat.lose]
    sms = came(link)
    says(lambda about: Verdict(block="Spam."))
    InboundSms.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    reply()
    sms.refresh_from_db()
    assert sms.state == "blocked"
    assert sms.reason == "Spam. (It may have been posted before: an earlier try got no answer.)"


def test_and_when_a_worker_was_lost_with_it(link: Lease, chat: Chat, says: Says) -> None:
    sms = inbound(link.number)
    routing.claim(10)
    InboundSms.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    says(lambda about: Verdict(block="Spam."))
    reply()
    sms.refresh_from_db()
    assert sms.reason.startswith("Spam. (It may have been posted before")


# Opting out


def test_it_may_opt_a_phone_out(link: Lease, chat: Chat, says: Says) -> None:
    says(lambda about: Verdict(opt_out=True, tags=["wish"]))
    ready = factories.linked(Bridge.objects.get(), number=link.number)
    sms = came(link, "please no more texts")
    assert (sms.state, sms.tags, chat.said) == ("blocked", ["wish"], [])
    assert sms.reason == f"The function {__name__}.function read an opt-out in it."
    assert ledger() == [("out", "function")]
    assert OptOut.objects.get().source == "function"
    send()
    ready.refresh_from_db()
    assert ready.state == "withdrawn"
    assert not OutboundSms.objects.exclude(purpose="notice").exists(), "nobody is answered"


def test_start_brings_back_whom_it_opted_out(link: Lease, chat: Chat, says: Says) -> None:
    says(lambda about: Verdict(opt_out=True))
    came(link, "please no more texts")
    hear(link.number, "START")
    assert not is_out()


def test_a_start_that_came_after_the_text_counts_more(link: Lease, chat: Chat, says: Says) -> None:
    says(fails)
    sms = came(link, "please no more texts")
    hear(link.number, "START")
    says(lambda about: Verdict(opt_out=True))
    InboundSms.objects.filter(pk=sms.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    reply()
    sms.refresh_from_db()
    assert (sms.state, is_out()) == ("blocked", False)


# Configuration


@pytest.mark.parametrize("field", ["before_sending", "after_receiving"])
@pytest.mark.parametrize("path", ["shop.nowhere", f"{__name__}.seen", "nonsense"])
def test_a_path_that_leads_to_no_function_is_refused(bridge: Bridge, field: str, path: str) -> None:
    bridge.refresh_from_db()
    setattr(bridge, field, path)
    assert field in problems_of(bridge)


def test_nothing_of_a_text_is_in_the_words_of_an_error() -> None:
    about = nobody("secret words")
    with pytest.raises(OwnCodeError) as raised:
        own_code.ask(f"{__name__}.fails", about)
    assert "secret" not in f"{raised.value}{about!r}"
    assert BENS_PHONE not in repr(about)


# The page's own examples

PAGE = (ROOT / "docs" / "own-code.md").read_text()
EXAMPLES = dict(re.findall(r"```python\n# shop/(\w+)\.py\n(.*?)```", PAGE, re.DOTALL))


def example(name: str) -> ModuleType:
    module = ModuleType(f"shop.{name}")
    exec(EXAMPLES[name], vars(module))  # noqa: S102 (our own page)
    return module


def test_the_page_has_three_examples() -> None:
    assert set(EXAMPLES) == {"wishes", "manners", "guards"}


@pytest.mark.parametrize(("text", "out"), [("Please stop texting me", True), ("I cannot stop laughing", False)])
def test_the_example_opts_out_by_phrases(link: Lease, chat: Chat, says: Says, text: str, out: bool) -> None:
    says(example("wishes").incoming)
    came(link, text)
    assert (is_out(), chat.said == []) == (out, out)


@pytest.mark.parametrize(("text", "tags"), [("Damn, late again", ["rude"]), ("Amsterdamned", None)])
def test_the_example_tags_rude_words_both_ways(
    bridge: Bridge, link: Lease, chat: Chat, says: Says, text: str, tags: list[str] | None
) -> None:
    says(example("manners").either)
    told(bridge, text)
    compose()
    assert OutboundSms.objects.get(state="ready").tags == tags
    assert came(link, text).tags == tags


def test_the_example_replaces_and_blocks_words(bridge: Bridge, says: Says) -> None:
    says(example("guards").outgoing)
    blocked = told(bridge, "My card: 4111 1111 1111 1111")
    told(bridge, "It is Guaranteed")
    told(bridge, "All is well")
    compose()
    assert fate(blocked) == ("skipped", "blocked", "It seems to hold a card number.")
    rows = OutboundSms.objects.order_by("text").values_list("text", "tags")
    assert list(rows) == [("Ann: All is well", None), ("Ann: It is likely", ["reworded"])]
