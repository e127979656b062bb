"""The chat side's admin pages: who may see and do what, and what no page ever shows."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from notifier.forms import obscured
from notifier.models import (
    ChatApp,
    Conversation,
    Hook,
    InboxEvent,
    ListenedEvent,
    Message,
    Rule,
)
from smsbridge.models import Bridge
from tests import admin_rows
from tests.admin_pages import Pages, html
from tests.admin_rows import APP_ID, BEARER_TOKEN, HOOK_SECRET, SECRETS, TEXT, everything, installation

PAGES = ["chatapp", "hook", "rule", "inboxevent", "listenedevent", "conversation", "message"]
FACTS = ["inboxevent", "listenedevent", "conversation", "message"]
MODELS: dict[str, Any] = {
    "chatapp": ChatApp,
    "hook": Hook,
    "rule": Rule,
    "inboxevent": InboxEvent,
    "listenedevent": ListenedEvent,
    "conversation": Conversation,
    "message": Message,
}

pages = Pages("notifier")
url, run_action = pages.url, pages.run_action

pytestmark = pytest.mark.django_db


def hook_form(hook: Hook, **changes: Any) -> dict[str, Any]:
    return {
        "chat_app": hook.chat_app_id,
        "slug": hook.slug,
        "name": hook.name,
        "kind": hook.kind,
        "enabled": "on",
        "delay": "10 minutes",
        "events": "",
        "identities": hook.identities,
        "ask_first": hook.ask_first,
        "identity_function": "",
        "secret": "",
        **changes,
    }


def app_form(**changes: str) -> dict[str, str]:
    return {"name": "Shop chat", "slug": "layer", "set__app_id": APP_ID, "set__bearer_token": "", **changes}


@pytest.mark.parametrize("page", PAGES)
def test_every_list_and_every_row_has_a_page(admin_client: Client, page: str) -> None:
    everything(people=3)
    assert admin_client.get(url(page)).context["cl"].result_count == MODELS[page].objects.count()
    html(admin_client, url(page, MODELS[page].objects.first().pk, "change"))


@pytest.mark.parametrize("page", FACTS)
def test_a_search_answers(admin_client: Client, page: str) -> None:
    everything(people=1)
    html(admin_client, url(page) + "?q=event-0")


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_a_secret(admin_client: Client, page: str) -> None:
    everything(people=1)
    for row in MODELS[page].objects.all():
        shown = html(admin_client, url(page)) + html(admin_client, url(page, row.pk, "change"))
        assert not [secret for secret in SECRETS if secret in shown]


def test_a_secret_is_hinted_at_by_its_end_only(admin_client: Client) -> None:
    here = installation()
    assert f"•••• {BEARER_TOKEN[-2:]}" in html(admin_client, url("chatapp", here.app.pk, "change"))


@pytest.mark.parametrize(("secret", "hint"), [("", "not set"), ("short", "••••"), ("long-enough", "•••• gh")])
def test_a_hint_gives_little_away(secret: str, hint: str) -> None:
    assert obscured(secret) == hint


def test_a_rejected_form_does_not_give_back_the_secret_that_was_typed(admin_client: Client) -> None:
    here = installation()
    typed = app_form(name="", set__bearer_token="a-new-secret-of-mine")
    answer = admin_client.post(url("chatapp", here.app.pk, "change"), typed)
    assert answer.status_code == 200
    assert "a-new-secret-of-mine" not in answer.content.decode()


def test_a_secret_stays_when_nothing_is_typed(admin_client: Client) -> None:
    here = installation()
    admin_client.post(url("chatapp", here.app.pk, "change"), app_form(name="Renamed"))
    here.app.refresh_from_db()
    assert (here.app.name, here.app.secrets) == ("Renamed", {"bearer_token": BEARER_TOKEN})


def test_a_secret_is_replaced_by_what_is_typed(admin_client: Client) -> None:
    here = installation()
    admin_client.post(url("chatapp", here.app.pk, "change"), app_form(set__bearer_token="a-new-one"))
    here.app.refresh_from_db()
    assert here.app.secrets == {"bearer_token": "a-new-one"}


def test_a_configuration_that_cannot_work_is_refused_with_the_reason(admin_client: Client) -> None:
    here = installation()
    answer = admin_client.post(url("chatapp", here.app.pk, "change"), app_form(set__bearer_token="-"))
    assert "bearer_token" in answer.content.decode()
    here.app.refresh_from_db()
    assert here.app.secrets == {"bearer_token": BEARER_TOKEN}


def test_a_chat_app_is_added_with_the_fields_of_its_platform(admin_client: Client) -> None:
    typed = {"name": "New", "slug": "new", "platform": "layer", "layer__app_id": APP_ID, "layer__bearer_token": "abc"}
    assert admin_client.post(url("chatapp", "add"), typed).status_code == 302
    app = ChatApp.objects.get(slug="new")
    assert (app.options, app.secrets) == ({"app_id": APP_ID}, {"bearer_token": "abc"})


def test_secrets_that_cannot_be_decrypted_can_be_entered_anew(admin_client: Client) -> None:
    here = installation()
    ChatApp.objects.filter(pk=here.app.pk).update(secrets={"bearer_token": "gAAAAA-made-with-another-key"})
    assert "SECRET_KEY" in html(admin_client, url("chatapp", here.app.pk, "change"))
    admin_client.post(url("chatapp", here.app.pk, "change"), app_form(set__bearer_token="anew"))
    assert ChatApp.objects.get(pk=here.app.pk).secrets == {"bearer_token": "anew"}


def test_a_chat_app_that_is_in_use_is_not_deleted(admin_client: Client) -> None:
    here = installation()
    assert admin_client.post(url("chatapp", here.app.pk, "delete"), {"post": "yes"}).status_code == 403


def test_a_hook_shows_its_whole_url_and_its_delay_in_words(admin_client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://sms.example.com"
    here = installation()
    shown = html(admin_client, url("hook", here.hook.pk, "change"))
    assert "https://sms.example.com/webhooks/chat/layer/" in shown
    assert 'value="10 minutes"' in shown


def test_a_hook_takes_durations_lists_and_statuses_as_people_write_them(admin_client: Client) -> None:
    here = installation()
    typed = hook_form(here.hook, delay="1.5 h", events="message.sent\nmessage.read", report_for_status=["delivered"])
    admin_client.post(url("hook", here.hook.pk, "change"), typed)
    here.hook.refresh_from_db()
    assert here.hook.delay.total_seconds() == 5400
    assert here.hook.events == ["message.sent", "message.read"]
    assert here.hook.report_for_status == ["delivered"]
    assert here.hook.secret == HOOK_SECRET


@pytest.mark.parametrize("delay", ["ten minutes", "-1 h", "0"])
def test_a_wrong_delay_is_refused(admin_client: Client, delay: str) -> None:
    here = installation()
    assert admin_client.post(url("hook", here.hook.pk, "change"), hook_form(here.hook, delay=delay)).status_code == 200
    here.hook.refresh_from_db()
    assert here.hook.delay.total_seconds() == 600


def test_what_was_kept_of_the_hooks_is_forgotten_when_one_changes(admin_client: Client) -> None:
    from notifier.services.hooks import live_hooks

    here = installation()
    live_hooks()
    admin_client.post(url("hook", here.hook.pk, "change"), hook_form(here.hook, delay="3 minutes"))
    assert live_hooks()[here.hook.pk].delay.total_seconds() == 180


@pytest.mark.parametrize("page", FACTS)
def test_facts_are_not_changed_added_or_deleted(admin_client: Client, page: str) -> None:
    everything(people=1)
    row = MODELS[page].objects.first()
    before = MODELS[page].objects.filter(pk=row.pk).values().get()
    for address in (url(page, row.pk, "change"), url(page, "add"), url(page, row.pk, "delete")):
        assert admin_client.post(address, {"post": "yes", "key": "changed"}).status_code == 403
    assert MODELS[page].objects.filter(pk=row.pk).values().get() == before


def test_message_texts_are_on_their_own_page_only(admin_client: Client) -> None:
    everything(people=2)
    for page in PAGES:
        assert TEXT not in html(admin_client, url(page))
    shown = html(admin_client, url("message", Message.objects.latest("pk").pk, "change"))
    assert "nobody&#x27;s business" in shown


def test_a_message_shows_who_has_read_it(admin_client: Client) -> None:
    here = installation()
    shown = html(admin_client, url("message", admin_rows.message(here, 1).pk, "change"))
    told = [" ".join(row.split()) for row in re.findall(r"<td[^>]*>([^<]*)</td>", shown)]
    assert told == ["somebody-else", "read", "user-1", "sent"]


def test_a_failed_event_shows_its_body_as_text(admin_client: Client) -> None:
    here = installation()
    shown = html(admin_client, url("inboxevent", admin_rows.failed_event(here, 1).pk, "change"))
    assert "Zürich" in shown
    assert "is this a Layer webhook?" in shown


def test_failed_events_are_driven_again_and_it_is_written_down(admin_client: Client) -> None:
    here = installation()
    failed = admin_rows.failed_event(here, 1)
    waiting = admin_rows.failed_event(here, 2, state=InboxEvent.State.WAITING, error=None)
    shown = run_action(admin_client, "inboxevent", "drain_again", [failed, waiting])
    assert "Tried again: 1. Left alone, as it does not apply to them: 1." in shown
    failed.refresh_from_db()
    assert (failed.state, failed.error) == (InboxEvent.State.WAITING, None)
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.action_flag, entry.change_message) == (str(failed.pk), CHANGE, "Re-driven.")


def test_events_that_were_given_up_are_told_again(admin_client: Client) -> None:
    here = installation()
    dead = admin_rows.listened(here, 1, "dead")
    done = admin_rows.listened(here, 2, "done")
    run_action(admin_client, "listenedevent", "tell_once_more", [dead, done])
    assert dict(ListenedEvent.objects.values_list("pk", "state")) == {dead.pk: "waiting", done.pk: "done"}
    assert LogEntry.objects.get().object_id == str(dead.pk)


def test_who_may_only_look_has_no_actions(client: Client) -> None:
    here = installation()
    failed = admin_rows.failed_event(here, 1)
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(looker)
    for page in PAGES:
        html(client, url(page))
    for row, page in ((here.app, "chatapp"), (here.hook, "hook"), (failed, "inboxevent")):
        shown = html(client, url(page, row.pk, "change"))
        assert not [secret for secret in SECRETS if secret in shown]
    assert f"•••• {HOOK_SECRET[-2:]}" in html(client, url("hook", here.hook.pk, "change"))
    assert APP_ID in html(client, url("chatapp", here.app.pk, "change"))
    run_action(client, "inboxevent", "drain_again", [failed])
    failed.refresh_from_db()
    assert failed.state == InboxEvent.State.FAILED


def test_the_sidebar_offers_what_somebody_may_see(client: Client) -> None:
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_hook"))
    client.force_login(looker)
    shown = html(client, "/admin/")
    assert "/admin/notifier/hook/" in shown
    assert "/admin/smsbridge/lease/" not in shown


def test_what_an_operator_adds_is_in_the_history(admin_client: Client) -> None:
    here = installation()
    typed = hook_form(Hook(chat_app=here.app, slug="second", name="second"), secret="0123456789abcdef")
    assert admin_client.post(url("hook", "add"), typed).status_code == 302
    assert LogEntry.objects.get().action_flag == ADDITION
    assert Hook.objects.get(slug="second").secret == "0123456789abcdef"
    assert not Bridge.objects.filter(hook__slug="second").exists()


@pytest.mark.parametrize("page", PAGES)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    admin_client: Client, page: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    everything(people=12)
    with django_assert_max_num_queries(12):
        admin_client.get(url(page))
