"""The operator's commands against a running deployment, repeated and several at once."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import override_settings

from notifier.models import Hook
from smsbridge.demo.services import Redis
from smsbridge.demo.stage import have_numbers
from smsbridge.models import Number
from tests.flows.town import NUMBERS, Town, environment, finished
from tests.processes import started
from tests.threads import together


@pytest.fixture(scope="module")
def here(db: None, database_url: str, redis_server: Redis) -> Iterator[Town]:
    """A web process and an empty database."""
    with started(database_url, redis_server.url) as processes:
        processes.environment |= environment(processes.url) | {"SMS_VENDOR": "fake"}
        processes.web()
        yield Town(processes)


def test_two_set_ups_at_once_make_everything_once(here: Town) -> None:
    for command in [here.manages("setup") for _ in range(2)]:
        finished(command)
    assert Hook.objects.count() == 1
    assert sorted(Number.objects.values_list("e164", flat=True)) == sorted(NUMBERS)


def test_a_set_up_that_is_repeated_changes_nothing_and_says_so(here: Town) -> None:
    said = here.manage("setup")
    assert "created" not in said
    assert "changed: " not in said
    assert here.manage("setup", NOTIFY_DELAY="2 hours").count("changed: delay") == 1


def test_two_registrations_at_once_register_one_active_webhook(here: Town) -> None:
    with override_settings(PUBLIC_URL=here.url):
        together(*[lambda: call_command("register_webhooks", stdout=StringIO())] * 2)
    (webhook,) = here.simulator("state")["webhooks"]
    assert (webhook["target_url"], webhook["status"]) == (f"{here.url}/webhooks/chat/layer/", "active")
    assert "nothing to do" in here.registers("register_webhooks")


def test_a_changed_secret_is_registered_anew_in_place_of_the_old_one(here: Town) -> None:
    (before,) = here.simulator("state")["webhooks"]
    here.manage("setup", LAYER_WEBHOOK_SECRET="another-secret,a-webhook-secret-for-tests")
    here.registers("register_webhooks")
    (after,) = here.simulator("state")["webhooks"]
    assert after["status"] == "active"
    assert after["id"] != before["id"]


def test_numbers_are_pointed_here_once_and_a_dry_run_only_looks(here: Town) -> None:
    have_numbers(here.url)
    inbound = f"{here.url}/webhooks/sms/fake/inbound/"
    assert here.registers("register_numbers", "--dry-run").count("would be pointed") == len(NUMBERS)
    assert {one["inbound_url"] for one in here.simulator("state")["numbers"]} == {""}
    assert here.registers("register_numbers").count("now points") == len(NUMBERS)
    assert {one["inbound_url"] for one in here.simulator("state")["numbers"]} == {inbound}
    assert here.registers("register_numbers").count("already points") == len(NUMBERS)
