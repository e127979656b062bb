"""Making the calls that wait in the queue, and what follows from how they went.

Layer's rules: any 2xx within 1 second is success; otherwise the same delivery is repeated after about
10, 30, 120, 300 and 1200 seconds, while others go on; when the last attempt fails, it and all that wait are dropped
and the webhook becomes inactive. A handshake is made once. The pretend vendor repeats on the same schedule.
"""

import random
import time

import urllib3
from django.db import transaction
from django.utils import timezone

from smsbridge.simulator import conf, faults, handshake, queue, signing
from smsbridge.simulator.models import Delivery, Text, Webhook

#: how long a receiver may take, in seconds
LIMITS = {
    Delivery.Kind.HANDSHAKE: 1.0,
    Delivery.Kind.EVENT: 1.0,
    Delivery.Kind.SMS: 5.0,
}
MAX_ANSWER = 65536

_http = urllib3.PoolManager(maxsize=4, retries=False)


def deliver_due() -> int:
    """Make every call that is due, in this thread; how many were made."""
    return sum(deliver_lane(lane) for lane in queue.due_lanes())


def deliver_lane(lane: str) -> int:
    """Make a batch of one receiver's due calls; how many were claimed."""
    claimed = queue.claim(lane)
    asked = faults.current()
    if asked.happens("reorder"):
        random.shuffle(claimed)
    for row in claimed:
        _deliver(row, times=2 if asked.happens("repeat") else 1)
    return len(claimed)


def _deliver(row: Delivery, times: int) -> None:
    if not Delivery.objects.filter(pk=row.pk).exists():
        return  # dropped meanwhile: its webhook went inactive or was deleted
    for _ in range(times):
        failure = _call(row)
    if row.kind == Delivery.Kind.HANDSHAKE:
        handshake.finish(row, failure)
    elif not failure:
        _succeeded(row)
    else:
        _failed(row, failure)


def _call(row: Delivery) -> str:
    """Make the call; empty when it went well, else why not, in words for people."""
    started = time.monotonic()
    limit = LIMITS[Delivery.Kind(row.kind)]
    body = row.body.encode()
    headers = signing.headers(row, body)
    try:
        answer = _http.request(
            row.method,
            row.url,
            body=body or None,
            headers=headers,
            timeout=urllib3.Timeout(total=limit),
            redirect=False,
            preload_content=False,
        )
        try:
            content = answer.read(MAX_ANSWER)
        finally:
            answer.drain_conn()
            answer.release_conn()
    except (urllib3.exceptions.HTTPError, ValueError, UnicodeError) as error:
        return f"no answer ({type(error).__name__})"
    if time.monotonic() - started > limit:
        return f"the answer took more than {limit:g} s"
    if not 200 <= answer.status < 300:
        return f"answered with status {answer.status}"
    return handshake.mismatch(row, answer.status, content) if row.kind == Delivery.Kind.HANDSHAKE else ""


def _succeeded(row: Delivery) -> None:
    _mark(row, Text.Status.DELIVERED)
    row.delete()


def _failed(row: Delivery, failure: str) -> None:
    if row.attempts < len(conf.RETRY_UNITS):
        wait = conf.retry_unit() * conf.RETRY_UNITS[row.attempts]
        Delivery.objects.filter(pk=row.pk).update(attempts=row.attempts + 1, due_at=timezone.now() + wait)
    elif row.webhook is not None:
        switch_off(row.webhook, f"Deliveries failed: the target {failure}.")
    else:
        _mark(row, Text.Status.LOST)
        row.delete()


def _mark(row: Delivery, status: Text.Status) -> None:
    """Show at the phone what became of the text that its owner sent; a receipt's delivery changes nothing there."""
    if row.text is not None:
        Text.objects.filter(pk=row.text.pk, received=False).update(status=status)


def switch_off(webhook: Webhook, reason: str) -> None:
    """Make a webhook inactive and drop whatever waits for it."""
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(status=Webhook.Status.INACTIVE, status_reason=reason)
        Delivery.objects.filter(webhook=webhook).delete()
