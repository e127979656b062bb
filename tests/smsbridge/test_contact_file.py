"""The page on which contacts are imported from a CSV file: chosen, looked at, and then written exactly so."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from notifier.models import ChatApp
from smsbridge.admin import contact_file
from smsbridge.models import Contact
from tests import factories
from tests.admin_pages import Pages, html
from tests.operators import looker, operator
from tests.smsbridge.test_contact_import import FILE, app, stored

__all__ = ["app"]  # a fixture

pytestmark = pytest.mark.django_db

url = Pages("smsbridge").url


def chosen(app: ChatApp, text: str = FILE) -> dict[str, Any]:
    return {"chat_app": app.pk, "file": SimpleUploadedFile("people.csv", text.encode())}


def sent(client: Client, app: ChatApp) -> str:
    """What the page sends back when it is confirmed."""
    return str(client.post(url("contact", "import-file"), chosen(app)).context["confirmed"])


def test_the_list_leads_to_the_page(admin_client: Client) -> None:
    assert url("contact", "import-file") in html(admin_client, url("contact"))
    assert "first line names the columns" in html(admin_client, url("contact", "import-file"))


def test_a_file_of_ids_and_phones_is_enough(admin_client: Client, app: ChatApp) -> None:
    text = "user_id,phone\nben,+12025550102\n"
    confirmed = admin_client.post(url("contact", "import-file"), chosen(app, text)).context["confirmed"]
    admin_client.post(url("contact", "import-file"), {"confirmed": confirmed})
    assert stored(app, "ben")["phone"] == "+12025550102"


def test_what_is_too_large_to_be_confirmed_says_so_at_once(admin_client: Client, app: ChatApp) -> None:
    text = "user_id\n" + "".join(f"{uuid4()}\n" for _ in range(15_000))
    answer = admin_client.post(url("contact", "import-file"), chosen(app, text))
    assert "import it in parts, or by manage.py import_contacts" in answer.content.decode()
    assert answer.context["confirmed"] == ""


def test_the_largest_that_the_page_takes_can_be_confirmed(
    admin_client: Client, app: ChatApp, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(contact_file, "_LONGEST", 2000)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2000 + 16 * 1024
    text = "user_id\n" + "".join(f"{uuid4()}\n" for _ in range(30))
    confirmed = admin_client.post(url("contact", "import-file"), chosen(app, text)).context["confirmed"]
    assert 1000 < len(confirmed) < 2000
    admin_client.post(url("contact", "import-file"), {"confirmed": confirmed})
    assert Contact.objects.count() == 30


def test_what_another_looked_at_is_not_written(admin_client: Client, client: Client, app: ChatApp) -> None:
    confirmed = sent(admin_client, app)
    client.force_login(operator("another"))
    said = client.post(url("contact", "import-file"), {"confirmed": confirmed}, follow=True).content.decode()
    assert "choose the file again" in said
    assert not Contact.objects.exists()


def test_no_other_site_can_have_it_confirmed(admin_client: Client, admin_user: User, app: ChatApp) -> None:
    confirmed = sent(admin_client, app)
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(admin_user)
    assert careful.post(url("contact", "import-file"), {"confirmed": confirmed}).status_code == 403
    assert not Contact.objects.exists()


def test_the_page_shows_what_would_change(admin_client: Client, app: ChatApp) -> None:
    said = admin_client.post(url("contact", "import-file"), chosen(app)).content.decode()
    assert "New: 2. Changed: 0." in said
    assert "+12025550102" not in said.split('name="confirmed"')[0]
    assert not Contact.objects.exists()


def test_confirmed_it_is_written_and_noted(admin_client: Client, app: ChatApp) -> None:
    confirmed = sent(admin_client, app)
    said = admin_client.post(url("contact", "import-file"), {"confirmed": confirmed}, follow=True).content.decode()
    assert "Imported: 2 new, 0 changed, 0 unchanged." in said
    assert "Imported contacts: 2 new" in LogEntry.objects.latest("pk").change_message


def test_what_changed_since_is_looked_at_again(admin_client: Client, app: ChatApp) -> None:
    confirmed = sent(admin_client, app)
    factories.contact(app, "ben", phone="+12025550188")
    said = admin_client.post(url("contact", "import-file"), {"confirmed": confirmed}, follow=True).content.decode()
    assert "have changed since you looked" in said
    assert stored(app, "ben")["phone"] == "+12025550188"


def test_what_was_not_looked_at_is_not_written(admin_client: Client, app: ChatApp) -> None:
    said = admin_client.post(url("contact", "import-file"), {"confirmed": "made:up"}, follow=True).content.decode()
    assert "choose the file again" in said
    assert not Contact.objects.exists()


def test_wrong_lines_cannot_be_confirmed(admin_client: Client, app: ChatApp) -> None:
    answer = admin_client.post(url("contact", "import-file"), chosen(app, FILE + ",x,,,\n"))
    assert "Line 4: user_id is empty" in answer.content.decode()
    assert answer.context["confirmed"] == ""


def test_who_may_only_look_may_not_import(client: Client, admin_client: Client, app: ChatApp) -> None:
    confirmed = sent(admin_client, app)
    client.force_login(looker("view_contact", "change_contact"))
    assert client.get(url("contact", "import-file")).status_code == 403
    assert client.post(url("contact", "import-file"), {"confirmed": confirmed}).status_code == 403
