"""What the pretend SMS vendor tells of phones and of the account, under `/simulator/fake`.

The last digit but one of a phone decides: 2 is a landline, 3 not in service, 4 nobody's number, others are mobiles.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse

from smsbridge.simulator import phones
from smsbridge.simulator.fake_vendor import FakeVendorView, RefusedError

NO_SUCH_NUMBER = "20404"
CARRIERS = ("Pretend Mobile", "Make-believe Wireless", "Imaginary Cell")


class Lookups(FakeVendorView):
    def get(self, request: HttpRequest, phone: str) -> HttpResponse:
        known = phones.e164(phone)
        kind, last = known[-2], int(known[-1])
        if kind == "4":
            raise RefusedError(NO_SUCH_NUMBER, "There is no such number.", 404)
        landline = kind == "2"
        return JsonResponse(
            {
                "phone": known,
                "line_type": "landline" if landline else "mobile",
                "carrier": "Pretend Telephone" if landline else CARRIERS[last % len(CARRIERS)],
                "country": "US" if known.startswith("+1") else "",
                "in_service": kind != "3",
            }
        )


class Account(FakeVendorView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"credit": "100.00", "currency": "EUR"})
