"""Stop sending."""

from smsbridge.management.pausing import PausingCommand

HELP = """\
Stop sending at once: of all bridges, or of those named.

Nothing is lost. Webhooks are answered as before, replies are posted to the chat, and a STOP is obeyed and confirmed;
START and HELP are not answered while all bridges of the pool are paused. Notices and texts wait until `manage.py
resume`; those that are too old by then are not texted any more. What is at the vendor already cannot be recalled.

A chat app or a vendor account is paused in the admin: with it wait all its bridges, or all texts by that account.

Examples:
  manage.py pause                 every bridge
  manage.py pause layer           the bridge of that name
  manage.py pause --dry-run       only say what waits at each
"""


class Command(PausingCommand):
    help = HELP
    paused = True
