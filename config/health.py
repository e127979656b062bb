"""The three addresses for watching: is the process there, can the work go on, and how is it going.

All three pass by Django's middleware, as probes ask by whatever host name or address they know. What they mean, and
what to do about it, is in docs/watching.md.
"""

import hmac
from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from notifier.calls import answer
from notifier.questions import Question
from notifier.services import listener_states
from notifier.services import metrics as chat_metrics
from notifier.services.readiness import Check, Readiness
from smsbridge.services import metrics as sms_metrics
from smsbridge.services.overdue import most_overdue

_METRICS_SECONDS = 8.0  # Prometheus gives up after 10
_KEEP_METRICS_SECONDS = 1.0

readiness = Readiness(most_overdue)

#: while one of these fails, work goes on all the same
_DEGRADED = frozenset(["broker"])


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; whether its database and broker do is another question."""
    return answer(200, "ok\n")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 "ready" or "degraded" (the broker is away: work is found by sweeps), 503 "not ready", within two seconds.

    `?exclude=overdue` leaves a check out of the verdict, as Kubernetes' own /readyz does; several by commas.
    """
    checks = readiness.checks()
    excluded = {name for given in request.GET.getlist("exclude") for name in given.split(",") if name}
    if unknown := excluded - set(checks):
        return answer(400, f"No such check: {', '.join(sorted(unknown))[:100]}. There are {', '.join(checks)}.\n")
    status = _verdict({name: check for name, check in checks.items() if name not in excluded})
    told = {name: {"ok": check.ok, **check.facts} for name, check in checks.items()}
    return _no_store(JsonResponse({"status": status, "checks": told}, status=503 if status == "not ready" else 200))


def _verdict(checks: Mapping[str, Check]) -> str:
    failed = {name for name, check in checks.items() if not check.ok}
    return "not ready" if failed - _DEGRADED else "degraded" if failed else "ready"


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus' text form, for whoever sends METRICS_TOKEN as a bearer token. Database away: 503."""
    if refused := _refused(request):
        return refused
    try:
        body = _figures.answer(_METRICS_SECONDS)
    except Exception as error:  # whatever the database did
        return answer(503, f"The figures cannot be read ({type(error).__name__}): see /readyz.\n")
    return _no_store(HttpResponse(body, content_type=CONTENT_TYPE_LATEST))


def _refused(request: HttpRequest) -> HttpResponse | None:
    token = settings.METRICS_TOKEN
    if not token:
        words = "Set METRICS_TOKEN, and send it: Authorization: Bearer <token>. See docs/watching.md.\n"
        return None if settings.DEBUG else answer(403, words)
    given = request.headers.get("Authorization", "")
    # A header's bytes come as latin-1 (PEP 3333).
    if hmac.compare_digest(given.encode("latin-1", "replace"), f"Bearer {token}".encode()):
        return None
    response = answer(401, "Send METRICS_TOKEN: Authorization: Bearer <token>.\n")
    response["WWW-Authenticate"] = "Bearer"
    return response


def _read() -> bytes:
    broker = chat_metrics.up("smsbridge_broker_up", "1 while the broker answers this web process.", ok=_broker_is_up())
    chat = [*chat_metrics.tallied(), *chat_metrics.workers(), *listener_states.families()]
    return chat_metrics.exposition([broker, *chat, *sms_metrics.families()])


def _broker_is_up() -> bool:
    return readiness.broker().ok


_figures = Question(_read, keep=_KEEP_METRICS_SECONDS)


def _no_store(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Length"] = str(len(response.content))
    return response
