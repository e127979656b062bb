"""Rows as the environment wants them, not yet saved: what is new, what differs, and what is wrong with them."""

import secrets
from typing import Any

from django.conf import settings
from django.db.models import Model

from notifier.models import ChatApp, Hook, Rule
from notifier.platforms.base import Can, Platform
from notifier.services.hooks import platform_of
from smsbridge.models import Bridge, Pool, VendorAccount
from smsbridge.services.accounts import vendor_of
from smsbridge.services.environment import PLATFORMS, VENDORS, Variables, filled, given
from smsbridge.services.introductions import introduction_fields

#: the name of the rule that the environment fills
RULE = "setup"


class Draft:
    """A row, found or new, whose fields are being filled. Its stored values are remembered until it is saved."""

    def __init__(self, what: str, row: Model) -> None:
        self.what, self.row = what, row
        self.new = row._state.adding
        self._stored = {} if self.new else self._values()

    def fill(self, variable: str, **values: Any) -> None:
        """Set fields from a variable: always in a new row, later only when the variable is given."""
        if self.new or given(variable):
            self.set(**values)

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.row, name, value)

    @property
    def changed(self) -> list[str]:
        """Names of the fields that are to be saved; of a new row none."""
        return [name for name, value in self._values().items() if self._stored.get(name, value) != value]

    def save(self) -> None:
        if self.new:
            self.row.save()
        elif changed := self.changed:
            self.row.save(update_fields=changed)

    def _values(self) -> dict[str, Any]:
        return {field.name: field.value_from_object(self.row) for field in self.row._meta.concrete_fields}


def chat_app_draft() -> tuple[Draft, ChatApp, Platform]:
    """The default chat app. Raises LookupError for an unknown platform."""
    key = settings.CHAT_PLATFORM
    app = ChatApp.objects.filter(slug=key).first() or ChatApp(slug=key, platform=key)
    draft, table = Draft(f"chat app {key}", app), PLATFORMS.get(key, Variables())
    platform = platform_of(app)
    if draft.new:
        app.name = platform.title
    draft.set(options=filled(app.options, table.options, new=draft.new))
    draft.set(secrets=filled(app.secrets or {}, table.secrets, new=draft.new))
    return draft, app, platform_of(app)


def hook_draft(app: ChatApp, platform: Platform) -> tuple[Draft, Hook]:
    """The default hook: it tells of unread messages, or of each where the platform cannot say what was read.

    Nobody but we and the platform need know its secret, so a missing one is made up.
    """
    hook = Hook.objects.filter(slug=app.slug).first() or Hook(slug=app.slug, name="smsbridge")
    draft = Draft(f"hook {hook.slug}", hook)
    variable = PLATFORMS.get(app.slug, Variables()).webhook_secret
    hook.chat_app = app
    if draft.new:
        hook.kind = Hook.Kind.RECEIPTS if Can.RECEIPTS in platform.can else Hook.Kind.NOTIFY
        known, entered = Hook.Identities.PLATFORM, Hook.Identities.DIRECTORY
        hook.identities = known if Can.IDENTITIES in platform.can else entered
    draft.fill("NOTIFY_DELAY", delay=settings.NOTIFY_DELAY)
    draft.fill("REPORT_FOR_STATUS", report_for_status=settings.REPORT_FOR_STATUS)
    if variable and getattr(settings, variable):
        draft.fill(variable, secret=getattr(settings, variable))
    if not hook.secrets and Can.WEBHOOKS in platform.can:
        draft.set(secret=secrets.token_urlsafe(32))
    return draft, hook


def rule_draft(app: ChatApp, phones: list[str]) -> tuple[Draft, Rule] | None:
    """The rule of whom to tell, where the platform's variables say it; None where they say nothing, and never did."""
    table = PLATFORMS.get(app.slug, Variables())
    rule = Rule.objects.filter(chat_app__slug=app.slug, name=RULE).first()
    if rule is None and not any(given(variable) for variable in (table.rule_phones, table.rule_contexts)):
        return None
    rule = rule or Rule(name=RULE)
    rule.chat_app = app
    draft = Draft(f"rule {RULE}", rule)
    recipients = Rule.Recipients.PHONES if phones else Rule.Recipients.USERS
    draft.fill(table.rule_phones, recipients=recipients, phones=phones)
    draft.fill(table.rule_contexts, contexts=getattr(settings, table.rule_contexts, []))
    return draft, rule


def account_draft() -> tuple[Draft, VendorAccount]:
    """The default vendor account. Raises LookupError for an unknown vendor."""
    key = settings.SMS_VENDOR
    account = VendorAccount.objects.filter(slug=key).first() or VendorAccount(slug=key, vendor=key)
    draft, table = Draft(f"vendor account {key}", account), VENDORS.get(key, Variables())
    if draft.new:
        account.name = vendor_of(account).title
    draft.set(options=filled(account.options, table.options, new=draft.new))
    draft.set(secrets=filled(account.secrets or {}, table.secrets, new=draft.new))
    return draft, account


def pool_draft() -> tuple[Draft, Pool]:
    """The pool of the numbers of SMS_NUMBERS."""
    name = settings.SMS_VENDOR
    pool = Pool.objects.filter(name=name).first() or Pool(name=name)
    return Draft(f"pool {name}", pool), pool


def bridge_draft(hook: Hook, pool: Pool) -> tuple[Draft, Bridge]:
    """The default bridge, one per platform: with two, a change of vendor would make everybody be texted twice.

    A pool that an operator chose is kept.
    """
    bridge = Bridge.objects.filter(name=hook.slug).select_related("pool").first() or Bridge(name=hook.slug)
    draft = Draft(f"bridge {bridge.name}", bridge)
    bridge.hook = hook
    if draft.new or bridge.pool.name in VENDORS:
        draft.fill("SMS_VENDOR", pool=pool)
    draft.fill("SMS_TEMPLATE", template=settings.SMS_TEMPLATE)
    draft.fill("SMS_DIGEST", digest=settings.SMS_DIGEST)
    draft.fill("NUMBER_EXPIRATION_TIME", lease_lifetime=settings.NUMBER_EXPIRATION_TIME)
    draft.fill("SMS_INTRODUCTION", **introduction_fields(settings.SMS_INTRODUCTION))
    draft.fill("SMS_BEFORE_SENDING", before_sending=settings.SMS_BEFORE_SENDING)
    draft.fill("SMS_AFTER_RECEIVING", after_receiving=settings.SMS_AFTER_RECEIVING)
    _fill_courtesy(draft)
    return draft, bridge


def _fill_courtesy(draft: Draft) -> None:
    starts, ends = settings.QUIET_HOURS or (None, None)
    draft.fill("SMS_COUNTRIES", countries=settings.SMS_COUNTRIES)
    draft.fill("QUIET_HOURS", quiet_from=starts, quiet_until=ends)
    draft.fill("SMS_PHONE_CAP", phone_cap=settings.SMS_PHONE_CAP)
    draft.fill("SMS_CONVERSATION_CAP", conversation_cap=settings.SMS_CONVERSATION_CAP)
    draft.fill("SMS_DAILY_BUDGET", daily_budget=settings.SMS_DAILY_BUDGET)
    draft.fill("SMS_OVER_BUDGET", over_budget=settings.SMS_OVER_BUDGET)
