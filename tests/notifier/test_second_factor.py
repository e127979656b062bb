"""The admin's second factor: nothing is open before it, no code opens twice, and who lost his phone gets help."""

import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp.plugins.otp_static.models import StaticToken

from notifier.entrance import codes
from notifier.entrance.checks import second_factor as check_second_factor
from notifier.entrance.models import Authenticator
from tests.admin_pages import html
from tests.operators import (
    CODE,
    LOGIN,
    NEXT_CODE_SECONDS,
    OVERVIEW,
    PASSWORD,
    SET_UP,
    asks_for_code,
    enter,
    enter_password,
    lets_in,
    logged_in,
    looker,
    operator,
    shown_by,
    with_app,
    wrong_for,
)

pytestmark = pytest.mark.django_db

OPEN_TO_ALL = {LOGIN, "/admin/logout/", CODE, SET_UP}


@pytest.fixture(autouse=True)
def _switched_on(settings: Any) -> None:
    settings.ADMIN_SECOND_FACTOR = True


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-01T10:00:01Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann() -> User:
    return operator()


def addresses(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """An address for every pattern, with "1" for whatever varies."""
    for one in patterns:
        piece = re.sub(r"\(\?P<\w+>\(?(\w+).*?\)+|\.\*", r"\1", str(one.pattern).strip("^$\\Z"))
        address = before + re.sub(r"<[^>]+>", "1", piece)
        yield from addresses(one.url_patterns, address) if isinstance(one, URLResolver) else [address]


def admin_addresses() -> list[str]:
    site = [one for one in get_resolver().url_patterns if getattr(one, "namespace", None) == "admin"]
    return list(addresses(list(site)))


def backup_codes(page: str) -> list[str]:
    return re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", page)


class TestNothingIsOpenBeforeIt:
    def test_the_list_of_addresses_is_whole(self) -> None:
        found = admin_addresses()
        assert len(found) > 100
        named = {"/admin/jsi18n/", "/admin/autocomplete/", "/admin/password_change/", "/admin/search/", "/admin/r/1/1/"}
        assert named | OPEN_TO_ALL | {"/admin/smsbridge/lease/1/change/", "/admin/auth/user/1/password/"} <= set(found)

    @pytest.mark.parametrize("step", ["nobody", "password only", "password only, app set up"])
    def test_no_address_of_the_admin_answers(self, client: Client, ann: User, step: str) -> None:
        if step != "nobody":
            client.force_login(ann)
        if step.endswith("set up"):
            with_app(ann)
        for address in set(admin_addresses()) - OPEN_TO_ALL:
            for answer in (client.get(address), client.post(address), client.get(f"{address}?_popup=1")):
                assert answer.status_code == 302, address
                assert answer.headers["Location"].startswith(f"{LOGIN}?next="), address

    def test_the_password_leads_to_the_code_and_the_code_to_the_page(self, client: Client, ann: User) -> None:
        app = with_app(ann)
        goal = "/admin/smsbridge/lease/?alive=yes"
        answer = client.post(f"{LOGIN}?next=/admin/smsbridge/lease/%3Falive%3Dyes", follow=False, data={
            "username": "ann", "password": PASSWORD, "next": goal,
        })  # fmt: skip
        assert asks_for_code(answer, goal)
        assert "authenticator app shows" in html(client, answer.headers["Location"])
        assert lets_in(enter(client, shown_by(app), next=goal), goal)
        html(client, goal)

    def test_somebody_half_way_is_led_on_from_the_login_page(self, client: Client, ann: User) -> None:
        with_app(ann)
        client.force_login(ann)
        assert asks_for_code(client.get(f"{LOGIN}?next=/admin/smsbridge/lease/"), "/admin/smsbridge/lease/")

    def test_somebody_half_way_may_log_out(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        assert client.post("/admin/logout/").status_code == 200
        assert "_auth_user_id" not in client.session

    @pytest.mark.parametrize("goal", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
    def test_a_login_leads_to_no_other_site(self, client: Client, ann: User, goal: str) -> None:
        app = with_app(ann)
        client.force_login(ann)
        assert lets_in(enter(client, shown_by(app), next=goal))

    def test_who_is_not_of_the_staff_gets_no_code_page(self, client: Client) -> None:
        client.force_login(User.objects.create_user("customer"))
        for page in (CODE, SET_UP):
            assert client.get(page).headers["Location"].startswith(LOGIN)

    def test_switched_off_the_password_is_enough(self, client: Client, ann: User, settings: Any) -> None:
        settings.ADMIN_SECOND_FACTOR = False
        with_app(ann)
        assert lets_in(enter_password(client))
        html(client, "/admin/")

    def test_switched_off_in_production_is_warned_of(self, settings: Any) -> None:
        assert check_second_factor(None) == []
        settings.ADMIN_SECOND_FACTOR, settings.DEBUG = False, False
        assert [one.id for one in check_second_factor(None)] == ["entrance.W001"]


class TestSettingUp:
    def test_without_an_app_the_password_leads_to_setting_one_up(self, client: Client, ann: User) -> None:
        answer = enter_password(client, follow=True)
        assert answer.redirect_chain[-1][0].startswith(SET_UP)

    def test_the_page_shows_the_key_as_picture_and_as_text(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        shown = html(client, SET_UP)
        key = Authenticator.objects.get().key
        assert "<svg" in shown
        assert re.sub(r"\s", "", re.findall(r'id="key"[^>]*>([A-Z2-7 ]+)<', shown)[0]) == key

    def test_the_picture_says_what_authenticator_apps_read(self, ann: User) -> None:
        app = codes.begin(ann)
        assert app.address("SMS Bridge") == (
            f"otpauth://totp/SMS%20Bridge%3Aann?secret={app.key}&issuer=SMS%20Bridge"
        )  # fmt: skip

    def test_the_first_code_opens_and_shows_ten_backup_codes_once(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        html(client, SET_UP)
        shown = enter(client, shown_by(Authenticator.objects.get()), SET_UP).content.decode()
        assert len(set(backup_codes(shown))) == 10
        assert codes.authenticator_of(ann) is not None
        assert backup_codes(html(client, OVERVIEW)) == []

    def test_a_wrong_first_code_opens_nothing(self, client: Client, ann: User) -> None:
        client.force_login(ann)
        html(client, SET_UP)
        app = Authenticator.objects.get()
        assert "is wrong" in enter(client, wrong_for(app), SET_UP).content.decode()
        assert codes.authenticator_of(ann) is None
        assert client.get("/admin/").status_code == 302

    def test_each_session_sets_up_a_key_of_its_own(self, client: Client, ann: User) -> None:
        """Else somebody who knows the password could look at the key before its owner takes it into use."""
        other = Client()
        for one in (client, other, client):
            one.force_login(ann)
            html(one, SET_UP)
        assert Authenticator.objects.count() >= 2
        assert len({app.key for app in Authenticator.objects.all()}) == Authenticator.objects.count()

    def test_the_key_and_the_backup_codes_are_not_readable_in_the_database(self, ann: User) -> None:
        app, shown = with_app(ann), codes.new_backup_codes(ann)
        with connection.cursor() as cursor:
            cursor.execute("select key from entrance_authenticator")
            stored = cursor.fetchone()[0]
        assert app.key not in stored
        assert not {codes.tidy(code) for code in shown} & set(StaticToken.objects.values_list("token", flat=True))

    def test_half_way_nobody_sets_up_another_app_in_place_of_the_first(self, client: Client, ann: User) -> None:
        with_app(ann)
        client.force_login(ann)
        assert client.get(SET_UP).headers["Location"].startswith(CODE)
        assert client.post(SET_UP, {"code": "123456"}).headers["Location"].startswith(CODE)


class TestCodes:
    def test_a_code_opens_once(self, client: Client, ann: User, clock: time_machine.Traveller) -> None:
        app = with_app(ann)
        code = shown_by(app)
        logged_in(client, ann, app)
        again = Client()
        again.force_login(ann)
        assert "used already" in enter(again, code).content.decode()
        clock.shift(NEXT_CODE_SECONDS)
        assert lets_in(enter(again, shown_by(app)))

    @pytest.mark.parametrize(("seconds", "opens"), [(-60, False), (-30, True), (30, True), (60, False)])
    def test_the_clocks_may_differ_by_half_a_minute(
        self, client: Client, ann: User, clock: time_machine.Traveller, seconds: int, opens: bool
    ) -> None:
        app = with_app(ann)
        clock.shift(seconds)
        code = shown_by(app)
        clock.shift(-seconds)
        client.force_login(ann)
        assert lets_in(enter(client, code)) is opens

    def test_a_code_may_be_typed_with_a_blank(self, client: Client, ann: User) -> None:
        app = with_app(ann)
        client.force_login(ann)
        code = shown_by(app)
        assert lets_in(enter(client, f" {code[:3]} {code[3:]} "))

    @pytest.mark.parametrize("code", ["", "abc", "٣٣٣٣٣٣", "-12345", "1e5", "x" * 41, "\0"])
    def test_nonsense_opens_nothing(self, client: Client, ann: User, code: str) -> None:
        with_app(ann)
        client.force_login(ann)
        assert enter(client, code).status_code == 200

    def test_the_code_of_somebody_else_opens_nothing(self, client: Client, ann: User) -> None:
        with_app(ann)
        others = with_app(operator("bob"))
        client.force_login(ann)
        assert enter(client, shown_by(others)).status_code == 200

    def test_the_session_gets_a_new_key(self, client: Client, ann: User) -> None:
        app = with_app(ann)
        enter_password(client)
        before = client.session.session_key
        assert lets_in(enter(client, shown_by(app)))
        assert client.session.session_key not in (None, before)
        assert not Client(headers={"cookie": f"sessionid={before}"}).session.keys()

    def test_a_session_ends_with_the_app_that_it_stands_on(self, client: Client, ann: User) -> None:
        logged_in(client, ann, with_app(ann))
        html(client, "/admin/")
        codes.forget(ann)
        assert client.get("/admin/").status_code == 302

    def test_a_changed_secret_key_keeps_app_and_backup_codes_while_the_former_one_is_known(
        self, client: Client, ann: User, settings: Any
    ) -> None:
        app, spare = with_app(ann), codes.new_backup_codes(ann)[0]
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key, as long as it must be"
        client.force_login(ann)
        assert lets_in(enter(client, spare))
        assert codes.verify(ann, shown_by(app))


class TestBackupCodes:
    def test_each_opens_once_and_it_is_written_down(self, client: Client, ann: User) -> None:
        with_app(ann)
        spare = codes.new_backup_codes(ann)[3]
        client.force_login(ann)
        assert lets_in(enter(client, spare.upper().replace("-", " ")))
        assert "Backup codes left: 9" in html(client, "/admin/")
        assert LogEntry.objects.get().change_message == "Backup code used; 9 left."
        again = Client()
        again.force_login(ann)
        assert enter(again, spare).status_code == 200

    def test_new_ones_need_a_code_and_replace_the_others(
        self, client: Client, ann: User, clock: time_machine.Traveller
    ) -> None:
        app, old = with_app(ann), codes.new_backup_codes(ann)
        logged_in(client, ann, app, clock)
        assert backup_codes(enter(client, wrong_for(app), OVERVIEW).content.decode()) == []
        clock.shift(NEXT_CODE_SECONDS)
        fresh = backup_codes(enter(client, shown_by(app), OVERVIEW).content.decode())
        assert len(fresh) == 10
        assert codes.verify(ann, old[0]) is None
        clock.shift(NEXT_CODE_SECONDS)
        assert codes.verify(ann, fresh[0])
        assert "New backup codes." in LogEntry.objects.values_list("change_message", flat=True)

    def test_new_ones_end_the_sessions_that_stand_on_one_of_the_old(self, ann: User) -> None:
        with_app(ann)
        thief = Client()
        thief.force_login(ann)
        assert lets_in(enter(thief, codes.new_backup_codes(ann)[0]))
        assert thief.get("/admin/").status_code == 200
        codes.new_backup_codes(ann)
        assert thief.get("/admin/").status_code == 302


class TestAnotherApp:
    def test_it_takes_the_place_of_the_first_after_a_code_of_each(
        self, client: Client, ann: User, clock: time_machine.Traveller
    ) -> None:
        first = with_app(ann)
        logged_in(client, ann, first, clock)
        html(client, SET_UP)
        second = Authenticator.objects.get(confirmed=False)
        refused = enter(client, shown_by(second), SET_UP, present=wrong_for(first))
        assert refused.status_code == 200
        assert backup_codes(refused.content.decode()) == []
        clock.shift(NEXT_CODE_SECONDS)
        taken = enter(client, shown_by(second), SET_UP, present=shown_by(first))
        assert len(backup_codes(taken.content.decode())) == 10
        assert codes.authenticator_of(ann) == second
        assert Authenticator.objects.count() == 1
        html(client, "/admin/")


class TestWrongCodes:
    def test_after_a_wrong_one_even_a_right_one_must_wait(
        self, client: Client, ann: User, clock: time_machine.Traveller
    ) -> None:
        app = with_app(ann)
        client.force_login(ann)
        for _ in range(3):
            enter(client, wrong_for(app))
            clock.shift(5)
        enter(client, wrong_for(app))
        assert "Wait 8 seconds" in enter(client, shown_by(app)).content.decode()
        clock.shift(8.1)
        assert lets_in(enter(client, shown_by(app)))

    def test_they_do_not_block_the_backup_codes(self, client: Client, ann: User) -> None:
        app, spare = with_app(ann), codes.new_backup_codes(ann)[0]
        client.force_login(ann)
        enter(client, wrong_for(app))
        assert lets_in(enter(client, spare))

    def test_their_number_is_told_at_the_next_login(
        self, client: Client, ann: User, clock: time_machine.Traveller
    ) -> None:
        app = with_app(ann)
        client.force_login(ann)
        enter(client, wrong_for(app))
        clock.shift(2)
        enter(client, shown_by(app))
        assert "Wrong codes since your last login: 1." in html(client, "/admin/")

    def test_ten_lock_out_visibly_and_are_in_the_list_of_failures(
        self, client: Client, ann: User, clock: time_machine.Traveller
    ) -> None:
        app = with_app(ann)
        client.force_login(ann)
        for _ in range(9):
            assert enter(client, wrong_for(app)).status_code == 200
            clock.shift(timedelta(minutes=5))
        locked = enter(client, wrong_for(app))
        assert (locked.status_code, locked.headers["Retry-After"]) == (429, "3600")
        assert "Wait 1 hour" in locked.content.decode()
        clock.shift(timedelta(minutes=50))
        assert enter(client, shown_by(app)).status_code == 429
        assert client.get(CODE).status_code == 429
        assert AccessFailureLog.objects.filter(username="ann", path_info=CODE).count() == 10
        assert not [row for row in AccessAttempt.objects.all() if wrong_for(app) in row.post_data]

    def test_a_right_password_in_between_forgives_no_wrong_code(
        self, client: Client, ann: User, clock: time_machine.Traveller
    ) -> None:
        app = with_app(ann)
        for _ in range(10):
            answer = enter_password(client)
            answer = enter(client, wrong_for(app))
            clock.shift(timedelta(minutes=5))
        assert answer.status_code == 429


class TestHelp:
    def test_the_command_removes_it_and_writes_that_down(self, client: Client, ann: User) -> None:
        logged_in(client, ann, with_app(ann))
        codes.new_backup_codes(ann)
        call_command("second_factor", "ann", "--reset", stdout=StringIO())
        assert (codes.authenticator_of(ann), codes.backup_codes_left(ann)) == (None, 0)
        assert LogEntry.objects.get().change_message == "Removed by the command second_factor."
        assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith(SET_UP)

    def test_the_command_prints_new_backup_codes(self, ann: User) -> None:
        with_app(ann)
        call_command("second_factor", "ann", "--backup-codes", stdout=(out := StringIO()))
        printed = out.getvalue().split()
        assert len(printed) == 10
        assert codes.verify(ann, printed[0])
        assert "second_factor" in LogEntry.objects.get().change_message

    def test_the_command_alone_tells_what_there_is(self, ann: User) -> None:
        call_command("second_factor", "ann", stdout=(out := StringIO()))
        assert out.getvalue() == "Authenticator app: none. Backup codes left: 0.\n"

    @pytest.mark.parametrize("words", [("nobody",), ("ann", "--reset"), ("ann", "--backup-codes")])
    def test_the_command_says_when_there_is_nothing_to_do(self, ann: User, words: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            call_command("second_factor", *words)

    def test_a_superuser_removes_that_of_another_and_it_is_written_down(self, client: Client, ann: User) -> None:
        bob = operator("bob")
        with_app(bob)
        logged_in(client, ann, with_app(ann))
        client.post("/admin/auth/user/", {"action": "remove_second_factor", "_selected_action": [bob.pk]})
        assert codes.authenticator_of(bob) is None
        entry = LogEntry.objects.get()
        assert (entry.user, entry.object_id, entry.change_message) == (ann, str(bob.pk), "Second factor removed.")

    def test_nobody_else_does(self, client: Client) -> None:
        bob, clerk = operator("bob"), looker("view_user", "change_user", name="clerk")
        with_app(bob)
        logged_in(client, clerk, with_app(clerk))
        client.post("/admin/auth/user/", {"action": "remove_second_factor", "_selected_action": [bob.pk]})
        assert codes.authenticator_of(bob) is not None

    def test_the_menu_leads_to_ones_own(self, client: Client, ann: User) -> None:
        logged_in(client, ann, with_app(ann))
        shown = html(client, "/admin/")
        assert OVERVIEW in shown
        assert "/admin/password_change/" in shown
        assert "Backup codes left: 0" in html(client, OVERVIEW)


def test_a_logout_is_told_of_the_login_it_ends(client: Client, ann: User) -> None:
    app = with_app(ann)
    enter_password(client)
    enter(client, shown_by(app))
    client.post("/admin/logout/")
    assert AccessLog.objects.get().logout_time is not None
