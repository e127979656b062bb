"""How much of a bridge's limits today has used, in words: for its page, and for `doctor`."""

from django.db.models import Count, Q

from notifier.services.findings import Finding, note, wrong
from notifier.sql import database_now
from smsbridge.models import Bridge, DailyUse
from smsbridge.services.daily_use import USED_UP, Kind, day_of

_TELL_FROM = 50  # percent


def words_of_today(bridge: Bridge) -> list[str]:
    """A sentence for each limit that the bridge has."""
    today = DailyUse.objects.filter(bridge=bridge.pk, day=day_of(database_now()))
    told = []
    if bridge.daily_budget is not None:
        told.append(f"{_used(bridge)} of {bridge.daily_budget} segments.")
    full = today.aggregate(
        phones=Count("id", filter=Q(kind=Kind.PHONE, used__gte=bridge.phone_cap or 0)),
        conversations=Count("id", filter=Q(kind=Kind.CONVERSATION, used__gte=bridge.conversation_cap or 0)),
    )
    if bridge.phone_cap is not None:
        told.append(f"Phones that had all their texts: {full['phones']}.")
    if bridge.conversation_cap is not None:
        told.append(f"Conversations that had all their texts: {full['conversations']}.")
    return told


def budget_findings(bridge: Bridge) -> list[Finding]:
    """From half of the budget on; and that a bridge is paused since its budget was used up."""
    if bridge.daily_budget is None:
        return []
    last = DailyUse.objects.filter(bridge=bridge.pk, kind=Kind.BUDGET, key=USED_UP).order_by("-day").first()
    if bridge.paused and bridge.over_budget == Bridge.OverBudget.STOP and last is not None:
        why = f"The bridge {bridge.name} is paused; on {last.day} its budget of {last.used} segments was used up."
        return [wrong(why, f'Raise it if need be, and run `manage.py resume "{bridge.name}"`.')]
    used = _used(bridge)
    if last is not None and last.day == day_of(database_now()) and last.used >= bridge.daily_budget:
        why = f"The bridge {bridge.name} has used up today's budget ({used} of {bridge.daily_budget} segments)."
        return [wrong(why, "What is due waits until midnight UTC, unless you raise it.")]
    if used * 100 < _TELL_FROM * bridge.daily_budget:
        return []
    why = f"The bridge {bridge.name} has used {used} of the {bridge.daily_budget} segments of today's budget."
    return [note(why, "Raise it if that is more than usual for good reasons; else see what is being sent.")]


def _used(bridge: Bridge) -> int:
    today = DailyUse.objects.filter(bridge=bridge.pk, day=day_of(database_now()), kind=Kind.BUDGET, key="")
    return today.values_list("used", flat=True).first() or 0
