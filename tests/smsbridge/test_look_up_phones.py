"""Operators look phones up by a command and in the admin, and say what they know."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from smsbridge.models import Bridge, DailyLookups, PhoneFact, VendorAccount
from smsbridge.services import phone_words
from smsbridge.vendors.fake import Fake
from tests import factories
from tests.admin_pages import Pages, html
from tests.factories import BENS_PHONE
from tests.smsbridge.directories import Directory
from tests.smsbridge.stages import look_up
from tests.smsbridge.test_organisations import Organisation, organisation

LANDLINE, MOBILE = "+41446681800", "+41791234567"
pages = Pages("smsbridge")


@pytest.fixture
def directory(bridge: Bridge) -> Iterator[Directory]:
    """Ben has a mobile phone, and so has Eve; Ann has a landline."""
    app = bridge.hook.chat_app
    factories.contact(app, "eve", MOBILE)
    factories.contact(app, "landlady", LANDLINE)
    with Directory(**{BENS_PHONE: {"line_type": "mobile"}, MOBILE: {"line_type": "mobile"}}) as directory:
        VendorAccount.objects.update(options={"url": directory.url}, looks_up=True)
        factories.forget()
        yield directory


def command(*words: str) -> str:
    out = StringIO()
    call_command("look_up_phones", *words, stdout=out)
    return out.getvalue()


def test_all_contacts_are_looked_up_and_what_came_of_it_is_counted(directory: Directory) -> None:
    said = command("--all-contacts")
    assert "can be texted: 2\na landline: 1\n" in said
    assert sorted(directory.asked) == sorted([BENS_PHONE, MOBILE])
    assert "Known already: 3." in command("--all-contacts")
    assert len(directory.asked) == 2


def test_a_dry_run_tells_and_does_nothing(directory: Directory) -> None:
    said = command("--all-contacts", "--dry-run")
    assert "Told by the numbering plan: 1." in said
    assert ": 2, for nothing." in said
    assert (directory.asked, PhoneFact.objects.count()) == ([], 0)


def test_what_costs_needs_to_be_said_and_keeps_the_limit(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "lookups_cost", True)
    VendorAccount.objects.update(lookup_limit=1)
    factories.contact(Bridge.objects.get().hook.chat_app, "tom", factories.phone(1))
    factories.forget()
    assert "Nobody may be asked about: 2" in command("--all-contacts")
    assert directory.asked == []
    assert "today 1 more are allowed" in command("--all-contacts", "--paid")
    assert (len(directory.asked), DailyLookups.objects.get().used) == (1, 1)


def test_phones_are_named_in_any_spelling_and_others_refused_without_being_told(directory: Directory) -> None:
    command("+1 (202) 555-0101")
    assert directory.asked == [BENS_PHONE]
    with pytest.raises(CommandError, match="number 2") as refused:
        command(BENS_PHONE, "12")
    assert BENS_PHONE not in str(refused.value)
    with pytest.raises(CommandError, match="--all-contacts"):
        command()


# The admin


def known(phone: str = BENS_PHONE, **fields: Any) -> PhoneFact:
    return PhoneFact.objects.create(
        phone=phone, **{"status": -1, "source": "look-up", "looked_at": timezone.now(), **fields}
    )


def test_the_list_masks_phones_and_is_searched_by_whole_ones(admin_client: Client) -> None:
    one, _ = known(), known(MOBILE, status=1, carrier="Air")
    shown = html(admin_client, pages.url("phonefact"))
    assert BENS_PHONE not in shown
    assert "a landline" in shown
    assert pages.found(admin_client, "phonefact", "+1 202 555 0101") == {one.pk}
    assert len(admin_client.get(pages.url("phonefact") + "?status__exact=1").context["cl"].result_list) == 1


def test_an_operators_word_replaces_what_was_known(admin_client: Client) -> None:
    one = known()
    assert admin_client.post(pages.url("phonefact", one.pk, "change"), {"status": "1"}).status_code == 302
    one.refresh_from_db()
    assert (one.status, one.source) == (1, "operator")


def test_an_operator_adds_his_word_in_any_spelling_also_of_a_known_phone(admin_client: Client) -> None:
    known()
    for phone in ("+1 202-555-0101", MOBILE):
        typed = {"phone": phone, "status": "-2"}
        assert admin_client.post(pages.url("phonefact", "add"), typed).status_code == 302
    assert set(PhoneFact.objects.values_list("phone", "status", "source")) == {
        (BENS_PHONE, -2, "operator"),
        (MOBILE, -2, "operator"),
    }


def test_phones_are_looked_up_again_but_not_against_an_operators_word(
    admin_client: Client, directory: Directory
) -> None:
    rows = [known(), known(MOBILE, source="operator")]
    shown = pages.run_action(admin_client, "phonefact", "look_again", rows)
    assert "Left alone, as it does not apply to them: 1." in shown
    look_up()
    assert (directory.asked, PhoneFact.objects.get(phone=BENS_PHONE).status) == ([BENS_PHONE], 1)


def test_without_an_account_that_looks_up_it_says_so(admin_client: Client, bridge: Bridge) -> None:
    assert "No vendor account looks phones up" in pages.run_action(admin_client, "phonefact", "look_again", [known()])


@pytest.fixture
def strangers() -> Iterator[tuple[Organisation, Organisation, Directory]]:
    """Red looks phones up, Blue does not."""
    red, blue = organisation("Red"), organisation("Blue")
    with Directory() as directory:
        VendorAccount.objects.filter(pk=red.account.pk).update(options={"url": directory.url}, looks_up=True)
        factories.forget()
        yield red, blue, directory


@pytest.mark.django_db
def test_another_organisations_vendor_is_not_asked(
    admin_client: Client, strangers: tuple[Organisation, Organisation, Directory]
) -> None:
    _, blue, directory = strangers
    factories.contact(blue.app, "zoe", BENS_PHONE)
    somebodys, nobodys = known(account=blue.account), known(MOBILE, account=blue.account)
    shown = pages.run_action(admin_client, "phonefact", "look_again", [somebodys, nobodys])
    assert "no vendor may be asked" in shown
    look_up()
    assert directory.asked == []


@pytest.mark.django_db
def test_the_vendor_of_any_pool_that_texts_the_phone_is_asked(
    strangers: tuple[Organisation, Organisation, Directory],
) -> None:
    red, blue, directory = strangers
    hook = factories.receipts_hook(red.app)
    factories.bridge(hook, factories.pool(1, account=factories.vendor_account(organisation="Red")))  # another pool
    factories.forget()
    for app in (red.app, blue.app):
        factories.contact(app, "zoe", BENS_PHONE)
    assert phone_words.again([known(account=blue.account)]) == 1
    look_up()
    assert directory.asked == [BENS_PHONE]
