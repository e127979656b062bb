"""What a hook wants of its platform, and what the platform has of it.

A platform neither tells nor changes the secret of a webhook, and two equal registrations make two webhooks. So a hook
remembers what it registered by a keyed digest, and whatever else is at our URL and under our name is outdated.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.crypto import salted_hmac

from notifier.models import Hook
from notifier.platforms.base import Can, Platform, Registration


class RegistrationError(Exception):
    """The webhook is not as it should be. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the platform should have of a hook. `digest` stands for all of it, the secret included."""

    url: str
    name: str
    events: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What it has: `current` is as wanted (perhaps not active), `outdated` is ours to remove, `others` is not."""

    current: Registration | None
    outdated: Sequence[Registration]
    others: Sequence[Registration]


def hook_url(hook: Hook) -> str:
    """The public URL that the platform calls."""
    return f"{_chat_url()}{hook.slug}/"


def wanted(hook: Hook, platform: Platform) -> Wanted:
    """Raises RegistrationError when the hook or its chat app cannot be registered as they are."""
    if not hook.enabled:
        raise RegistrationError(f"The hook {hook.slug} is switched off: enable it in the admin first.")
    if Can.WEBHOOKS not in platform.can:
        raise RegistrationError(f"{platform.title} cannot {Can.WEBHOOKS.value}: there is nothing to register.")
    if problems := platform.configured():
        raise RegistrationError(f"The chat app {hook.chat_app.slug} is not configured: {' '.join(problems)}")
    if not hook.secrets:
        raise RegistrationError(
            f"The hook {hook.slug} has no signing secret: enter a long random text in the admin, or run `setup`."
        )
    usual = platform.receipt_events if hook.kind != Hook.Kind.LISTEN else platform.event_types
    url, events = hook_url(hook), tuple(hook.events or usual)
    # Keyed, as a plain digest would let whoever reads the database try out secrets. A new SECRET_KEY registers anew.
    content = json.dumps([hook.secrets[0], sorted(events), url, hook.name])
    return Wanted(url, hook.name, events, salted_hmac("notifier.registration", content, algorithm="sha256").hexdigest())


def standing(hook: Hook, want: Wanted, listed: Sequence[Registration]) -> Standing:
    """Sort what the platform lists. Ours is what has our URL, and our name or the id that we remember.

    `others` could be ours as well: at our URL under another name, or under our name at an address of elsewhere, which
    may be a former one or another installation's.
    """
    here = [one for one in listed if one.url == want.url]
    ours = [one for one in here if one.name == want.name or one.id == hook.webhook_id]
    current = next((one for one in ours if _is_current(hook, want, one)), None)
    elsewhere = [one for one in listed if one.name == want.name and not one.url.startswith(_chat_url())]
    others = [one for one in [*here, *elsewhere] if one not in ours]
    return Standing(current, [one for one in ours if one is not current], others)


def shown(reason: str) -> str:
    """A platform's own words, fit for a terminal."""
    return "".join(character for character in reason[:200] if character.isprintable())


def _chat_url() -> str:
    return f"{settings.PUBLIC_URL}/webhooks/chat/"


def _is_current(hook: Hook, want: Wanted, one: Registration) -> bool:
    told = one.id == hook.webhook_id and one.name == want.name and one.events == frozenset(want.events)
    return told and hook.registered_as == want.digest


def summary(want: Wanted, found: Standing, *, done: bool) -> list[str]:
    """What this standing leads to, in sentences: what was done about it, or would be."""
    sentences = []
    if found.current is None:
        sentences.append(f"{'Registered' if done else 'Would register'} {want.url}.")
    elif not found.current.active:
        sentences.append(f"{'Activated' if done else 'Would activate'} {want.url}.")
    removed = "Removed" if done else "Would remove"
    sentences += [f"{removed} webhook {old.id}, an older one or a duplicate of ours." for old in found.outdated]
    if not sentences:
        sentences.append(f"{want.url} is registered and active: nothing to do.")
    return sentences + [f"Left alone: webhook {other.id}, which is not surely ours." for other in found.others]


def standing_problems(want: Wanted, found: Standing) -> list[str]:
    """What is not as it should be at the platform; `register_webhooks` mends all of it."""
    if found.current is None:
        how = "registered with another secret or other events" if found.outdated else "not registered"
        return [f"{want.url} is {how}."]
    problems = []
    if not found.current.active:
        why = f" ({shown(found.current.reason)})" if found.current.reason else ""
        problems.append(f"The webhook for {want.url} is {found.current.status}{why}, so no event comes.")
    if found.outdated:
        problems.append(f"{want.url} is registered {len(found.outdated) + 1} times.")
    return problems
