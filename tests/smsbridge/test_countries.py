"""Only the countries that a bridge lists are texted, those of its own numbers by default, and dear numbers nowhere."""

import pytest
from django.test import Client

from smsbridge.models import Bridge, Notice, Number, OutboundSms
from smsbridge.services.accounts import live_bridges
from smsbridge.services.validation import problems_of
from tests import admin_rows, factories
from tests.admin_pages import Pages, html
from tests.factories import conversation, linked, message, notice
from tests.smsbridge.stages import compose, send
from tests.smsbridge.test_admin_configuration import bridge_form
from tests.smsbridge.upstreams import Network

CANADA, JAMAICA, SWITZERLAND, SATELLITE = "+16045550101", "+18762222222", "+41791234567", "+881612345678"
url = Pages("smsbridge").url


def change(bridge: Bridge, **fields: object) -> None:
    Bridge.objects.filter(pk=bridge.pk).update(**fields)
    factories.forget()


def add_number(bridge: Bridge, e164: str, *, active: bool = True) -> None:
    Number.objects.create(e164=e164, account=bridge.pool.numbers.all()[0].account, pool=bridge.pool, active=active)
    factories.forget()


def told_to(bridge: Bridge, phone: str) -> tuple[str, str, str]:
    """State, reason and note of a notice for somebody with this phone."""
    user = f"user {phone}"
    factories.contact(bridge.hook.chat_app, user, phone)
    one = notice(bridge, user_id=user)
    compose()
    one.refresh_from_db()
    return one.state, one.reason, one.note


@pytest.mark.parametrize("phone", [CANADA, JAMAICA, SWITZERLAND, SATELLITE])
def test_by_default_only_countries_of_the_pools_numbers_are_texted(bridge: Bridge, phone: str) -> None:
    """Canada and Jamaica share the calling code of the pool's numbers, which are of the United States."""
    state, reason, note = told_to(bridge, phone)
    assert (state, reason) == ("skipped", "country")
    assert f"not among the countries of the bridge {bridge.name}" in note
    assert told_to(bridge, factories.phone(1))[0] == "in_sms"


def test_a_skipped_notice_names_the_country(bridge: Bridge) -> None:
    assert told_to(bridge, JAMAICA)[2].startswith("JM is not")
    assert told_to(bridge, SATELLITE)[2].startswith("A number of no country")


def test_a_number_of_another_country_adds_that_country_while_it_is_active(bridge: Bridge) -> None:
    add_number(bridge, "+41446681800")
    assert told_to(bridge, SWITZERLAND)[0] == "in_sms"
    Number.objects.filter(e164="+41446681800").update(active=False)
    factories.forget()
    assert live_bridges()[bridge.pk].countries == frozenset({"US"})


def test_a_pool_whose_numbers_are_of_no_country_texts_nobody(bridge: Bridge) -> None:
    for at, number in enumerate(Number.objects.all()):
        Number.objects.filter(pk=number.pk).update(e164=f"+88351000000000{at}")
    factories.forget()
    assert live_bridges()[bridge.pk].countries == frozenset()
    assert [told_to(bridge, phone)[1] for phone in (SWITZERLAND, SATELLITE)] == ["country"] * 2


def test_a_pool_without_active_numbers_has_its_own_reason(bridge: Bridge) -> None:
    Number.objects.update(active=False)
    factories.forget()
    assert told_to(bridge, SWITZERLAND)[1] == "pool used up"


def test_a_list_of_the_bridges_own_replaces_those_of_the_numbers(bridge: Bridge) -> None:
    change(bridge, countries="ca, JM")
    assert told_to(bridge, CANADA)[0] == "in_sms"
    assert told_to(bridge, JAMAICA)[0] == "in_sms"
    assert told_to(bridge, factories.phone(1))[1] == "country"


def test_a_star_stands_for_all_countries_and_none(bridge: Bridge) -> None:
    change(bridge, countries="*")
    assert [told_to(bridge, phone)[0] for phone in (CANADA, SWITZERLAND, SATELLITE)] == ["in_sms"] * 3


@pytest.mark.parametrize("countries", ["*", "US, GB, CH, FR"])
@pytest.mark.parametrize(
    ("phone", "words"),
    [
        ("+19002345678", "A premium-rate number of US"),
        ("+33899123456", "A premium-rate number of FR"),
        ("+979123456789", "A premium-rate number is"),
        ("+41848123456", "A shared-cost number of CH"),
        ("+447012345678", "A personal number of GB"),
        ("+447640123456", "A pager number of GB"),
    ],
)
def test_dear_numbers_are_texted_nowhere(bridge: Bridge, countries: str, phone: str, words: str) -> None:
    change(bridge, countries=countries)
    state, reason, note = told_to(bridge, phone)
    assert (state, reason) == ("skipped", "premium")
    assert note.startswith(words)


def test_a_text_keeps_the_country_of_its_phone(bridge: Bridge) -> None:
    change(bridge, countries="*")
    for phone, country in ((JAMAICA, "JM"), (SATELLITE, ""), (factories.phone(1), "US")):
        told_to(bridge, phone)
        assert OutboundSms.objects.get(phone=phone).country == country


@pytest.mark.parametrize("stored", ["CH", ""], ids=["with its country", "of before the update"])
def test_a_list_that_was_narrowed_since_withdraws_what_is_ready(bridge: Bridge, network: Network, stored: str) -> None:
    sms = linked(bridge, [message(conversation(bridge.hook.chat_app))], phone=SWITZERLAND, country=stored)
    assert send() == 0
    sms.refresh_from_db()
    one = Notice.objects.get()
    assert (sms.state, sms.attempts, network.requests) == ("withdrawn", 0, [])
    assert (one.state, one.reason, one.sms_id) == ("skipped", "country", None)
    assert one.note == sms.reason == f"CH is not among the countries of the bridge {bridge.name}."


def test_who_texted_a_keyword_is_answered_wherever_he_is(bridge: Bridge, network: Network) -> None:
    sms = factories.outbound(bridge, phone=SWITZERLAND, country="CH")
    OutboundSms.objects.update(bridge=None, conversation=None, user_id="", purpose="help")
    send()
    sms.refresh_from_db()
    assert sms.state == "sent"


@pytest.mark.parametrize(
    ("countries", "words"),
    [
        ("", ""),
        ("US", ""),
        ("us, ca,", ""),
        ("*", ""),
        ("US, XX", "no country 'XX'"),
        ("USA", "'USA'"),
        ("*, US", "all"),
    ],
)
def test_a_list_is_looked_through_before_it_is_saved(countries: str, words: str) -> None:
    problems = problems_of(Bridge(countries=countries)).get("countries", [])
    assert len(problems) == bool(words)
    assert all(words in problem for problem in problems)


@pytest.mark.django_db
def test_the_page_says_which_countries_a_bridge_texts_and_refuses_unknown_ones(admin_client: Client) -> None:
    here = admin_rows.installation()
    page = url("bridge", here.bridge.pk, "change")
    assert ">US<" in html(admin_client, page).replace("\n", "").replace(" ", "")
    answer = admin_client.post(page, bridge_form(here.bridge, countries="US, Canada"))
    assert "There is no country" in answer.content.decode()
    assert admin_client.post(page, bridge_form(here.bridge, countries="*")).status_code == 302
    assert "all countries" in html(admin_client, page)
