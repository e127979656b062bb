"""The admin's sidebar: what somebody may see, in four groups."""

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from notifier.models import ChatApp, Conversation, Hook, InboxEvent, ListenedEvent, Message, Rule
from smsbridge.models import (
    Bridge,
    ConsentEvent,
    Contact,
    DailyCost,
    InboundSms,
    Lease,
    Notice,
    Number,
    NumberOrder,
    OptOut,
    OutboundSms,
    PhoneFact,
    Pool,
    Rate,
    VendorAccount,
)

GROUPS: dict[str, list[tuple[str, str, type[Model]]]] = {
    "SMS": [
        ("Number assignments", "link", Lease),
        ("Outbound SMS", "outbox", OutboundSms),
        ("Inbound SMS", "inbox", InboundSms),
        ("Notices", "notifications", Notice),
        ("Contacts", "contacts", Contact),
        ("Phone look-ups", "contact_phone", PhoneFact),
        ("Opt-outs", "block", OptOut),
        ("Costs", "payments", DailyCost),
        ("Consent ledger", "menu_book", ConsentEvent),
    ],
    "Chat": [
        ("Conversations", "forum", Conversation),
        ("Messages", "chat", Message),
        ("Inbox", "move_to_inbox", InboxEvent),
        ("Listened events", "hearing", ListenedEvent),
    ],
    "Configuration": [
        ("Bridges", "conversion_path", Bridge),
        ("Pools", "stacks", Pool),
        ("Numbers", "dialpad", Number),
        ("Number orders", "receipt_long", NumberOrder),
        ("Vendor accounts", "storefront", VendorAccount),
        ("Prices of segments", "sell", Rate),
        ("Hooks", "webhook", Hook),
        ("Rules", "rule", Rule),
        ("Chat apps", "apps", ChatApp),
    ],
    "Admin": [
        ("Users", "person", User),
        ("Roles", "group", Group),
        ("Audit", "history", LogEntry),
        ("Logins", "login", AccessLog),
        ("Failed logins", "gpp_bad", AccessFailureLog),
        ("Lock-outs", "lock", AccessAttempt),
    ],
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups as the admin's theme wants them, without what this person may not see."""
    seen = {
        title: [_item(*entry) for entry in entries if _may_see(request, entry[2])] for title, entries in GROUPS.items()
    }
    return [{"title": title, "separator": title != "SMS", "items": items} for title, items in seen.items() if items]


def _item(title: str, icon: str, model: type[Model]) -> dict[str, Any]:
    meta = model._meta
    return {"title": title, "icon": icon, "link": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")}


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    name = f"{model._meta.app_label}.%s_{model._meta.model_name}"
    return request.user.has_perm(name % "view") or request.user.has_perm(name % "change")
