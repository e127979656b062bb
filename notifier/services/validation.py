"""What is wrong with a chat app or a hook, said before it is saved: the admin and `setup` both ask here.

The rules live in a service and not in the models' `clean`, because they need adapters and functions of the project.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Model
from django.utils.module_loading import import_string

from notifier.durations import LONGEST, describe_duration
from notifier.models import ChatApp, Hook
from notifier.platforms.base import Can, Platform, Rank
from notifier.platforms.registry import UnknownPlatform, platform_class
from notifier.services.hooks import platform_of

Problems = dict[str, list[str]]

#: what the other half has to say of a chat app, once it is otherwise good
CHAT_APP_RULES: list[Callable[[ChatApp], Problems]] = []

_NEEDS = {
    Hook.Kind.RECEIPTS: (Can.WEBHOOKS, Can.RECEIPTS),
    Hook.Kind.LISTEN: (Can.WEBHOOKS,),
}


def problems_of(instance: Model) -> Problems:
    """Everything wrong with a ChatApp or a Hook, saved or not, as sentences with their remedies; {} when good.

    Keys are names of fields, or NON_FIELD_ERRORS. Rows of other models have no problems here. No network is used.
    """
    if isinstance(instance, ChatApp):
        return chat_app_problems(instance)
    return hook_problems(instance) if isinstance(instance, Hook) else {}


def chat_app_problems(app: ChatApp) -> Problems:
    """Unknown platform, unknown or malformed settings, and whatever the adapter finds missing."""
    try:
        platform = platform_class(app.platform)
    except UnknownPlatform as error:
        return {"platform": [str(error)]}
    problems = adapter_problems(platform.title, app.options, platform.option_help, app.secrets, platform.secret_help)
    problems = problems or found({NON_FIELD_ERRORS: platform_of(app).configured()})
    for rule in CHAT_APP_RULES:
        problems = problems or rule(app)
    return problems


def hook_problems(hook: Hook) -> Problems:
    """What the platform cannot do or does not know, and settings that could never work."""
    problems = {
        "delay": delay_problems(hook.delay, positive=hook.kind == Hook.Kind.RECEIPTS),
        "report_for_status": _status_problems(hook.report_for_status),
        "secret": [] if hook.secrets else [_UNSIGNED],
    }
    if hook.identities == Hook.Identities.FUNCTION:
        problems["identity_function"] = function_problems(hook.identity_function)
    platform = _platform_class_of(hook)
    if platform is not None:
        problems |= {
            "kind": _kind_problems(hook, platform),
            "identities": _identities_problems(hook, platform),
            "events": _events_problems(hook.events, platform),
        }
    return found(problems)


_UNSIGNED = "The signing secret is missing, so every delivery would be refused: enter a long random text of your own."


def found(problems: Mapping[str, list[str]]) -> Problems:
    """Without the fields that have no problem."""
    return {field: sentences for field, sentences in problems.items() if sentences}


def adapter_problems(
    title: str, options: Any, option_help: Collection[str], secrets: Any, secret_help: Collection[str]
) -> Problems:
    """Settings of an adapter that are not texts, or that it does not know."""
    return found(
        {
            "options": _settings_problems(title, "option", options, option_help),
            "secrets": _settings_problems(title, "secret", secrets or {}, secret_help),
        }
    )


def delay_problems(delay: timedelta | None, *, positive: bool = True) -> list[str]:
    """A missing, negative or endless duration; zero too where it must be positive."""
    if delay is None:
        return ["Give a duration."]
    if delay < timedelta(0) or (positive and not delay):
        return ["Must be longer than zero." if positive else "Must not be negative."]
    return [f"Must not be longer than {describe_duration(LONGEST)}."] if delay > LONGEST else []


def function_problems(path: str) -> list[str]:
    """Whether a dotted path leads to a function. Importing it runs the module's own code."""
    if not path:
        return ["Give the dotted path of a function, such as myproject.people.identities."]
    try:
        target: Callable[..., object] | object = import_string(path)
    except Exception as error:  # a project's own module may raise anything while it is imported
        return [f"{path} cannot be imported ({type(error).__name__}): correct the path or the module."]
    return [] if callable(target) else [f"{path} is not a function: name one."]


def _settings_problems(title: str, word: str, given: Any, known: Collection[str]) -> list[str]:
    if not isinstance(given, Mapping):
        return [f"Must be a mapping of {word} names to texts."]
    names = ", ".join(sorted(known)) or "none"
    unknown = [f"{title} knows no {word} {name!r}: it knows {names}." for name in given if name not in known]
    # Not the values themselves: they may be secrets.
    return unknown + [
        f"The {word} {name!r} must be a text in quotes." for name in given if not isinstance(given[name], str)
    ]


def _status_problems(words: Any) -> list[str]:
    known = [rank.name.lower() for rank in Rank]
    if not isinstance(words, list):
        return [f"Must be a list of {', '.join(known)}."]
    return [f"There is no status {word!r}: use {', '.join(known)}." for word in words if word not in known]


def _platform_class_of(hook: Hook) -> type[Platform] | None:
    """None while there is no chat app, or one with an unknown platform: then that is the problem to solve first."""
    try:
        return platform_class(hook.chat_app.platform)
    except (ChatApp.DoesNotExist, UnknownPlatform):
        return None


def _kind_problems(hook: Hook, platform: type[Platform]) -> list[str]:
    if hook.kind not in _NEEDS:
        return [f"There is no kind {hook.kind!r}: use {' or '.join(Hook.Kind.values)}."]
    return [
        f"{platform.title} cannot {can.value}, which a hook of the kind {hook.kind} needs: "
        f"choose another kind or another platform."
        for can in _NEEDS[Hook.Kind(hook.kind)]
        if can not in platform.can
    ]


def _identities_problems(hook: Hook, platform: type[Platform]) -> list[str]:
    if hook.identities not in Hook.Identities.values:
        return [f"There is no such source: use {', '.join(Hook.Identities.values)}."]
    if hook.identities == Hook.Identities.PLATFORM and Can.IDENTITIES not in platform.can:
        return [f"{platform.title} cannot {Can.IDENTITIES.value}: name a function of your own instead."]
    return []


def _events_problems(events: Any, platform: type[Platform]) -> list[str]:
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        return ["Must be a list of event names; an empty one means what the kind needs."]
    known = platform.event_types
    unknown = [event for event in events if known and event not in known]
    return [f"{platform.title} knows no event {event!r}: it knows {', '.join(known)}." for event in unknown]
