"""An account, number or bridge that could not work is refused when it is saved, with the reason."""

from datetime import timedelta

import pytest
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Model

from notifier.models import ChatApp, Hook
from notifier.platforms import registry
from notifier.platforms.base import Can
from notifier.platforms.layer import LayerPlatform
from smsbridge.models import Bridge, Number, Pool, VendorAccount
from smsbridge.services.validation import problems_of
from tests import factories


class Listener(LayerPlatform):
    """A platform that tells, but takes no posts."""

    title = "Listener"
    can = frozenset(Can) - {Can.POST_AS_USER}


def account(**changes: object) -> VendorAccount:
    options = {"url": "http://127.0.0.1:8000/simulator/fake"}
    good = {"vendor": "fake", "options": options, "secrets": {"token": "t", "signing_secret": "s"}}
    return VendorAccount(**good | changes)


def hook(**changes: object) -> Hook:
    return Hook(**{"chat_app": ChatApp(platform="layer"), "delay": timedelta(minutes=1)} | changes)


def bridge(**changes: object) -> Bridge:
    return Bridge(**{"hook": hook(), "pool": Pool()} | changes)


def introduction(values: object) -> str:
    return "Hello."


@pytest.mark.parametrize("row", [account(), Number(e164="+12025550100"), bridge(), Pool()], ids=str)
def test_good_rows_have_no_problems(row: Model) -> None:
    assert problems_of(row) == {}


@pytest.mark.parametrize(("seconds", "good"), [(29, False), (30, True), (0, False)])
def test_others_do_not_take_over_for_a_moments_rest(seconds: int, good: bool) -> None:
    assert ("failover_after" in problems_of(bridge(failover_after=timedelta(seconds=seconds)))) is not good


def test_an_unknown_vendor_is_refused_with_the_known_ones() -> None:
    (problem,) = problems_of(account(vendor="vonnage"))["vendor"]
    assert "vonage" in problem


def test_a_misspelt_setting_is_refused_with_the_known_ones() -> None:
    (problem,) = problems_of(account(options={"uri": "http://127.0.0.1"}))["options"]
    assert "it knows messaging_service, url" in problem


def test_what_the_adapter_misses_is_told() -> None:
    assert len(problems_of(account(options={}, secrets=None))[NON_FIELD_ERRORS]) == 3


@pytest.mark.parametrize(
    ("written", "words"),
    [("12025550100", r"E.164 form: +12025550100"), ("+1 202-555-0100", "+12025550100"), ("555", "no valid")],
)
def test_a_number_must_be_in_its_normal_form(written: str, words: str) -> None:
    (problem,) = problems_of(Number(e164=written))["e164"]
    assert words in problem


def test_a_bridge_needs_a_hook_that_tells_whom_a_message_is_for() -> None:
    (problem,) = problems_of(bridge(hook=hook(kind="listen")))["hook"]
    assert "receipts or notify" in problem
    assert "hook" not in problems_of(bridge(hook=hook(kind="notify")))


@pytest.mark.django_db
def test_a_second_bridge_of_a_chat_app_needs_the_same_pool() -> None:
    """A person's conversation has one number: two pools would take it from each other."""
    first = factories.bridge()
    same_app = factories.receipts_hook(first.hook.chat_app)
    (problem,) = problems_of(Bridge(name="second", hook=same_app, pool=factories.pool(1)))["pool"]
    assert first.name in problem
    assert f"Choose {first.pool.name}" in problem
    assert problems_of(Bridge(name="second", hook=same_app, pool=first.pool)) == {}
    assert problems_of(Bridge(name="second", hook=factories.receipts_hook(), pool=factories.pool(1))) == {}
    first.pool = factories.pool(1)
    assert problems_of(first) == {}, "the only bridge may get another pool"


def test_a_platform_that_takes_no_posts_serves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers is told that it cannot be posted."""
    monkeypatch.setitem(registry.PLATFORMS, "listener", f"{__name__}.Listener")
    assert "hook" not in problems_of(bridge(hook=hook(chat_app=ChatApp(platform="listener"))))


@pytest.mark.parametrize("field", ["template", "introduction"])
def test_a_mistake_in_a_template_is_told_with_its_place_and_what_to_write(field: str) -> None:
    (problem,) = problems_of(bridge(**{field: "Hi\n<%= sendr.name %>"}))[field]
    assert "line 2" in problem
    assert "'sender'" in problem


def test_an_empty_template_is_refused_but_no_introduction_is_fine() -> None:
    assert "template" in problems_of(bridge(template=" \n"))
    assert problems_of(bridge(introduction="")) == {}


def test_the_introduction_function_must_lead_to_a_function() -> None:
    assert "introduction_function" in problems_of(bridge(introduction_function="nowhere.at.all"))
    assert problems_of(bridge(introduction_function=f"{__name__}.introduction")) == {}


@pytest.mark.parametrize("field", ["lease_lifetime", "max_age"])
def test_durations_must_be_longer_than_zero(field: str) -> None:
    assert field in problems_of(bridge(**{field: timedelta(0)}))


@pytest.mark.parametrize(("most", "good"), [(0, False), (1, True), (10, True), (11, False)])
def test_an_sms_has_from_one_to_ten_segments(most: int, good: bool) -> None:
    assert ("max_segments" not in problems_of(bridge(max_segments=most))) is good


@pytest.mark.parametrize(("region", "good"), [("", True), ("US", True), ("us", False), ("XX", False)])
def test_the_region_must_be_a_country(region: str, good: bool) -> None:
    assert ("region" not in problems_of(bridge(region=region))) is good


def test_a_bridge_is_looked_at_as_far_as_it_is_filled_in() -> None:
    assert problems_of(Bridge()) == {}
