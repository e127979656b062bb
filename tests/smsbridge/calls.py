"""Calls as the vendors make them, signed."""

import json
import time
from itertools import count
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client

from smsbridge.models import Number, VendorAccount
from smsbridge.vendors.fake_inbound import signature
from smsbridge.vendors.vonage_signature import sign
from tests.factories import BENS_PHONE

_serial = count(1)


def secret_of(account: VendorAccount, name: str) -> str:
    secrets: dict[str, str] = account.secrets or {}
    return secrets[name]


def post(account: VendorAccount, kind: str, content: dict[str, Any] | bytes, **headers: str) -> HttpResponse:
    """A signed call of the fake vendor to one of the account's webhooks; `signature` replaces the right one."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    stamp = str(int(time.time()))
    right = f"t={stamp},v1={signature(secret_of(account, 'signing_secret'), stamp, body)}"
    return cast(
        HttpResponse,
        Client().post(
            f"/webhooks/sms/{account.slug}/{kind}/",
            body,
            content_type="application/json",
            headers={"x-fake-signature": headers.get("signature", right)},
        ),
    )


def text_to(number: Number, text: str = "On my way", phone: str = BENS_PHONE, vendor_id: str = "") -> HttpResponse:
    vendor_id = vendor_id or f"in-{next(_serial)}"
    return post(number.account, "inbound", {"id": vendor_id, "from": phone, "to": number.e164, "text": text})


def receipt(account: VendorAccount, status: str, *, vendor_id: str = "", reference: str = "", code: str = "") -> int:
    content = {"id": vendor_id, "reference": reference, "status": status, "code": code}
    return post(account, "status", {name: value for name, value in content.items() if value}).status_code


def vonage_call(account: VendorAccount, way: str, **fields: str) -> HttpResponse:
    """An inbound text as Vonage pushes it: by GET, form or JSON."""
    told = {"timestamp": str(int(time.time())), "type": "text", **fields}
    told["sig"] = sign(told, secret_of(account, "signature_secret"), "sha256")
    url, client = f"/webhooks/sms/{account.slug}/inbound/", Client()
    if way == "get":
        return cast(HttpResponse, client.get(url, told))
    if way == "form":
        return cast(HttpResponse, client.post(url, urlencode(told), content_type="application/x-www-form-urlencoded"))
    return cast(HttpResponse, client.post(url, json.dumps(told), content_type="application/json"))
