"""Vonage's SMS API under `/simulator/vonage`, so that the same phones serve a program set up for Vonage.

Any key, secret and token are taken. Texts ask for outcomes as at the fake vendor; `error20429` is Vonage's status 1.
"""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from smsbridge.simulator import phones, vonage_wire
from smsbridge.simulator.pump import pump
from smsbridge.simulator.wire import cleaned

WANTED_ERROR = re.compile(r"error(\d{1,9})")


@method_decorator(csrf_exempt, name="dispatch")
class VonageView(View):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        pump.start()
        scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
        if scheme not in ("basic", "bearer") and "api_key" not in request.POST and "api_key" not in request.GET:
            return HttpResponse("Unauthorized", status=401)
        return super().dispatch(request, *args, **kwargs)


class SendSms(VonageView):
    def post(self, request: HttpRequest) -> HttpResponse:
        """Always 200: Vonage says in the body what became of each part."""
        given = cleaned(request.POST.dict())
        missing = next((name for name in ("from", "to", "text") if not given.get(name)), None)
        if missing:
            return refused("2", f"Missing {missing} param")
        if wanted := WANTED_ERROR.search(given["text"]):
            return throttled() if wanted[1] == "20429" else refused(wanted[1], "The text asked for this outcome")
        try:
            sender, phone = phones.e164(given["from"]), phones.e164(given["to"])
        except phones.NumberFormatError:
            return refused("3", "Invalid number")
        wants_receipt = given.get("status-report-req", "1").lower() not in ("0", "false")
        row = phones.receive(
            sender=sender,
            phone=phone,
            text=given["text"],
            reference=given.get("client-ref", ""),
            vendor="vonage",
            status_url=given.get("callback", "") if wants_receipt else "",
        )
        return result([accepted(part, phone, row.reference) for part in vonage_wire.part_ids(row)])


def accepted(part: str, phone: str, reference: str) -> dict[str, str]:
    shown = {
        "to": phone.lstrip("+"),
        "message-id": part,
        "status": "0",
        "remaining-balance": "9.10",
        "message-price": "0.0333",
        "network": "310260",
    }
    return shown | ({"client-ref": reference} if reference else {})


def refused(code: str, text: str) -> HttpResponse:
    return result([{"status": code, "error-text": text}])


def throttled() -> HttpResponse:
    return refused("1", "Throughput Rate Exceeded - please wait [ 250 ] and retry")


def result(messages: list[dict[str, str]]) -> HttpResponse:
    return JsonResponse({"message-count": str(len(messages)), "messages": messages})
