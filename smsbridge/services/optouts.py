"""Keywords that people text: obeyed at once, kept in the ledger, answered, and never posted to the chat.

Whoever texts STOP is not texted again, from whatever number or vendor, until he texts START. The words are a table of
their own, `smsbridge.keywords`; what becomes of a wish is `consent`'s.
"""

import re
import uuid
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from notifier.sql import fetch, run
from smsbridge import keywords
from smsbridge.keywords import Keyword, Meaning, Source
from smsbridge.models import E164, ConsentEvent, OptOut, OutboundSms
from smsbridge.services import answering, consent, withdrawing
from smsbridge.services.answering import Asked, Line
from smsbridge.services.consent import Wish

What = ConsentEvent.What

_PHONE_LOCKS = 7_405_003  # the first half of an advisory lock's key; the second is made of the phone
_PATIENCE_MS = 500  # under Postgres' deadlock_timeout, so that whoever waits here gives way first

#: a stamp of the vendor's that is older than this is not believed: vendors repeat for a day
_OLDEST_STAMP = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Heard:
    """A text as an account's vendor delivered it. `said_at` is the vendor's stamp, if it gave one.

    `now` is when it is obeyed, by the database's clock: later than it came, if its number was added since.
    `meaning` is what the vendor itself took it for, and has answered; empty: it said nothing.
    """

    account: int
    number: str
    phone: str
    text: str
    received_at: datetime
    said_at: datetime | None
    now: datetime
    meaning: str = ""


def is_keyword(text: str, meaning: str = "") -> bool:
    return _keyword(text, meaning) is not None


def _keyword(text: str, meaning: str) -> Keyword | None:
    """By our own table or by the vendor, whose account may have further words; if they differ, STOP goes before."""
    ours = keywords.keyword(text)
    if meaning not in set(Meaning) or (ours and ours.meaning in (Meaning.STOP, meaning)):
        return ours
    return Keyword(meaning, Meaning(meaning), Source.USUAL)


def obey(heard: Heard) -> str | None:
    """Do what a keyword asks for, and say it in words; None when the text is none, and is to be posted.

    In the caller's transaction. None also when the number is not that account's: only the account is verified, and
    another one's vendor could name any phone.
    """
    keyword = _keyword(heard.text, heard.meaning)
    line = answering.line(heard.account, heard.number) if keyword else None
    if keyword is None or line is None:
        return None
    if not re.fullmatch(E164, heard.phone):
        return "A keyword from a sender that is no phone and is never texted."
    one_at_a_time(heard.phone)
    if keyword.when_out and not _may_come_back(heard.phone):
        return None
    return _DO[keyword.meaning](heard, keyword, line)


def _stop(heard: Heard, keyword: Keyword, line: Line) -> str:
    wish = _wish(heard, keyword)
    if _is_late(heard) and consent.said_otherwise_since(wish, What.OUT):
        consent.record(wish, What.OUT)
        return "It came late: the phone had opted in again since."
    if not consent.opt_out([wish]):
        consent.record(wish, What.OUT)
        return "The phone had opted out already."
    _wait_for_claims(heard.phone)
    return f"The phone opted out. {_answer(heard, keyword, line, changes=True)}"


def _start(heard: Heard, keyword: Keyword, line: Line) -> str:
    wish = _wish(heard, keyword)
    overtaken = consent.said_otherwise_since(wish, What.IN) if _is_late(heard) else consent.opted_out_after(wish)
    if overtaken:
        consent.record(wish, What.IN)
        return "It came late: the phone had opted out since, or perhaps had."
    came_back = consent.opt_in(wish)
    if came_back:
        withdrawing.withdraw(_unsent_confirmations(heard.phone), "The phone opted in again.")
    words = "The phone opted in again." if came_back else "The phone had not opted out."
    return f"{words} {_answer(heard, keyword, line, changes=came_back)}"


def _help(heard: Heard, keyword: Keyword, line: Line) -> str:
    consent.record(_wish(heard, keyword), What.HELP)
    return f"The person asked for help. {_answer(heard, keyword, line, changes=False)}"


def wished(phone: str, account: int, came: datetime, path: str) -> str:
    """The project's own function at `path` read in a text that no more are wanted; in words what became of that.

    It is not answered. A START that came after the text counts more.
    """
    wish = Wish(phone, consent.FUNCTION, path, account, came)
    with transaction.atomic():
        one_at_a_time(phone)
        if consent.said_otherwise_since(wish, What.OUT):
            consent.record(wish, What.OUT)
            return f"The function {path} read an opt-out in it, but the phone had opted in again since."
        if consent.opt_out([wish]):
            _wait_for_claims(phone)
    return f"The function {path} read an opt-out in it."


_DO = {Meaning.STOP: _stop, Meaning.START: _start, Meaning.HELP: _help}


def _answer(heard: Heard, keyword: Keyword, line: Line, *, changes: bool) -> str:
    if heard.meaning:
        return "The vendor has answered it."
    return answering.answer(line, Asked(keyword, heard.phone, heard.received_at, changes))


def _wish(heard: Heard, keyword: Keyword) -> Wish:
    """By the vendor's clock where it tells, as several texts of one phone must be put in order by one clock."""
    note = keywords.folded(keyword.word) + (", as the vendor read it" if heard.meaning else "")
    return Wish(heard.phone, consent.KEYWORD, note, heard.account, _moment(heard))


def _moment(heard: Heard) -> datetime:
    stamp = heard.said_at
    if stamp is None or stamp < heard.received_at - _OLDEST_STAMP:
        return heard.received_at
    return min(stamp, heard.received_at)


def _is_late(heard: Heard) -> bool:
    """Whether it came later than clocks that differ could explain; else the order of arrival counts.

    But a START never overtakes a STOP that has a later stamp of the same clock, however little later.
    """
    return _moment(heard) < heard.now - consent.CLOCKS_DIFFER


def _may_come_back(phone: str) -> bool:
    """Whether a word of everyday talk, such as YES, brings this phone back: not from what an operator entered."""
    return OptOut.objects.filter(phone=phone).exclude(source__in=(consent.OPERATOR, consent.IMPORT)).exists()


def _unsent_confirmations(phone: str) -> list[uuid.UUID]:
    rows = OutboundSms.objects.filter(phone=phone, purpose=OutboundSms.Purpose.OPTED_OUT)
    return list(rows.filter(state=OutboundSms.State.READY).values_list("pk", flat=True))


def one_at_a_time(phone: str) -> None:
    """Keywords of one phone, and whatever else is answered, take turns until the transaction ends.

    SQLite has one writer at a time as it is.
    """
    if connection.vendor == "postgresql":
        key = zlib.crc32(phone.encode()) - 2**31
        fetch("select pg_advisory_xact_lock(%(lock)s, %(key)s)", lock=_PHONE_LOCKS, key=key)


def _wait_for_claims(phone: str) -> None:
    """Let claims that hold ready texts of this phone commit before us, and let no other begin.

    So no text leaves by a decision that is younger than the opt-out. Not for long: a process that froze with such a
    claim must not keep a STOP from being stored; the database ends its transaction, and nothing of it is sent.
    """
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic():
            run(f"set local lock_timeout = {_PATIENCE_MS}")
            ready = OutboundSms.objects.select_for_update().filter(phone=phone, state=OutboundSms.State.READY)
            list(ready.values_list("pk", flat=True))
            run("set local lock_timeout to default")
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
