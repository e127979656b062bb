"""The default chat app, hook, rule, vendor account, pool, numbers and bridge, as the environment says. Safe to repeat.

The rows are the configuration, and the environment fills them. Nothing is ever deleted, and nothing is written unless
all of it is good.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import IntegrityError, transaction

from notifier.models import ChatApp
from notifier.services import validation as chat_validation
from notifier.services.hooks import forget_hooks
from notifier.services.validation import Problems
from smsbridge.models import Bridge, Number, NumberOrder, Pool, VendorAccount
from smsbridge.phones import mask, to_e164
from smsbridge.services import validation
from smsbridge.services.accounts import KEEP_SECONDS, forget_accounts
from smsbridge.services.drafts import (
    Draft,
    account_draft,
    bridge_draft,
    chat_app_draft,
    hook_draft,
    pool_draft,
    rule_draft,
)
from smsbridge.services.environment import PLATFORMS, VENDORS, Variables
from smsbridge.services.notices import WAITED_FOR, look_again
from smsbridge.services.number_life import OPEN
from smsbridge.services.organisations import of_bridge

T = TypeVar("T")

_HOOK_FIELDS = {"delay": "NOTIFY_DELAY", "report_for_status": "REPORT_FOR_STATUS"}
_BRIDGE_FIELDS = {
    "template": "SMS_TEMPLATE",
    "introduction": "SMS_INTRODUCTION",
    "introduction_function": "SMS_INTRODUCTION",
    "lease_lifetime": "NUMBER_EXPIRATION_TIME",
    "hook": "CHAT_PLATFORM",
    "countries": "SMS_COUNTRIES",
    "before_sending": "SMS_BEFORE_SENDING",
    "after_receiving": "SMS_AFTER_RECEIVING",
    "max_age": "QUIET_HOURS",
    "daily_budget": "SMS_DAILY_BUDGET",
}


class Refused(Exception):
    """The environment cannot be used; nothing was written. Each sentence names the variable and the remedy."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = list(sentences)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one row, or with a dry run would: created, unchanged, or what changed. Never a secret."""

    what: str
    how: str


def set_up(*, dry_run: bool = False) -> list[Change]:
    """Create or update the default rows from the settings. Raises Refused before anything is written.

    Two at once do the same as one after the other.
    """
    try:
        changes = _once(dry_run)
    except IntegrityError:  # another one has created a row meanwhile: now it is there
        changes = _once(dry_run)
    forget_hooks()
    forget_accounts()
    return changes


def _once(dry_run: bool) -> list[Change]:
    with transaction.atomic():
        numbers = _phones("SMS_NUMBERS")
        drafts, pool, account = _drafts()
        changes = [_saved(draft) for draft in drafts]
        changes += _save_numbers(numbers, pool, account)
        strange = [told for draft in drafts if isinstance(draft.row, Bridge) for told in of_bridge(draft.row)]
        if strange:
            raise Refused(strange)  # which undoes it all
        transaction.set_rollback(dry_run)
    return changes


def _drafts() -> tuple[list[Draft], Pool, VendorAccount]:
    """The rows as wanted, all of them valid. Raises Refused."""
    chat_app, app, platform = _known("CHAT_PLATFORM", chat_app_draft)
    account, vendor_account = _known("SMS_VENDOR", account_draft)
    hook, hook_row = hook_draft(app, platform)
    rule = _rule(app)
    pool, pool_row = pool_draft()
    bridge, bridge_row = bridge_draft(hook_row, pool_row)
    platform_table = PLATFORMS.get(app.slug, Variables())
    vendor_table = VENDORS.get(vendor_account.slug, Variables())
    refused = [
        *_told(chat_validation.problems_of(app), chat_app.what, {}, platform_table),
        *_told(chat_validation.problems_of(hook_row), hook.what, _HOOK_FIELDS, platform_table),
        *_told(validation.problems_of(vendor_account), account.what, {}, vendor_table),
        *_told(validation.problems_of(bridge_row), bridge.what, _BRIDGE_FIELDS, Variables()),
    ]
    if refused:
        raise Refused(refused)
    return [chat_app, hook, *rule, account, pool, bridge], pool_row, vendor_account


def _rule(app: ChatApp) -> list[Draft]:
    """The rule, where there is to be one. Raises Refused."""
    table = PLATFORMS.get(app.slug, Variables())
    made = rule_draft(app, _phones(table.rule_phones) if table.rule_phones else [])
    if made is None:
        return []
    draft, row = made
    variables = {"phones": table.rule_phones, "contexts": table.rule_contexts}
    if refused := _told(chat_validation.problems_of(row), draft.what, variables, table):
        raise Refused(refused)
    return [draft]


def _known(variable: str, draft: Callable[[], T]) -> T:
    """Raises Refused when no adapter has the key that the variable holds."""
    try:
        return draft()
    except LookupError as error:
        raise Refused([f"{variable}: {error}"]) from None


def _told(problems: Problems, what: str, variables: Mapping[str, str], table: Variables) -> list[str]:
    """Problems as sentences that name the variable behind each."""
    return [
        f"{variables.get(field) or (what if field == NON_FIELD_ERRORS else f'{what}, {field}')}: "
        f"{table.explained(sentence)}"
        for field, sentences in problems.items()
        for sentence in sentences
    ]


def _phones(variable: str) -> list[str]:
    """A variable's numbers in E.164 form. Raises Refused; one is named by its place, for it must not get into logs."""
    given = getattr(settings, variable)
    read = [to_e164(number) for number in given]
    wrong = [
        f"{variable}: number {place} of {len(given)} is no valid phone number: write it with its country code, "
        f"like +12025550100."
        for place, number in enumerate(read, 1)
        if number is None
    ]
    if wrong:
        raise Refused(wrong)
    return list(dict.fromkeys(number for number in read if number))


def _saved(draft: Draft) -> Change:
    how = "created" if draft.new else f"changed: {', '.join(draft.changed)}" if draft.changed else "unchanged"
    draft.save()
    if isinstance(draft.row, Bridge) and WAITED_FOR.intersection(draft.changed):
        look_again(draft.row.pk, after=KEEP_SECONDS)
    return Change(draft.what, how)


def _save_numbers(wanted: Sequence[str], pool: Pool, account: VendorAccount) -> list[Change]:
    """The numbers of SMS_NUMBERS, and those that are no longer among them. Without SMS_NUMBERS all stay as they are.

    So do those that were bought by `buy_numbers` or in the admin, and one-way senders: they never were among them.
    """
    if not wanted:
        return [Change("numbers", "unchanged, as SMS_NUMBERS is empty")]
    changes = [_save_number(e164, pool, account) for e164 in wanted]
    bought = NumberOrder.objects.filter(account=account, action=NumberOrder.Action.BUY, state=NumberOrder.State.DONE)
    others = Number.objects.filter(pool=pool, account=account, active=True, one_way=False).exclude(e164__in=wanted)
    for number in others.exclude(e164__in=bought.values("e164")):
        number.active = False
        number.save(update_fields=["active"])
        changes.append(Change(f"number {mask(number.e164)}", "no longer active, as it is not in SMS_NUMBERS"))
    return changes


def _save_number(e164: str, pool: Pool, account: VendorAccount) -> Change:
    row = Number.objects.filter(e164=e164).first() or Number(e164=e164)
    if row.released_at is not None:
        return Change(f"number {mask(e164)}", "left alone, as it was given back: remove it from SMS_NUMBERS")
    if NumberOrder.objects.filter(e164=e164, state__in=OPEN).exists():
        return Change(f"number {mask(e164)}", "left alone, as an order for it is open: see the number orders")
    if row.rests_for and not row.active and row.account_id == account.pk:
        why = Number.Rest(row.rests_for).label
        return Change(
            f"number {mask(e164)}", f"left alone, as it rests: {why}. `manage.py sync_numbers`, or activate it"
        )
    draft = Draft(f"number {mask(e164)}", row)
    draft.set(account=account, pool=pool, active=True)
    row.rests_for = ""
    if refused := _told(validation.problems_of(row), draft.what, {}, Variables()):
        raise Refused(refused)
    return _saved(draft)
