"""The SMS side listens to the one signal that leads out of the chat side."""

from typing import Any

from django.dispatch import receiver

from notifier import doorbell
from notifier.services.hooks import LiveHook
from notifier.signals import Unread, message_unread
from smsbridge.services import notices
from smsbridge.services.composing import STAGE as COMPOSE


@receiver(message_unread, dispatch_uid="smsbridge.decide")
def decide(*, hook: LiveHook, unread: list[Unread], **_: Any) -> None:
    """Write the notices in the check's own transaction, and ring when they are visible."""
    notices.decide(hook, unread)
    doorbell.ring_on_commit(COMPOSE)
