"""The pretend SMS vendor's API under `/simulator/fake`: its texts; numbers are in `fake_shop`.

A text asks for its outcome: `error<digits>` is refused with that code, `error20429` is throttled,
`autorespond` has the phone answer by itself.
"""

import json
import re
from functools import partial
from typing import Any

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
_WANTED_ERROR = re.compile(r"error(\d{1,9})")


class RefusedError(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def response(self) -> HttpResponse:
        headers = {"Retry-After": "1"} if self.status == 429 else {}
        return JsonResponse(
            {"error": {"code": self.code, "message": self.message}}, status=self.status, headers=headers
        )


@method_decorator(csrf_exempt, name="dispatch")
class FakeVendorView(View):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        pump.start()
        try:
            self.check_caller(request)
            act = partial(super().dispatch, request, *args, **kwargs)
            return self.with_faults(act, acts=request.method != "GET")
        except RefusedError as refusal:
            return refusal.response()
        except phones.NumberFormatError as error:
            return RefusedError("21211", str(error)).response()

    def check_caller(self, request: HttpRequest) -> None:
        given = request.headers.get("Authorization", "").partition(" ")
        if given[0].lower() != "bearer" or not constant_time_compare(given[2].strip(), conf.fake_token()):
            raise RefusedError("20003", "The bearer token is missing or wrong.", 401)

    def with_faults(self, act: Any, *, acts: bool) -> Any:
        """`acts`: it does something, of which the answer may be lost."""
        plan = faults.current()
        plan.delay()
        if plan.happens("throttle"):
            raise RefusedError(THROTTLED, "Too many requests.", 429)
        if plan.happens("unavailable"):
            raise RefusedError("20503", "The service is not available.", 503)
        response = act()
        if acts and plan.happens("lost"):
            raise RefusedError("20503", "The service is not available.", 503)
        return response


class Messages(FakeVendorView):
    def get(self, request: HttpRequest) -> HttpResponse:
        """Look up what came of the texts with a reference."""
        reference = request.GET.get("reference", "")
        if not reference:
            raise RefusedError("21604", "The reference is missing.")
        rows = Text.objects.filter(received=True, reference=reference, uid__startswith="fake-").order_by("at")
        return JsonResponse({"messages": [listed(row) for row in rows]})

    def post(self, request: HttpRequest) -> HttpResponse:
        content = read_object(request)
        sender, phone = phones.e164(content.get("from")), phones.e164(content.get("to"))
        text = content.get("text")
        if not isinstance(text, str) or not text:
            raise RefusedError("21602", "The text is missing.")
        if wanted := _WANTED_ERROR.search(text):
            status = 429 if wanted[1] == THROTTLED else 400
            raise RefusedError(wanted[1], "The text asked for this outcome.", status)
        row = phones.receive(
            sender=sender,
            phone=phone,
            text=text,
            reference=str(content.get("reference") or ""),
            vendor="fake",
            status_url=str(content.get("status_url") or ""),
        )
        return JsonResponse({"id": row.uid, "segments": row.segments}, status=202)


def listed(row: Text) -> dict[str, str]:
    return {"id": row.uid, "reference": row.reference, "status": row.status, "code": ""}


def read_object(request: HttpRequest) -> dict[str, Any]:
    try:
        content = cleaned(json.loads(request.body))
    except (ValueError, RecursionError) as error:
        raise RefusedError("20400", "The body is not valid JSON.") from error
    if not isinstance(content, dict):
        raise RefusedError("20400", "The body must be a JSON object.")
    return content
