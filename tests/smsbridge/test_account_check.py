"""A vendor is asked, on an operator's wish, whether an account's credentials are right; secrets are never told."""

from collections.abc import Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import Settings

from notifier.forms import obscured
from smsbridge.models import VendorAccount
from smsbridge.services.account_check import check
from smsbridge.services.validation import problems_of
from smsbridge.vendors.base import VendorError
from smsbridge.vendors.fake import Fake
from smsbridge.vendors.registry import VENDORS, vendor_class
from tests import factories
from tests.admin_pages import Pages, html
from tests.notifier import servers
from tests.notifier.servers import refusing_url
from tests.smsbridge.fake_network import TOKEN, FakeNetwork
from tests.smsbridge.test_admin_configuration import LIMITS

pytestmark = pytest.mark.django_db
pages = Pages("smsbridge")


@pytest.fixture
def network() -> Iterator[FakeNetwork]:
    with FakeNetwork() as network:
        yield network


def account(url: str, token: str = TOKEN) -> VendorAccount:
    return factories.vendor_account("acme", options={"url": url}, secrets={"token": token, "signing_secret": "s" * 9})


def test_it_says_what_the_vendor_says(network: FakeNetwork) -> None:
    assert check(account(network.url)) == "The pretend network knows this account. Credit left: 7.50 EUR."


def test_wrong_credentials_and_a_vendor_that_is_away_are_told_with_the_remedy(network: FakeNetwork) -> None:
    with pytest.raises(VendorError, match="check url and token"):
        check(account(network.url, "wrong"))
    VendorAccount.objects.update(options={"url": refusing_url()})
    with pytest.raises(VendorError, match="Start it and repeat"):
        check(VendorAccount.objects.get())


def test_what_is_not_configured_is_told_and_nobody_called(network: FakeNetwork) -> None:
    with pytest.raises(VendorError, match="token is missing"):
        check(account(network.url, ""))
    with pytest.raises(VendorError, match="no SMS vendor"):
        check(VendorAccount(vendor="nexmo"))


def test_a_secret_in_a_vendors_words_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def quoting(self: Fake, answer: object) -> str:
        raise VendorError("the token token-7Q, or former-4Z, is unknown: correct it")

    monkeypatch.setattr(Fake, "checked", quoting)
    with pytest.raises(VendorError) as told:
        check(account(refusing_url(), "token-7Q,former-4Z"))
    assert str(told.value) == "the token ••••, or ••••, is unknown: correct it"


def test_an_adapter_that_fails_is_told_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: Fake, answer: object) -> str:
        raise KeyError("token-7Q")

    monkeypatch.setattr(Fake, "checked", failing)
    with pytest.raises(VendorError, match=r"raised KeyError: compare the account's settings") as told:
        check(account(refusing_url(), "token-7Q"))
    assert "7Q" not in str(told.value)


@pytest.mark.parametrize("way", ["list", "page"])
def test_an_operator_asks_by_a_button(admin_client: Client, network: FakeNetwork, way: str) -> None:
    row = account(network.url)
    if way == "list":
        shown = pages.run_action(admin_client, "vendoraccount", "check_now", [row])
    else:
        link = f"/admin/smsbridge/vendoraccount/{row.pk}/check-now/"
        assert link in html(admin_client, pages.url("vendoraccount", row.pk, "change"))
        assert "It costs nothing" in html(admin_client, link)
        assert not LogEntry.objects.exists()
        shown = admin_client.post(link, follow=True).content.decode()
    assert "acme: The pretend network knows this account. Credit left: 7.50 EUR." in shown


def test_who_may_only_look_cannot_ask(client: Client, network: FakeNetwork) -> None:
    row = account(network.url)
    watcher = User.objects.create_user("watcher", is_staff=True)
    watcher.user_permissions.add(Permission.objects.get(codename="view_vendoraccount"))
    client.force_login(watcher)
    assert "check_now" not in html(client, pages.url("vendoraccount"))
    assert client.get(f"/admin/smsbridge/vendoraccount/{row.pk}/check-now/").status_code == 403
    assert network.changed == []


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_secrets_of_every_vendor_are_shown_obscured(admin_client: Client, vendor: str) -> None:
    names = vendor_class(vendor).secret_help
    secrets = {name: f"a secret that nobody may see {number}Q" for number, name in enumerate(names)}
    row = factories.vendor_account(vendor=vendor, options={}, secrets=secrets)
    shown = html(admin_client, pages.url("vendoraccount", row.pk, "change"))
    listed = html(admin_client, pages.url("vendoraccount"))
    for secret in secrets.values():
        assert secret not in shown + listed
        assert obscured(secret) in shown


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_an_account_of_any_vendor_is_not_saved_without_what_it_needs(admin_client: Client, vendor: str) -> None:
    typed = {"name": "V", "slug": "v", "vendor": vendor, **LIMITS}
    answer = admin_client.post(pages.url("vendoraccount", "add"), typed)
    told = problems_of(VendorAccount(vendor=vendor, options={}, secrets={}))
    assert set(answer.context["adminform"].form.non_field_errors()) == set(told["__all__"]) != set()
    assert not VendorAccount.objects.exists()


def test_the_time_it_takes_is_limited(settings: Settings) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.2
    with servers.Server(servers.hang) as silent, pytest.raises(VendorError, match="did not answer"):
        check(account(silent.url))
