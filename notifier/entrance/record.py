"""What is written down of somebody's second factor: in the admin's log, and as a line in the program's own."""

import logging
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry

logger = logging.getLogger(__name__)


def write_down(actor: Any, user: Any, words: str) -> None:
    """`actor` did this to the second factor of `user`. The words hold no code and no key."""
    LogEntry.objects.log_actions(actor.pk, [user], CHANGE, words)
    logger.warning("Second factor of user %s: %s (by user %s)", user.pk, words, actor.pk)
