"""End texts as they are, after they came to no good end."""

from typing import Any

from smsbridge.management.closing import ClosingCommand
from smsbridge.management.outbound import OutboundCommand
from smsbridge.services.deciding import close

HELP = """\
Close texts that were given up (dead), perhaps sent (uncertain) or not delivered (undelivered).

Nobody is texted. Their rows stay, say who closed them and why, and wait for no decision any more. If a delivery receipt
says later that one was delivered, it says so. Safe to repeat.

Examples:
  manage.py close_sms --state uncertain --dry-run
  manage.py close_sms --state uncertain --older-than "3 days" --why "all in the vendor's log"
  manage.py close_sms 0199c0de-0000-7000-8000-000000000001 --why "phoned her"
"""


class Command(ClosingCommand, OutboundCommand):
    help = HELP
    question = "Close these texts?"

    def end(self, ids: list[Any], who: str, why: str) -> list[Any]:
        return close(ids, who, why)
