"""A story at a pretended PrivMX Bridge, with our own processes, SQLite and SMSAPI's imitation: `make demo-privmx`.

It is printed as it happens, and judged: the exit status is 1 when something did not come, with the last lines that each
process wrote. Everything listens on 127.0.0.1 only, and nothing is left behind unless something went wrong.
"""

import os
import sys
from collections.abc import MutableMapping

from smsbridge.demo import environment
from smsbridge.demo.processes import DemoError, interruptible
from smsbridge.demo.services import free_port
from tests.privmx.bridge import Bridge

PATIENCE_SECONDS = 20.0
NUMBERS = ",".join(f"+1415200010{place}" for place in range(1, 7))
INTRODUCTION = 'This number is "<%= conversation.title %>".'


def prepare(bridge: Bridge, environ: MutableMapping[str, str]) -> None:
    """The demo's own environment, at this Bridge; only a Redis of the user's is taken, where he names one."""
    for name in ("DATABASE_URL", "PUBLIC_URL", "CELERY_BROKER_URL"):
        environ.pop(name, None)
    environ.update(
        CHAT_PLATFORM="privmx",
        PRIVMX_API_URL=bridge.url,
        PRIVMX_API_KEY_ID=bridge.key.id,
        PRIVMX_API_KEY_SECRET=bridge.key.secret,
        PRIVMX_CHANNELS="thread,store,inbox",
        SMS_VENDOR="smsapi",
        SMS_NUMBERS=NUMBERS,
        SMS_DIGEST="off",
    )
    environment.prepare(["--script", "--port", str(free_port())], environ)
    environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        NOTIFY_DELAY="500",
        NUMBER_EXPIRATION_TIME="5 minutes",
        SMS_INTRODUCTION=INTRODUCTION,
    )


def main() -> int:
    """The exit status."""
    with Bridge() as bridge:
        prepare(bridge, os.environ)
        import django

        django.setup()
        try:
            with interruptible():
                show(bridge)
        except KeyboardInterrupt:
            say("\nThe story was stopped before its end.")
            return 130
        except DemoError as error:
            say(f"{error}\nAll logs are in {environment.plan().folder}.")
            return 1
    return 0


def show(bridge: Bridge) -> None:
    """Raises DemoError when something did not happen."""
    from smsbridge.demo.judge import Judge, StoryError
    from smsbridge.demo.stage import running
    from smsbridge.demo.transcript import Transcript
    from smsbridge.demo.world import WorldError
    from tests.privmx.demo_story import Story, play, rows

    plan = environment.plan()
    plan.folder.mkdir(mode=0o700, parents=True)
    rows(plan.folder)
    with running(plan, say) as stage:
        say("Starting the listener")
        stage.children.start("listen", ["manage", "listen"])
        story = Story(bridge, stage.world, Judge(stage.children.check, PATIENCE_SECONDS), Transcript(say))
        say(f"Running on {stage.summary}.")
        try:
            play(story)
        except (StoryError, WorldError) as error:
            raise DemoError(f"The story broke off.\n{error}\n{stage.children.tails()}") from error
    say("\nThe whole story happened as it should.")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (a program's output)


if __name__ == "__main__":
    sys.exit(main())
