"""What answers a keyword, or a text that cannot be posted: one text, from the number that was texted.

Every change of mind is answered once. What changes nothing, such as HELP, is answered once in a while only, and no
phone gets more than a few answers a day: two machines must not talk to each other for ever. As anybody can text our
numbers, and each answer is at our cost, strangers get none, and what an account answers in a day is bounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from notifier import doorbell
from notifier.models import ChatApp
from notifier.sql import moment
from smsbridge.ids import uuid7
from smsbridge.keywords import NO_REPLY, SENTENCES, Keyword, Meaning, language_of
from smsbridge.models import Bridge, Contact, Number, OptOut, OutboundSms, Pool
from smsbridge.phones import costly_kind, country_of
from smsbridge.segments import Encoding, measure
from smsbridge.services.accounts import LiveBridge, live_bridges
from smsbridge.services.countries import refusal_of
from smsbridge.services.sending import STAGE as SEND

Purpose = OutboundSms.Purpose

PAUSE: Final = timedelta(minutes=5)
MOST_A_DAY: Final = 10
#: answers from all numbers of one account; a STOP beyond it is obeyed, and not confirmed
MOST_OF_ACCOUNT: Final = 500

PURPOSES: Final = {Meaning.STOP: Purpose.OPTED_OUT, Meaning.START: Purpose.OPTED_IN, Meaning.HELP: Purpose.HELP}
_OWN_TEXTS: Final = {
    Purpose.OPTED_OUT: "stop_answer",
    Purpose.OPTED_IN: "start_answer",
    Purpose.HELP: "help_answer",
    Purpose.NO_REPLY: "no_reply_answer",
}
_SENTENCES: Final = {Purpose.NO_REPLY: NO_REPLY, **{PURPOSES[meaning]: SENTENCES[meaning] for meaning in Meaning}}


@dataclass(frozen=True, slots=True)
class Line:
    """The number of ours that was texted."""

    number: int
    account: int
    pool: int | None
    vendor_answers: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What came in and is to be answered, by the database's clock; without a keyword, a text that cannot be posted.

    `changes`: it made a difference.
    """

    keyword: Keyword | None
    phone: str
    received_at: datetime
    changes: bool = False

    @property
    def purpose(self) -> Purpose:
        return PURPOSES[self.keyword.meaning] if self.keyword else Purpose.NO_REPLY

    @property
    def language(self) -> str:
        country = country_of(self.phone)
        return self.keyword.language(country) if self.keyword else language_of(country)


def line(account: int, number: str) -> Line | None:
    """One of our numbers (E.164), if it is this account's."""
    rows = Number.objects.filter(e164=number, account_id=account)
    found = rows.values_list("pk", "account_id", "pool_id", "account__answers_keywords").first()
    return Line(*found) if found else None


def answer(line: Line, asked: Asked) -> str:
    """Make the answer, ready to be sent once the caller's transaction is committed; in words what became of it."""
    silence = _reason_for_silence(line, asked)
    if silence:
        return silence
    text = wording(line.pool, asked.purpose, asked.language)
    cost = measure(text)
    OutboundSms.objects.create(
        id=uuid7(),
        purpose=asked.purpose,
        number_id=line.number,
        account_id=line.account,
        phone=asked.phone,
        country=country_of(asked.phone),
        text=text,
        segments=cost.count,
        unicode=cost.encoding is Encoding.UCS2,
        due_at=asked.received_at,
        next_at=asked.received_at,
    )
    doorbell.ring_on_commit(SEND)
    return "It is answered."


def wording(pool: int | None, purpose: Purpose, language: str) -> str:
    """The pool's own text, else a sentence that begins with the chat app's name if both fit into one SMS."""
    own = Pool.objects.filter(pk=pool or 0).values_list(_OWN_TEXTS[purpose], flat=True).first() or ""
    if own.strip():
        return own.strip()
    sentence = _SENTENCES[purpose][language]
    names = set(ChatApp.objects.filter(hooks__bridges__pool=pool).values_list("name", flat=True)) if pool else set()
    named = f"{names.pop()}: {sentence}" if len(names) == 1 else sentence
    return named if measure(named).count == 1 else sentence


def _reason_for_silence(line: Line, asked: Asked) -> str:
    if line.vendor_answers and asked.keyword:
        return "The vendor answers by itself."
    if not asked.keyword and OptOut.objects.filter(phone=asked.phone).exists():
        return "It is not answered: the phone opted out."
    if costly_kind(asked.phone):
        return f"It is not answered: a {costly_kind(asked.phone)} number is never texted."
    bridges = _bridges(line.pool)
    if bridges and all(bridge.dry_run for bridge in bridges):
        return "It is not answered: all bridges of the pool are on dry run."
    if bridges and asked.purpose is not Purpose.OPTED_OUT and all(bridge.paused for bridge in bridges):
        return "It is not answered: all bridges of the pool are paused."
    if not _is_known(bridges, asked):
        return "It is not answered: this phone was never texted, and is of nobody whom a bridge of the pool may text."
    return _reason_to_pause(asked) or _reason_of_account(line, asked)


def _bridges(pool: int | None) -> list[LiveBridge]:
    ids = Bridge.objects.filter(pool=pool).values_list("pk", flat=True) if pool else []
    return [live_bridges()[id_] for id_ in ids if id_ in live_bridges()]


#: what has certainly not left
_STAYED: Final = (OutboundSms.State.READY, OutboundSms.State.WITHDRAWN, OutboundSms.State.DEAD)


def _is_known(bridges: Sequence[LiveBridge], asked: Asked) -> bool:
    """Whether we texted this phone; for other texts than STOP also whether a bridge has somebody whom it may text."""
    if OutboundSms.objects.filter(phone=asked.phone).exclude(state__in=_STAYED).exists():
        return True
    country = country_of(asked.phone)
    apps = {bridge.chat_app for bridge in bridges if not refusal_of(bridge, country)}
    may_ask = asked.purpose is not Purpose.OPTED_OUT
    return may_ask and Contact.objects.filter(phone=asked.phone, chat_app__in=apps).exists()


def _reason_to_pause(asked: Asked) -> str:
    """Under the phone's lock, or two at once would not see each other's answers."""
    answers = OutboundSms.objects.filter(phone=asked.phone).exclude(purpose=Purpose.NOTICE)
    told = answers.exclude(state=OutboundSms.State.WITHDRAWN).values_list("purpose", "created_at")
    today = [(purpose, moment(at)) for purpose, at in told.filter(created_at__gt=asked.received_at - timedelta(days=1))]
    most = _most(asked, MOST_A_DAY)
    if len(today) >= most:
        return f"It is not answered: this phone had {most} answers within a day."
    recent = any(was == asked.purpose and at > asked.received_at - PAUSE for was, at in today)
    if asked.changes or not recent:
        return ""
    return f"It is not answered: the same was answered less than {PAUSE.seconds // 60} minutes ago."


def _reason_of_account(line: Line, asked: Asked) -> str:
    """Two at once may both be the last. Answers are about no conversation: they are found by the index of that."""
    answers = OutboundSms.objects.filter(conversation=None, account_id=line.account).exclude(purpose=Purpose.NOTICE)
    today = answers.exclude(state=OutboundSms.State.WITHDRAWN).filter(
        created_at__gt=asked.received_at - timedelta(days=1)
    )
    most = _most(asked, MOST_OF_ACCOUNT)
    if today.order_by()[:most].count() < most:
        return ""
    return f"It is not answered: this vendor account gave {most} answers within a day."


def _most(asked: Asked, most: int) -> int:
    """The half is left to keywords, above all to the confirmation of a STOP."""
    return most if asked.keyword else most // 2
