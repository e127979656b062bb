"""What operators did is written down, without secrets and phones, and stays; who may only look changes nothing."""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifier.entrance import codes
from smsbridge.models import Number, NumberOrder, VendorAccount
from smsbridge.services.roles import make_roles
from tests.admin_pages import html
from tests.admin_rows import SECRETS, Installation, everything, phone
from tests.operators import looker, operator, with_app
from tests.smsbridge.environments import environment
from tests.smsbridge.number_shop import Shop

pytestmark = pytest.mark.django_db

AUDIT = "/admin/admin/logentry/"
# What pages ask before they do something.
YES = {"post": "yes", "confirmed": "yes", "why": "Because.", "reason": "Because."}
# Actions that only ask somebody outside, or change something there.
OUTSIDE_ONLY = {"check_now", "point_here"}
# What a request writes down of itself: of no interest to whoever asks what an operator changed.
UNTOLD = {"django_admin_log", "django_session", "django_content_type"}


def all_actions() -> list[Any]:
    """Every action that any page of the admin offers to a superuser."""
    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return [
        pytest.param(model, name, id=f"{model._meta.model_name}-{name}")
        for model, page in admin.site._registry.items()
        for name in page.get_actions(request)
    ]


def all_pages() -> list[Any]:
    return [pytest.param(model, id=model._meta.label_lower) for model in admin.site._registry]


def address(model: type[Model], page: str, *rest: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=rest)


def run(client: Client, model: type[Model], action: str) -> Any:
    rows = [row.pk for row in model._default_manager.all()]
    values = {"action": action, "_selected_action": rows, **YES}
    return client.post(address(model, "changelist"), values)


def changed_tables(queries: CaptureQueriesContext) -> set[str]:
    found = (re.search(r'\b(?:update|insert into|delete from)\s+"?(\w+)', one["sql"], re.I) for one in queries)
    return {match[1] for match in found if match} - UNTOLD


def filled(people: int) -> Installation:
    made = everything(people=people)
    Group.objects.create(name="Friends")
    Number.objects.filter(pk=made.numbers[0].pk).update(active=False)
    AccessAttempt.objects.create(username="somebody", ip_address="192.0.2.1", failures_since_start=1)
    user = operator("somebody", is_superuser=False)
    with_app(user)
    codes.new_backup_codes(user)
    return made


@pytest.fixture
def here() -> Installation:
    return filled(people=1)


@pytest.fixture
def busy() -> Iterator[Installation]:
    """Rows in so many states that every action finds some which it applies to; the vendor has some of the numbers."""
    made = filled(people=9)
    spare = Number.objects.create(e164="+14155552999", account=made.account)
    ordered = NumberOrder.objects.filter(state=NumberOrder.State.UNCERTAIN).values_list("e164", flat=True)
    used = [number.e164 for number in made.numbers]
    with Shop(spare.e164, *used, *ordered) as shop:
        VendorAccount.objects.filter(pk=made.account.pk).update(options={"url": shop.url})
        yield made


@pytest.mark.parametrize(("model", "action"), all_actions())
def test_an_action_changes_something_and_it_is_written_down(
    admin_client: Client, busy: Installation, model: type[Model], action: str
) -> None:
    with CaptureQueriesContext(connection) as queries:
        run(admin_client, model, action)
    assert changed_tables(queries) or action in OUTSIDE_ONLY, "Give this action rows that it applies to."
    assert LogEntry.objects.exists()


@pytest.mark.parametrize(("model", "action"), all_actions())
def test_who_may_only_look_runs_no_action(client: Client, here: Installation, model: type[Model], action: str) -> None:
    client.force_login(looker())
    before = model._default_manager.count()
    with CaptureQueriesContext(connection) as queries:
        run(client, model, action)
    assert changed_tables(queries) == set()
    assert model._default_manager.count() == before
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("model", all_pages())
def test_who_may_only_look_changes_nothing_by_address(client: Client, here: Installation, model: type[Model]) -> None:
    client.force_login(looker())
    row = model._default_manager.first()
    pages = [address(model, "add")]
    if row is not None:
        pages += [address(model, page, row.pk) for page in ("change", "delete")]
    if model is User:
        pages.append(address(User, "changelist") + f"{User.objects.get(username='somebody').pk}/password/")
    for page in pages:
        assert client.post(page, YES).status_code == 403, page


@pytest.mark.parametrize("model", all_pages())
def test_who_may_see_nothing_sees_nothing(client: Client, here: Installation, model: type[Model]) -> None:
    client.force_login(operator("new", is_superuser=False))
    row = model._default_manager.first()
    pages = [address(model, "changelist")] + ([address(model, "change", row.pk)] if row is not None else [])
    assert [client.get(page).status_code for page in pages] == [403] * len(pages)
    assert address(model, "changelist") not in html(client, "/admin/")


def test_the_audit_says_who_did_what_to_which_object(client: Client, here: Installation) -> None:
    ann = operator()
    client.force_login(ann)
    client.post(address(type(here.pool), "change", here.pool.pk), {"name": "Renamed", **_no_numbers()})
    shown = html(client, AUDIT)
    for words in ("ann", "changed", "pool", "Renamed", "Changed Name"):
        assert words in shown
    assert address(type(here.pool), "change", here.pool.pk) in shown


@pytest.mark.parametrize("query", ["?q=ann", "?what=2", "?q=Released", "?kind={kind}", "?user__id__exact={user}"])
def test_the_audit_is_searched_and_filtered(client: Client, here: Installation, query: str) -> None:
    ann, lease = operator(), apps.get_model("smsbridge", "lease")
    client.force_login(ann)
    run(client, lease, "release")
    LogEntry.objects.log_actions(User.objects.get(username="somebody").pk, [here.pool], DELETION, "Something else.")
    kind = LogEntry.objects.filter(action_flag=CHANGE)[0].content_type_id
    found = client.get(AUDIT + query.format(kind=kind, user=ann.pk)).context["cl"].result_list
    assert {entry.change_message for entry in found} == {"Released."}


@pytest.mark.parametrize("model", ["admin.logentry", "axes.accesslog", "axes.accessfailurelog"])
def test_nobody_changes_or_deletes_it(admin_client: Client, here: Installation, model: str) -> None:
    page = apps.get_model(model)
    admin_client.post("/admin/login/", {"username": "somebody", "password": "a guess"})
    run(admin_client, apps.get_model("smsbridge", "lease"), "release")
    row = page._default_manager.first()
    before = list(page._default_manager.values())
    if row is not None:
        for name in ("change", "delete"):
            assert admin_client.post(address(page, name, row.pk), YES).status_code == 403
    run(admin_client, page, "delete_selected")
    assert list(page._default_manager.values()) == before


def test_nobody_deletes_a_user_and_with_him_what_he_did(admin_client: Client, here: Installation) -> None:
    ann, new = operator(), operator("new")
    LogEntry.objects.log_actions(ann.pk, [here.pool], CHANGE, "Renamed.")
    assert admin_client.post(address(User, "delete", ann.pk), YES).status_code == 403
    run(admin_client, User, "delete_selected")
    assert User.objects.filter(pk=ann.pk).exists()
    assert admin_client.post(address(User, "delete", new.pk), YES).status_code == 302


def test_no_secret_and_no_phone_gets_into_it(admin_client: Client, busy: Installation) -> None:
    """Django writes the names of fields, not their values; objects are named by what is no secret."""
    app, contact = busy.app, apps.get_model("smsbridge", "contact").objects.get(user_id="user-1")
    typed = {"name": app.name, "slug": app.slug, "set__app_id": app.options["app_id"], "set__bearer_token": "new-token"}
    admin_client.post(address(type(app), "change", app.pk), typed)
    admin_client.post(address(type(contact), "change", contact.pk), {"name": "A", "phone": phone(77), "custom": "{}"})
    admin_client.post(address(apps.get_model("smsbridge", "optout"), "add"), {"phone": phone(78), "note": "asked"})
    assert LogEntry.objects.count() == 3
    for model, action in (one.values for one in all_actions()):
        run(admin_client, model, action)
    written = str(list(LogEntry.objects.values_list("object_repr", "change_message")))
    assert not [secret for secret in (*SECRETS, "new-token") if secret in written]
    assert not re.search(r"\+1202\d{7}", written)


class TestRoles:
    def test_operators_settle_and_do_not_configure(self, client: Client, here: Installation) -> None:
        client.force_login(self._of("Operators"))
        lease = apps.get_model("smsbridge", "lease")
        run(client, lease, "release")
        assert not lease.objects.exists()
        assert client.get(address(type(here.bridge), "change", here.bridge.pk)).status_code == 200
        for row in (here.bridge, here.pool, here.account, here.hook, here.app, here.numbers[0]):
            assert client.post(address(type(row), "change", row.pk)).status_code == 403
        assert client.get(AUDIT).status_code == 403

    def test_administrators_configure_and_see_the_audit_but_change_no_users(
        self, client: Client, here: Installation
    ) -> None:
        user = self._of("Administrators")
        client.force_login(user)
        client.post(address(type(here.pool), "change", here.pool.pk), {"name": "Renamed", **_no_numbers()})
        here.pool.refresh_from_db()
        assert here.pool.name == "Renamed"
        html(client, AUDIT)
        for page in ("change", "delete"):
            assert client.post(address(User, page, user.pk), {"is_superuser": "on"}).status_code == 403
        user.refresh_from_db()
        assert not user.is_superuser

    def test_who_may_change_users_by_permission_still_makes_nobody_a_superuser(self, client: Client) -> None:
        clerk = looker("view_user", "change_user", "add_user", "change_group", "add_group")
        client.force_login(clerk)
        assert client.post(address(User, "change", clerk.pk), {"is_superuser": "on"}).status_code == 403
        assert client.post(address(Group, "add"), {"name": "mine"}).status_code == 403

    def test_setting_up_again_adds_what_is_missing_and_takes_nothing(self) -> None:
        assert set(make_roles().values()) == {"created"}
        assert set(make_roles().values()) == {"unchanged"}
        group, own = (
            Group.objects.get(name="Operators"),
            Permission.objects.get(codename="add_user", content_type__app_label="auth"),
        )
        group.permissions.remove(Permission.objects.get(codename="view_lease"))
        group.permissions.add(own)
        assert make_roles()["role Operators"] == "permissions added: 1"
        assert own in group.permissions.all()

    def test_a_dry_run_makes_none(self) -> None:
        make_roles(dry_run=True)
        assert not Group.objects.exists()

    def test_setup_makes_them(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        environment(settings, monkeypatch)
        call_command("setup", stdout=(out := StringIO()))
        assert "role Operators: created" in out.getvalue()

    @staticmethod
    def _of(role: str) -> User:
        make_roles()
        user = operator("colleague", is_superuser=False)
        user.groups.add(Group.objects.get(name=role))
        return user


def _no_numbers() -> dict[str, str]:
    return {"numbers-TOTAL_FORMS": "0", "numbers-INITIAL_FORMS": "0"}
