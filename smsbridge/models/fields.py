"""What several models share."""

from django.db import models
from django.db.models import Q

#: what GSM 03.40 (9.1.2.5) has room for: eleven characters, at least one of them a letter
SENDER_NAME = r"^(?=.{1,11}$)[A-Za-z0-9 .&_-]*[A-Za-z][A-Za-z0-9 .&_-]*$"
E164 = r"^\+[1-9][0-9]{6,14}$"


def is_e164(field: str, name: str) -> models.CheckConstraint:
    """The field holds a phone in E.164 form (ITU-T E.164), with its plus."""
    return models.CheckConstraint(condition=Q(**{f"{field}__regex": E164}), name=name)
