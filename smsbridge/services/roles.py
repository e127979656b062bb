"""Ready-made roles for the admin: groups that `setup` makes, and keeps complete as new pages come.

Operators see everything of the chat and the SMS, and settle what is stuck: they run the actions on facts, take numbers
back, and keep contacts, opt-outs, prices and what is known of phones; they have phones looked up again, which may cost,
within the accounts' limits of the day. Administrators change the configuration too, pay for numbers (what permits it is
add_numberorder), and see the audit. Neither changes users: only superusers do. What
somebody adds to these groups stays; what he takes away comes back, so for less make a group of your own.
"""

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

OPERATORS, ADMINISTRATORS = "Operators", "Administrators"
APPS = ("notifier", "smsbridge")

_OURS = Q(content_type__app_label__in=APPS)
_SETTLE = Q(
    codename__in=[
        *("change_inboxevent", "change_listenedevent", "change_outboundsms", "change_inboundsms", "change_notice"),
        *("change_numberorder", "change_conversation"),
        *("delete_lease", "add_contact", "change_contact", "delete_contact", "add_optout", "delete_optout"),
        *("add_phonefact", "change_phonefact", "delete_phonefact"),
        *("add_rate", "change_rate", "delete_rate"),
    ]
)
_AUDIT = Q(content_type__app_label="admin", codename="view_logentry") | Q(
    content_type__app_label="axes", codename__in=["view_accesslog", "view_accessfailurelog", "view_accessattempt"]
)
ROLES = {OPERATORS: _OURS & (Q(codename__startswith="view_") | _SETTLE), ADMINISTRATORS: _OURS | _AUDIT}


def make_roles(*, dry_run: bool = False) -> dict[str, str]:
    """Create the groups, and give them what they lack. What became of each: created, unchanged, or what was added."""
    with transaction.atomic():
        told = {f"role {name}": _make(name, may) for name, may in ROLES.items()}
        transaction.set_rollback(dry_run)
    return told


def _make(name: str, may: Q) -> str:
    group, created = Group.objects.get_or_create(name=name)
    missing = Permission.objects.filter(may).exclude(pk__in=group.permissions.values("pk"))
    count = missing.count()
    group.permissions.add(*missing)
    return "created" if created else f"permissions added: {count}" if count else "unchanged"
