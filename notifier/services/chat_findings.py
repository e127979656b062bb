"""Whether the chat side is configured, and its platforms reachable and calling us."""

from collections.abc import Iterable

from django.db.models import Count

from notifier.models import ChatApp, Conversation, Hook
from notifier.platforms.base import Can, Done, Platform, Registration
from notifier.services.findings import Finding, good, note, wrong
from notifier.services.hooks import platform_of
from notifier.services.listener_states import listener_findings
from notifier.services.reaching import reached
from notifier.services.registration import listed
from notifier.services.standing import RegistrationError, standing, standing_problems, wanted
from notifier.services.validation import Problems, problems_of

SETUP = "Run `manage.py setup`, or make it in the admin."


def chat_findings(*, offline: bool) -> Iterable[Finding]:
    """Chat apps, their hooks, and unless `offline` what their platforms say."""
    apps = list(ChatApp.objects.prefetch_related("hooks").order_by("slug"))
    if not apps:
        yield wrong("There is no chat app.", SETUP)
    for app in apps:
        problems = [*told(f"chat app {app.slug}", problems_of(app))]
        yield from problems
        if app.paused:
            yield note(f"The chat app {app.slug} is paused: nobody is texted.", "End the pause in the admin.")
        yield from _hooks_findings(app)
        yield from _roster_findings(app)
        if not problems and not offline:
            yield from _platform_findings(app)


def told(what: str, problems: Problems) -> list[Finding]:
    """What validation says of a stored row, which it would not accept any more."""
    return [
        wrong(
            f"The {what} is not configured: {sentence}", "Correct it in the admin, or the environment and run `setup`."
        )
        for sentences in problems.values()
        for sentence in sentences
    ]


def _hooks_findings(app: ChatApp) -> Iterable[Finding]:
    if not app.hooks.all():
        yield wrong(f"The chat app {app.slug} has no hook, so nothing is heard of it.", SETUP)
    for hook in app.hooks.all():
        yield from told(f"hook {hook.slug}", problems_of(hook))
        if not hook.enabled:
            yield note(f"The hook {hook.slug} is switched off.", "Enable it in the admin.")
        yield from listener_findings(hook)


def _roster_findings(app: ChatApp) -> Iterable[Finding]:
    """Conversations whose messages are for nobody, as it could not be learnt who takes part."""
    lost = Conversation.objects.filter(chat_app=app, roster_due_at=None, deleted_at=None).exclude(roster_error="")
    reasons = lost.values_list("roster_error").annotate(count=Count("pk")).order_by("-count", "roster_error")
    if counts := [count for _, count in reasons]:
        count = sum(counts)
        what = "1 conversation" if count == 1 else f"{count} conversations"
        yield wrong(
            f"Who takes part in {what} of the chat app {app.slug} could not be learnt, so nobody is told of their "
            f"messages. {'Most often' if len(counts) > 1 else 'Why'}: {reasons[0][0]}",
            "Correct that, then let them be asked about again by the action in the admin's list of conversations.",
        )


def _platform_findings(app: ChatApp) -> Iterable[Finding]:
    platform = platform_of(app)
    if Can.WEBHOOKS not in platform.can:
        return
    if Can.REGISTER not in platform.can:
        yield from _reach_findings(platform)
        return
    reading = listed(platform)
    if not isinstance(reading, Done):
        yield wrong(f"{platform.title} did not answer as hoped: {reading.reason.rstrip('.')}.", "Correct that.")
        return
    yield good(f"{platform.title} answers and knows our credentials.")
    for hook in app.hooks.all():
        if hook.enabled and hook.secrets:
            yield from _webhook_findings(hook, reading.value)


def _reach_findings(platform: Platform) -> Iterable[Finding]:
    """Of a platform that is registered with by hand: it is made to call us."""
    reading = reached(platform)
    if isinstance(reading, Done):
        yield good(reading.value)
    elif reading is not None:
        yield wrong(f"{reading.reason.rstrip('.')}.", "Correct that, then run `manage.py register_webhooks`.")


def _webhook_findings(hook: Hook, webhooks: list[Registration]) -> Iterable[Finding]:
    try:
        want = wanted(hook, platform_of(hook.chat_app))
    except RegistrationError as error:
        yield wrong(str(error), "Correct it in the admin.")
        return
    problems = standing_problems(want, standing(hook, want, webhooks))
    for problem in problems:
        yield wrong(problem, f"Run `manage.py register_webhooks {hook.slug}`.")
    if not problems:
        yield good(f"The webhook of {hook.slug} is registered and active.")
