"""What is wrong with a chat app, a hook or a rule, said before it is saved: the admin and `setup` both ask here.

The rules live in a service and not in the models' `clean`, because they need adapters and functions of the project.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Model
from django.utils.module_loading import import_string

from notifier.durations import LONGEST, describe_duration
from notifier.models import ChatApp, Hook, Rule
from notifier.platforms.base import Can, Platform, Rank
from notifier.platforms.registry import UnknownPlatform, platform_class
from notifier.services.capabilities import capability_problems
from notifier.services.hooks import platform_of

Problems = dict[str, list[str]]

#: what the other half has to say of a chat app, once it is otherwise good
CHAT_APP_RULES: list[Callable[[ChatApp], Problems]] = []


def problems_of(instance: Model) -> Problems:
    """Everything wrong with a ChatApp, a Hook or a Rule, saved or not, as sentences with their remedies; {} when good.

    Keys are names of fields, or NON_FIELD_ERRORS. Rows of other models have no problems here. No network is used.
    """
    if isinstance(instance, ChatApp):
        return chat_app_problems(instance)
    if isinstance(instance, Rule):
        return rule_problems(instance)
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
    platform = _platform_class_of(hook)
    unsigned = not hook.secrets and (platform is None or Can.WEBHOOKS in platform.can)
    problems = {
        "delay": delay_problems(hook.delay, positive=hook.kind == Hook.Kind.RECEIPTS),
        "secret": [_UNSIGNED] if unsigned else [],
    }
    if hook.identities == Hook.Identities.FUNCTION:
        problems["identity_function"] = function_problems(hook.identity_function)
    if platform is not None:
        problems |= {
            **capability_problems(hook, platform),
            "events": _events_problems(hook.events, platform),
        }
    problems["report_for_status"] = _status_problems(hook.report_for_status) or problems.get("report_for_status", [])
    return found(problems)


def rule_problems(rule: Rule) -> Problems:
    """Events that the platform does not know, and phones that nobody could be texted at."""
    problems = {
        "contexts": _list_problems(rule.contexts, "ids of contexts"),
        "conversations": _list_problems(rule.conversations, "ids of conversations"),
        "phones": _phones_problems(rule.phones),
    }
    if rule.recipients not in Rule.Recipients.values:
        problems["recipients"] = [f"There is no such choice: use {' or '.join(Rule.Recipients.values)}."]
    if rule.recipients == Rule.Recipients.PHONES and rule.phones == []:
        problems["phones"] = ["Name at least one phone, or choose the conversation's users."]
    platform = _platform_class_of(rule)
    problems["events"] = _list_problems(rule.events, "event names")
    if platform is not None:
        problems["events"] = problems["events"] or _events_problems(rule.events, platform)
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


def _platform_class_of(row: Hook | Rule) -> type[Platform] | None:
    """None while there is no chat app, or one with an unknown platform: then that is the problem to solve first."""
    try:
        return platform_class(row.chat_app.platform)
    except (ChatApp.DoesNotExist, UnknownPlatform):
        return None


def _events_problems(events: Any, platform: type[Platform]) -> list[str]:
    if not _is_list_of_texts(events):
        return ["Must be a list of event names; an empty one means what the kind needs."]
    known = platform.event_types
    unknown = [event for event in events if known and event not in known]
    return [f"{platform.title} knows no event {event!r}: it knows {', '.join(known)}." for event in unknown]


_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)  # ITU-T E.164, 6.1: at most 15 digits


def _phones_problems(phones: Any) -> list[str]:
    """Phones are named by their place: they must not get into logs."""
    if problems := _list_problems(phones, "phones"):
        return problems
    return [
        f"Phone {place} of {len(phones)} is no phone number: write it with its country code, like +12025550100."
        for place, phone in enumerate(phones, 1)
        if not _E164.fullmatch(phone)
    ]


def _list_problems(values: Any, what: str) -> list[str]:
    return [] if _is_list_of_texts(values) else [f"Must be a list of {what}; an empty one is allowed."]


def _is_list_of_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
