"""The page: conversations on one side, phones on the other. Its script asks for the state and sends what people do."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from smsbridge.simulator.pump import pump


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    pump.start()
    return render(request, "simulator/page.html")
