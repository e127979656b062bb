"""A page that asks before something is done at a vendor, and says what it means."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from notifier.admin_base import PlainAdmin


def ask(
    request: HttpRequest,
    page: PlainAdmin[Any],
    *,
    title: str,
    question: str,
    meaning: Sequence[str],
    shown: SafeString | str = "",
    ids: Iterable[int] = (),
    action: str = "",
) -> HttpResponse:
    """Who says yes posts to the same address, with `confirmed`, and with `action` and its rows if that is a list's."""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title,
        "opts": page.opts,
        "question": question,
        "meaning": meaning,
        "shown": shown,
        "ids": list(ids),
        "action": action,
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "smsbridge/decision.html", context)
