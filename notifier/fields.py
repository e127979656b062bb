"""Model fields that both halves use."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from encrypted_fields.fields import EncryptedFieldMixin, EncryptedJSONField, EncryptedTextField

_FERNET_START = "gAAAAA"


def _refuse_ciphertext(value: Any) -> Any:
    """The library hands out what it cannot decrypt as it is stored; a secret used like that would fail far away."""
    # A mapping that cannot be decrypted comes as the JSON that is stored.
    parts = value.values() if isinstance(value, dict) else str(value).removeprefix("{").split('"')
    if any(isinstance(part, str) and part.startswith(_FERNET_START) for part in parts):
        raise ImproperlyConfigured(
            "A stored secret cannot be decrypted: SECRET_KEY or SALT_KEY has changed. "
            "Put the former SECRET_KEY into SECRET_KEY_FALLBACKS, or enter the secret anew."
        )
    return value


class _Refusing(EncryptedFieldMixin):
    """What both fields do in another way than their library."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return _refuse_ciphertext(super().from_db_value(value, expression, connection))

    def clean(self, value: Any, model_instance: Model | None) -> Any:
        """Past the library's own, which switches decryption off meanwhile, for every thread that reads a row."""
        return super(EncryptedFieldMixin, self).clean(value, model_instance)


class SecretsField(_Refusing, EncryptedJSONField):
    """A flat mapping of names to secrets, each encrypted at rest."""


class SecretTextField(_Refusing, EncryptedTextField):
    """One secret, encrypted at rest."""
