"""Inbound URLs: read first, changed only where they differ, and only for our numbers."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from smsbridge.models import Number, VendorAccount
from smsbridge.services.numbers import register_numbers
from tests.notifier.servers import refusing_url
from tests.smsbridge.fake_network import TOKEN, FakeNetwork, VonageNumbers

URL = "https://sms.example.com/webhooks/sms/fake/inbound/"
RIGHT, WRONG, THEIRS = "+12025550100", "+12025550101", "+12025550102"


@pytest.fixture(autouse=True)
def _public_url(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://sms.example.com"


@pytest.fixture
def network() -> FakeNetwork:
    return FakeNetwork(n12025550100=URL, n12025550101="https://former.example/", n12025550102="https://theirs.example/")


def account(url: str, *numbers: str, **changes: object) -> VendorAccount:
    good = {"slug": "fake", "name": "Fake", "vendor": "fake", "options": {"url": url}}
    secrets = {"token": TOKEN, "signing_secret": "s"}
    row = VendorAccount.objects.create(**{**good, "secrets": secrets, **changes})
    Number.objects.bulk_create(Number(e164=number, account=row) for number in numbers)
    return row


@pytest.mark.django_db
def test_it_changes_only_our_numbers_that_point_elsewhere(network: FakeNetwork) -> None:
    with network:
        told = register_numbers(account(network.url, RIGHT, WRONG), dry_run=False)
    assert network.changed == [WRONG]
    assert network.numbers == {RIGHT: URL, WRONG: URL, THEIRS: "https://theirs.example/"}
    assert told.done == [
        f"+1202•••0100 already points to {URL}.",
        f"+1202•••0101 now points to {URL}.",
        "+1202•••0102 is left alone: it is not one of our numbers.",
    ]
    assert told.failed == []


@pytest.mark.django_db
def test_a_dry_run_only_reads(network: FakeNetwork) -> None:
    with network:
        told = register_numbers(account(network.url, WRONG), dry_run=True)
    assert network.changed == []
    assert f"+1202•••0101 would be pointed to {URL}." in told.done


@pytest.mark.django_db
def test_an_inactive_number_still_brings_replies(network: FakeNetwork) -> None:
    with network:
        row = account(network.url, WRONG)
        Number.objects.update(active=False)
        register_numbers(row, dry_run=False)
    assert network.changed == [WRONG]


@pytest.mark.django_db
def test_a_number_that_the_account_does_not_own_is_told(network: FakeNetwork) -> None:
    with network:
        told = register_numbers(account(network.url, "+12025550199", WRONG), dry_run=False)
    assert network.changed == [WRONG]
    assert [sentence.split(" at ")[0] for sentence in told.failed] == ["+1202•••0199 is not among the numbers of fake"]


@pytest.mark.django_db
def test_one_refused_change_is_told(network: FakeNetwork) -> None:
    network.refuse_changes = True
    with network:
        told = register_numbers(account(network.url, WRONG), dry_run=False)
    assert told.failed[0].startswith("+1202•••0101 was not changed")


@pytest.mark.django_db
def test_an_unreachable_vendor_is_told() -> None:
    told = register_numbers(account(refusing_url(), RIGHT), dry_run=False)
    assert "refused" in told.failed[0]


@pytest.mark.django_db
def test_a_vendor_that_sets_no_urls_is_told_with_the_url_to_enter_but_without_its_secret() -> None:
    secrets = {"token": "t", "callback_secret": "the-key"}
    row = account("", RIGHT, slug="acme", vendor="smsapi", options={}, secrets=secrets)
    told = register_numbers(row, dry_run=False)
    (sentence,) = told.done
    assert "https://sms.example.com/webhooks/sms/acme/inbound/?key=\u2022\u2022\u2022" in sentence
    assert "the admin shows all of it" in sentence
    assert "the-key" not in sentence


@pytest.mark.django_db
def test_an_account_that_is_not_configured_is_not_tried(network: FakeNetwork) -> None:
    told = register_numbers(account("", RIGHT), dry_run=False)
    assert "URL is missing" in told.failed[0]


@pytest.mark.django_db
def test_vonages_numbers_are_read_to_the_last_page_and_keep_their_other_settings() -> None:
    with VonageNumbers(105) as vonage:
        options, secrets = {"api_key": "k", "rest_url": vonage.url}, {"api_secret": "s", "signature_secret": "t"}
        row = account("", "+12025550204", slug="vonage", vendor="vonage", options=options, secrets=secrets)
        told = register_numbers(row, dry_run=False)
    assert told.failed == []
    (update,) = vonage.updates
    assert update["msisdn"] == ["12025550204"]
    assert update["moHttpUrl"] == ["https://sms.example.com/webhooks/sms/vonage/inbound/"]
    assert update["voiceCallbackValue"] == ["1"]


@pytest.mark.django_db
def test_numbers_of_an_application_are_linked_to_it_and_what_is_done_by_hand_is_told() -> None:
    with VonageNumbers(2) as vonage:
        options = {"api_key": "k", "rest_url": vonage.url, "application_id": "the-app"}
        secrets = {"api_secret": "s", "signature_secret": "t"}
        given = {"slug": "vonage-messages", "vendor": "vonage-messages", "options": options, "secrets": secrets}
        told = register_numbers(account("", "+12025550100", **given), dry_run=False)
    assert told.failed == []
    assert [update["app_id"] for update in vonage.updates] == [["the-app"]]
    assert told.done[0].startswith("Enter https://sms.example.com/webhooks/sms/vonage-messages/inbound/ as the inbound")
    assert told.done[1] == "+1202•••0100 now points to the application the-app."


@pytest.mark.django_db
def test_the_command_prints_it_and_fails_when_something_did(network: FakeNetwork) -> None:
    out, errors = StringIO(), StringIO()
    with network:
        account(network.url, WRONG, "+12025550199")
        with pytest.raises(CommandError, match="fake"):
            call_command("register_numbers", stdout=out, stderr=errors)
    assert f"fake: +1202•••0101 now points to {URL}.\n" in out.getvalue()
    assert "+1202•••0199" in errors.getvalue()


@pytest.mark.django_db
def test_the_command_names_the_accounts_when_one_is_unknown(network: FakeNetwork) -> None:
    account(network.url)
    with pytest.raises(CommandError, match="no account vonage: known are fake"):
        call_command("register_numbers", "vonage")
