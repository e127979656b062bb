"""Numbers at the pretend SMS vendor: what the account owns, what is on offer, buying, releasing, messaging services.

The offer is the same every time: five numbers in each area of OFFER, less those that are owned. Some areas ask for how
buying ends: in 907 there is nothing, 402 has no credit, 808 takes an order first, and 503 sells and loses the answer.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse

from smsbridge.simulator import phones
from smsbridge.simulator.fake_vendor import FakeVendorView, RefusedError, read_object
from smsbridge.simulator.models import Number, NumberOrder, Service

#: by country: the calling code, the areas, and what comes between area and serial number
OFFER: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "US": ("+1", ("402", "415", "503", "646", "808", "907"), "30001"),
    "CA": ("+1", ("416", "604"), "30001"),
    "GB": ("+44", ("20", "161"), "794600"),
    "CH": ("+41", ("44",), "30001"),
}
NOTHING, NO_CREDIT, ORDERED, LOST = "907", "402", "808", "503"
PER_AREA = 5
#: how often an order is asked about until it is done
ASKED_UNTIL_DONE = 2
PRICE, CURRENCY = "1.00", "USD"


class Offers(FakeVendorView):
    def get(self, request: HttpRequest) -> HttpResponse:
        limit = request.GET.get("limit", "")
        most = int(limit) if limit.isascii() and limit.isdecimal() and len(limit) < 5 else 10
        found = on_offer(request.GET.get("country", ""), request.GET.get("area", ""))
        rows = [{"number": one, "price": PRICE, "currency": CURRENCY} for one in found[:most]]
        return JsonResponse({"offers": rows})


class Numbers(FakeVendorView):
    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Number.objects.order_by("e164")
        return JsonResponse({"numbers": [shown(row) for row in rows]})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sells a number that is on offer, once."""
        e164 = phones.e164(read_object(request).get("number"))
        area = _area_of(e164)
        if area == NO_CREDIT:
            raise RefusedError("20402", "There is no credit left.", 402)
        if area is None or NumberOrder.objects.filter(e164=e164).exists():
            raise RefusedError("21422", "The number is not on offer.")
        if area == ORDERED:
            return JsonResponse({"order": str(NumberOrder.objects.create(e164=e164).uid)}, status=202)
        _sell(e164)
        if area == LOST:
            raise RefusedError("20503", "The service is not available.", 503)
        return JsonResponse({"number": e164}, status=201)


class OneNumber(FakeVendorView):
    def put(self, request: HttpRequest, number: str) -> HttpResponse:
        url = read_object(request).get("inbound_url")
        if not isinstance(url, str):
            raise RefusedError("21603", "The inbound_url is missing.")
        fields = {"inbound_url": url, "dialect": "fake"}
        row, _ = Number.objects.update_or_create(e164=phones.e164(number), defaults=fields)
        return JsonResponse(shown(row))

    def delete(self, request: HttpRequest, number: str) -> HttpResponse:
        e164 = phones.e164(number)
        if not Number.objects.filter(e164=e164).delete()[0]:
            raise RefusedError("20404", "The account has no such number.", 404)
        return JsonResponse({"number": e164})


class OneOrder(FakeVendorView):
    def get(self, request: HttpRequest, order: str) -> HttpResponse:
        """Pending when it is asked about for the first time, then done."""
        with transaction.atomic():
            row = NumberOrder.objects.select_for_update().filter(uid=_uuid(order)).first()
            if row is None:
                raise RefusedError("20404", "There is no such order.", 404)
            row.asked += 1
            row.save(update_fields=["asked"])
            if row.asked == ASKED_UNTIL_DONE:
                _sell(row.e164)
        return JsonResponse({"status": "done" if row.asked >= ASKED_UNTIL_DONE else "pending"})


class Services(FakeVendorView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"services": [_service(row) for row in Service.objects.order_by("pk")]})

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read_object(request)
        given = {name: str(content.get(name) or "") for name in ("name", "inbound_url", "status_url")}
        if not given["name"]:
            raise RefusedError("21604", "The name is missing.")
        return JsonResponse(_service(Service.objects.create(**given)), status=201)


class OneService(FakeVendorView):
    def delete(self, request: HttpRequest, service: str) -> HttpResponse:
        """Also of one that is gone already."""
        Service.objects.filter(uid=_uuid(service)).delete()
        return JsonResponse({})


class ServiceNumbers(FakeVendorView):
    def get(self, request: HttpRequest, service: str) -> HttpResponse:
        rows = _found(service).numbers.order_by("e164")
        return JsonResponse({"numbers": [shown(row) for row in rows]})


class ServiceNumber(FakeVendorView):
    def put(self, request: HttpRequest, service: str, number: str) -> HttpResponse:
        row = Number.objects.filter(e164=phones.e164(number))
        if not row.update(service=_found(service)):
            raise RefusedError("20404", "The account has no such number.", 404)
        return JsonResponse({})

    def delete(self, request: HttpRequest, service: str, number: str) -> HttpResponse:
        """Also of one that is not in it."""
        Number.objects.filter(e164=phones.e164(number), service=_found(service)).update(service=None)
        return JsonResponse({})


def on_offer(country: str, area: str) -> list[str]:
    """What may be bought in a country, in all its areas or in one."""
    code, areas, middle = OFFER.get(country, ("", (), ""))
    there = [one for one in areas if one != NOTHING and area in ("", one)]
    numbers = [f"{code}{one}{middle}{serial:02}" for one in there for serial in range(PER_AREA)]
    owned = set(Number.objects.filter(e164__in=numbers).values_list("e164", flat=True))
    return [one for one in numbers if one not in owned]


def shown(row: Number) -> dict[str, str]:
    return {"number": row.e164, "inbound_url": row.inbound_url}


def _area_of(e164: str) -> str | None:
    """The area of a number that is on offer, None of any other."""
    places = [(country, area) for country, (_, areas, _) in OFFER.items() for area in areas]
    return next((area for country, area in places if e164 in on_offer(country, area)), None)


def _sell(e164: str) -> None:
    Number.objects.get_or_create(e164=e164, defaults={"dialect": "fake"})


def _service(row: Service) -> dict[str, Any]:
    return {"id": str(row.uid), "name": row.name, "inbound_url": row.inbound_url}


def _found(service: str) -> Service:
    row = Service.objects.filter(uid=_uuid(service)).first()
    if row is None:
        raise RefusedError("20404", "There is no such service.", 404)
    return row


def _uuid(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise RefusedError("20404", "There is nothing with such an id.", 404) from None
