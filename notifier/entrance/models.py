import time
from base64 import b32decode, b32encode
from secrets import token_bytes
from urllib.parse import quote, urlencode

from django.db import models
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from notifier.fields import SecretTextField

KEY_BYTES = 20  # RFC 4226, section 4: 160 bits are recommended
NEIGHBOURS = 1  # the code before and the one after count too, as clocks differ and people type slowly


def random_key() -> str:
    return b32encode(token_bytes(KEY_BYTES)).decode()


class Authenticator(TimestampMixin, ThrottlingMixin, Device):
    """An app on somebody's phone that shows a new 6-digit code every 30 seconds (TOTP, RFC 6238).

    django-otp's own device keeps its key readable in the database; here it is encrypted, as all secrets are, and
    encrypted anew at each use, so that a changed SECRET_KEY reaches it. After a wrong code the next one must wait:
    1 second, then 2, 4, 8 and so on, until a right one (django-otp's ThrottlingMixin).
    """

    key = SecretTextField(default=random_key)
    last_step = models.BigIntegerField(default=-1)

    class Meta:
        verbose_name = "authenticator"
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed=True), name="one_authenticator_in_use"
            )
        ]

    def get_throttle_factor(self) -> int:
        return 1

    def verify_token(self, token: str) -> bool:
        """Whether this code is right now, and later than any that was taken before: no code opens twice.

        Call it by `django_otp.verify_token`, which locks the row.
        """
        if not self.verify_is_allowed()[0]:
            return False
        totp = TOTP(b32decode(self.key))
        totp.time = time.time()
        if not (token.isdecimal() and totp.verify(int(token), NEIGHBOURS, self.last_step + 1)):
            self.throttle_increment()
            return False
        self.last_step = totp.t()
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()
        return True

    def address(self, issuer: str) -> str:
        """What the QR code says, as authenticator apps read it: otpauth://totp/issuer:name?secret=…"""
        label = quote(f"{issuer}:{self.user.get_username()}")
        return f"otpauth://totp/{label}?{urlencode({'secret': self.key, 'issuer': issuer}, quote_via=quote)}"
