"""The SMS side's configuration and contacts in the admin: what is taken, refused, kept and written down."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.test import Client

from notifier.models import ChatApp
from smsbridge import models
from smsbridge.admin.accounts import VendorAccountAdmin
from smsbridge.models import Bridge, Contact, Number, VendorAccount
from smsbridge.services.accounts import live_bridges
from tests import admin_rows
from tests.admin_pages import Pages, html
from tests.admin_rows import SIGNING_SECRET, VENDOR_TOKEN, everything, installation, phone

MODELS: dict[str, Any] = {
    "bridge": models.Bridge,
    "pool": models.Pool,
    "number": models.Number,
    "vendoraccount": models.VendorAccount,
}
LIMITS = {"number_limit": "20", "lookup_limit": "100"}
pages = Pages("smsbridge")
url, run_action = pages.url, pages.run_action

pytestmark = pytest.mark.django_db


def bridge_form(bridge: Bridge, **changes: Any) -> dict[str, Any]:
    return {
        "name": bridge.name,
        "hook": bridge.hook_id,
        "pool": bridge.pool_id,
        "template": bridge.template,
        "introduction": "",
        "introduction_function": "",
        "lease_lifetime": "1 week",
        "digest": "on",
        "max_segments": "6",
        "when_exhausted": "skip",
        "max_age": "12 hours",
        "region": "",
        "failover_after": "5 minutes",
        "over_budget": "wait",
        **changes,
    }


@pytest.mark.parametrize(("action", "before", "after"), [("rest", True, False), ("activate", False, True)])
def test_numbers_are_put_to_rest_and_activated(admin_client: Client, action: str, before: bool, after: bool) -> None:
    here = installation(numbers=2)
    Number.objects.filter(pk=here.numbers[0].pk).update(active=before)
    Number.objects.filter(pk=here.numbers[1].pk).update(active=after)
    shown = run_action(admin_client, "number", action, here.numbers)
    assert "Left alone, as it does not apply to them: 1." in shown
    assert set(Number.objects.values_list("active", flat=True)) == {after}
    assert LogEntry.objects.get().object_id == str(here.numbers[0].pk)


def test_a_number_at_rest_is_not_handed_out_any_more_at_once(admin_client: Client) -> None:
    here = installation(numbers=1)
    assert live_bridges()[here.bridge.pk].numbers == (here.numbers[0].pk,)
    run_action(admin_client, "number", "rest", here.numbers)
    assert live_bridges()[here.bridge.pk].numbers == ()


def test_a_number_is_not_activated_where_it_may_not_work(admin_client: Client) -> None:
    here = installation(numbers=2)
    strange, own = here.numbers
    ChatApp.objects.update(organisation="Acme")
    account = VendorAccount.objects.create(slug="strange", name="Strange", vendor="fake", organisation="Initech")
    Number.objects.update(active=False)
    Number.objects.filter(pk=strange.pk).update(account=account)
    page = run_action(admin_client, "number", "activate", here.numbers)
    assert list(Number.objects.filter(active=True)) == [own]
    assert "Activated: 1. Left alone, as it does not apply to them: 1." in page
    assert "cannot hold numbers of the vendor account Strange of Initech" in page


def test_a_number_is_taken_in_any_spelling(admin_client: Client) -> None:
    here = installation(numbers=0)
    typed = {"e164": "+1 (415) 555-2680", "account": here.account.pk, "pool": here.pool.pk, "active": "on"}
    assert admin_client.post(url("number", "add"), typed).status_code == 302
    assert Number.objects.get().e164 == "+14155552680"


def test_a_pool_says_how_many_of_its_numbers_are_in_use(admin_client: Client) -> None:
    here = installation(numbers=3)
    admin_rows.lease(here, 0, days_left=1)
    admin_rows.lease(here, 3, days_left=1)
    admin_rows.lease(here, 1, days_left=-1)
    row = admin_client.get(url("pool")).context["cl"].result_list[0]
    assert (row.total, row.used, row.live) == (3, 1, 2)
    assert here.numbers[0].e164 in html(admin_client, url("pool", here.pool.pk, "change"))


def test_a_bridge_shows_and_takes_durations_in_words(admin_client: Client) -> None:
    here = installation()
    assert 'value="1 week"' in html(admin_client, url("bridge", here.bridge.pk, "change"))
    admin_client.post(url("bridge", here.bridge.pk, "change"), bridge_form(here.bridge, lease_lifetime="3 days"))
    here.bridge.refresh_from_db()
    assert here.bridge.lease_lifetime.days == 3


@pytest.mark.parametrize("wrong", [{"template": "<%= nobody %>"}, {"max_segments": "99"}, {"region": "us"}])
def test_a_bridge_that_cannot_work_is_refused(admin_client: Client, wrong: dict[str, str]) -> None:
    here = installation()
    answer = admin_client.post(url("bridge", here.bridge.pk, "change"), bridge_form(here.bridge, **wrong))
    assert answer.status_code == 200
    assert answer.context["errors"]


@pytest.mark.parametrize("page", ["bridge", "pool", "number", "vendoraccount"])
def test_configuration_that_is_in_use_is_not_deleted(admin_client: Client, page: str) -> None:
    everything(people=3)
    row = MODELS[page].objects.first()
    assert admin_client.post(url(page, row.pk, "delete"), {"post": "yes"}).status_code == 403
    run_action(admin_client, page, "delete_selected", [row])
    assert MODELS[page].objects.filter(pk=row.pk).exists()


def test_configuration_that_nothing_uses_is_deleted(admin_client: Client) -> None:
    here = installation(numbers=1)
    admin_client.post(url("number", here.numbers[0].pk, "delete"), {"post": "yes"})
    assert not Number.objects.exists()


def test_an_account_keeps_its_secrets_and_shows_its_urls(admin_client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://sms.example.com"
    here = installation()
    shown = html(admin_client, url("vendoraccount", here.account.pk, "change"))
    assert "https://sms.example.com/webhooks/sms/fake/inbound/" in shown
    assert "https://sms.example.com/webhooks/sms/fake/status/" in shown
    typed = {"name": "Renamed", "slug": "fake", "set__url": "https://pretend.example.com", "set__token": "", **LIMITS}
    admin_client.post(url("vendoraccount", here.account.pk, "change"), typed)
    here.account.refresh_from_db()
    assert here.account.name == "Renamed"
    assert here.account.secrets == {"token": VENDOR_TOKEN, "signing_secret": SIGNING_SECRET}


def test_an_account_is_added_with_the_fields_of_its_vendor(admin_client: Client) -> None:
    shown = html(admin_client, url("vendoraccount", "add"))
    assert "vonage__api_key" in shown
    assert "fake__url" in shown
    typed = {"name": "V", "slug": "v", "vendor": "vonage", "vonage__api_key": "abcd1234", "fake__url": "http://no"}
    secrets = {"vonage__api_secret": "0123456789abcdef", "vonage__signature_secret": "fedcba9876543210"}
    assert admin_client.post(url("vendoraccount", "add"), {**typed, **secrets, **LIMITS}).status_code == 302
    account = VendorAccount.objects.get()
    assert account.options == {"api_key": "abcd1234"}
    assert account.secrets == {"api_secret": "0123456789abcdef", "signature_secret": "fedcba9876543210"}


def test_fields_have_names_that_a_script_takes_whatever_the_vendors_key(admin_client: Client) -> None:
    names = list(VendorAccountAdmin(VendorAccount, site).conditional_fields)
    assert "vonage_messages__private_key" in names
    assert [name for name in names if not name.isidentifier()] == []
    assert "vonage_messages__private_key" in html(admin_client, url("vendoraccount", "add"))


def test_a_contact_that_an_operator_changes_is_his_from_then_on(admin_client: Client) -> None:
    here = installation()
    contact = admin_rows.person(here, 1)
    typed = {"name": "Grace", "phone": "+1 202 555 1099", "custom": "{}"}
    admin_client.post(url("contact", contact.pk, "change"), typed)
    contact.refresh_from_db()
    assert (contact.name, contact.phone, contact.source) == ("Grace", "+12025551099", "admin")


def test_a_phone_that_is_none_is_refused(admin_client: Client) -> None:
    contact = admin_rows.person(installation(), 1)
    admin_client.post(url("contact", contact.pk, "change"), {"name": "G", "phone": "call me", "custom": "{}"})
    assert Contact.objects.get().phone == phone(1)
