"""Both webhook endpoints against whatever may come: no 5xx, no hang, and no effect without a valid signature.

`make fuzz` runs it with thousands of examples; FUZZ_EXAMPLES says how many per test.
"""

import json
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.models import Hook, InboxEvent
from smsbridge.models import InboundSms, Number, OptOut, OutboundSms, VendorAccount
from smsbridge.vendors.fake_inbound import signature as fake_signature
from smsbridge.vendors.vonage_signature import sign
from tests import factories
from tests.factories import SECRET, signature
from tests.fuzz import inputs
from tests.fuzz.wsgi import Answered, call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
#: far above what an answer takes; a hang is what this is about
TOO_LONG = 5.0
FAKE_SECRET, VONAGE_SECRET = "a fake secret", "a vonage secret"


@pytest.fixture
def hook() -> Hook:
    return factories.receipts_hook(slug="fuzzed")


@pytest.fixture
def fake() -> VendorAccount:
    made = factories.vendor_account("fake", secrets={"token": "t", "signing_secret": FAKE_SECRET})
    Number.objects.create(e164="+14155550123", account=made)
    factories.forget()
    return made


@pytest.fixture
def vonage() -> VendorAccount:
    secrets = {"api_secret": "s", "signature_secret": VONAGE_SECRET}
    return factories.vendor_account("vonage", vendor="vonage", options={"api_key": "k"}, secrets=secrets)


def rows() -> tuple[int, ...]:
    return tuple(model._default_manager.count() for model in (InboxEvent, InboundSms, OptOut, OutboundSms))


def answered(answer: Answered) -> Answered:
    assert answer.status < 500, answer
    assert answer.seconds < TOO_LONG
    assert answer.headers.get("x-content-type-options") == "nosniff" or answer.status in (405, 411, 413, 404)
    return answer


def refused(answer: Answered, before: tuple[int, ...]) -> None:
    answered(answer)
    assert answer.status >= 400, answer
    assert rows() == before


@MANY
@given(body=inputs.CHAT_BODIES, given_signature=inputs.HEADERS | st.none(), query=inputs.QUERIES)
def test_a_chat_event_without_a_valid_signature_has_no_effect(
    hook: Hook, body: bytes, given_signature: str | None, query: str
) -> None:
    headers = {} if given_signature is None else {"layer-webhook-signature": given_signature}
    refused(call("POST", "/webhooks/chat/fuzzed/", body=body, headers=headers, query=query), rows())


@MANY
@given(body=inputs.CHAT_BODIES)
def test_a_signed_chat_event_is_taken_or_refused_and_what_is_taken_can_be_drained(hook: Hook, body: bytes) -> None:
    headers = {"layer-webhook-signature": signature(body), "content-type": "application/json"}
    answer = answered(call("POST", "/webhooks/chat/fuzzed/", body=body, headers=headers))
    assert answer.status in (204, 400, 413), answer
    factories.drain()
    assert not InboxEvent.objects.filter(state=InboxEvent.State.WAITING).exists()


@MANY
@given(method=inputs.METHODS, where=inputs.WHERE, query=inputs.QUERIES, length=inputs.LENGTHS, name=inputs.HEADERS)
def test_odd_requests_are_answered(hook: Hook, method: str, where: str, query: str, length: str, name: str) -> None:
    before = rows()
    for path in (
        "/webhooks/chat/fuzzed/",
        f"/webhooks/{where}",
        f"/webhooks/chat/{where}/",
        f"/webhooks/sms/{where}/x/",
    ):
        answered(call(method, path, query=query, body=b"{}", headers={"content-type": name}, CONTENT_LENGTH=length))
    assert rows() == before


@MANY
@given(
    content=inputs.PUSHES | inputs.STATUSES | inputs.ANY_JSON,
    kind=st.sampled_from(["inbound", "status"]),
    given_signature=inputs.HEADERS | st.none(),
)
def test_a_vendors_call_without_a_valid_signature_has_no_effect(
    fake: VendorAccount, content: Any, kind: str, given_signature: str | None
) -> None:
    headers = {"content-type": "application/json"} | ({"x-fake-signature": given_signature} if given_signature else {})
    refused(call("POST", f"/webhooks/sms/fake/{kind}/", body=inputs.dumped(content), headers=headers), rows())


@MANY
@given(
    content=inputs.PUSHES | inputs.STATUSES | inputs.spoilt(inputs.PUSHES) | inputs.spoilt(inputs.STATUSES),
    kind=st.sampled_from(["inbound", "status"]),
)
def test_a_signed_call_of_a_vendor_is_taken_or_refused(fake: VendorAccount, content: Any, kind: str) -> None:
    body, stamp = inputs.dumped(content), str(int(time.time()))
    told = {"x-fake-signature": f"t={stamp},v1={fake_signature(FAKE_SECRET, stamp, body)}"}
    answer = answered(call("POST", f"/webhooks/sms/fake/{kind}/", body=body, headers=told))
    assert answer.status in (200, 400), answer
    factories.run_stage("reply")
    assert not InboundSms.objects.filter(state=InboundSms.State.WAITING).exists(), "it belongs to no conversation"


WAYS = st.sampled_from(["get", "form", "json"])


@MANY
@given(fields=inputs.VONAGE, way=WAYS, kind=st.sampled_from(["inbound", "status"]), right=st.booleans())
def test_vonages_pushes_by_every_way(
    vonage: VendorAccount, fields: dict[str, str], way: str, kind: str, right: bool
) -> None:
    before = rows()
    told = {name: value for name, value in fields.items() if _has_utf8(value)} | {"timestamp": str(int(time.time()))}
    told["sig"] = sign(told, VONAGE_SECRET if right else "another secret", "sha256")
    answer = answered(_push(f"/webhooks/sms/vonage/{kind}/", told, way))
    assert answer.status in ((200, 204, 400, 413) if right else (403, 413)), answer
    if not right:
        assert rows() == before


def _has_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _push(path: str, fields: Mapping[str, str], way: str) -> Answered:
    if way == "get":
        return call("GET", path, query=urlencode(fields))
    if way == "form":
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return call("POST", path, body=urlencode(fields).encode(), headers=headers)
    return call("POST", path, body=json.dumps(fields).encode(), headers={"content-type": "application/json"})


def test_the_fuzz_run_would_notice_an_effect(hook: Hook) -> None:
    body = inputs.dumped(factories.layer_event())
    before = rows()
    headers = {"layer-webhook-signature": signature(body, SECRET)}
    with pytest.raises(AssertionError):
        refused(call("POST", "/webhooks/chat/fuzzed/", body=body, headers=headers), before)
