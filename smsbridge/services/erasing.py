"""Erasing one person, by phone or by user id: what he was texted, what he texted, who he is, what he wrote.

Opt-outs and the consent ledger are kept unless asked for: without them he would be texted again as soon as the chat
names his phone once more, and nobody could show that he had been heard.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from notifier.models import ChatApp
from notifier.services import erasing as chat
from notifier.services.forgetting import Kind, counts, deleted, forget_all
from notifier.sql import Ids, fetch, uuid_of
from smsbridge.models import Contact, OutboundSms
from smsbridge.services import withdrawing

_HIS = (
    "(x.phone {in:phones} or (x.user_id {in:users} and exists (select 1 from notifier_conversation c"
    " where c.id = x.conversation_id and c.chat_app_id {in:apps})))"
)

_QUOTES_HIM = (
    "x.id in (select n.sms_id from smsbridge_notice n join notifier_message m on m.id = n.message_id"
    " where m.sender_id {in:users} and m.chat_app_id {in:apps})"
)

_KINDS = [
    Kind(
        what="texts sent to him",
        table="smsbridge_outboundsms",
        key="uuid",
        which=_HIS,
        acts=(
            "delete from smsbridge_notice where sms_id {in:ids}",
            "update smsbridge_lease set introduced_by_id = null where introduced_by_id {in:ids}",
            deleted("smsbridge_outboundsms"),
        ),
    ),
    Kind(
        what="texts that told others of his messages",
        table="smsbridge_outboundsms",
        key="uuid",
        which=f"x.text <> '' and x.state not in ('ready', 'sending') and {_QUOTES_HIM}",
        acts=("update smsbridge_outboundsms set text = '' where id {in:ids}",),
    ),
    Kind(
        what="decisions about him",
        table="smsbridge_notice",
        which=(
            "x.user_id {in:users} and exists (select 1 from notifier_conversation c"
            " where c.id = x.conversation_id and c.chat_app_id {in:apps})"
        ),
        acts=(deleted("smsbridge_notice"),),
    ),
    Kind(what="texts of his", table="smsbridge_inboundsms", which=_HIS, acts=(deleted("smsbridge_inboundsms"),)),
    Kind(what="number assignments", table="smsbridge_lease", which=_HIS, acts=(deleted("smsbridge_lease"),)),
    Kind(
        what="counts of the day",
        table="smsbridge_dailyuse",
        which="x.key {in:phones}",
        acts=(deleted("smsbridge_dailyuse"),),
    ),
    Kind(
        what="contacts",
        table="smsbridge_contact",
        which="x.user_id {in:users} and x.chat_app_id {in:apps}",
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


@dataclass(frozen=True, slots=True)
class Person:
    """Whose rows go: by user id in these chat apps (primary keys), and by phone (E.164)."""

    users: tuple[str, ...]
    phones: tuple[str, ...]
    apps: tuple[int, ...]

    def params(self) -> dict[str, Ids]:
        return {
            "users": Ids("text", self.users),
            "phones": Ids("text", self.phones),
            "apps": Ids("bigint", self.apps),
        }


def by_phone(phone: str, apps: Collection[int] | None = None) -> Person:
    """Whoever has this phone now: several users when they share it, none when nobody is known by it."""
    chosen = _apps(apps)
    users = Contact.objects.filter(phone=phone, chat_app__in=chosen).values_list("user_id", flat=True)
    return Person(tuple(sorted(set(users))), (phone,), chosen)


def by_user(user: str, apps: Collection[int] | None = None) -> Person:
    """This user, and his phone unless another user shares it: then only what names the user himself."""
    chosen = _apps(apps)
    phones = set(
        Contact.objects.filter(user_id=user, chat_app__in=chosen).exclude(phone="").values_list("phone", flat=True)
    )
    shared = Contact.objects.filter(phone__in=phones).exclude(user_id=user, chat_app__in=chosen)
    return Person((user,), tuple(sorted(phones - set(shared.values_list("phone", flat=True)))), chosen)


def _apps(given: Collection[int] | None) -> tuple[int, ...]:
    return tuple(ChatApp.objects.order_by("pk").values_list("pk", flat=True)) if given is None else tuple(given)


def would_erase(person: Person, *, consent: bool = False) -> dict[str, int]:
    """How many rows of each kind `erase` would erase now."""
    found = counts(_kinds(consent), **person.params())
    return found | chat.would_erase_users(person.users, person.apps)


def erase(person: Person, *, consent: bool = False, tick: Callable[[], object] = lambda: None) -> dict[str, int]:
    """Erase him, with his opt-out and the proof of it only with `consent`. Safe to repeat; how many of each kind.

    What is being composed in this very moment may still be written: a second run finds it.
    """
    contacts = list(
        Contact.objects.filter(user_id__in=person.users, chat_app__in=person.apps).values_list("pk", flat=True)
    )
    _take_back_quotes(person)
    done = forget_all(_kinds(consent), tick=tick, **person.params())
    done |= chat.erase_users(person.users, person.apps, tick=tick)
    _unname(contacts)
    return done


def _take_back_quotes(person: Person) -> None:
    """Texts that are about to tell others of his messages: they are withdrawn, and lose their words at once.

    One that is being sent in this moment keeps them until it is sent: a second run finds it.
    """
    with transaction.atomic():
        rows = fetch(
            f"select x.id from smsbridge_outboundsms x where x.state = 'ready' and {_QUOTES_HIM} {{lock:x}}",
            **person.params(),
        )
        ready = [uuid_of(id_) for (id_,) in rows]
        withdrawing.withdraw(ready, "A message in it was erased.")
        OutboundSms.objects.filter(pk__in=ready).update(text="")


def _kinds(consent: bool) -> list[Kind]:
    return _KINDS + (_CONSENT if consent else [])


def _unname(contacts: Collection[int]) -> None:
    """The audit keeps that an operator changed a contact, not whose it was."""
    kind = ContentType.objects.get_for_model(Contact)
    LogEntry.objects.filter(content_type=kind, object_id__in=map(str, contacts)).update(object_repr="erased")
