"""SMSAPI under `/simulator/smsapi`, so that the same phones serve a program set up for it.

Any token is taken. Texts ask for outcomes as at the fake vendor, with SMSAPI's own codes, such as `error13`;
`error20429` is the HTTP status 429. As at SMSAPI, errors come with status 200.
"""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from smsbridge.simulator import faults, phones
from smsbridge.simulator.models import Text
from smsbridge.simulator.pump import pump
from smsbridge.simulator.wire import cleaned

THROTTLED = "20429"
POINTS = 0.16  # of each part
_WANTED_ERROR = re.compile(r"error(\d{1,9})")
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z]).{1,11}", re.ASCII)


@method_decorator(csrf_exempt, name="dispatch")
class SmsapiView(View):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        pump.start()
        if not request.headers.get("Authorization", "").lower().startswith("bearer "):
            return refused(101, "Authorization failed")
        plan = faults.current()
        plan.delay()
        if plan.happens("throttle"):
            return slower()
        response = super().dispatch(request, *args, **kwargs)
        return HttpResponse("unavailable", status=503) if plan.happens("lost") else response


class SendSms(SmsapiView):
    def post(self, request: HttpRequest) -> HttpResponse:
        given = cleaned(request.POST.dict())
        text, reference = given.get("message", ""), given.get("idx", "")
        if not text:
            return refused(11, "Message too long or there is no message")
        if wanted := _WANTED_ERROR.search(text):
            return slower() if wanted[1] == THROTTLED else refused(int(wanted[1]), "The text asked for this outcome")
        if reference and given.get("check_idx") == "1" and _accepted_before(reference):
            return refused(53, "Not unique idx parameter")
        try:
            phone = phones.e164(given.get("to"))
            name = given.get("from", "")
            sender = name if _SENDER_NAME.fullmatch(name) else phones.e164(name)
        except phones.NumberFormatError:
            return refused(13, "No correct phone numbers")
        row = phones.receive(
            sender=sender,
            phone=phone,
            text=text,
            reference=reference,
            vendor="smsapi",
            status_url=given.get("notify_url", ""),
        )
        return JsonResponse({"count": 1, "list": [accepted(row)]})


def _accepted_before(reference: str) -> bool:
    return Text.objects.filter(received=True, reference=reference).exists()


def accepted(row: Text) -> dict[str, Any]:
    return {
        "id": row.uid,
        "points": round(POINTS * row.segments, 4),
        "number": row.phone_id.lstrip("+"),
        "date_sent": int(timezone.now().timestamp()),
        "submitted_number": row.phone_id.lstrip("+"),
        "status": "QUEUE",
        "error": None,
        "idx": row.reference,
        "parts": row.segments,
    }


class Credit(SmsapiView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"points": 100.0, "proCount": 625, "ecoCount": 1428, "mmsCount": 333})


class Hlr(SmsapiView):
    def post(self, request: HttpRequest) -> HttpResponse:
        """Only that the question was taken: SMSAPI tells the network by a callback of its own."""
        try:
            phone = phones.e164(request.POST.get("number"))
        except phones.NumberFormatError:
            return refused(13, "No correct phone numbers")
        return JsonResponse({"status": "OK", "number": phone.lstrip("+"), "id": "h1", "price": 0.05})


def refused(code: int, message: str) -> HttpResponse:
    return JsonResponse({"error": code, "message": message, "invalid_numbers": None})


def slower() -> HttpResponse:
    return JsonResponse({"message": "Too Many Requests"}, status=429, headers={"Retry-After": "1"})
