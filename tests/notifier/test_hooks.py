"""Hooks: how they are written down, and how long this process believes what it has read of them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from notifier.models import Hook
from notifier.services import hooks
from notifier.services.hooks import forget_hooks, hooks_with, live_hook, live_hooks
from tests.factories import chat_app, receipts_hook

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("written", ["600000", "10 minutes", "600 seconds"])
def test_a_delay_is_a_duration_and_a_bare_number_is_milliseconds(admin_client: Client, written: str) -> None:
    form = {
        "chat_app": chat_app().pk,
        "slug": "layer",
        "name": "Layer",
        "kind": "receipts",
        "delay": written,
        "identities": "platform",
        "secret": "a long random text",
    }
    assert admin_client.post(reverse("admin:notifier_hook_add"), form).status_code == 302
    assert Hook.objects.get().delay == timedelta(minutes=10)


def test_hooks_are_read_once_for_some_seconds(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    hook = receipts_hook()
    with django_assert_num_queries(1):
        assert live_hook(hook.slug) is live_hooks()[hook.pk]
        assert list(hooks_with([hook.pk])) == [hook.pk]


def test_a_change_is_seen_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = receipts_hook()
    assert live_hooks()[hook.pk].enabled
    Hook.objects.update(enabled=False)
    assert live_hooks()[hook.pk].enabled
    monkeypatch.setattr(hooks, "_read_at", hooks._read_at - hooks.KEEP_SECONDS)
    assert not live_hooks()[hook.pk].enabled


def test_a_change_in_this_process_is_seen_at_once() -> None:
    hook = receipts_hook()
    live_hooks()
    Hook.objects.update(enabled=False)
    forget_hooks()
    assert not live_hooks()[hook.pk].enabled


def test_strangers_who_ask_for_any_slug_do_not_make_it_read_again(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    receipts_hook()
    with django_assert_num_queries(1):
        assert [live_hook(f"stranger-{number}") for number in range(20)] == [None] * 20


@pytest.mark.parametrize("statuses", [["seen"], 7])
def test_a_hook_that_cannot_be_used_is_left_out(statuses: object) -> None:
    good = receipts_hook()
    receipts_hook(report_for_status=statuses)
    assert list(live_hooks()) == [good.pk]


def test_so_is_a_hook_of_an_unknown_platform() -> None:
    good = receipts_hook()
    receipts_hook(chat_app(platform="icq"))
    assert list(live_hooks()) == [good.pk]
