"""The two ways to use a running demo: by hand, and by script."""

from collections.abc import Callable

from django.conf import settings

from notifier.durations import describe_duration
from smsbridge.demo.beats import play
from smsbridge.demo.judge import Judge, StoryError
from smsbridge.demo.processes import DemoError
from smsbridge.demo.stage import Stage
from smsbridge.demo.story import Story
from smsbridge.demo.transcript import Transcript
from smsbridge.demo.world import WorldError

PATIENCE_SECONDS = 15.0

Out = Callable[[str], None]


def by_hand(stage: Stage, out: Out) -> None:
    """Say where everything is and what to try, and let it run until somebody stops it. Raises DemoError."""
    for line in guide(stage):
        out(line)
    stage.children.wait()


def guide(stage: Stage) -> list[str]:
    who = f"   ({stage.operator.name} / {stage.operator.password})" if stage.operator else ""
    delay, lifetime = describe_duration(settings.NOTIFY_DELAY), describe_duration(settings.NUMBER_EXPIRATION_TIME)
    return [
        "",
        f"  Simulator  {stage.plan.web}/simulator/",
        f"  Admin      {stage.plan.web}/admin/{who}",
        f"  Running    {stage.summary}; the logs are in {stage.plan.folder}",
        "",
        "  What to try, on the simulator's page:",
        "  1. Load the example people, and start a conversation between Ann and Ben.",
        f"  2. Write as Ann and leave it unread: after {delay} it is an SMS on Ben's phone.",
        "  3. Answer from Ben's phone: it is Ben's own message in the chat, and Ann's counts as read.",
        "  4. Start a second conversation with Ben: it comes from another number, and says what it is.",
        f"  5. See the number assignments in the admin; each ends {lifetime} after its last use.",
        "",
        "  Ctrl-C stops everything.",
    ]


def by_script(stage: Stage, out: Out) -> None:
    """Play the story. Raises DemoError when something did not happen, with what the processes said last."""
    judge = Judge(stage.children.check, settings.NOTIFY_DELAY.total_seconds() + PATIENCE_SECONDS)
    transcript = Transcript(out)
    pool, lifetime = len(settings.SMS_NUMBERS), settings.NUMBER_EXPIRATION_TIME
    out(f"Running on {stage.summary}.")
    try:
        play(Story(stage.world, judge, transcript, pool, lifetime))
    except (StoryError, WorldError) as error:
        raise DemoError(f"The story broke off.\n{error}\n{stage.children.tails()}") from error
    out("\nThe whole story happened as it should.")
