"""Secrets in rows: not readable in the database, and readable here through a change of SECRET_KEY."""

from collections.abc import Callable, Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from notifier.models import ChatApp, Hook
from tests import factories

pytestmark = pytest.mark.django_db

FORMER, NEW = (
    "a former key of more than fifty characters, which is long",
    "a new key of more than fifty characters, which is long",
)
TOKEN, SIGNING = "the bearer token", "the signing secret"


Keys = Callable[..., None]


@pytest.fixture
def keys(settings: Settings) -> Iterator[Keys]:
    """Restarts the program under these keys, as far as fields are concerned: they remember what they derived."""

    def restart(key: str, *former: str) -> None:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = key, list(former)
        _forget()

    yield restart
    _forget()


def _forget() -> None:
    for field in (ChatApp._meta.get_field("secrets"), Hook._meta.get_field("secret")):
        for name in ("keys", "f"):
            field.__dict__.pop(name, None)


@pytest.fixture
def stored(keys: Keys) -> Hook:
    """A hook and its app with secrets that were written under the former key."""
    keys(FORMER)
    return factories.receipts_hook(factories.chat_app(secrets={"bearer_token": TOKEN}), secret=SIGNING)


def test_the_database_holds_no_readable_secret(stored: Hook) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select a.secrets, h.secret from notifier_chatapp a, notifier_hook h where h.chat_app_id = a.id")
        written = str(cursor.fetchall())
    assert TOKEN not in written
    assert SIGNING not in written
    assert "gAAAAA" in written


def test_a_new_key_reads_what_the_former_one_wrote(stored: Hook, keys: Keys) -> None:
    keys(NEW, FORMER)
    assert ChatApp.objects.get().secrets == {"bearer_token": TOKEN}
    assert Hook.objects.get().secret == SIGNING


def test_without_the_former_key_the_remedy_is_told(stored: Hook, keys: Keys) -> None:
    keys(NEW)
    for model in (Hook, ChatApp):
        with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FALLBACKS"):
            model._default_manager.get()


def test_what_is_saved_again_is_written_under_the_new_key(stored: Hook, keys: Keys) -> None:
    keys(NEW, FORMER)
    Hook.objects.get().save()
    ChatApp.objects.get().save()
    keys(NEW)
    assert Hook.objects.get().secret == SIGNING
    assert ChatApp.objects.get().secrets == {"bearer_token": TOKEN}


def test_rows_are_read_while_a_form_is_checked(stored: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another thread of the same process, which shares the field."""
    read: list[str | None] = []
    field = Hook._meta.get_field("secret")
    monkeypatch.setattr(field, "validators", [lambda _: read.append(Hook.objects.get().secret)])
    assert field.clean("another secret", stored) == "another secret"
    assert read == [SIGNING]
