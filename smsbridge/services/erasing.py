"""Erasing one person, by phone or by user id: what he was texted, what he texted, who he is, what he wrote.

Opt-outs and the consent ledger are kept unless asked for: without them he would be texted again as soon as the chat
names his phone once more, and nobody could show that he had been heard.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.db import transaction

from notifier.services import erasing as chat
from notifier.services.forgetting import Kind, counts, deleted, forget_all
from notifier.sql import fetch, uuid_of
from smsbridge.services import withdrawing
from smsbridge.services.persons import Person
from smsbridge.services.retention import INBOUND_GO, TEXTS_GO

_POLL_SECONDS = 0.5

_PLACED_HIM = (
    "exists (select 1 from notifier_conversation c join {rows:who} on who.app_id = c.chat_app_id"
    " where c.id = x.conversation_id and who.user_id = x.user_id)"
)
_IN_REACH = (
    "(%(everywhere)s or exists"
    " (select 1 from notifier_conversation c where c.id = x.conversation_id and c.chat_app_id {in:apps}))"
)
_HIS = f"((x.phone {{in:phones}} and {_IN_REACH}) or {_PLACED_HIM})"

#: a message `m` that he wrote, or that was erased before: nothing else tells whose it is in what was composed meanwhile
_SAID = (
    "((m.sender_id is null and m.sender_name is null and m.sent_at is not null and m.deleted_at is not null)"
    " or exists (select 1 from {rows:who} where who.app_id = m.chat_app_id and who.user_id = m.sender_id))"
)
_QUOTES_HIM = (
    "exists (select 1 from smsbridge_notice n join notifier_message m on m.id = n.message_id"
    f" where n.sms_id = x.id and {_SAID})"
)
#: withdrawn and sent-again texts are parted from what they told: any of a conversation of his may quote him
_MAY_QUOTE_HIM = (
    "(not exists (select 1 from smsbridge_notice n where n.sms_id = x.id)"
    f" and exists (select 1 from notifier_message m where m.conversation_id = x.conversation_id and {_SAID}))"
)
_SENDING = "x.state in ('ready', 'sending')"

_QUOTES = Kind(
    what="texts that told others of his messages",
    table="smsbridge_outboundsms",
    key="uuid",
    which=f"x.text <> '' and not {_SENDING} and ({_QUOTES_HIM} or {_MAY_QUOTE_HIM})",
    acts=("update smsbridge_outboundsms set text = '', media = null, tags = null where id {in:ids}",),
)

#: not over yet, the earlier first: nothing goes from the second to the first
_AT_WORK = [
    Kind(
        what="his messages in texts that are being composed",
        table="smsbridge_notice",
        which=(
            "x.state = 'waiting' and x.claim is not null and x.next_at > {now}"
            f" and exists (select 1 from notifier_message m where m.id = x.message_id and {_SAID})"
        ),
        acts=(),
    ),
    Kind(
        what="texts that are about to tell others of his messages",
        table="smsbridge_outboundsms",
        key="uuid",
        which=f"x.text <> '' and {_SENDING} and {_QUOTES_HIM}",
        acts=(),
    ),
]

_TEXTED = Kind(what="texts of his", table="smsbridge_inboundsms", which=_HIS, acts=INBOUND_GO)

# What tells his phones goes last: a run that was broken off is taken up by the same words.
_KINDS = [
    _TEXTED,
    Kind(
        what="counts of the day",
        table="smsbridge_dailyuse",
        which=(
            "x.kind = 'phone' and x.key {in:phones} and (%(everywhere)s or exists (select 1 from smsbridge_bridge b"
            " join notifier_hook h on h.id = b.hook_id where b.id = x.bridge_id and h.chat_app_id {in:apps}))"
        ),
        acts=(deleted("smsbridge_dailyuse"),),
    ),
    Kind(
        what="what is known of his phone",
        table="smsbridge_phonefact",
        which="%(everywhere)s and x.phone {in:phones}",
        acts=(deleted("smsbridge_phonefact"),),
    ),
    Kind(what="decisions about him", table="smsbridge_notice", which=_PLACED_HIM, acts=(deleted("smsbridge_notice"),)),
    Kind(what="texts sent to him", table="smsbridge_outboundsms", key="uuid", which=_HIS, acts=TEXTS_GO),
    Kind(what="number assignments", table="smsbridge_lease", which=_HIS, acts=(deleted("smsbridge_lease"),)),
    Kind(
        what="contacts",
        table="smsbridge_contact",
        which="exists (select 1 from {rows:who} where who.app_id = x.chat_app_id and who.user_id = x.user_id)",
        acts=(deleted("smsbridge_contact"),),
    ),
]

_CONSENT = [
    Kind(what="opt-outs", table="smsbridge_optout", which="x.phone {in:phones}", acts=(deleted("smsbridge_optout"),)),
    Kind(
        what="entries of the consent ledger",
        table="smsbridge_consentevent",
        which="x.phone {in:phones}",
        acts=(deleted("smsbridge_consentevent"),),
    ),
]

_OF_NO_APP = [
    Kind(
        what=f"texts {way} his phone that belong to no conversation",
        table=table,
        which="x.phone {in:phones} and x.conversation_id is null and not %(everywhere)s",
        acts=(),
    )
    for way, table in (("to", "smsbridge_outboundsms"), ("from", "smsbridge_inboundsms"))
]
_OF_NO_APP.append(
    Kind(
        what="what is known of his phone",
        table="smsbridge_phonefact",
        which="x.phone {in:phones} and not %(everywhere)s",
        acts=(),
    )
)


def would_erase(person: Person, *, consent: bool = False) -> dict[str, int]:
    """How many rows of each kind `erase` would erase now."""
    found = counts([*_AT_WORK, _QUOTES, *_kinds(consent)], **person.params())
    return found | chat.would_erase_users(person.users)


def kept(person: Person, *, consent: bool = False) -> dict[str, int]:
    """How many rows of each kind name his phones and are not erased: see `--consent` and `--chat-app`."""
    return counts([*_OF_NO_APP, *([] if consent else _CONSENT)], **person.params())


def erase(person: Person, *, consent: bool = False, tick: Callable[[], object] = lambda: None) -> dict[str, int]:
    """Erase him, with his opt-out and the proof of it only with `consent`; how many of each kind. Safe to repeat.

    Texts that tell others of his messages are taken back, or waited for while they are composed or sent, and lose their
    words. That takes SENDING_SECONDS at most, as they are over by then, unless no worker runs: see `unfinished`.
    """
    done = chat.erase_users(person.users, tick=tick)
    done |= forget_all(_kinds(consent), tick=tick, **person.params())
    blanked, texted = _silence(person, tick)
    found = {_TEXTED.what: done.get(_TEXTED.what, 0) + texted, _QUOTES.what: blanked}
    return done | {what: count for what, count in found.items() if count}


def unfinished(person: Person) -> int:
    """How many texts are found only by another run: those about his messages that are being composed or sent now, and
    those of his that somebody else held, to add a part or to post them.
    """
    return sum(kind.count(**person.params()) for kind in (*_AT_WORK, _TEXTED))


def _silence(person: Person, tick: Callable[[], object]) -> tuple[int, int]:
    """How many texts lost their words, and how many of his were passed over before.

    His messages are tombstones by now, so no more texts come to quote them.
    """
    blanked, texted, until = 0, 0, time.monotonic() + settings.SENDING_SECONDS + settings.SWEEP_SECONDS
    while True:
        _take_back(person)
        texted += _TEXTED.forget(tick=tick, **person.params())
        busy = unfinished(person)
        blanked += _QUOTES.forget(tick=tick, **person.params())
        if not busy or time.monotonic() > until:
            return blanked, texted
        tick()
        time.sleep(_POLL_SECONDS)


def _take_back(person: Person) -> None:
    """Texts that are ready and quote him are withdrawn: what else they tell is composed anew."""
    with transaction.atomic():
        rows = fetch(
            f"select x.id from smsbridge_outboundsms x where x.state = 'ready' and {_QUOTES_HIM} {{lock:x}}",
            **person.params(),
        )
        withdrawing.withdraw([uuid_of(id_) for (id_,) in rows], "A message in it was erased.")


def _kinds(consent: bool) -> list[Kind]:
    return _KINDS + (_CONSENT if consent else [])
