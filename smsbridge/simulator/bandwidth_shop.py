"""Bandwidth's Numbers API under `/simulator/bandwidth/accounts`, in XML: what is owned, what is sold, orders.

In each area code five numbers are for sale, less those that are owned. Buying and giving back are orders: RECEIVED
when they are placed, done and COMPLETE when they are asked about.
"""

import re
from uuid import UUID
from xml.sax.saxutils import escape

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from smsbridge.simulator import phones
from smsbridge.simulator.bandwidth_door import BandwidthView
from smsbridge.simulator.models import Number, NumberOrder

PER_AREA = 5
_AREA = re.compile(r"[2-9]\d\d", re.ASCII)
_NUMBER = re.compile(r"<TelephoneNumber>\s*(\d{10}|\+\d{7,15})\s*</TelephoneNumber>")
_REFERENCE = re.compile(r"<CustomerOrderId>([0-9A-Za-z -]{1,40})</CustomerOrderId>")
_SITE = re.compile(r"<SiteId>\w+</SiteId>")


class InService(BandwidthView):
    def get(self, request: HttpRequest, account: str) -> HttpResponse:
        """A page is called after its first number, the first page 1."""
        owned = list(Number.objects.filter(dialect="bandwidth").order_by("e164").values_list("e164", flat=True))
        size, page = request.GET.get("size", ""), request.GET.get("page", "1")
        most = int(size) if size.isascii() and size.isdecimal() and 0 < len(size) < 5 else 500
        start = next((index for index, number in enumerate(owned) if local(number) == page), 0)
        shown, rest = owned[start : start + most], owned[start + most :]
        link = f"<{request.build_absolute_uri(request.path)}?size={most}&page={local(rest[0])}>" if rest else ""
        links = f'<next>Link={escape(link)};rel="next";</next>' if rest else ""
        return xml(
            f"<TNs><TotalCount>{len(owned)}</TotalCount><Links>{links}</Links>"
            f"<TelephoneNumbers><Count>{len(shown)}</Count>{listed(shown)}</TelephoneNumbers></TNs>"
        )


class Available(BandwidthView):
    def get(self, request: HttpRequest, account: str) -> HttpResponse:
        area, quantity = request.GET.get("areaCode", ""), request.GET.get("quantity", "")
        if not _AREA.fullmatch(area):
            return error(400, "SearchResult", "4000", "Please verify that your Area Code search input is correct.")
        most = int(quantity) if quantity.isascii() and quantity.isdecimal() and len(quantity) < 5 else 5000
        found = [number for number in offered(area) if not is_owned(number)][:most]
        numbers = f"<TelephoneNumberList>{listed(found)}</TelephoneNumberList>" if found else ""
        return xml(f"<SearchResult><ResultCount>{len(found)}</ResultCount>{numbers}</SearchResult>")


class Orders(BandwidthView):
    def post(self, request: HttpRequest, account: str) -> HttpResponse:
        body = request.body.decode(errors="replace")
        wanted, reference = _NUMBER.search(body), _REFERENCE.search(body)
        if not wanted or not _SITE.search(body):
            return error(400, "OrderResponse", "5022", "SiteId is a required field.")
        number = e164(wanted[1])
        if number not in offered(number[2:5]) or is_owned(number):
            return error(400, "OrderResponse", "5005", "The telephone number is unavailable for ordering")
        order = NumberOrder.objects.create(e164=number)
        return xml(ordered(order, "RECEIVED", reference[1] if reference else ""), status=201)


class OneOrder(BandwidthView):
    @transaction.atomic
    def get(self, request: HttpRequest, account: str, order: UUID) -> HttpResponse:
        row = NumberOrder.objects.select_for_update().filter(uid=order).first()
        if row is None:
            return error(404, "OrderResponse", "5061", "Order ID is invalid.")
        if not row.asked:
            Number.objects.get_or_create(e164=row.e164, defaults={"dialect": "bandwidth"})
            NumberOrder.objects.filter(pk=row.pk).update(asked=1)
        return xml(ordered(row, "COMPLETE"))


class Disconnects(BandwidthView):
    def post(self, request: HttpRequest, account: str) -> HttpResponse:
        wanted = _NUMBER.search(request.body.decode(errors="replace"))
        if not wanted:
            return error(400, "DisconnectTelephoneNumberOrderResponse", "5001", "Invalid input telephone number list")
        order = NumberOrder.objects.create(e164=e164(wanted[1]))
        return xml(disconnected(order, "RECEIVED" if is_owned(order.e164) else "FAILED"), status=201)


class OneDisconnect(BandwidthView):
    @transaction.atomic
    def get(self, request: HttpRequest, account: str, order: UUID) -> HttpResponse:
        row = NumberOrder.objects.select_for_update().filter(uid=order).first()
        if row is None:
            return error(404, "DisconnectTelephoneNumberOrderResponse", "5061", "Order ID is invalid.")
        if not row.asked:
            Number.objects.filter(e164=row.e164, dialect="bandwidth").delete()
            NumberOrder.objects.filter(pk=row.pk).update(asked=1)
        return xml(disconnected(row, "COMPLETE"))


def offered(area: str) -> list[str]:
    return [f"+1{area}55501{serial:02}" for serial in range(PER_AREA)]


def is_owned(number: str) -> bool:
    return Number.objects.filter(e164=number, dialect="bandwidth").exists()


def local(number: str) -> str:
    return number.removeprefix("+1")


def e164(number: str) -> str:
    return phones.e164(number if number.startswith("+") else f"+1{number}")


def listed(numbers: list[str]) -> str:
    return "".join(f"<TelephoneNumber>{local(number)}</TelephoneNumber>" for number in numbers)


def ordered(row: NumberOrder, status: str, reference: str = "") -> str:
    told = f"<CustomerOrderId>{reference}</CustomerOrderId>" if reference else ""
    numbers = f"<TelephoneNumberList>{listed([row.e164])}</TelephoneNumberList>"
    kind = f"<ExistingTelephoneNumberOrderType>{numbers}</ExistingTelephoneNumberOrderType>"
    order = f"<Order>{told}<id>{row.uid}</id>{kind}</Order>"
    return f"<OrderResponse>{order}<OrderStatus>{status}</OrderStatus></OrderResponse>"


def disconnected(row: NumberOrder, status: str) -> str:
    gone = "Telephone number could not be disconnected since it is not associated with your account"
    errors = f"<Error><Code>5006</Code><Description>{gone}</Description></Error>" if status == "FAILED" else ""
    numbers = f"<TelephoneNumberList>{listed([row.e164])}</TelephoneNumberList>"
    kind = f"<DisconnectTelephoneNumberOrderType>{numbers}</DisconnectTelephoneNumberOrderType>"
    request = f"<orderRequest><id>{row.uid}</id>{kind}</orderRequest>"
    name = "DisconnectTelephoneNumberOrderResponse"
    return f"<{name}><ErrorList>{errors}</ErrorList>{request}<OrderStatus>{status}</OrderStatus></{name}>"


def error(status: int, name: str, code: str, words: str) -> HttpResponse:
    told = f"<Error><Code>{code}</Code><Description>{words}</Description></Error>"
    return xml(f"<{name}><ErrorList>{told}</ErrorList></{name}>", status=status)


def xml(content: str, status: int = 200) -> HttpResponse:
    declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    return HttpResponse(declaration + content, "application/xml; charset=utf-8", status=status)
