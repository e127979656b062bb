"""Twilio's API under `/simulator/twilio`: texts, the account and look-ups; numbers are in `twilio_shop`.

Texts ask for outcomes as at the fake vendor: `error21610` is refused with that code, `error20429` is throttled.
"""

import re
from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from smsbridge.simulator import conf, faults, phones
from smsbridge.simulator.models import Text
from smsbridge.simulator.pump import pump
from smsbridge.simulator.wire import cleaned

THROTTLED = "20429"
LONGEST = 1600
_WANTED_ERROR = re.compile(r"error([1-9]\d{0,8})")


class TwilioError(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def response(self) -> HttpResponse:
        link = f"https://www.twilio.com/docs/errors/{self.code}"
        content = {"code": int(self.code), "message": self.message, "more_info": link, "status": self.status}
        return JsonResponse(content, status=self.status)


@method_decorator(csrf_exempt, name="dispatch")
class TwilioView(View):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        pump.start()
        try:
            check_caller(request, kwargs.pop("account", conf.twilio_account_sid()))
            return with_faults(partial(super().dispatch, request, *args, **kwargs), acts=request.method != "GET")
        except TwilioError as error:
            return error.response()
        except phones.NumberFormatError as error:
            return TwilioError("21211", str(error)).response()


def check_caller(request: HttpRequest, account: str) -> None:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        pair = b64decode(given, validate=True).decode() if kind.lower() == "basic" else ""
    except ValueError:
        pair = ""
    expected = f"{conf.twilio_account_sid()}:{conf.twilio_auth_token()}"
    if not constant_time_compare(pair, expected) or account != conf.twilio_account_sid():
        raise TwilioError("20003", "Authenticate", 401)


def with_faults(act: Any, *, acts: bool) -> Any:
    """`acts`: it does something, of which the answer may be lost."""
    plan = faults.current()
    plan.delay()
    if plan.happens("throttle"):
        raise TwilioError(THROTTLED, "Too Many Requests", 429)
    if plan.happens("unavailable"):
        raise TwilioError("20503", "Service unavailable", 503)
    response = act()
    if acts and plan.happens("lost"):
        raise TwilioError("20503", "Service unavailable", 503)
    return response


def not_found(path: str) -> TwilioError:
    return TwilioError("20404", f"The requested resource {path} was not found", 404)


def paged(request: HttpRequest, name: str, rows: Sequence[Any]) -> HttpResponse:
    """A page of a list; the next one is asked for by a token, as at Twilio."""
    size, page = _count(request, "PageSize", 50), _count(request, "Page", 0)
    more = (page + 1) * size < len(rows)
    query = urlencode({"PageSize": size, "Page": page + 1, "PageToken": f"PA{page + 1}"})
    url = f"{request.path}?{query}" if more else None
    shown = {name: rows[page * size : (page + 1) * size], "page": page, "page_size": size}
    return JsonResponse(shown | {"next_page_uri": url, "meta": {"key": name, "next_page_url": url}})


def _count(request: HttpRequest, name: str, default: int) -> int:
    given = request.GET.get(name, "")
    return min(int(given), 1000) if given.isascii() and given.isdecimal() and len(given) < 7 else default


class Account(TwilioView):
    def get(self, request: HttpRequest) -> HttpResponse:
        content = {"sid": conf.twilio_account_sid(), "friendly_name": "Simulator", "status": "active", "type": "Full"}
        return JsonResponse(content)


class Messages(TwilioView):
    def get(self, request: HttpRequest) -> HttpResponse:
        """Newest first, as at Twilio."""
        rows = Text.objects.filter(received=True, uid__startswith="SM").order_by("-at", "-id")
        for name, field in (("To", "phone_id"), ("From", "number")):
            if given := request.GET.get(name):
                rows = rows.filter(**{field: given})
        return paged(request, "messages", [shown(row, "delivered") for row in rows])

    def post(self, request: HttpRequest) -> HttpResponse:
        given = cleaned(request.POST.dict())
        text, media = given.get("Body", ""), cleaned(request.POST.getlist("MediaUrl"))
        if not text and not media:
            raise TwilioError("21619", "A text message body or media urls must be specified.")
        if len(text) > LONGEST:
            raise TwilioError("21617", "The concatenated message body exceeds the 1600 character limit.")
        if wanted := _WANTED_ERROR.search(text):
            status = 429 if wanted[1] == THROTTLED else 400
            raise TwilioError(wanted[1], "The text asked for this outcome.", status)
        row = phones.receive(
            sender=phones.e164(given.get("From")),
            phone=phones.e164(given.get("To")),
            text=text,
            reference="",
            vendor="twilio",
            status_url=given.get("StatusCallback", ""),
            media=media,
        )
        return JsonResponse(shown(row, "queued"), status=201)


def shown(row: Text, status: str) -> dict[str, Any]:
    at = f"{row.at:%a, %d %b %Y %H:%M:%S} +0000"
    return {
        "account_sid": conf.twilio_account_sid(),
        "sid": row.uid,
        "from": row.number,
        "to": row.phone_id,
        "body": row.text,
        "direction": "outbound-api",
        "status": status,
        "error_code": None,
        "num_segments": str(row.segments),
        "num_media": str(len(row.media)),
        "price": None if status == "queued" else f"-{row.segments * 0.0079:.4f}",
        "price_unit": "USD",
        "date_created": at,
        "date_sent": None if status == "queued" else at,
    }


class LookUp(TwilioView):
    """The last digit but one decides, as at the fake vendor: 2 is a landline, 4 nobody's number, others are mobiles."""

    def get(self, request: HttpRequest, phone: str) -> HttpResponse:
        known = phones.e164(phone)
        if known[-2] == "4":
            raise not_found(f"/PhoneNumbers/{known}")
        landline = known[-2] == "2"
        line = {
            "type": "landline" if landline else "mobile",
            "carrier_name": "Pretend Telephone" if landline else "Pretend Mobile",
            "error_code": None,
        }
        country = "US" if known.startswith("+1") else None
        wanted = "line_type_intelligence" in request.GET.get("Fields", "")
        content = {"phone_number": known, "country_code": country, "valid": True}
        return JsonResponse(content | {"line_type_intelligence": line if wanted else None})
