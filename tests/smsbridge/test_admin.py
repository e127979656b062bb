"""The SMS side's admin pages: whole phones in no list, secrets on no page, facts untouched, actions written down."""

from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from notifier import admin_base
from smsbridge import models
from smsbridge.admin.who import typed_phone
from smsbridge.models import InboundSms, Lease, OutboundSms
from tests import admin_rows
from tests.admin_pages import Pages, html
from tests.admin_rows import SECRETS, TEXT, everything, installation, phone

MODELS: dict[str, Any] = {
    "lease": models.Lease,
    "outboundsms": models.OutboundSms,
    "inboundsms": models.InboundSms,
    "notice": models.Notice,
    "contact": models.Contact,
    "optout": models.OptOut,
    "consentevent": models.ConsentEvent,
    "numberorder": models.NumberOrder,
    "bridge": models.Bridge,
    "pool": models.Pool,
    "number": models.Number,
    "vendoraccount": models.VendorAccount,
}
FACTS = ["lease", "outboundsms", "inboundsms", "notice", "consentevent", "numberorder"]
WITH_PHONES = ["lease", "outboundsms", "inboundsms", "contact"]

pages = Pages("smsbridge")
url, run_action, rows_found = pages.url, pages.run_action, pages.found

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", MODELS)
def test_every_list_and_every_row_has_a_page(admin_client: Client, page: str) -> None:
    everything(people=8)
    assert admin_client.get(url(page)).context["cl"].result_count == MODELS[page].objects.count()
    for row in MODELS[page].objects.all():
        html(admin_client, url(page, row.pk, "change"))


@pytest.mark.parametrize("page", MODELS)
def test_no_list_shows_a_whole_phone_or_a_text(admin_client: Client, page: str) -> None:
    everything(people=8)
    shown = html(admin_client, url(page))
    assert not [phone(n) for n in (*range(8), *range(500, 508)) if phone(n) in shown]
    assert "nobody" not in shown


@pytest.mark.parametrize("page", MODELS)
def test_no_page_shows_a_secret(admin_client: Client, page: str) -> None:
    everything(people=2)
    pages = [url(page), *[url(page, row.pk, "change") for row in MODELS[page].objects.all()]]
    assert not [secret for address in pages for secret in SECRETS if secret in html(admin_client, address)]


@pytest.mark.parametrize("page", [*FACTS, "contact"])
def test_a_list_takes_few_queries_for_many_rows(
    admin_client: Client, page: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    everything(people=20)
    with django_assert_max_num_queries(14):
        admin_client.get(url(page))


@pytest.mark.parametrize("page", WITH_PHONES)
@pytest.mark.parametrize("spelling", ["+12025551002", "12025551002", "+1 202 555 1002", "+1 (202) 555-1002"])
def test_a_phone_that_is_typed_whole_is_found(admin_client: Client, page: str, spelling: str) -> None:
    everything(people=4)
    expected = set(MODELS[page].objects.filter(phone="+12025551002").values_list("pk", flat=True))
    assert expected
    assert rows_found(admin_client, page, spelling) == expected


def test_a_part_of_a_phone_finds_nothing(admin_client: Client) -> None:
    everything(people=4)
    assert rows_found(admin_client, "lease", "5551002") == set()


@pytest.mark.parametrize(("typed", "means"), [("+15550001111", "+15550001111"), ("Ada", None), ("user-12", None)])
def test_numbers_that_nobody_can_have_are_understood_too(typed: str, means: str | None) -> None:
    assert typed_phone(typed) == means


@pytest.mark.parametrize("words", ["Hopper", "user-1", "Order 1001", "baad-000000000001", "5552672"])
def test_an_assignment_is_found_by_all_that_an_operator_may_know(admin_client: Client, words: str) -> None:
    here = installation()
    wanted = admin_rows.lease(here, 1, days_left=1)
    admin_rows.lease(here, 2, days_left=1)
    assert rows_found(admin_client, "lease", words) == {wanted.pk}


@pytest.mark.parametrize(("choice", "found"), [("yes", {0}), ("no", {1})])
def test_assignments_are_filtered_by_alive_and_expired(admin_client: Client, choice: str, found: set[int]) -> None:
    here = installation()
    rows = [admin_rows.lease(here, 0, days_left=1), admin_rows.lease(here, 1, days_left=-1)]
    shown = admin_client.get(url("lease") + f"?alive={choice}").context["cl"].result_list
    assert {row.pk for row in shown} == {rows[index].pk for index in found}


def test_an_assignment_says_who_where_until_when_and_whether_it_has_expired(admin_client: Client) -> None:
    here = installation()
    admin_rows.lease(here, 1, days_left=-1)
    shown = html(admin_client, url("lease"))
    for words in ("Grace Hopper", "user-1", "Order 1001", "+14155552672", "expired", "not yet"):
        assert words in shown


def test_released_numbers_are_free_again_and_it_is_written_down(admin_client: Client) -> None:
    here = installation()
    row, other = admin_rows.lease(here, 0, days_left=1), admin_rows.lease(here, 1, days_left=1)
    run_action(admin_client, "lease", "release", [row])
    assert list(Lease.objects.all()) == [other]
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(row.pk), "Released.")


def test_releasing_needs_the_permission_to_delete(client: Client) -> None:
    here = installation()
    row = admin_rows.lease(here, 0, days_left=1)
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_lease"))
    client.force_login(looker)
    run_action(client, "lease", "release", [row])
    assert Lease.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("page", FACTS)
def test_facts_are_not_changed_added_or_deleted(admin_client: Client, page: str) -> None:
    everything(people=1)
    row = MODELS[page].objects.first()
    before = MODELS[page].objects.filter(pk=row.pk).values().get()
    for address in (url(page, row.pk, "change"), url(page, "add"), url(page, row.pk, "delete")):
        assert admin_client.post(address, {"post": "yes", "state": "sent"}).status_code == 403
    assert MODELS[page].objects.filter(pk=row.pk).values().get() == before


def test_an_sms_shows_its_text_reason_notices_and_history_on_its_own_page(admin_client: Client) -> None:
    here = installation()
    sms = admin_rows.outbound(here, 1, "dead")
    shown = html(admin_client, url("outboundsms", sms.pk, "change"))
    assert TEXT.replace("'", "&#x27;") in shown
    for words in ("given up", "The network said no.", "30007", "The vendor is busy.", "layer:///messages/", "Grace"):
        assert words in shown


@pytest.mark.parametrize("query", ["state__exact=dead", "bridge__id__exact=1", "account__id__exact=1"])
def test_sms_are_filtered(admin_client: Client, query: str) -> None:
    everything(people=2)
    html(admin_client, url("outboundsms") + f"?{query}")


def test_lost_texts_are_tried_again(admin_client: Client) -> None:
    here = installation()
    lost, posted = admin_rows.inbound(here, 1, "unrouted"), admin_rows.inbound(here, 2, "posted")
    shown = run_action(admin_client, "inboundsms", "try_again", [lost, posted])
    assert "Tried again: 1. Left alone, as it does not apply to them: 1." in shown
    assert dict(InboundSms.objects.values_list("pk", "state")) == {lost.pk: "waiting", posted.pk: "posted"}
    assert LogEntry.objects.get().object_id == str(lost.pk)


def test_actions_are_told_apart_from_other_changes(admin_client: Client) -> None:
    here = installation()
    run_action(admin_client, "lease", "release", [admin_rows.lease(here, 0, days_left=1)])
    assert LogEntry.objects.get().action_flag == CHANGE


def test_a_huge_list_is_counted_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    here = installation()
    monkeypatch.setattr(admin_base, "COUNT_UP_TO", 2)
    for index in range(3):
        admin_rows.inbound(here, index, "posted")
    rows = InboundSms.objects.filter(state="posted").order_by("pk")
    assert admin_base.BoundedPaginator(rows, 50).count == 2


def test_a_huge_table_is_not_counted_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_base, "_estimated_rows", lambda model: 7_000_000)
    assert admin_base.BoundedPaginator(OutboundSms.objects.order_by("pk"), 50).count == 7_000_000
