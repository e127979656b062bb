"""What a hook asks of its platform, against what that is able to do: capabilities decide, not the platform's name."""

from notifier.models import Hook
from notifier.platforms.base import Can, Platform


def capability_problems(hook: Hook, platform: type[Platform]) -> dict[str, list[str]]:
    """By field, sentences that name what the platform cannot do, each with its remedy."""
    return {
        "kind": _kind_problems(hook, platform),
        "report_for_status": _status_problems(hook, platform),
        "identities": _identities_problems(hook, platform),
        "ask_first": _ask_problems(hook, platform),
    }


def _kind_problems(hook: Hook, platform: type[Platform]) -> list[str]:
    if hook.kind not in Hook.Kind.values:
        return [f"There is no kind {hook.kind!r}: use {', '.join(Hook.Kind.values)}."]
    if not platform.can & {Can.WEBHOOKS, Can.SOCKET}:
        deaf = f"{platform.title} can neither {Can.WEBHOOKS.value} nor {Can.SOCKET.value}"
        return [f"{deaf}, so a hook would hear of nothing: choose another platform."]
    if hook.kind == Hook.Kind.RECEIPTS and Can.RECEIPTS not in platform.can:
        lacking = f"{platform.title} cannot {Can.RECEIPTS.value}, which a hook of the kind receipts needs"
        return [f"{lacking}: choose the kind notify, which tells of each message, or another platform."]
    return []


def _status_problems(hook: Hook, platform: type[Platform]) -> list[str]:
    """Where no message is ever delivered and not read, a hook that reports nothing else would never fire."""
    words = hook.report_for_status
    only = isinstance(words, list) and bool(words) and all(word == "delivered" for word in words)
    if hook.kind != Hook.Kind.RECEIPTS or not only or Can.DELIVERED in platform.can:
        return []
    return [f"{platform.title} cannot {Can.DELIVERED.value}, so nobody would ever be told: add sent, or choose none."]


def _identities_problems(hook: Hook, platform: type[Platform]) -> list[str]:
    if hook.identities not in Hook.Identities.values:
        return [f"There is no such source: use {', '.join(Hook.Identities.values)}."]
    if hook.identities == Hook.Identities.PLATFORM and Can.IDENTITIES not in platform.can:
        return [f"{platform.title} cannot {Can.IDENTITIES.value}: choose our own contacts, or a function of your own."]
    return []


def _ask_problems(hook: Hook, platform: type[Platform]) -> list[str]:
    if hook.ask_first not in Hook.AskFirst.values:
        return ["There is no such choice: use always or never, or leave it empty."]
    if hook.ask_first == Hook.AskFirst.ALWAYS and Can.ASK not in platform.can:
        return [f"{platform.title} cannot {Can.ASK.value}: choose never, or leave it to what the platform needs."]
    return []
