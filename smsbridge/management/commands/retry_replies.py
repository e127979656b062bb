"""Look once more where replies belong, and post them."""

from typing import Any

from smsbridge.management.inbound import InboundCommand
from smsbridge.services.inbound import again

HELP = """\
Try to post replies once more that belonged to no conversation (unrouted) or were given up (dead).

A reply belongs to the conversation that its number stood for on that phone when it came. It is posted once, however
often that is tried. Correct first what kept it from being posted: the admin shows the reason and the text.
Safe to repeat.

Examples:
  manage.py retry_replies --state dead --dry-run
  manage.py retry_replies --state dead --older-than 10m
  manage.py retry_replies 17 18
"""


class Command(InboundCommand):
    help = HELP
    question = "Try to post these replies again?"
    done = "Tried again"

    def outlook(self, row: Any) -> str:
        return "tried again"

    def decide(self, ids: list[Any], options: dict[str, Any]) -> list[Any]:
        return ids[: again(ids)]
