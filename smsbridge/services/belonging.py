"""What a text that came in belongs to: the conversation that its number stood for, on that phone, when it came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from notifier.sql import Rows, fetch


@dataclass(frozen=True, slots=True)
class Link:
    """What a number stood for on a phone at some moment. `conversation_key` is the platform's id.

    `encrypted`: the conversation hides its words from us.

    `trace` is that of the last text before that moment: what a reply answers, as far as can be known.
    """

    lease: int
    conversation: int
    conversation_key: str
    chat_app: int
    user_id: str
    encrypted: bool = False
    trace: int | None = None


#: Of a text `s`: by the moment text.came it had left, as far as can be known, since the person may answer before the
#: vendor's answer is stored. That is stored, or given up, within SENDING_SECONDS, which is at text.latest.
HAD_LEFT = (
    "s.created_at <= text.came and text.latest >="
    " coalesce(s.sent_at, case s.state when 'sending' then s.next_at else s.created_at end)"
)

# The subqueries yield single values, so that they are asked text by text, by an index, however large the tables are:
# `+ 0` keeps the first one to the phone's, as a conversation of many people has many more texts than a phone.
_LINKS = (
    "select text.id, l.id, l.conversation_id, c.key, c.chat_app_id, l.user_id, c.encrypted,"
    " (select s.trace from smsbridge_outboundsms s where s.phone = l.phone and s.number_id = l.number_id"
    "   and s.conversation_id + 0 = l.conversation_id and s.created_at <= text.came order by s.id desc limit 1)"
    " from {rows:text}"
    " join smsbridge_number n on n.e164 = text.number and n.account_id = text.account_id and not n.one_way"
    " join smsbridge_lease l on l.number_id = n.id and l.phone = text.phone"
    "   and l.expires_at > text.came and l.linked_at <= text.came and (l.left_at is null or l.left_at > text.came)"
    " join notifier_conversation c on c.id = l.conversation_id"
    " where (select 1 from smsbridge_outboundsms s where s.phone = l.phone and s.number_id = l.number_id"
    "   and s.conversation_id + 0 = l.conversation_id and s.user_id = l.user_id and s.created_at >= l.linked_at"
    "   and (s.state in ('sending', 'sent', 'delivered', 'undelivered', 'uncertain')"
    f"     or s.state = 'closed' and s.sent_at is not null) and {HAD_LEFT} limit 1) = 1"
    " and (select 1 from smsbridge_contact p where p.chat_app_id = c.chat_app_id and p.user_id = l.user_id"
    "   and p.phone not in ('', l.phone)) is null"
)


def latest(came: datetime) -> datetime:
    """When at the latest it is stored that a text had left by then."""
    return came + timedelta(seconds=settings.SENDING_SECONDS)


Came = tuple[int, int, str, str, datetime]

_CAME = {
    "id": "bigint",
    "account_id": "bigint",
    "number": "text",
    "phone": "text",
    "came": "timestamptz",
    "latest": "timestamptz",
}


def links(texts: Sequence[Came]) -> dict[int, Link]:
    """What each text, given as (id, account, number, phone, when it came), belongs to; who is missing, to nothing.

    The number must be the account's, and one that can be answered. The link must have stood when the text came: neither
    expired nor left before, nor made for another conversation since; and a text must have told the person of it, at the
    phone that is still his.
    """
    found = fetch(_LINKS, text=Rows(_CAME, [(*text, latest(text[-1])) for text in texts]))
    return {
        id_: Link(lease, conversation, key, app, user, bool(encrypted), trace)
        for id_, lease, conversation, key, app, user, encrypted, trace in found
    }


def moved(texts: Sequence[Came]) -> set[int]:
    """Of texts that belong to nothing, those whose number last texted about what another number stands for by now."""
    if not texts:
        return set()
    found = fetch(
        "select text.id from {rows:text}"
        " join smsbridge_number n on n.e164 = text.number and n.account_id = text.account_id"
        " where (select l.number_id from smsbridge_outboundsms s left join smsbridge_lease l on l.phone = s.phone"
        "   and l.user_id = s.user_id and l.conversation_id = s.conversation_id and l.left_at is null"
        "   where s.phone = text.phone and s.number_id = n.id and s.purpose = 'notice'"
        f"   and s.state in ('sending', 'sent', 'delivered', 'uncertain') and {HAD_LEFT}"
        "   order by s.id desc limit 1) <> n.id",
        text=Rows(_CAME, [(*text, latest(text[-1])) for text in texts]),
    )
    return {id_ for (id_,) in found}
