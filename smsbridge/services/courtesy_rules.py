"""What is wrong with a bridge's countries, quiet hours, caps and budget, said before it is saved."""

from notifier.durations import describe_duration
from notifier.services.validation import Problems
from smsbridge.models import Bridge
from smsbridge.services.countries import list_problems
from smsbridge.services.policy import quiet_hours


def courtesy_problems(bridge: Bridge) -> Problems:
    """By field, as sentences with their remedies; fields that are good may have empty lists."""
    return {
        "countries": list_problems(bridge.countries),
        **_quiet_problems(bridge),
        "phone_cap": _cap_problems(bridge.phone_cap),
        "conversation_cap": _cap_problems(bridge.conversation_cap),
        "daily_budget": _budget_problems(bridge.daily_budget, bridge.max_segments),
    }


def _quiet_problems(bridge: Bridge) -> Problems:
    starts, ends = bridge.quiet_from, bridge.quiet_until
    if (starts is None) != (ends is None):
        missing = "quiet_from" if starts is None else "quiet_until"
        return {missing: ["Quiet hours need both ends: enter this one too, or neither."]}
    if starts is not None and starts == ends:
        return {"quiet_until": ["Must differ from the beginning: quiet hours that never end would silence everybody."]}
    return {}


def patience_problems(bridge: Bridge) -> list[str]:
    """Of `max_age`: what falls due as the quiet hours begin must outlive them."""
    quiet = quiet_hours(bridge)
    if quiet is None or bridge.max_age > quiet.length:
        return []
    lasts = describe_duration(quiet.length)
    why = f"Must be longer than the quiet hours, which last {lasts}: what falls due as they begin would be given up."
    return [f"{why} Give more, or shorten the quiet hours."]


def _cap_problems(cap: int | None) -> list[str]:
    return [] if cap is None or cap > 0 else ["Must be at least 1, or empty for no limit. To text nobody, pause it."]


def _budget_problems(budget: int | None, most_segments: int) -> list[str]:
    if budget is None or budget >= most_segments:
        return []
    return [f"Must be at least {most_segments}, the longest SMS in segments, which would else never be sent."]
