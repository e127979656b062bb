"""Let what texts told be told anew, after they came to no good end."""

from typing import Any

from smsbridge.management.outbound import OutboundCommand
from smsbridge.models import OutboundSms
from smsbridge.services.deciding import COPIED, send_again

HELP = """\
Send texts again that were given up (dead), perhaps sent (uncertain) or not delivered (undelivered).

Each text is closed, and what it told is due now: who has read the message meanwhile, left, or does not want texts is
not texted; the others get a new text, with its own row. An answer to START is sent as it was. A confirmation of STOP
and an answer to HELP are not: they would come too late, and reach whoever has opted out since.

It costs what it costs to send. A text that was perhaps sent may reach the person twice: look into the vendor's log
first, or wait for a delivery receipt, which settles it by itself.

Safe to repeat: what was sent again is closed, and not chosen any more.

Examples:
  manage.py send_again --state dead --dry-run                  show what was given up, and why
  manage.py send_again --state dead --bridge layer             all that this bridge gave up
  manage.py send_again --state uncertain --older-than 1h       what no receipt has settled in an hour
  manage.py send_again 0199c0de-0000-7000-8000-000000000001    only this one
"""


class Command(OutboundCommand):
    help = HELP
    question = "Send these texts again?"
    done = "Sent again"

    def outlook(self, row: Any) -> str:
        if not row.told and not (row.purpose in COPIED and row.text):
            return "left alone: nothing to tell any more"
        what = f"told anew ({row.told})" if row.told else "sent as it was"
        return f"{what}, perhaps a second time" if row.state == OutboundSms.State.UNCERTAIN else what

    def decide(self, ids: list[Any], options: dict[str, Any]) -> list[Any]:
        return send_again(ids, options["by"])
