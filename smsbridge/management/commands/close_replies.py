"""End replies without posting them."""

from typing import Any

from smsbridge.management.closing import ClosingCommand
from smsbridge.management.inbound import InboundCommand
from smsbridge.services.deciding import close_replies

HELP = """\
Close replies that belonged to no conversation (unrouted) or were given up (dead).

They are not posted, and whoever texted them is not told. Their rows stay to be read in the admin, say who closed them
and why, and wait for no decision any more. Safe to repeat.

Examples:
  manage.py close_replies --state unrouted --older-than "1 week" --why "wrong numbers"
  manage.py close_replies 17 18 --why spam
"""


class Command(ClosingCommand, InboundCommand):
    help = HELP
    question = "Close these replies?"

    def end(self, ids: list[Any], who: str, why: str) -> list[Any]:
        return close_replies(ids, who, why)
