"""Vonage of an account and of phones, under `/simulator/vonage`: numbers owned and for sale, credit, line types.

The pretend account has one application, VONAGE_APPLICATION_ID: a number that is linked to it has its texts pushed by
the Messages API to that application's URL. What is for sale and who owns which phone is as at the fake vendor.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from smsbridge.simulator import conf, phones
from smsbridge.simulator.dialects import dialect
from smsbridge.simulator.fake_lookups import CARRIERS
from smsbridge.simulator.fake_shop import NO_CREDIT, OFFER, on_offer
from smsbridge.simulator.models import Number
from smsbridge.simulator.vonage_door import VonageView
from smsbridge.simulator.wire import cleaned

BY_APPLICATION = "vonage-messages"
PRICE = "0.90"


class OwnedNumbers(VonageView):
    def get(self, request: HttpRequest) -> HttpResponse:
        """A missing `numbers` key means none, as at Vonage."""
        wanted = request.GET.get("pattern", "").lstrip("+")
        rows = [row for row in Number.objects.order_by("e164") if wanted in row.e164]
        size, index = _positive(request, "size", 10), _positive(request, "index", 1)
        shown = [number(row) for row in rows[(index - 1) * size : index * size]]
        return JsonResponse({"count": len(rows), "numbers": shown} if rows else {})


def number(row: Number) -> dict[str, Any]:
    shown = {"country": _country(row.e164), "msisdn": row.e164.lstrip("+"), "type": "mobile-lvn", "features": FEATURES}
    if not row.inbound_url:
        return shown
    if row.dialect == BY_APPLICATION:
        application = conf.vonage_application_id()
        return shown | {"app_id": application, "messagesCallbackType": "app", "messagesCallbackValue": application}
    return shown | {"moHttpUrl": row.inbound_url}


FEATURES = ["SMS", "VOICE"]


def _country(e164: str) -> str:
    return "GB" if e164.startswith("+44") else "CH" if e164.startswith("+41") else "US"


def _positive(request: HttpRequest, name: str, default: int) -> int:
    given = request.GET.get(name, "")
    return max(1, int(given[:6])) if given.isascii() and given.isdecimal() else default


class UpdateNumber(VonageView):
    def post(self, request: HttpRequest) -> HttpResponse:
        """Replaces the number's settings; a number that we do not know is taken into the account."""
        try:
            e164 = phones.e164(request.POST.get("msisdn") or request.GET.get("msisdn"))
        except phones.NumberFormatError:
            return failed()
        application = request.POST.get("app_id", "")
        if application and application != conf.vonage_application_id():
            return failed()
        url = cleaned(request.POST.get("moHttpUrl") or request.GET.get("moHttpUrl") or "")
        if application:
            fields = {"inbound_url": dialect(BY_APPLICATION).default_inbound_url(), "dialect": BY_APPLICATION}
        else:
            fields = {"inbound_url": url, "dialect": "vonage"}
        Number.objects.update_or_create(e164=e164, defaults=fields)
        return done()


class NumbersForSale(VonageView):
    def get(self, request: HttpRequest) -> HttpResponse:
        country, pattern = request.GET.get("country", ""), request.GET.get("pattern", "")
        found = [one for one in on_offer(country, "") if one.startswith(f"+{pattern}")]
        rows = [
            {"country": country, "msisdn": one[1:], "type": "mobile-lvn", "cost": PRICE, "features": FEATURES}
            for one in found[: _positive(request, "size", 10)]
        ]
        return JsonResponse({"count": len(found), "numbers": rows} if rows else {})


class BuyNumber(VonageView):
    def post(self, request: HttpRequest) -> HttpResponse:
        country, e164 = request.POST.get("country", ""), f"+{request.POST.get('msisdn', '')}"
        if e164 not in on_offer(country, ""):
            return failed()
        if e164.startswith(OFFER[country][0] + NO_CREDIT):
            return JsonResponse({"error-code": "402", "error-code-label": "not enough credit"}, status=402)
        Number.objects.create(e164=e164, dialect="vonage")
        return done()


class CancelNumber(VonageView):
    def post(self, request: HttpRequest) -> HttpResponse:
        """420 for a number that is not ours, as Vonage has it for whatever it does not do."""
        gone, _ = Number.objects.filter(e164=f"+{request.POST.get('msisdn', '')}").delete()
        return done() if gone else failed()


def done() -> HttpResponse:
    return JsonResponse({"error-code": "200", "error-code-label": "success"})


def failed() -> HttpResponse:
    return JsonResponse({"error-code": "420", "error-code-label": "method failed"}, status=420)


class Balance(VonageView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"value": 9.1, "autoReload": False})


class Insight(VonageView):
    def get(self, request: HttpRequest) -> HttpResponse:
        """The last digit but one decides, as at the fake vendor. Always 200: the `status` says how it went."""
        try:
            known = phones.e164(request.GET.get("number"))
        except phones.NumberFormatError:
            return JsonResponse({"status": 3, "status_message": "Invalid request"})
        kind, last = known[-2], int(known[-1])
        if kind == "4":
            return JsonResponse({"status": 3, "status_message": "Invalid request :: Not valid number"})
        landline = kind == "2"
        carrier = {
            "network_code": "310260",
            "name": "Pretend Telephone" if landline else CARRIERS[last % len(CARRIERS)],
            "country": _country(known),
            "network_type": "landline" if landline else "mobile",
        }
        shown = {"status": 0, "status_message": "Success", "request_id": "pretend", "country_code": _country(known)}
        return JsonResponse(shown | {"international_format_number": known[1:], "current_carrier": carrier})
