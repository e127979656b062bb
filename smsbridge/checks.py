"""What Django's own checks say about the SMS side's settings. They read no database."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from notifier.services.validation import function_problems
from smsbridge.phones import to_e164
from smsbridge.services.introductions import is_function
from smsbridge.services.validation import template_problems
from smsbridge.vendors.registry import UnknownVendorError, vendor_class


@register()
def sms_vendor(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        vendor_class(settings.SMS_VENDOR)
    except UnknownVendorError as error:
        return [Error(f"SMS_VENDOR: {error}", hint="Correct the variable SMS_VENDOR.", id="smsbridge.E001")]
    return []


@register()
def sms_template(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(f"SMS_TEMPLATE, {problem}", hint="Correct the variable SMS_TEMPLATE.", id="smsbridge.E002")
        for problem in template_problems(settings.SMS_TEMPLATE)
    ]


@register()
def sms_introduction(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """A template, or the dotted path of a function."""
    introduction = settings.SMS_INTRODUCTION
    find = function_problems if is_function(introduction) else template_problems
    return [
        Error(
            f"SMS_INTRODUCTION, {problem}",
            hint="Correct the variable SMS_INTRODUCTION. One word with dots in it is taken for a function's path.",
            id="smsbridge.E003",
        )
        for problem in find(introduction)
    ]


@register()
def sms_numbers(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Numbers are named by their place, since checks are printed into logs."""
    given = settings.SMS_NUMBERS
    return [
        Error(
            f"SMS_NUMBERS: number {place} of {len(given)} is no valid phone number.",
            hint="Write it with its country code, like +12025550100.",
            id="smsbridge.E004",
        )
        for place, number in enumerate(given, 1)
        if to_e164(number) is None
    ]
