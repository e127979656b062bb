"""Looking up many phones at once: what is known, what the numbering plan tells, and who is asked about the others."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from smsbridge.models import Contact, PhoneFact
from smsbridge.phones import landline_by_plan, mobile_by_plan
from smsbridge.services import daily_lookups
from smsbridge.services.accounts import LiveAccount, live_bridges
from smsbridge.services.looking_up import LookUp
from smsbridge.services.phone_facts import costs, known_already, lookers, pool_accounts, wish

_BATCH = 500


@dataclass(slots=True)
class Outlook:
    """What would become of phones: how many are known, how many the plan tells, and who is asked about which."""

    known: int = 0
    planned: list[str] = field(default_factory=list)
    asked: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    nobody: int = 0
    accounts: dict[int, LiveAccount] = field(default_factory=dict)

    def sentences(self) -> Iterator[str]:
        yield f"Known already: {self.known}. Told by the numbering plan: {len(self.planned)}."
        for id_, phones in sorted(self.asked.items()):
            account = self.accounts[id_]
            left = daily_lookups.left(account, timezone.now()) if costs(account) else None
            rest = "for nothing" if left is None else f"which cost; today {left} more are allowed"
            yield f"To be asked of {account.slug}: {len(phones)}, {rest}."
        if self.nobody:
            yield (
                f"Nobody may be asked about: {self.nobody}. Switch on “looks up” of a vendor account of their bridge's"
                " pool, and say --paid if its look-ups cost."
            )


def contact_phones() -> list[str]:
    """The phones of all contacts, each once."""
    return list(Contact.objects.exclude(phone="").order_by("phone").values_list("phone", flat=True).distinct())


def outlook(phones: Sequence[str], *, paid: bool) -> Outlook:
    """Sort phones (E.164) out. Without `paid` only those are asked who tell for nothing."""
    found = Outlook()
    for start in range(0, len(phones), _BATCH):
        _sort(found, sorted(set(phones[start : start + _BATCH])), paid)
    return found


def _sort(found: Outlook, phones: Sequence[str], paid: bool) -> None:
    known, of_phones = known_already(phones), lookers_of(phones, paid=paid)
    for phone in phones:
        asked = next(iter(of_phones[phone]), None)
        free = asked is not None and not costs(asked)
        if phone in known:
            found.known += 1
        elif landline_by_plan(phone) or (mobile_by_plan(phone) and not free):
            found.planned.append(phone)
        elif asked is None:
            found.nobody += 1
        else:
            found.asked[asked.id].append(phone)
            found.accounts[asked.id] = asked


def lookers_of(phones: Sequence[str], *, paid: bool) -> dict[str, list[LiveAccount]]:
    """Who may be asked about each: accounts of the pools that text its contacts, and of nobody's phone any."""
    apps = chat_apps_of(phones)
    pools: dict[int, set[int]] = defaultdict(set)
    for bridge in live_bridges().values():
        pools[bridge.chat_app] |= pool_accounts(bridge)

    def of(phone: str) -> list[LiveAccount]:
        accounts = {account for app in apps[phone] for account in pools[app]} if phone in apps else None
        return [account for account in lookers(accounts) if paid or not costs(account)]

    return {phone: of(phone) for phone in phones}


def chat_apps_of(phones: Sequence[str]) -> dict[str, set[int]]:
    """In which chat apps each is somebody's; nobody's phone is not among them."""
    apps: dict[str, set[int]] = defaultdict(set)
    for phone, app in Contact.objects.filter(phone__in=phones).values_list("phone", "chat_app_id"):
        apps[phone].add(app)
    return dict(apps)


def look_up(found: Outlook, *, tick: Callable[[], object] = lambda: None) -> None:
    """Store what the plan tells, and ask about the others, as far as the limits of the day allow.

    Workers help when they run. No transaction may be open.
    """
    _in_batches(found.planned, [], tick)
    for id_, phones in found.asked.items():
        _in_batches(phones, [found.accounts[id_]], tick)
    worker = LookUp()
    try:
        while True:
            step = worker.step()
            tick()
            if step.next_in is not None:
                time.sleep(step.next_in)  # a worker is claiming
            elif not step.more:
                return
    finally:
        worker.close()


def _in_batches(phones: Sequence[str], by: Sequence[LiveAccount], tick: Callable[[], object]) -> None:
    for start in range(0, len(phones), _BATCH):
        wish(phones[start : start + _BATCH], by)
        tick()


def statuses(phones: Sequence[str]) -> dict[str, int]:
    """How many of these phones are what, in words; those of which nothing is stored yet count as unknown."""
    words = dict(PhoneFact._meta.get_field("status").flatchoices)
    counted: Counter[str] = Counter()
    for start in range(0, len(phones), _BATCH):
        rows = PhoneFact.objects.filter(phone__in=phones[start : start + _BATCH]).values_list("status", flat=True)
        counted.update(str(words[status]) for status in rows)
    counted[str(words[0])] += len(set(phones)) - counted.total()
    return {word: count for word, count in counted.most_common() if count}
