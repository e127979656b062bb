"""What an operator sees in the admin, for the story to judge: why no SMS was sent, and how long a number is taken."""

from datetime import datetime

from django.utils import timezone

from smsbridge.models import Lease, Notice


def reason(message: str, user: str) -> str | None:
    """Why this person got no SMS about this message, in words; None while nothing is decided, or when he gets one."""
    notice = Notice.objects.filter(message__key=message, user_id=user, state=Notice.State.SKIPPED).first()
    return Notice.Reason(notice.reason).label if notice else None


def expiry(phone: str, number: str) -> datetime | None:
    """Until when the number stands for a conversation on this phone."""
    return Lease.objects.filter(phone=phone, number__e164=number).values_list("expires_at", flat=True).first()


def has_expired(phone: str, number: str) -> bool:
    until = expiry(phone, number)
    return until is None or until <= timezone.now()
