"""Go on sending."""

from smsbridge.management.pausing import PausingCommand

HELP = """\
Go on sending after a pause: of all bridges, or of those named.

What waited is looked at anew: what has been read meanwhile, or has grown too old, is not texted. Look at what waits
with --dry-run first. A bridge that was paused as its daily budget was used up is paused again by its next text, until
the next day (UTC) begins or its budget is raised.

Examples:
  manage.py resume --dry-run      only say what waits at each bridge
  manage.py resume                every bridge
  manage.py resume layer          the bridge of that name
"""


class Command(PausingCommand):
    help = HELP
    paused = False
