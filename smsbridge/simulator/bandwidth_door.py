"""Bandwidth's messaging API and phone number look-up under `/simulator/bandwidth`; numbers are in `bandwidth_shop`.

Any account, user and password are taken. Texts ask for outcomes: `error20429` is throttled; `error` and four digits,
such as `error4720`, is accepted and then fails with that code, since Bandwidth tells its codes in receipts only; any
other error is refused as malformed; `autorespond` has the phone answer by itself. What is told of a phone goes by its
last digit but one: 2 is a landline, 3 not in service, 4 is not known, others are mobiles.
"""

import json
import re
from typing import Any
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from smsbridge.simulator import conf, phones, queue, segments
from smsbridge.simulator.bandwidth_wire import CARRIER, Wire, failure, message
from smsbridge.simulator.models import Text
from smsbridge.simulator.pump import pump
from smsbridge.simulator.wire import cleaned

THROTTLED = "20429"
_WANTED_ERROR = re.compile(r"error(\d{1,9})")


@method_decorator(csrf_exempt, name="dispatch")
class BandwidthView(View):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        pump.start()
        if not request.headers.get("Authorization", "").lower().startswith("basic "):
            return JsonResponse({"type": "unauthorized", "description": "Authentication Failed"}, status=401)
        return super().dispatch(request, *args, **kwargs)


class SendMessage(BandwidthView):
    def post(self, request: HttpRequest, account: str) -> HttpResponse:
        content = read_object(request)
        to, text, media = content.get("to"), content.get("text"), content.get("media")
        if content.get("applicationId") != conf.bandwidth_application_id():
            return refused("applicationId")
        if not isinstance(text, str) or not text or len(text) > 2048:
            return refused("text")
        try:
            sender = phones.e164(content.get("from"))
            phone = phones.e164(to[0] if isinstance(to, list) and to else to)
        except phones.NumberFormatError:
            return refused("to[0]")
        reference = str(content.get("tag") or "")
        if wanted := _WANTED_ERROR.search(text):
            return failed(wanted[1], sender, phone, text, reference)
        row = phones.receive(
            sender=sender,
            phone=phone,
            text=text,
            reference=reference,
            vendor="bandwidth",
            status_url=conf.bandwidth_url("status"),
            media=[str(url) for url in media] if isinstance(media, list) else [],
        )
        return accepted(row)


def accepted(row: Text) -> HttpResponse:
    return JsonResponse(message(row, direction="out") | {"text": row.text}, status=202)


def refused(field: str) -> HttpResponse:
    told = [{"fieldName": field, "description": "It is missing, malformed or wrong."}]
    content = {"type": "request-validation", "description": "Your request could not be accepted.", "fieldErrors": told}
    return JsonResponse(content, status=400)


def failed(code: str, sender: str, phone: str, text: str, reference: str) -> HttpResponse:
    """What becomes of a text that asks for an error; it reaches no phone."""
    if code == THROTTLED:
        return JsonResponse({"type": "too-many-requests", "description": "Too many requests"}, status=429)
    if len(code) != 4:
        return refused("text")
    row = Text(uid=Wire().uid(inbound=False), phone_id=phone, number=sender, reference=reference, text=text)
    row.segments = segments.count(text)
    if url := conf.bandwidth_url("status"):
        queue.put(failure(row, url, int(code)))
    return accepted(row)


class Media(BandwidthView):
    def get(self, request: HttpRequest, account: str) -> HttpResponse:
        """The account has uploaded none."""
        return JsonResponse([], safe=False)


class Lookups(BandwidthView):
    def post(self, request: HttpRequest, account: str) -> HttpResponse:
        asked = read_object(request).get("phoneNumbers")
        try:
            known = [phones.e164(phone) for phone in asked] if isinstance(asked, list) else []
        except phones.NumberFormatError:
            known = []
        if not known:
            error = {"code": "invalid-phone-numbers", "description": "Not in E.164 form.", "type": "validation"}
            return JsonResponse({"links": [], "data": None, "errors": [error]}, status=400)
        rows = [looked_up(phone) for phone in known if phone[-2] != "4"]
        status = "COMPLETE" if len(rows) == len(known) else "PARTIAL_COMPLETE"
        data = {"requestId": str(uuid4()), "status": status, "results": rows}
        return JsonResponse({"links": [], "data": data, "errors": []})


def looked_up(phone: str) -> dict[str, str]:
    shown = {"phoneNumber": phone, "countryCodeA3": "USA" if phone.startswith("+1") else "GBR"}
    if phone[-2] == "2":
        return shown | {"lineType": "FIXED", "voiceProvider": "Pretend Telephone"}
    shown |= {"lineType": "MOBILE", "messagingProvider": CARRIER, "voiceProvider": CARRIER}
    return shown | ({"deactivationEvent": "DEACTIVATED"} if phone[-2] == "3" else {})


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in a body, an empty one for anything else."""
    try:
        content = cleaned(json.loads(request.body))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
