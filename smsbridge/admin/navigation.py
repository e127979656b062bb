"""The admin's sidebar: what somebody may see, in three groups."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from notifier.models import ChatApp, Conversation, Hook, InboxEvent, ListenedEvent, Message
from smsbridge.models import (
    Bridge,
    Contact,
    InboundSms,
    Lease,
    Notice,
    Number,
    OptOut,
    OutboundSms,
    Pool,
    VendorAccount,
)

GROUPS: dict[str, list[tuple[str, str, type[Model]]]] = {
    "SMS": [
        ("Number assignments", "link", Lease),
        ("Outbound SMS", "outbox", OutboundSms),
        ("Inbound SMS", "inbox", InboundSms),
        ("Notices", "notifications", Notice),
        ("Contacts", "contacts", Contact),
        ("Opt-outs", "block", OptOut),
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
        ("Vendor accounts", "storefront", VendorAccount),
        ("Hooks", "webhook", Hook),
        ("Chat apps", "apps", ChatApp),
        ("Users of this admin", "person", User),
    ],
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups as the admin's theme wants them, without what this person may not see."""
    return [
        {
            "title": title,
            "separator": title != "SMS",
            "items": [_item(*entry) for entry in entries if _may_see(request, entry[2])],
        }
        for title, entries in GROUPS.items()
    ]


def _item(title: str, icon: str, model: type[Model]) -> dict[str, Any]:
    meta = model._meta
    return {"title": title, "icon": icon, "link": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")}


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    name = f"{model._meta.app_label}.%s_{model._meta.model_name}"
    return request.user.has_perm(name % "view") or request.user.has_perm(name % "change")
