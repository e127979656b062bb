"""The admin's pages for what platforms differ in: kinds of hooks, connections, rules, and who takes part."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from notifier.models import ChatApp, Conversation, Hook, Listener, Participant, Rule
from notifier.platforms import registry
from notifier.platforms.base import Can
from notifier.platforms.layer import LayerPlatform
from notifier.services.rules import for_app
from smsbridge.services.roles import OPERATORS, make_roles
from tests import admin_rows, factories
from tests.admin_pages import Pages, html
from tests.admin_rows import installation
from tests.notifier.test_admin import hook_form
from tests.operators import operator

pytestmark = pytest.mark.django_db

pages = Pages("notifier")
url = pages.url
PHONE = "+12025550177"


class Plugged(LayerPlatform):
    """Tells over a connection of ours, and cannot say who has read what."""

    title = "Plugged"
    can = frozenset({Can.SOCKET, Can.ASK})


class Handmade(LayerPlatform):
    """Calls us once somebody has told it to."""

    title = "Handmade"
    can = LayerPlatform.can - {Can.REGISTER}


@pytest.fixture(autouse=True)
def _platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform in (Plugged, Handmade):
        monkeypatch.setitem(registry.PLATFORMS, platform.title.lower(), f"{__name__}.{platform.__name__}")


@pytest.fixture
def plugged(db: None) -> Hook:
    app = factories.chat_app("plugged", platform="plugged")
    return factories.notifying_hook(app, identities="directory", secret="")


def hook_page(client: Client, hook: Hook) -> str:
    return html(client, url("hook", hook.pk, "change"))


class TestAHook:
    def test_of_the_new_kind_is_saved_as_it_was_chosen(self, admin_client: Client, plugged: Hook) -> None:
        typed = hook_form(plugged, kind="notify", identities="directory", ask_first="always", delay="0")
        assert admin_client.post(url("hook", plugged.pk, "change"), typed).status_code == 302
        plugged.refresh_from_db()
        assert (plugged.kind, plugged.identities, plugged.ask_first) == ("notify", "directory", "always")
        assert plugged.delay == timedelta(0)

    def test_that_asks_for_what_its_platform_cannot_do_is_refused_with_the_reason(
        self, admin_client: Client, plugged: Hook
    ) -> None:
        typed = hook_form(plugged, kind="receipts", identities="platform")
        shown = admin_client.post(url("hook", plugged.pk, "change"), typed).content.decode()
        assert "Plugged cannot say who has read a message" in shown
        assert "Plugged cannot tell a user&#x27;s name and phone: choose our own contacts" in shown
        assert Hook.objects.get(pk=plugged.pk).kind == "notify"

    def test_tells_its_kind_in_words(self, admin_client: Client, plugged: Hook) -> None:
        shown = html(admin_client, url("hook"))
        assert "every message" in shown

    def test_that_is_listened_to_shows_no_url_but_what_to_run(self, admin_client: Client, plugged: Hook) -> None:
        shown = hook_page(admin_client, plugged)
        assert "/webhooks/chat/" not in shown
        assert "none: run the process `manage.py listen`" in shown
        assert "nobody listens: run the process" in shown

    def test_shows_how_its_connection_is(self, admin_client: Client, plugged: Hook) -> None:
        then = timezone.now() - timedelta(days=400)
        Listener.objects.create(hook=plugged, connected_at=then, error="The key was refused.")
        shown = hook_page(admin_client, plugged)
        assert str(then.year) in shown
        assert "not now" in shown
        assert "The key was refused." in shown

    def test_goes_with_what_is_known_of_its_connection(self, admin_client: Client, plugged: Hook) -> None:
        Listener.objects.create(hook=plugged)
        admin_client.post(url("hook", plugged.pk, "delete"), {"post": "yes"})
        assert not Hook.objects.filter(pk=plugged.pk).exists()

    def test_that_is_called_has_no_connection(self, admin_client: Client) -> None:
        shown = hook_page(admin_client, installation().hook)
        assert "/webhooks/chat/layer/" in shown
        assert "none: the platform calls us" in shown

    def test_that_must_be_registered_by_hand_says_how(self, admin_client: Client) -> None:
        hook = factories.receipts_hook(factories.chat_app(platform="handmade"))
        assert "by hand: the command register_webhooks tells how" in hook_page(admin_client, hook)


class TestARule:
    def form(self, app: ChatApp, **changes: Any) -> dict[str, Any]:
        good = {"chat_app": app.pk, "name": "board", "enabled": "on", "recipients": "phones", "phones": PHONE}
        return {**good, "events": "", "contexts": "", "conversations": "", **changes}

    def test_takes_lists_as_lines_and_phones_as_people_write_them(self, admin_client: Client) -> None:
        app = installation().app
        for_app(app.pk)
        typed = self.form(app, phones="+1 (202) 555-0177\n+1.202.555.0178", contexts="c1\nc2", events="message.sent")
        assert admin_client.post(url("rule", "add"), typed).status_code == 302
        rule = Rule.objects.get()
        assert (rule.phones, rule.contexts) == ([PHONE, "+12025550178"], ["c1", "c2"])
        assert (rule.events, rule.conversations) == (["message.sent"], [])
        assert len(for_app(app.pk)) == 1, "it is in force at once"

    def test_with_a_wrong_phone_is_refused_by_its_place(self, admin_client: Client) -> None:
        app = installation().app
        shown = admin_client.post(url("rule", "add"), self.form(app, phones=f"{PHONE}\n555-12")).content.decode()
        assert "Phone 2 of 2 is no phone number" in shown
        assert not Rule.objects.exists()

    def test_is_listed_without_its_phones(self, admin_client: Client) -> None:
        app = installation().app
        Rule.objects.create(chat_app=app, name="board", recipients="phones", phones=[PHONE] * 5, contexts=["c1"])
        shown = html(admin_client, url("rule"))
        assert PHONE not in shown
        assert "•••• 77" in shown
        assert "and 2 more" in shown
        assert "contexts: c1" in shown

    def test_is_found_from_its_chat_app(self, admin_client: Client) -> None:
        app = installation().app
        assert f"{url('rule')}?chat_app__id__exact={app.pk}" in html(admin_client, url("chatapp", app.pk, "change"))

    def test_s_change_is_in_the_audit_without_phones(self, admin_client: Client) -> None:
        app = installation().app
        rule = Rule.objects.create(chat_app=app, name="board", recipients="phones", phones=["+12025550100"])
        admin_client.post(url("rule", rule.pk, "change"), self.form(app))
        entry = LogEntry.objects.get()
        assert (entry.object_repr, entry.object_id) == ("board", str(rule.pk))
        assert PHONE not in entry.change_message


class TestAConversation:
    def test_shows_who_takes_part_and_that_it_is_encrypted(self, admin_client: Client) -> None:
        place = admin_rows.conversation(installation(), 1)
        Participant.objects.create(conversation=place, user_id="somebody-there")
        Conversation.objects.update(encrypted=True)
        assert "somebody-there" in html(admin_client, url("conversation", place.pk, "change"))
        assert "encrypted" in html(admin_client, url("conversation"))

    def test_whose_roster_could_not_be_had_says_why_and_is_asked_about_again(self, client: Client) -> None:
        """By an operator, too: it settles what is stuck."""
        here = installation()
        place = admin_rows.conversation(here, 1)
        Conversation.objects.update(roster_error="It was away.", roster_attempts=8)
        make_roles()
        somebody = operator("olga", is_superuser=False)
        somebody.groups.add(Group.objects.get(name=OPERATORS))
        client.force_login(somebody)
        assert "given up: It was away." in html(client, url("conversation", place.pk, "change"))
        assert "nobody known in it" in html(client, url("conversation") + "?roster=missing")
        other = admin_rows.conversation(here, 2)
        assert "Asked again: 1. Left alone" in pages.run_action(
            client, "conversation", "ask_who_takes_part", [place, other]
        )
        place.refresh_from_db()
        assert place.roster_due_at
        assert LogEntry.objects.get().object_id == str(place.pk)
        assert "next at" in html(client, url("conversation", place.pk, "change"))
