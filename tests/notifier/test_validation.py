"""A chat app, hook or rule that could not work is refused when it is saved, with the reason."""

from datetime import timedelta

import pytest
from django.core.exceptions import NON_FIELD_ERRORS

from notifier.models import ChatApp, Conversation, Hook, Rule
from notifier.platforms import registry
from notifier.platforms.base import Can
from notifier.platforms.layer import LayerPlatform
from notifier.services.validation import problems_of
from tests.notifier.layer_webhooks import APP_ID, TOKEN


class Mute(LayerPlatform):
    """A platform that can only tell of events."""

    title = "Mute"
    can = frozenset({Can.WEBHOOKS})


class Plugged(LayerPlatform):
    """One that tells over a connection of ours, and of nothing but what was read."""

    title = "Plugged"
    can = frozenset({Can.SOCKET, Can.RECEIPTS})


class Deaf(LayerPlatform):
    """One that tells of nothing."""

    title = "Deaf"
    can = frozenset(Can) - {Can.WEBHOOKS, Can.SOCKET}


@pytest.fixture(autouse=True)
def _platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform in (Mute, Plugged, Deaf):
        monkeypatch.setitem(registry.PLATFORMS, platform.title.lower(), f"{__name__}.{platform.__name__}")


@pytest.fixture
def mute() -> ChatApp:
    return chat_app(platform="mute")


@pytest.fixture
def plugged() -> ChatApp:
    return chat_app(platform="plugged")


def chat_app(**changes: object) -> ChatApp:
    good = {"slug": "layer", "platform": "layer", "options": {"app_id": APP_ID}, "secrets": {"bearer_token": TOKEN}}
    return ChatApp(**good | changes)


def hook(app: ChatApp | None = None, **changes: object) -> Hook:
    good: dict[str, object] = {"slug": "layer", "delay": timedelta(minutes=10), "secret": "a secret"}
    return Hook(chat_app=app or chat_app(), **good | changes)


def identities(users: list[str]) -> dict[str, object]:
    return {}


def test_a_good_chat_app_and_hook_have_no_problems() -> None:
    assert problems_of(chat_app()) == {}
    assert problems_of(hook()) == {}


def test_rows_of_other_models_have_none() -> None:
    assert problems_of(Conversation()) == {}


def test_an_unknown_platform_is_refused_with_the_known_ones() -> None:
    (problem,) = problems_of(chat_app(platform="lyer"))["platform"]
    assert problem.startswith("There is no chat platform 'lyer': choose one of ")
    assert all(key in problem for key in registry.PLATFORMS)


@pytest.mark.parametrize("field", ["options", "secrets"])
def test_a_misspelt_setting_is_refused_with_the_known_ones(field: str) -> None:
    (problem,) = problems_of(chat_app(**{field: {"app": "x"}}))[field]
    assert "'app'" in problem
    assert ("app_id" if field == "options" else "bearer_token") in problem


@pytest.mark.parametrize("value", [["app_id"], {"app_id": 7}])
def test_settings_of_a_wrong_form_are_refused(value: object) -> None:
    assert "options" in problems_of(chat_app(options=value))


def test_a_refused_secret_is_not_repeated() -> None:
    assert "12345678" not in str(problems_of(chat_app(secrets={"bearer_token": 12345678})))


def test_what_the_adapter_misses_is_told() -> None:
    (problem,) = problems_of(chat_app(secrets=None))[NON_FIELD_ERRORS]
    assert "LAYER_BEARER_TOKEN" in problem


def test_a_hook_without_a_secret_is_refused() -> None:
    assert "secret" in problems_of(hook(secret=" , "))


def test_a_receipts_hook_is_refused_where_nobody_tells_who_has_read(mute: ChatApp) -> None:
    problems = problems_of(hook(mute, identities="off"))
    assert list(problems) == ["kind"]
    assert problems["kind"][0].startswith(
        "Mute cannot say who has read a message, which a hook of the kind receipts needs: choose the kind notify"
    )


@pytest.mark.parametrize("kind", ["notify", "listen"])
@pytest.mark.parametrize("platform", ["mute", "plugged"])
def test_hooks_of_the_other_kinds_need_events_only(platform: str, kind: str) -> None:
    assert problems_of(hook(chat_app(platform=platform), identities="off", kind=kind)) == {}


@pytest.mark.parametrize("kind", Hook.Kind.values)
def test_a_hook_of_a_platform_that_tells_of_nothing_is_refused(kind: str) -> None:
    (problem,) = problems_of(hook(chat_app(platform="deaf"), kind=kind))["kind"]
    assert problem.startswith("Deaf can neither tell us of events by webhook nor tell us of events over a connection")
    assert problem.endswith("so a hook would hear of nothing: choose another platform.")


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    assert problems_of(hook(kind="receipt"))["kind"] == ["There is no kind 'receipt': use receipts, notify, listen."]


def test_a_hook_that_listens_over_a_connection_needs_no_secret(plugged: ChatApp) -> None:
    assert problems_of(hook(plugged, identities="off", secret="")) == {}


def test_delivered_alone_is_refused_where_nothing_is_ever_delivered(plugged: ChatApp) -> None:
    (problem,) = problems_of(hook(plugged, identities="off", report_for_status=["delivered"]))["report_for_status"]
    assert problem.startswith("Plugged cannot say to whom a message was delivered, so nobody would ever be told")
    for good in (["sent"], ["sent", "delivered"], []):
        assert problems_of(hook(plugged, identities="off", report_for_status=good)) == {}
    assert problems_of(hook(plugged, identities="off", kind="notify", report_for_status=["delivered"])) == {}
    assert problems_of(hook(report_for_status=["delivered"])) == {}


def test_to_ask_always_is_refused_where_nothing_can_be_asked(mute: ChatApp) -> None:
    (problem,) = problems_of(hook(mute, kind="notify", identities="off", ask_first="always"))["ask_first"]
    assert problem.startswith("Mute cannot be asked who has still not read a message: choose never")
    assert problems_of(hook(mute, kind="notify", identities="off", ask_first="never")) == {}
    assert problems_of(hook(ask_first="always")) == {}
    assert "ask_first" in problems_of(hook(ask_first="sometimes"))


def test_identities_of_a_platform_that_tells_none_are_refused(mute: ChatApp) -> None:
    problems = problems_of(hook(mute, kind="listen"))
    assert list(problems) == ["identities"]
    assert problems["identities"] == [
        "Mute cannot tell a user's name and phone: choose our own contacts, or a function of your own."
    ]
    assert problems_of(hook(mute, kind="listen", identities="directory")) == {}


def test_unknown_events_are_refused_with_the_known_ones() -> None:
    (problem,) = problems_of(hook(events=["message.sent", "message.reed"]))["events"]
    assert "'message.reed'" in problem
    assert "message.read" in problem


@pytest.mark.parametrize("events", ["message.sent", [1], None])
def test_events_that_are_no_list_of_names_are_refused(events: object) -> None:
    assert "events" in problems_of(hook(events=events))


@pytest.mark.parametrize("delay", [None, timedelta(0), timedelta(seconds=-1), timedelta(days=40_000)])
def test_a_receipts_hook_needs_a_delay_longer_than_zero(delay: timedelta | None) -> None:
    assert "delay" in problems_of(hook(delay=delay))


def test_a_listening_hook_may_have_no_delay() -> None:
    assert problems_of(hook(kind="listen", delay=timedelta(0))) == {}
    assert "delay" in problems_of(hook(kind="listen", delay=timedelta(seconds=-1)))


@pytest.mark.parametrize("statuses", [["sent", "reed"], "sent"])
def test_unknown_statuses_are_refused(statuses: object) -> None:
    assert "report_for_status" in problems_of(hook(report_for_status=statuses))


@pytest.mark.parametrize("path", ["", "nowhere.at.all", "tests.notifier.test_validation.APP_ID"])
def test_an_identity_function_that_is_none_is_refused(path: str) -> None:
    assert "identity_function" in problems_of(hook(identities="function", identity_function=path))


def test_an_identity_function_of_the_project_is_taken() -> None:
    path = f"{__name__}.{identities.__name__}"
    assert problems_of(hook(identities="function", identity_function=path)) == {}


def test_a_hook_is_looked_at_as_far_as_it_is_filled_in() -> None:
    assert list(problems_of(Hook(slug="new"))) == ["delay", "secret"]


def test_a_hook_of_a_chat_app_with_an_unknown_platform_has_no_further_problems() -> None:
    assert problems_of(hook(chat_app(platform="lyer"))) == {}


# Rules


def rule(**changes: object) -> Rule:
    return Rule(**{"chat_app": chat_app(), "name": "board", "events": [], **changes})


def test_a_good_rule_has_no_problems() -> None:
    assert problems_of(rule()) == {}
    assert problems_of(rule(recipients="phones", phones=["+12025550100"], events=["message.sent"])) == {}


def test_events_of_a_rule_must_be_the_platform_s_own() -> None:
    (problem,) = problems_of(rule(events=["message.sent", "threadNewMessage"]))["events"]
    assert "'threadNewMessage'" in problem
    assert "message.sent" in problem


@pytest.mark.parametrize(
    "phone", ["2025550177", "+1 202 555 0177", "+0123456789", "+1234567890123456", "+12025550100\n"]
)
def test_a_phone_of_a_rule_is_refused_by_its_place(phone: str) -> None:
    (problem,) = problems_of(rule(recipients="phones", phones=["+12025550101", phone]))["phones"]
    assert problem.startswith("Phone 2 of 2 is no phone number: write it with its country code")
    assert phone not in problem


def test_phones_without_any_are_refused() -> None:
    (problem,) = problems_of(rule(recipients="phones"))["phones"]
    assert problem == "Name at least one phone, or choose the conversation's users."


def test_unknown_recipients_are_refused() -> None:
    assert "recipients" in problems_of(rule(recipients="everybody"))


@pytest.mark.parametrize("field", ["events", "contexts", "conversations", "phones"])
@pytest.mark.parametrize("value", ["one", [1], None, {"a": 1}])
def test_lists_of_a_rule_hold_texts(field: str, value: object) -> None:
    assert field in problems_of(rule(**{field: value}))
