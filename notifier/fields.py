"""Model fields that both halves use."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from encrypted_fields.fields import EncryptedJSONField, EncryptedTextField

_FERNET_START = "gAAAAA"


def _refuse_ciphertext(value: Any) -> Any:
    """The library hands out what it cannot decrypt as it is stored; a secret used like that would fail far away."""
    parts = value.values() if isinstance(value, dict) else [value]
    if any(isinstance(part, str) and part.startswith(_FERNET_START) for part in parts):
        raise ImproperlyConfigured(
            "A stored secret cannot be decrypted: SECRET_KEY or SALT_KEY has changed. "
            "Put the former SECRET_KEY into SECRET_KEY_FALLBACKS, or enter the secret anew."
        )
    return value


class SecretsField(EncryptedJSONField):
    """A flat mapping of names to secrets, each encrypted at rest."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return _refuse_ciphertext(super().from_db_value(value, expression, connection))


class SecretTextField(EncryptedTextField):
    """One secret, encrypted at rest."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return _refuse_ciphertext(super().from_db_value(value, expression, connection))
