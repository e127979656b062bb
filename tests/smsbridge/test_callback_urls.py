"""URLs that hold a secret: whole for the vendor and for who may change the account, nowhere else."""

from io import StringIO
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from smsbridge.models import InboundSms, VendorAccount
from smsbridge.services.accounts import live_account
from tests.admin_pages import Pages, html
from tests.notifier.servers import Server, answer
from tests.operators import looker

KEY = "secret-of-the-url"
STATUS, INBOUND = "/webhooks/sms/acme/status/", "/webhooks/sms/acme/inbound/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> VendorAccount:
    secrets = {"token": "t", "callback_secret": KEY}
    return VendorAccount.objects.create(slug="acme", name="Acme", vendor="smsapi", options={}, secrets=secrets)


def page_of(client: Client, account: VendorAccount) -> str:
    return html(client, Pages("smsbridge").url("vendoraccount", account.pk, "change"))


def test_every_text_tells_the_vendor_where_receipts_go_with_the_secret(account: VendorAccount) -> None:
    live = live_account("acme")
    assert live is not None
    assert live.status_url.endswith(f"{STATUS}?key={KEY}")
    assert KEY not in repr(live)


def test_who_may_change_an_account_sees_the_whole_urls(admin_client: Client, account: VendorAccount) -> None:
    page = page_of(admin_client, account)
    assert f"{INBOUND}?key={KEY}" in page
    assert f"{STATUS}?key={KEY}" in page


def test_who_may_only_look_sees_them_without_the_secret(client: Client, account: VendorAccount) -> None:
    client.force_login(looker())
    page = page_of(client, account)
    assert f"{INBOUND}?key=•••" in page
    assert KEY not in page


def test_the_doctor_does_not_print_the_secret(account: VendorAccount) -> None:
    out, errors = StringIO(), StringIO()
    with Server(answer(200, b'{"points": 9.5}')) as server:
        VendorAccount.objects.filter(pk=account.pk).update(options={"api_url": server.url})
        with pytest.raises(CommandError):  # there is no bridge
            call_command("doctor", stdout=out, stderr=errors)
    said = out.getvalue() + errors.getvalue()
    assert f"{INBOUND}?key=•••" in said
    assert KEY not in said


def test_a_call_with_the_key_is_taken_and_answered_as_the_vendor_wants(client: Client, account: VendorAccount) -> None:
    told = {"sms_from": "12025550101", "sms_to": "12025550001", "sms_text": "hi", "sms_date": "1795158000"}
    form = "application/x-www-form-urlencoded"
    answers = [client.post(f"{INBOUND}?key={KEY}", urlencode(told), content_type=form) for _ in range(2)]
    answers.append(client.get(STATUS, {"key": KEY, "MsgId": "A", "status": "404"}))
    assert [(one.status_code, one.content) for one in answers] == [(200, b"OK")] * 3
    assert InboundSms.objects.get().text == "hi"


@pytest.mark.parametrize("key", ["", "?key=", "?key=wrong"])
def test_a_call_without_the_key_is_refused_and_does_not_learn_it(
    client: Client, account: VendorAccount, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    refusal = client.post(f"{INBOUND}{key}", {"sms_text": "hi"})
    assert refusal.status_code == 403
    assert KEY.encode() not in refusal.content
    assert "key=" not in caplog.text
