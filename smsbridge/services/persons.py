"""Who somebody is, for erasing him: the users and phones by which rows are his, and nobody else's."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from notifier.models import ChatApp
from notifier.services.erasing import User, as_rows
from notifier.services.rules import SCHEME
from notifier.sql import Ids, fetch
from smsbridge.models import Contact


@dataclass(frozen=True, slots=True)
class Person:
    """Whose rows go: what names one of these users, and what names one of these phones (E.164).

    With `apps`, primary keys of chat apps, the phones' rows go only where they belong to one of them.
    """

    users: tuple[User, ...]
    phones: tuple[str, ...]
    apps: tuple[int, ...] | None = None

    @property
    def names(self) -> list[str]:
        """The ids of the users, but for those that are his phones."""
        return sorted({user for _, user in self.users if not user.startswith(SCHEME)})

    def params(self) -> dict[str, Any]:
        return {
            "who": as_rows(self.users),
            "phones": Ids("text", self.phones),
            "apps": Ids("bigint", self.apps or ()),
            "everywhere": self.apps is None,
        }


def by_phone(phone: str, apps: Collection[int] | None = None) -> Person:
    """Whoever has this phone now: several users when they share it, none when nobody is known by it."""
    chosen, limit = _apps(apps)
    users = tuple(Contact.objects.filter(phone=phone, chat_app__in=chosen).values_list("chat_app_id", "user_id"))
    return _person(users, {phone} | _phones_of(users), chosen, limit)


def by_user(user: str, apps: Collection[int] | None = None) -> Person:
    """This user, and the phones by which he alone is or was known; of a shared one only what names the user himself."""
    chosen, limit = _apps(apps)
    users = tuple((app, user) for app in chosen)
    return _person(users, _phones_of(users), chosen, limit)


def _person(
    users: tuple[User, ...], phones: set[str], chosen: Collection[int], limit: tuple[int, ...] | None
) -> Person:
    """With each of his phones as a user too: by a rule, messages are for phones, whoever has them."""
    as_users = {(app, SCHEME + phone) for app in chosen for phone in phones}
    return Person(tuple({*users, *as_users}), tuple(sorted(phones)), limit)


def _apps(given: Collection[int] | None) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """The chat apps to look in, and the same as a limit: none when these are all there are."""
    known = tuple(ChatApp.objects.order_by("pk").values_list("pk", flat=True))
    return (known, None) if given is None or set(given) >= set(known) else (tuple(given), tuple(given))


_KNOWN_BY = (
    "(select c.chat_app_id as app_id, c.user_id, c.phone from smsbridge_contact c union all"
    + " union all".join(
        f" select p.chat_app_id, t.user_id, t.phone from {table} t join notifier_conversation p"
        " on p.id = t.conversation_id"
        for table in ("smsbridge_outboundsms", "smsbridge_lease")
    )
    + ") k left join {rows:who} on who.app_id = k.app_id and who.user_id = k.user_id"
)


def _phones_of(users: Collection[User]) -> set[str]:
    """Phones by which contacts, texts or number assignments know these users, and nobody else."""
    who = as_rows(users)
    his = fetch(f"select distinct k.phone from {_KNOWN_BY} where who.user_id is not null and k.phone <> ''", who=who)
    others = fetch(
        f"select distinct k.phone from {_KNOWN_BY} where who.user_id is null and k.phone {{in:phones}}",
        who=who,
        phones=Ids("text", [phone for (phone,) in his]),
    )
    return {phone for (phone,) in his} - {phone for (phone,) in others}
