"""Vonage's Messages API under `/simulator/vonage/v1/messages`.

Texts ask for outcomes as at the fake vendor: `error1050` is refused with that code, `error20429` is throttled.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from smsbridge.simulator import phones
from smsbridge.simulator.vonage_door import WANTED_ERROR, VonageView
from smsbridge.simulator.wire import cleaned


class SendMessage(VonageView):
    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            content = cleaned(json.loads(request.body))
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            return problem("invalid-json", 400)
        media = content.get(str(content.get("message_type"))) if content.get("channel") == "mms" else None
        links = [str(media["url"])] if isinstance(media, dict) and "url" in media else []
        text = str(media.get("caption", "")) if isinstance(media, dict) else content.get("text")
        if not isinstance(text, str) or not (text or links):
            return problem("1010", 422)
        if wanted := WANTED_ERROR.search(text):
            return problem("1000", 429) if wanted[1] == "20429" else problem(wanted[1], 422)
        return _accepted(content, text, links)


def _accepted(content: dict[str, Any], text: str, links: list[str]) -> HttpResponse:
    try:
        sender, phone = phones.e164(content.get("from")), phones.e164(content.get("to"))
    except phones.NumberFormatError:
        return problem("1170", 422)
    row = phones.receive(
        sender=sender,
        phone=phone,
        text=text,
        reference=str(content.get("client_ref") or ""),
        vendor="vonage-messages",
        status_url=str(content.get("webhook_url") or ""),
        media=links,
    )
    return JsonResponse({"message_uuid": row.uid}, status=202)


def problem(code: str, status: int) -> HttpResponse:
    """RFC 9457, as the newer APIs of Vonage have it."""
    page = "api-errors/messages" if code.isdecimal() else "api-errors"
    told = {
        "type": f"https://developer.vonage.com/{page}#{code}",
        "title": "The text asked for this outcome",
        "detail": "The pretend network refused the message.",
        "instance": "00000000-0000-4000-8000-000000000000",
    }
    headers = {"Retry-After": "1"} if status == 429 else {}
    return JsonResponse(told, status=status, content_type="application/problem+json", headers=headers)
