"""Numbers and messaging services at the pretend Twilio. On offer is what the fake vendor offers, less what is owned."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse

from smsbridge.simulator import conf, phones
from smsbridge.simulator.fake_shop import OFFER, on_offer
from smsbridge.simulator.models import Number, Service
from smsbridge.simulator.twilio_door import TwilioError, TwilioView, not_found, paged
from smsbridge.simulator.wire import cleaned

_DIGITS = 32
_CAPABILITIES = {"SMS": True, "MMS": True, "voice": True}


class Numbers(TwilioView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return paged(request, "incoming_phone_numbers", [shown(row) for row in _owned().order_by("e164")])

    def post(self, request: HttpRequest) -> HttpResponse:
        """Sells a number that is on offer, once."""
        e164 = phones.e164(request.POST.get("PhoneNumber"))
        if not any(e164 in on_offer(country, "") for country in OFFER):
            raise TwilioError("21422", "PhoneNumber is not available.")
        url = cleaned(request.POST.get("SmsUrl", ""))
        row, new = Number.objects.get_or_create(e164=e164, defaults={"dialect": "twilio", "inbound_url": url})
        if not new:
            raise TwilioError("21422", "PhoneNumber is not available.")
        return JsonResponse(shown(row), status=201)


class OneNumber(TwilioView):
    def post(self, request: HttpRequest, sid: str) -> HttpResponse:
        """What is not named stays as it is."""
        row = number_of(sid, request.path)
        if "SmsUrl" in request.POST:
            row.inbound_url = cleaned(request.POST["SmsUrl"])
            row.save(update_fields=["inbound_url"])
        return JsonResponse(shown(row))

    def delete(self, request: HttpRequest, sid: str) -> HttpResponse:
        number_of(sid, request.path).delete()
        return HttpResponse(status=204)


class Offers(TwilioView):
    def get(self, request: HttpRequest, country: str, kind: str) -> HttpResponse:
        size = request.GET.get("PageSize", "")
        most = int(size) if size.isascii() and size.isdecimal() and len(size) < 5 else 30
        numbers = on_offer(country, request.GET.get("AreaCode", ""))[:most]
        rows = [{"phone_number": one, "iso_country": country, "capabilities": _CAPABILITIES} for one in numbers]
        return JsonResponse({"available_phone_numbers": rows})


class Services(TwilioView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return paged(request, "services", [_service(row) for row in Service.objects.order_by("pk")])

    def post(self, request: HttpRequest) -> HttpResponse:
        given = cleaned(request.POST.dict())
        if not given.get("FriendlyName"):
            raise TwilioError("20001", "Missing required parameter FriendlyName in the post body")
        row = Service.objects.create(
            name=given["FriendlyName"],
            inbound_url=given.get("InboundRequestUrl", ""),
            status_url=given.get("StatusCallback", ""),
        )
        return JsonResponse(_service(row), status=201)


class OneService(TwilioView):
    def delete(self, request: HttpRequest, service: str) -> HttpResponse:
        service_of(service, request.path).delete()
        return HttpResponse(status=204)


class ServiceNumbers(TwilioView):
    def get(self, request: HttpRequest, service: str) -> HttpResponse:
        rows = service_of(service, request.path).numbers.order_by("e164")
        return paged(request, "phone_numbers", [{"sid": sid_of(row), "phone_number": row.e164} for row in rows])

    def post(self, request: HttpRequest, service: str) -> HttpResponse:
        wanted = service_of(service, request.path)
        row = number_of(request.POST.get("PhoneNumberSid", ""), request.path)
        if row.service is not None:
            code = "21710" if row.service == wanted else "21712"
            raise TwilioError(code, "The number is in a Messaging Service.", 409)
        Number.objects.filter(pk=row.pk, service=None).update(service=wanted)
        return JsonResponse({"sid": sid_of(row), "phone_number": row.e164}, status=201)


class ServiceNumber(TwilioView):
    def delete(self, request: HttpRequest, service: str, sid: str) -> HttpResponse:
        row = number_of(sid, request.path)
        if not Number.objects.filter(pk=row.pk, service=service_of(service, request.path)).update(service=None):
            raise not_found(request.path)
        return HttpResponse(status=204)


def sid_of(row: Number) -> str:
    """A number's digits, in the form of Twilio's ids."""
    return f"PN{row.e164[1:].zfill(_DIGITS)}"


def number_of(sid: str, path: str) -> Number:
    """Raises Twilio's 20404."""
    digits = sid.removeprefix("PN").lstrip("0")
    row: Number | None = _owned().filter(e164=f"+{digits}").select_related("service").first()
    if row is None:
        raise not_found(path)
    return row


def service_of(sid: str, path: str) -> Service:
    """Raises Twilio's 20404."""
    try:
        row = Service.objects.filter(uid=UUID(sid.removeprefix("MG"))).first()
    except ValueError:
        row = None
    if row is None:
        raise not_found(path)
    return row


def shown(row: Number) -> dict[str, Any]:
    return {
        "account_sid": conf.twilio_account_sid(),
        "sid": sid_of(row),
        "phone_number": row.e164,
        "sms_url": row.inbound_url,
        "sms_method": "POST",
        "sms_application_sid": "",
        "capabilities": {"sms": True, "mms": True, "voice": True},
    }


def _service(row: Service) -> dict[str, Any]:
    return {
        "sid": f"MG{row.uid.hex}",
        "friendly_name": row.name,
        "inbound_request_url": row.inbound_url,
        "status_callback": row.status_url,
    }


def _owned() -> Any:
    return Number.objects.filter(dialect="twilio")
