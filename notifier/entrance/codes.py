"""Codes of the second factor: from the authenticator app, or one of ten backup codes that each open once."""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_otp import verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from notifier.entrance.models import Authenticator

BACKUP_CODES = 10
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1
CODE_LENGTH = 10  # 50 bits
HALF_FINISHED_FOR = timedelta(days=1)


def required() -> bool:
    """Whether the admin asks for a second factor at all."""
    return bool(settings.ADMIN_SECOND_FACTOR)


def authenticator_of(user: Any) -> Authenticator | None:
    found: Authenticator | None = Authenticator.objects.filter(user_id=user.pk, confirmed=True).first()
    return found


def backup_codes_left(user: Any) -> int:
    return int(StaticToken.objects.filter(device__user_id=user.pk).count())


def begin(user: User) -> Authenticator:
    """A new key, which counts for nothing until `take_into_use`."""
    stale = timezone.now() - HALF_FINISHED_FOR
    Authenticator.objects.filter(user=user, confirmed=False, created_at__lt=stale).delete()
    new: Authenticator = Authenticator.objects.create(user=user, name="Authenticator app", confirmed=False)
    return new


def fits(new: Authenticator, code: str) -> bool:
    """Whether this is a code of the new key, so that the app has it."""
    return verify_token(new.user, new.persistent_id, tidy(code)) is not None


def take_into_use(new: Authenticator) -> None:
    """From now on the new key counts, and no other."""
    with transaction.atomic():
        Authenticator.objects.filter(user_id=new.user_id).exclude(pk=new.pk).delete()
        Authenticator.objects.filter(pk=new.pk).update(confirmed=True)
    new.refresh_from_db()


def new_backup_codes(user: User) -> list[str]:
    """Ten new backup codes, in place of those there were. Only what is made of them is stored, so show them now.

    Sessions that stand on one of the former codes end: somebody else may have had them.
    """
    codes = ["".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH)) for _ in range(BACKUP_CODES)]
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # two at once make one box
        StaticDevice.objects.filter(user=user).delete()
        box = StaticDevice.objects.create(user=user, name="Backup codes")
        StaticToken.objects.bulk_create(StaticToken(device=box, token=next(_stored(code))) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def verify(user: User, code: str) -> Any:
    """The device that took this code, or None. A code that was right opens nothing a second time."""
    device = _device(user, code)
    if device is None:
        return None
    return verify_token(user, device.persistent_id, _as_stored(device, tidy(code)))


def wait_for(user: User, code: str) -> timedelta | None:
    """How long no code of this kind is looked at, after wrong ones; None when it is."""
    device = _device(user, code)
    return None if device is None else wait_of(device)


def wait_of(device: Any) -> timedelta | None:
    allowed, why = device.verify_is_allowed()
    return None if allowed else timedelta(seconds=ceil((why["locked_until"] - timezone.now()).total_seconds()))


def wrong_codes_since(user: Any) -> int:
    """How many wrong codes were tried since the last right one."""
    return sum(device.throttling_failure_count for device in (authenticator_of(user), _box(user)) if device)


def forget(user: User) -> bool:
    """Remove everything of a second factor; False when there was none. Sessions that stood on it end."""
    with transaction.atomic():
        found = Authenticator.objects.filter(user=user).delete()[0]
        return bool(found + StaticDevice.objects.filter(user=user).delete()[0])


def tidy(code: str) -> str:
    """A code as it was meant: apps and people write it with blanks, hyphens and capitals."""
    return re.sub(r"[\s-]", "", code).lower()


def _box(user: Any) -> StaticDevice | None:
    return StaticDevice.objects.filter(user_id=user.pk).first()


def _device(user: User, code: str) -> Any:
    """Each kind of code has a look of its own, so that wrong ones of one kind do not block the other."""
    return authenticator_of(user) if len(tidy(code)) < CODE_LENGTH else _box(user)


def _as_stored(device: Any, code: str) -> str:
    if not isinstance(device, StaticDevice):
        return code
    forms = list(_stored(code))
    known = device.token_set.filter(token__in=forms).values_list("token", flat=True).first()
    return known or forms[0]


def _stored(code: str) -> Iterator[str]:
    """What stands for a backup code in the database, by SECRET_KEY and then by each former one."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        digest = salted_hmac("entrance.backup-code", code, secret=key, algorithm="sha256").digest()
        yield b32encode(digest).decode().lower()[:16]
