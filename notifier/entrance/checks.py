from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as Concern


@register(Tags.security)
def second_factor(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG or settings.ADMIN_SECOND_FACTOR:
        return []
    return [
        Concern(
            "ADMIN_SECOND_FACTOR is off: whoever learns an operator's password reads messages and phone numbers.",
            hint="Remove the variable ADMIN_SECOND_FACTOR, or set it to on.",
            id="entrance.W001",
        )
    ]
