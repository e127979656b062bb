"""Phones that cannot get texts are not texted; what kind a phone is, is found out meanwhile, free ways first."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from notifier import stages
from smsbridge.models import Bridge, DailyLookups, Notice, OptOut, PhoneFact, VendorAccount
from smsbridge.services import lookup_rows, phone_facts
from smsbridge.services.daily_use import next_day
from smsbridge.services.lookup_rows import WAITS, claim
from smsbridge.services.phone_facts import MOST_ATTEMPTS
from smsbridge.vendors.base import AskAgain, PhoneFacts, PhoneStatus
from smsbridge.vendors.fake import Fake
from tests import factories
from tests.factories import BENS_PHONE, notice
from tests.notifier import servers
from tests.smsbridge.directories import Directory
from tests.smsbridge.racing import together
from tests.smsbridge.stages import compose, look_up

SWISS_LANDLINE, SWISS_MOBILE = "+41446681800", "+41791234567"
LANDLINE = {"line_type": "landline", "carrier": "Old Telephone", "country": "US"}
MOBILE = {"line_type": "mobile", "carrier": "Air", "country": "US"}


@pytest.fixture(autouse=True)
def short_time_out(settings: Settings) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.5


@pytest.fixture
def directory(bridge: Bridge) -> Iterator[Directory]:
    """The bridge's account looks phones up here."""
    with Directory() as directory:
        VendorAccount.objects.update(options={"url": directory.url}, looks_up=True)
        factories.forget()
        yield directory


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "lookups_cost", True)


def ago(**units: float) -> Any:
    return timezone.now() - timedelta(**units)


def known(phone: str = BENS_PHONE, status: int = -1, source: str = "look-up", **fields: Any) -> PhoneFact:
    """What was told of a phone just now."""
    return PhoneFact.objects.create(
        phone=phone, status=status, source=source, **{"looked_at": timezone.now(), **fields}
    )


def fate(phone: str = BENS_PHONE, bridge: Bridge | None = None) -> tuple[str, str]:
    """What becomes of a notice for somebody with this phone: texted or not, and the note."""
    bridge = bridge or Bridge.objects.get()
    Bridge.objects.update(countries="*")
    factories.forget()
    factories.contact(bridge.hook.chat_app, user := f"user {Notice.objects.count()}", phone)
    one = notice(bridge, user_id=user)
    compose()
    one.refresh_from_db()
    return one.reason or one.state, one.note


def fact(phone: str = BENS_PHONE) -> PhoneFact:
    return PhoneFact.objects.get(phone=phone)


def wished() -> set[str]:
    return set(PhoneFact.objects.filter(next_at__isnull=False).values_list("phone", flat=True))


# Who is not texted


def test_where_the_plan_has_fixed_lines_alone_nobody_is_texted_and_nobody_asked(directory: Directory) -> None:
    assert fate(SWISS_LANDLINE) == ("untextable", "It is a landline, as told by the numbering plan.")
    assert fate(SWISS_MOBILE)[0] == "in_sms"
    look_up()
    assert (directory.asked, fact(SWISS_LANDLINE).source) == ([SWISS_MOBILE], "plan")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-1, "It is a landline, as"),
        (-2, "It is not in service, as"),
        (-4, "The vendor does not know such a number, as"),
    ],
)
def test_who_is_known_to_get_no_texts_is_not_texted_and_the_note_says_why(
    bridge: Bridge, status: int, words: str
) -> None:
    known(status=status)
    assert fate() == ("untextable", f"{words} told by a vendor's look-up.")


@pytest.mark.parametrize("status", [PhoneStatus.TEXTABLE, PhoneStatus.UNKNOWN, PhoneStatus.WRONG_COUNTRY])
def test_others_are_texted(bridge: Bridge, status: int) -> None:
    """Which countries are texted is for the bridge to say."""
    known(status=status)
    assert fate()[0] == "in_sms"


def test_an_operators_word_wins_over_all_and_never_ages(bridge: Bridge) -> None:
    known(SWISS_LANDLINE, 1, "operator", looked_at=ago(days=900))
    known(SWISS_MOBILE, -2, "operator", looked_at=ago(days=900))
    assert fate(SWISS_LANDLINE)[0] == "in_sms"
    assert fate(SWISS_MOBILE) == ("untextable", "It is not in service, as told by an operator.")


def test_what_is_old_holds_nobody_back_and_is_looked_up_again(directory: Directory, settings: Settings) -> None:
    settings.LOOKUP_CACHE = timedelta(days=30)
    known(looked_at=ago(days=31))
    directory.lines = {BENS_PHONE: LANDLINE}
    assert fate()[0] == "in_sms"
    look_up()
    assert fate()[0] == "untextable"


def test_that_a_text_once_arrived_is_believed_over_the_plan_however_old(bridge: Bridge) -> None:
    known(SWISS_LANDLINE, 1, "receipt", looked_at=ago(days=900))
    assert fate(SWISS_LANDLINE)[0] == "in_sms"


# Who is wished for


def test_an_unknown_phone_is_texted_all_the_same_and_looked_up(directory: Directory) -> None:
    directory.lines = {BENS_PHONE: MOBILE}
    assert fate()[0] == "in_sms"
    assert "look_up" in stages.sweep(ring=lambda stage: None)
    assert look_up() == 1
    told = fact()
    assert (told.status, told.line_type, told.carrier, told.country) == (1, "mobile", "Air", "US")
    assert (told.source, told.next_at, told.attempts) == ("look-up", None, 0)
    assert fate()[0] == "in_sms"
    assert (look_up(), directory.asked) == (0, [BENS_PHONE])


@pytest.mark.parametrize("off", [{"looks_up": False}, {"paused": True}, {"secrets": {}}], ids=str)
def test_nobody_is_wished_for_where_nobody_can_be_asked(directory: Directory, off: dict[str, Any]) -> None:
    VendorAccount.objects.update(**off)
    fate()
    assert not PhoneFact.objects.exists()


def test_only_accounts_of_the_bridges_pool_are_asked(bridge: Bridge) -> None:
    factories.pool(account=factories.vendor_account(looks_up=True))
    fate()
    assert not PhoneFact.objects.exists()


def test_who_must_not_be_texted_is_not_looked_up(directory: Directory) -> None:
    OptOut.objects.create(phone=BENS_PHONE, source="keyword")
    assert (fate()[0], wished()) == ("opted out", set())


def test_what_the_plan_tells_is_not_paid_for(directory: Directory, paid: None) -> None:
    assert (fate(SWISS_MOBILE)[0], wished()) == ("in_sms", set())


def test_many_cost_no_more_statements_than_one(directory: Directory) -> None:
    bridge = Bridge.objects.get()
    from smsbridge.services.accounts import live_bridges

    live = live_bridges()[bridge.pk]
    with CaptureQueriesContext(
        connection,
    ) as one:
        phone_facts.untextable(live, [factories.phone(1)])
    with CaptureQueriesContext(connection) as many:
        phone_facts.untextable(live, [factories.phone(serial) for serial in range(2, 60)])
    assert len(one) == len(many) == 2
    with CaptureQueriesContext(connection) as again:
        phone_facts.untextable(live, [factories.phone(serial) for serial in range(2, 60)])
    assert len(again) == 1


# Asking


@pytest.mark.django_db(transaction=True)
def test_the_pretend_network_tells_by_the_last_digit_but_one(bridge: Bridge, live_server: LiveServer) -> None:
    VendorAccount.objects.update(
        options={"url": f"{live_server.url}/simulator/fake"},
        secrets={"token": "fake-token", "signing_secret": "a secret"},
        looks_up=True,
    )
    factories.forget()
    phones = [f"+120255501{digit}7" for digit in range(5)]
    phone_facts.wish(phones, phone_facts.lookers())
    look_up()
    assert [fact(phone).status for phone in phones] == [1, 1, -1, -2, -4]
    assert all(fact(phone).carrier for phone in phones[:3])


@pytest.mark.parametrize(
    "step",
    [servers.close, servers.hang, servers.answer(503), servers.answer(404), servers.answer(200, b"[]")],
    ids=["closed", "silent", "503", "no such page", "nonsense"],
)
def test_a_look_up_that_failed_takes_nothing_back_and_is_tried_later(directory: Directory, step: servers.Step) -> None:
    known(carrier="Old", looked_at=ago(days=100))
    fate()
    directory.script = [step]
    look_up()
    told = fact()
    assert (told.status, told.carrier, told.source, told.attempts) == (-1, "Old", "look-up", 1)
    assert told.next_at is not None
    assert abs((told.next_at - timezone.now()).total_seconds() - WAITS[0]) < 5


def test_a_vendor_that_cannot_tell_does_not_take_back_that_texts_arrive(directory: Directory) -> None:
    known(status=1, source="receipt", looked_at=ago(days=100))
    fate()
    directory.lines = {BENS_PHONE: {"line_type": "unknown"}}
    look_up()
    assert (fact().status, fact().next_at) == (1, None)


def test_after_some_tries_a_phone_is_left_alone_for_as_long_as_facts_count(
    directory: Directory, settings: Settings
) -> None:
    fate()
    directory.script = [servers.answer(500)] * 9
    for _ in range(MOST_ATTEMPTS + 2):
        PhoneFact.objects.filter(attempts__lt=MOST_ATTEMPTS).update(next_at=ago(seconds=1))
        look_up()
        fate()
    assert len(directory.asked) == MOST_ATTEMPTS
    settings.LOOKUP_CACHE = timedelta(0)
    PhoneFact.objects.update(next_at=ago(seconds=1))
    fate()
    assert (fact().attempts, look_up()) == (0, 1)


@pytest.mark.parametrize("method", ["look_up_request", "looked_up"])
def test_an_adapter_that_fails_costs_one_look_up_and_no_other_phone(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    bad, good = factories.phone(1), factories.phone(2)
    directory.lines = {bad: MOBILE, good: MOBILE}
    real = getattr(Fake, method)

    def failing(self: Fake, phone: str, *rest: Any) -> Any:
        if phone == bad:
            raise KeyError("x")
        return real(self, phone, *rest)

    monkeypatch.setattr(Fake, method, failing)
    phone_facts.wish([bad, good], phone_facts.lookers())
    look_up()
    assert (fact(bad).status, fact(good).status) == (0, 1)


def test_an_account_that_may_look_up_no_more_is_not_asked(directory: Directory) -> None:
    fate()
    VendorAccount.objects.update(looks_up=False)
    factories.forget()
    assert (look_up(), directory.asked) == (0, [])
    assert "look_up" not in stages.sweep(ring=lambda stage: None)


# The limit of a day


def test_what_costs_money_stops_at_the_limit_of_the_day_and_goes_on_tomorrow(directory: Directory, paid: None) -> None:
    VendorAccount.objects.update(lookup_limit=2)
    factories.forget()
    phone_facts.wish([factories.phone(serial) for serial in range(3)], phone_facts.lookers())
    look_up()
    assert len(directory.asked) == 2
    (left,) = PhoneFact.objects.filter(looked_at__isnull=True)
    assert left.next_at is not None
    assert abs(left.next_at - next_day(timezone.now())) < timedelta(seconds=2)
    DailyLookups.objects.update(day=ago(days=1).date())
    PhoneFact.objects.filter(pk=left.pk).update(next_at=ago(seconds=1))
    look_up()
    assert len(directory.asked) == 3


def test_a_call_without_an_answer_counts_as_well(directory: Directory, paid: None) -> None:
    directory.script = [servers.close]
    fate()
    look_up()
    assert DailyLookups.objects.get().used == 1


def test_what_is_free_has_no_limit(directory: Directory) -> None:
    VendorAccount.objects.update(lookup_limit=0)
    fate()
    assert (look_up(), DailyLookups.objects.count()) == (1, 0)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_eight_workers_ask_about_each_phone_once_and_keep_the_limit(directory: Directory, paid: None) -> None:
    VendorAccount.objects.update(lookup_limit=25)
    factories.forget()
    phone_facts.wish([factories.phone(serial) for serial in range(40)], phone_facts.lookers())
    together([look_up] * 8)
    assert len(directory.asked) == len(set(directory.asked)) == DailyLookups.objects.get().used == 25
    connection.close()


# Meanwhile


@pytest.mark.parametrize("told", [PhoneFacts(status=PhoneStatus.LANDLINE), AskAgain("no answer")], ids=["told", "not"])
def test_what_an_operator_said_meanwhile_wins(directory: Directory, told: PhoneFacts | AskAgain) -> None:
    fate()
    (asked,) = claim(10) or []
    PhoneFact.objects.update(status=1, source="operator", next_at=None)
    lookup_rows.write([(asked, told)])
    assert (fact().status, fact().source, fact().next_at) == (1, "operator", None)


def test_the_answer_to_an_older_call_changes_nothing(directory: Directory) -> None:
    fate()
    (asked,) = claim(10) or []
    PhoneFact.objects.update(next_at=ago(seconds=1))
    claim(10)
    lookup_rows.write([(asked, PhoneFacts(status=PhoneStatus.LANDLINE))])
    assert fact().status == 0


def test_odd_facts_are_stored_as_far_as_they_fit(directory: Directory) -> None:
    fate()
    (asked,) = claim(10) or []
    odd = PhoneFacts(
        status=PhoneStatus.TEXTABLE, line_type="x" * 99, carrier="a\0b" * 99, country="Swiss", code="9" * 99
    )
    lookup_rows.write([(asked, odd)])
    assert (fact().status, fact().country, len(fact().line_type), len(fact().carrier)) == (1, "US", 40, 100)
