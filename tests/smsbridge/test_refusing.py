"""Replies that cannot be posted: kept, shown to the project's own functions, and answered once in a while."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifier.models import Conversation, Receipt
from notifier.platforms.layer import LayerPlatform
from smsbridge.guards import Incoming, Verdict
from smsbridge.keywords import NO_REPLY
from smsbridge.models import Bridge, InboundSms, Lease, OptOut, OutboundSms, VendorAccount
from smsbridge.services import answering, filing, optouts, routing
from smsbridge.services.inbound import again
from tests import factories
from tests.admin_pages import Pages, html
from tests.factories import BENS_PHONE, inbound
from tests.smsbridge.asked import Asked, HalfMutePlatform, use
from tests.smsbridge.hearing import answers, hear, the_answer
from tests.smsbridge.racing import together
from tests.smsbridge.stages import reply, send
from tests.smsbridge.upstreams import Chat, Network

_NOT_POSTED = "Half-mute cannot post a message as one of its users, so it is not posted."
_ENCRYPTED = "The conversation is encrypted, and plain words are not posted into it."

pages = Pages("smsbridge")
seen: list[Incoming] = []
verdicts: list[Any] = []


def function(about: Incoming) -> Any:
    """What the bridge names."""
    seen.append(about)
    return verdicts.pop() if verdicts else None


@pytest.fixture
def mute(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    with Asked() as asked:
        use(bridge, monkeypatch, HalfMutePlatform, asked.url)
        yield asked


@pytest.fixture
def link(bridge: Bridge) -> Lease:
    """The pool's first number stands for a conversation on Ben's phone, as he was told."""
    made = factories.lease(bridge.pool.numbers.order_by("pk")[0], factories.conversation(bridge.hook.chat_app))
    factories.texted(made)
    return made


def came(link: Lease, text: str = "On my way") -> InboundSms:
    sms = inbound(link.number, text, link.phone)
    reply()
    sms.refresh_from_db()
    return sms


def test_a_reply_to_a_chat_in_which_nobody_writes_for_others_is_refused(link: Lease, mute: Asked) -> None:
    sms = came(link)
    assert (sms.state, sms.reason) == ("refused", f"{_NOT_POSTED} It is answered.")
    assert (sms.conversation_id, sms.user_id, sms.posted_as) == (link.conversation_id, "ben", "")
    assert sms.settled_at is not None
    assert mute.requests == []


def test_it_is_answered_from_the_number_that_was_texted(bridge: Bridge, link: Lease, mute: Asked) -> None:
    came(link)
    one = the_answer()
    assert (one.purpose, one.number, one.phone) == ("no reply", link.number, BENS_PHONE)
    assert one.text == f"Acme: {NO_REPLY['en']}"
    assert (one.segments, one.unicode) == (1, False)


def test_the_answer_leaves(link: Lease, mute: Asked, network: Network) -> None:
    came(link)
    send()
    assert [(one["from"], one["to"]) for one in network.requests] == [(link.number.e164, BENS_PHONE)]


def test_it_is_answered_in_the_language_of_the_phones_country(bridge: Bridge, mute: Asked) -> None:
    german = "+4915112345678"
    link = factories.lease(
        bridge.pool.numbers.order_by("pk")[0], factories.conversation(bridge.hook.chat_app), "gerd", german
    )
    factories.texted(link)
    came(link)
    assert the_answer().text == f"Acme: {NO_REPLY['de']}"


def test_the_pools_own_words_go_first(bridge: Bridge, link: Lease, mute: Asked) -> None:
    bridge.pool.no_reply_answer = "Write to us in the app."
    bridge.pool.save()
    came(link)
    assert the_answer().text == "Write to us in the app."


def test_a_reply_to_an_encrypted_conversation_is_refused_where_its_words_would_be_plain(
    link: Lease, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    Conversation.objects.update(encrypted=True)
    sms = came(link)
    assert (sms.state, sms.reason, chat.said) == ("refused", f"{_ENCRYPTED} It is answered.", [])
    monkeypatch.setattr(LayerPlatform, "posts_into_encrypted", True)
    assert again([sms.pk]) == 1
    reply()
    sms.refresh_from_db()
    assert (sms.state, chat.said) == ("posted", [("ben", "On my way")])


def test_his_messages_are_not_marked_read_and_nothing_else_waits(bridge: Bridge, link: Lease, chat: Chat) -> None:
    told = factories.message(link.conversation)
    sms = factories.outbound(bridge, [told], number=link.number, state="sent", sent_at=timezone.now())
    OutboundSms.objects.filter(pk=sms.pk).update(created_at=timezone.now() - timedelta(minutes=5))
    Conversation.objects.filter(pk=link.conversation_id).update(encrypted=True)
    came(link)
    assert (came(link, "Hello?").state, chat.read) == ("refused", [])
    assert Receipt.objects.get(message=told).rank == 0


# The project's own functions see it first


@pytest.fixture
def guarded(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.clear()
    verdicts.clear()
    Bridge.objects.update(after_receiving=f"{__name__}.function")
    factories.forget()


def test_an_own_function_sees_it_before_and_is_told_why(guarded: None, link: Lease, mute: Asked) -> None:
    verdicts.append(Verdict(text="other words", tags=["forwarded"]))
    sms = came(link)
    (about,) = seen
    assert (about.text, about.user_id, about.refused) == ("On my way", "ben", _NOT_POSTED)
    assert (sms.state, sms.tags, sms.text) == ("refused", ["forwarded"], "On my way")
    assert answers() == ["no reply"]


@pytest.mark.parametrize("verdict", [Verdict(block="Spam."), Verdict(opt_out=True)])
def test_what_it_blocks_is_not_answered(guarded: None, link: Lease, mute: Asked, verdict: Verdict) -> None:
    verdicts.append(verdict)
    assert (came(link).state, answers()) == ("blocked", [])


# Who is answered, and how often


def test_it_is_answered_once_in_a_while(link: Lease, mute: Asked) -> None:
    first, second = came(link), came(link, "Hello?")
    assert (first.state, second.state, answers()) == ("refused", "refused", ["no reply"])
    assert second.reason == f"{_NOT_POSTED} It is not answered: the same was answered less than 5 minutes ago."
    OutboundSms.objects.update(created_at=timezone.now() - timedelta(minutes=6))
    came(link, "Is anybody there?")
    assert answers() == ["no reply"] * 2


def test_half_of_a_days_answers_are_left_to_keywords(link: Lease, mute: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "PAUSE", timedelta(0))
    reasons = [came(link, str(serial)).reason for serial in range(answering.MOST_A_DAY // 2 + 1)]
    assert answers() == ["no reply"] * (answering.MOST_A_DAY // 2)
    assert "5 answers within a day" in reasons[-1]
    hear(link.number, "STOP")
    assert answers()[-1] == "opted out"


def test_half_of_an_accounts_answers_are_left_to_keywords(
    link: Lease, mute: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_OF_ACCOUNT", 1)
    assert "0 answers within a day" in came(link).reason
    hear(link.number, "STOP")
    assert answers() == ["opted out"]


def test_who_opted_out_gets_no_answer(link: Lease, mute: Asked) -> None:
    OptOut.objects.create(phone=BENS_PHONE, source="operator")
    assert came(link).reason == f"{_NOT_POSTED} It is not answered: the phone opted out."
    assert answers() == []


def test_who_opts_out_before_the_answer_leaves_does_not_get_it(link: Lease, mute: Asked, network: Network) -> None:
    came(link)
    OptOut.objects.create(phone=BENS_PHONE, source="operator")
    send()
    assert network.texts == []


@pytest.mark.parametrize("policy", ["dry_run", "paused"])
def test_nobody_is_answered_on_dry_run_or_while_paused(link: Lease, mute: Asked, policy: str) -> None:
    Bridge.objects.update(**{policy: True})
    factories.forget()
    sms = came(link)
    assert (sms.state, answers()) == ("refused", [])
    assert policy.replace("_", " ") in sms.reason


def test_a_vendor_that_answers_keywords_by_itself_does_not_answer_this(link: Lease, mute: Asked) -> None:
    VendorAccount.objects.update(answers_keywords=True)
    came(link)
    assert answers() == ["no reply"]


def test_a_number_that_was_taken_away_meanwhile_answers_nobody(
    link: Lease, mute: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "line", lambda account, number: None)
    assert "not among ours" in came(link).reason


def test_the_admin_shows_it(link: Lease, mute: Asked, admin_client: Any) -> None:
    came(link)
    assert "cannot be posted into this chat" in html(admin_client, pages.url("inboundsms"))
    assert "not posted" in html(admin_client, pages.url("inboundsms", InboundSms.objects.get().pk, "change"))
    assert NO_REPLY["en"] in html(admin_client, pages.url("pool", link.number.pool_id, "change"))


def test_what_another_worker_took_over_is_answered_by_that_one(link: Lease, mute: Asked) -> None:
    """The first one stood still until its claim had run out."""
    sms = inbound(link.number)
    _, (slow,) = routing.claim(10)
    InboundSms.objects.filter(pk=sms.pk).update(next_at=timezone.now() - timedelta(seconds=1))
    _, (other,) = routing.claim(10)
    filing.file([filing.refused(slow)])
    assert answers() == []
    filing.file([filing.refused(other)])
    filing.file([filing.refused(slow)])
    assert answers() == ["no reply"]
    sms.refresh_from_db()
    assert (sms.state, sms.reason.endswith("It is answered.")) == ("refused", True)


def test_whoever_answers_several_phones_takes_their_locks_in_one_order(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keywords of one claim, and the refusals of another one: in two orders they would wait for each other."""
    number, locked = bridge.pool.numbers.order_by("pk")[0], []
    phones = [factories.phone(serial) for serial in (5, 2, 8, 1)]
    for phone in phones:
        inbound(number, "STOP", phone)
    obey = optouts.obey

    def noted(heard: optouts.Heard) -> str | None:
        locked.append(heard.phone)
        return obey(heard)

    monkeypatch.setattr(optouts, "obey", noted)
    routing.claim(10)
    assert locked == sorted(phones)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_texts_of_one_phone_to_two_numbers_are_answered_once(bridge: Bridge, link: Lease, mute: Asked) -> None:
    other = factories.lease(
        bridge.pool.numbers.order_by("pk")[1], factories.conversation(bridge.hook.chat_app), "ben", BENS_PHONE
    )
    factories.texted(other)
    texts = [inbound(link.number), inbound(other.number)]
    claimed = [reply_ for _ in texts for reply_ in routing.claim(1)[1]]
    together([lambda one=one: filing.file([filing.refused(one)]) for one in claimed])  # type: ignore[misc]
    assert answers() == ["no reply"]
    assert set(InboundSms.objects.values_list("state", flat=True)) == {"refused"}
