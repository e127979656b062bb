"""Webhooks at the platform, made as the hooks say: registered once, with our events and secret, and active.

The new one is active before an old one goes: for a moment an event may come twice, which merges into nothing.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

from notifier import transport
from notifier.models import Hook
from notifier.platforms.base import Can, Done, Later, Platform, Reading, Registration
from notifier.services.exclusive import LEASE_SECONDS, Busy, registering
from notifier.services.hooks import platform_of
from notifier.services.reaching import reached
from notifier.services.standing import RegistrationError, Standing, shown, standing, summary, wanted
from notifier.wire import Answer, Request

__all__ = ["RegistrationError", "instructions", "listed", "register"]

T = TypeVar("T")

#: how long the platform may take to verify our URL; within the lease, so that two never work at once
DEADLINE_SECONDS = LEASE_SECONDS - 15
POLL_SECONDS = 0.5


def instructions(hook: Hook) -> str:
    """What a person has to do, where the platform has no call to register with; "" where it has, or needs nothing.

    The words hold secrets: for the terminal of whoever asks, and no log. Raises RegistrationError.
    """
    platform = platform_of(hook.chat_app)
    if Can.WEBHOOKS not in platform.can or Can.REGISTER in platform.can:
        return ""
    want = wanted(hook, platform)
    return platform.by_hand(url=want.url, name=want.name, secrets=hook.secrets)


def register(hook: Hook, *, dry_run: bool, tick: Callable[[], object] = lambda: None) -> list[str]:
    """Make the platform's webhook what the hook says, and wait until it is active.

    Returns what was done, or with `dry_run` would be, in sentences. `tick` is called again and again while waiting.
    Several secrets: the first is registered. Safe to repeat, and for several processes at once; no transaction may be
    open. Raises RegistrationError.

    Where it is done by hand (`instructions`), only whether the platform reaches us is looked at.
    """
    platform = platform_of(hook.chat_app)
    if Can.REGISTER not in platform.can:
        return _without_registering(hook, platform, dry_run)
    if dry_run:
        return _Registrar(hook, tick).planned()
    try:
        with registering(hook, tick):
            hook.refresh_from_db()
            hook.registering_until = None  # a later save() by the caller must not bring our lease back
            return _Registrar(hook, tick).run()
    except Busy:
        raise RegistrationError(f"Another process keeps registering {hook.slug}: wait for its end.") from None


def _without_registering(hook: Hook, platform: Platform, dry_run: bool) -> list[str]:
    if Can.WEBHOOKS not in platform.can:
        return [f"There is nothing to register, as we connect to {platform.title}: run `manage.py listen`."]
    want = wanted(hook, platform)
    if dry_run:
        return [f"Would have {platform.title} call {want.url}, to see that it can."]
    reading = reached(platform)
    if reading is None:
        return [f"Whether {platform.title} reaches {want.url} cannot be asked: the first event will show it."]
    if isinstance(reading, Done):
        return [reading.value]
    raise RegistrationError(f"{reading.reason.rstrip('.')}. Then repeat `register_webhooks {hook.slug}`.")


def listed(platform: Platform) -> Reading[list[Registration]]:
    """One call: the webhooks that the platform has, of whomever."""
    answer = transport.call(platform.list_webhooks_request(), timeout=settings.HTTP_TIMEOUT_SECONDS)
    return platform.webhooks(answer)


class _Registrar:
    """One run for one hook, with a deadline for all of it."""

    def __init__(self, hook: Hook, tick: Callable[[], object]) -> None:
        self._hook, self._tick = hook, tick
        self._platform = platform_of(hook.chat_app)
        self._want = wanted(hook, self._platform)
        self._deadline = time.monotonic() + DEADLINE_SECONDS

    def planned(self) -> list[str]:
        found = self._standing()
        return summary(self._want, found, done=False)

    def run(self) -> list[str]:
        found = self._standing()
        current = found.current or self._register()
        self._wait_until_active(current)
        for old in found.outdated:
            self._ask("remove an old webhook", self._platform.delete_webhook_request(old.id), self._removed)
        return summary(self._want, found, done=True)

    def _standing(self) -> Standing:
        found = self._ask("list its webhooks", self._platform.list_webhooks_request(), self._platform.webhooks)
        return standing(self._hook, self._want, found)

    def _register(self) -> Registration:
        want, secret = self._want, self._hook.secrets[0]
        request = self._platform.register_webhook_request(
            url=want.url, name=want.name, events=want.events, secret=secret
        )
        made = self._ask("register the webhook", request, self._platform.webhook)
        # Now, and not when it is active: a run that ends in between is continued by the next one.
        self._hook.webhook_id, self._hook.registered_as = made.id, want.digest
        self._hook.save(update_fields=["webhook_id", "registered_as"])
        return made

    def _wait_until_active(self, found: Registration) -> None:
        """Inactive is final when it is said twice after activating: the answer right after may still be the old one."""
        activated, refused = False, 0
        while not found.active:
            if found.status == "inactive" and not activated:
                request = self._platform.activate_webhook_request(found.id)
                self._ask("activate the webhook", request, self._platform.webhook)
                activated = True
            elif found.status == "inactive":
                refused += 1
            if refused == 2 or self._left() < POLL_SECONDS:
                raise RegistrationError(self._not_active(found))
            self._tick()
            time.sleep(POLL_SECONDS)
            found = self._look(found)

    def _look(self, found: Registration) -> Registration:
        """The webhook now; as before when the platform could not tell, since polling goes on anyway."""
        reading = self._platform.webhook(self._call(self._platform.get_webhook_request(found.id)))
        if isinstance(reading, Later):
            return found
        return self._value("show the webhook", reading)

    def _removed(self, answer: Answer) -> Reading[None]:
        return self._platform.webhook_deleted(answer)

    def _ask(self, what: str, request: Request, read: Callable[[Answer], Reading[T]]) -> T:
        self._tick()
        return self._value(what, read(self._call(request)))

    def _value(self, what: str, reading: Reading[T]) -> T:
        if isinstance(reading, Done):
            return reading.value
        again = " Repeat `register_webhooks` later." if isinstance(reading, Later) else ""
        raise RegistrationError(f"{self._platform.title} did not {what}: {reading.reason.rstrip('.')}.{again}")

    def _call(self, request: Request) -> Answer:
        return transport.call(request, timeout=max(min(settings.HTTP_TIMEOUT_SECONDS, self._left()), 0.1))

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _not_active(self, found: Registration) -> str:
        said = f'"{shown(found.reason)}"' if found.reason else f"its status is {found.status}"
        return (
            f"{self._platform.title} has not verified {self._want.url} ({said}): the web process must be running, and "
            f"reachable from the platform at PUBLIC_URL. Then repeat `register_webhooks`."
        )
