"""Nobody is texted in quiet hours by his own clock; afterwards everything is tested anew, and one SMS tells all."""

from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from notifier.models import Receipt
from smsbridge.models import Bridge, Contact, Notice, OutboundSms
from smsbridge.services.accounts import KEEP_SECONDS, live_bridges
from smsbridge.services.contacts import Person
from smsbridge.services.notices import look_again
from smsbridge.services.quiet import quiet_at, zones_to_store
from smsbridge.services.setting_up import Refused, set_up
from smsbridge.services.validation import problems_of
from tests import admin_rows, factories
from tests.admin_pages import Pages
from tests.factories import BENS_PHONE, conversation, linked, message, notice
from tests.smsbridge.environments import environment
from tests.smsbridge.stages import compose, send
from tests.smsbridge.test_admin_configuration import bridge_form
from tests.smsbridge.test_contacts import ask, exchange, person
from tests.smsbridge.upstreams import Chat, Network

__all__ = ["exchange"]  # a fixture
TOKYO, WASHINGTON = "Asia/Tokyo", "America/New_York"
url = Pages("smsbridge").url


def clock(zone: str, minutes: int) -> time:
    """What clocks there show so many minutes from now."""
    return (
        (timezone.now() + timedelta(minutes=minutes)).astimezone(ZoneInfo(zone)).time().replace(second=0, microsecond=0)
    )


def be_quiet(bridge: Bridge, zone: str, *, begins: int, ends: int) -> None:
    """Quiet hours that begin and end so many minutes from now by the clocks of a zone."""
    Bridge.objects.filter(pk=bridge.pk).update(
        quiet_from=clock(zone, begins), quiet_until=clock(zone, ends), max_age=timedelta(days=2)
    )
    factories.forget()


def live_in(zone: str) -> None:
    Contact.objects.filter(user_id=factories.BEN).update(time_zone=zone)


def now_of(one: Notice) -> Notice:
    one.refresh_from_db()
    return one


def morning_comes(bridge: Bridge) -> None:
    """The quiet hours are over, and what waited for their end is due."""
    be_quiet(bridge, WASHINGTON, begins=-120, ends=-60)
    Notice.objects.update(next_at=timezone.now() - timedelta(milliseconds=1))


# Composing


def test_what_falls_due_in_quiet_hours_waits_for_their_end_and_says_so(bridge: Bridge) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    one = notice(bridge)
    compose()
    assert (now_of(one).state, one.attempts, OutboundSms.objects.count()) == ("waiting", 0, 0)
    ends = bridge_of(bridge).quiet_until
    assert ends is not None
    assert one.note == f"Quiet hours until {ends:%H:%M} (America/New_York)."
    wait = one.next_at - timezone.now()
    assert timedelta(minutes=58) < wait <= timedelta(minutes=60)
    assert one.next_at.astimezone(ZoneInfo(WASHINGTON)).time() >= ends


def bridge_of(bridge: Bridge) -> Bridge:
    bridge.refresh_from_db()
    return bridge


def test_outside_of_them_nothing_waits(bridge: Bridge) -> None:
    be_quiet(bridge, WASHINGTON, begins=60, ends=120)
    one = notice(bridge)
    compose()
    assert now_of(one).state == "in_sms"


def test_a_night_is_told_in_one_text_without_what_was_read_meanwhile(bridge: Bridge, network: Network) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    place = conversation(bridge.hook.chat_app)
    late, read, early = (notice(bridge, message(place, text)) for text in ("Late", "Read", "Early"))
    compose()
    Receipt.objects.filter(message=read.message).update(rank=2)
    morning_comes(bridge)
    compose(), send()
    assert network.texts == ["Ann: Late\nAnn: Early"]
    assert [now_of(one).state for one in (late, read, early)] == ["in_sms", "skipped", "in_sms"]


def test_what_grew_too_old_in_quiet_hours_is_not_told(bridge: Bridge) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    one = notice(bridge)
    compose()
    Notice.objects.update(due_at=timezone.now() - timedelta(days=3))
    morning_comes(bridge)
    compose()
    assert (now_of(one).state, one.reason) == ("skipped", "too old")


def test_it_is_the_recipients_own_zone_that_counts(bridge: Bridge) -> None:
    """His phone is from Washington, but he told that he lives in Tokyo."""
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    live_in(TOKYO)
    awake = notice(bridge)
    compose()
    assert now_of(awake).state == "in_sms"
    be_quiet(bridge, TOKYO, begins=-60, ends=60)
    asleep = notice(bridge)
    compose()
    assert now_of(asleep).state == "waiting"
    assert asleep.note.endswith(f"({TOKYO}).")


def test_a_zone_that_is_none_is_as_good_as_not_known(bridge: Bridge) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    live_in("Mars/Olympus")
    one = notice(bridge)
    compose()
    assert now_of(one).note.endswith(f"({WASHINGTON}).")


def test_each_waits_by_his_own_clock(bridge: Bridge) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    factories.contact(bridge.hook.chat_app, "eve", factories.phone(5), time_zone=TOKYO)
    ben, eve = notice(bridge), notice(bridge, user_id="eve")
    compose()
    assert (now_of(ben).state, now_of(eve).state) == ("waiting", "in_sms")


def test_after_a_change_in_the_admin_nobody_waits_for_the_former_hour(admin_client: Client, bridge: Bridge) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    one = notice(bridge)
    compose()
    form = bridge_form(bridge, introduction_function="", quiet_from="", quiet_until="", max_age="12 hours")
    assert admin_client.post(url("bridge", bridge.pk, "change"), form).status_code == 302
    soon = timezone.now() + timedelta(seconds=KEEP_SECONDS)
    assert now_of(one).next_at < soon, "as soon as every process knows of the change"
    Notice.objects.update(next_at=timezone.now())
    compose()
    assert now_of(one).state == "in_sms"


def test_looking_again_leaves_claims_alone(bridge: Bridge) -> None:
    later = timezone.now() + timedelta(hours=1)
    claimed = notice(bridge, next_at=later, claim=uuid4())
    waiting = notice(bridge, next_at=later)
    assert look_again(bridge.pk) == 1
    assert now_of(claimed).next_at == later
    assert now_of(waiting).next_at < later


# Sending


def test_a_text_composed_just_before_is_taken_back_and_told_afterwards(bridge: Bridge, network: Network) -> None:
    told = message(conversation(bridge.hook.chat_app))
    sms = linked(bridge, [told], zones=WASHINGTON)
    be_quiet(bridge, WASHINGTON, begins=-1, ends=60)
    assert send() == 0
    sms.refresh_from_db()
    one = Notice.objects.get()
    assert (sms.state, sms.attempts, network.requests) == ("withdrawn", 0, [])
    assert (one.state, one.note) == ("waiting", sms.reason)
    assert sms.reason.startswith("Quiet hours until")
    assert timedelta(minutes=58) < one.next_at - timezone.now() <= timedelta(minutes=60)
    morning_comes(bridge)
    compose(), send()
    assert network.texts == ["Ann: Hello"]


def test_the_zones_that_a_text_keeps_count_before_its_phone(bridge: Bridge, network: Network) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    awake = linked(bridge, zones=TOKYO)
    asleep = linked(bridge, phone=factories.phone(3))
    send()
    for sms in (awake, asleep):
        sms.refresh_from_db()
    assert (awake.state, asleep.state) == ("sent", "withdrawn")


def test_it_is_quiet_if_it_is_in_any_of_the_zones(bridge: Bridge, network: Network) -> None:
    be_quiet(bridge, TOKYO, begins=-60, ends=60)
    sms = linked(bridge, zones=f"{WASHINGTON},{TOKYO}")
    send()
    sms.refresh_from_db()
    assert sms.state == "withdrawn"


def test_who_texts_a_keyword_is_awake(bridge: Bridge, network: Network) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    sms = factories.outbound(bridge)
    OutboundSms.objects.update(bridge=None, conversation=None, user_id="", purpose="opted out")
    send()
    sms.refresh_from_db()
    assert sms.state == "sent"


def test_quiet_texts_do_not_hold_up_the_others(bridge: Bridge, network: Network) -> None:
    """Not even more of them than are claimed at a time."""
    for index in range(20):
        linked(bridge, phone=factories.phone(index))
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    sms = linked(factories.bridge(bridge.hook, bridge.pool))
    for _ in range(3):
        send()
    sms.refresh_from_db()
    assert sms.state == "sent"
    assert OutboundSms.objects.filter(state="withdrawn").count() == 20


# Where somebody is


@pytest.mark.parametrize(
    "told",
    [
        {"time_zone": TOKYO},
        {"timezone": "asia/tokyo"},
        {"tz": TOKYO},
        {"time_zone": "nonsense", "tz": TOKYO},
        {"metadata": {"timezone": TOKYO}},
    ],
)
def test_the_platform_may_tell_it(bridge: Bridge, chat: Chat, exchange: object, told: dict[str, object]) -> None:
    chat.identities = {"eve": {"display_name": "Eve", "phone_number": factories.phone(5), **told}}
    assert person(ask(bridge, exchange)).time_zone == TOKYO  # type: ignore[arg-type] # its type is the fixture's
    assert Contact.objects.get(user_id="eve").time_zone == TOKYO
    assert person(ask(bridge, exchange)).time_zone == TOKYO  # type: ignore[arg-type] # also from what is stored


@pytest.mark.parametrize("told", [{}, {"tz": "+09:00"}, {"time_zone": 9}, {"metadata": "Asia/Tokyo"}])
def test_what_is_no_zone_is_passed_over(bridge: Bridge, chat: Chat, exchange: object, told: dict[str, object]) -> None:
    chat.identities = {"eve": {"display_name": "Eve", "phone_number": factories.phone(5), **told}}
    assert person(ask(bridge, exchange)).time_zone == ""  # type: ignore[arg-type]


def test_an_operator_may_enter_it(admin_client: Client) -> None:
    contact = admin_rows.person(admin_rows.installation(), 1)
    typed = {"name": "G", "phone": "+12025551001", "custom": "{}", "time_zone": "Olympus"}
    answer = admin_client.post(url("contact", contact.pk, "change"), typed)
    assert "no such time zone" in answer.content.decode()
    admin_client.post(url("contact", contact.pk, "change"), {**typed, "time_zone": "europe/zurich"})
    contact.refresh_from_db()
    assert contact.time_zone == "Europe/Zurich"


def test_a_phone_that_is_nowhere_goes_by_utc(bridge: Bridge) -> None:
    be_quiet(bridge, "UTC", begins=-60, ends=60)
    found = quiet_at(live_bridges()[bridge.pk], "", "+881612345678", timezone.now())
    assert found is not None
    assert found.zone == "UTC"


def test_a_text_keeps_where_its_recipient_may_be(bridge: Bridge) -> None:
    without = live_bridges()[bridge.pk]
    be_quiet(bridge, "UTC", begins=60, ends=120)
    quiet = live_bridges()[bridge.pk]
    known, unknown = Person("ben", "Ben", BENS_PHONE, time_zone=TOKYO), Person("ben", "Ben", BENS_PHONE)
    assert [zones_to_store(one, known) for one in (without, quiet)] == [TOKYO, TOKYO]
    assert [zones_to_store(one, unknown) for one in (without, quiet)] == ["", WASHINGTON]
    anywhere = Person("ben", "Ben", "+18005550100")
    assert zones_to_store(quiet, anywhere) == "", "more than the column holds: found again by the phone"
    live_in(TOKYO)
    notice(bridge)
    compose()
    assert OutboundSms.objects.get().zones == TOKYO


# Settings


def problems(**fields: object) -> dict[str, list[str]]:
    return problems_of(Bridge(**fields))


def test_both_ends_are_needed_and_must_differ() -> None:
    assert "quiet_until" in problems(quiet_from=time(21))
    assert "quiet_from" in problems(quiet_until=time(8))
    assert "quiet_until" in problems(quiet_from=time(8), quiet_until=time(8))
    assert problems(quiet_from=time(21), quiet_until=time(8)) == {}


@pytest.mark.parametrize(("hours", "good"), [(11, False), (11.5, True), (12, True)])
def test_who_gives_up_before_quiet_hours_end_is_told_so(hours: float, good: bool) -> None:
    found = problems(quiet_from=time(21), quiet_until=time(8), max_age=timedelta(hours=hours))
    assert ("max_age" not in found) is good
    assert good or "11 hours" in found["max_age"][0]


@pytest.mark.django_db
def test_the_environment_sets_and_ends_them(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    env = environment(settings, monkeypatch)
    env(QUIET_HOURS=(time(21), time(8)), SMS_COUNTRIES="US, CA")
    set_up()
    bridge = Bridge.objects.get()
    assert (bridge.quiet_from, bridge.quiet_until, bridge.countries) == (time(21), time(8), "US, CA")
    env(QUIET_HOURS=None)
    set_up()
    assert bridge_of(bridge).quiet_from == time(21), "what is not said stays as it is"
    monkeypatch.setenv("QUIET_HOURS", "off")
    settings.QUIET_HOURS = None
    set_up()
    assert bridge_of(bridge).quiet_from is None
    env(QUIET_HOURS=(time(12), time(11)))
    with pytest.raises(Refused, match="QUIET_HOURS: Must be longer than the quiet hours"):
        set_up()


def test_a_row_with_equal_ends_silences_nobody(bridge: Bridge) -> None:
    Bridge.objects.update(quiet_from=time(8), quiet_until=time(8))
    factories.forget()
    assert live_bridges()[bridge.pk].quiet is None


def test_moments_of_the_database_are_read_in_any_zone(bridge: Bridge) -> None:
    be_quiet(bridge, WASHINGTON, begins=-60, ends=60)
    live = live_bridges()[bridge.pk]
    here = datetime.now(ZoneInfo("Asia/Kathmandu"))
    assert quiet_at(live, "", BENS_PHONE, here) == quiet_at(live, "", BENS_PHONE, here.astimezone(ZoneInfo("UTC")))
