"""Pictures of messages go along with the text, where the bridge wants it and the vendor can; else they are told."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notifier.models import Conversation, Message
from notifier.services import retention
from smsbridge.guards import Verdict
from smsbridge.models import Bridge, DailyUse, OutboundSms
from smsbridge.services import deciding, settling
from smsbridge.services.accounts import live_accounts
from smsbridge.vendors.base import DeliveryReceipt, ReceiptState
from smsbridge.vendors.fake import Fake
from smsbridge.vendors.fake_inbound import fake_error
from tests import factories
from tests.smsbridge.stages import compose, send
from tests.smsbridge.upstreams import Network, refused

HOUR = timedelta(hours=1)


def picture(
    name: str, *, mime: str = "image/jpeg", lasts: timedelta | None = HOUR, size: int | None = None
) -> list[Any]:
    until = None if lasts is None else (timezone.now() + lasts).isoformat()
    return [mime, None, f"https://content.example/{name}", until, size]


def words(text: str) -> list[Any]:
    return ["text/plain", text]


@pytest.fixture
def place(bridge: Bridge) -> Conversation:
    Bridge.objects.update(sends_media=True)
    factories.forget()
    return factories.conversation(bridge.hook.chat_app)


def told(bridge: Bridge, place: Conversation, *messages: Sequence[list[Any]]) -> OutboundSms:
    """The text that tells Ben of these messages of Ann's."""
    now = timezone.now()
    for age, parts in enumerate(reversed(messages), 1):
        sent_at = now - timedelta(seconds=age)
        factories.notice(bridge, factories.message(place, "", parts=list(parts), sent_at=sent_at))
    compose()
    return OutboundSms.objects.get()


def along(sms: OutboundSms) -> list[str]:
    """The names of the pictures that go along."""
    return [url.removeprefix("https://content.example/") for url, _ in sms.media or []]


def test_they_go_to_the_vendor_as_media_and_are_left_out_of_the_words(
    bridge: Bridge, place: Conversation, network: Network
) -> None:
    sms = told(bridge, place, [words("Look"), picture("1"), picture("2", mime="image/png", lasts=None)])
    assert sms.text == "Ann: Look"
    assert sms.segments == 1
    send()
    assert network.requests[0]["media"] == ["https://content.example/1", "https://content.example/2"]


def test_from_the_chats_event_to_the_vendors_request(
    client: Client, bridge: Bridge, place: Conversation, network: Network
) -> None:
    content = {"download_url": "https://content.example/1", "expiration": (timezone.now() + HOUR).isoformat()}
    parts: list[dict[str, Any]] = [
        {"mime_type": "text/plain", "body": "Look"},
        {"mime_type": "image/png", "body": None, "content": content},
    ]
    factories.deliver(client, bridge.hook, factories.layer_event(parts=parts, at=timezone.now() - HOUR))
    factories.drain()
    factories.run_stage("check")
    compose()
    send()
    assert [(one["text"], one["media"]) for one in network.requests] == [("Ann: Look", ["https://content.example/1"])]


@pytest.mark.parametrize(
    "part",
    [
        ["image/jpeg", None],
        picture("1", lasts=-HOUR),
        picture("1", lasts=timedelta(minutes=5)),
        picture("1", mime="image/heic"),
    ],
    ids=["without a URL", "expired", "about to expire", "of a kind that carriers do not take"],
)
def test_what_cannot_go_along_is_told_in_words(bridge: Bridge, place: Conversation, part: list[Any]) -> None:
    sms = told(bridge, place, [words("Look"), part])
    assert (sms.text, sms.media) == ("Ann: Look\n[image]", None)


def test_sounds_and_films_are_told_in_words(bridge: Bridge, place: Conversation) -> None:
    sms = told(bridge, place, [picture("1", mime="video/mp4"), picture("2")])
    assert (sms.text, along(sms)) == ("Ann: [video]", ["2"])


def test_a_bridge_that_does_not_send_any_tells_of_them(bridge: Bridge, place: Conversation) -> None:
    Bridge.objects.update(sends_media=False)
    factories.forget()
    sms = told(bridge, place, [words("Look"), picture("1")])
    assert (sms.text, sms.media) == ("Ann: Look\n[image]", None)


def test_a_vendor_that_carries_none_is_given_none(
    bridge: Bridge, place: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fake, "most_media", 0)
    sms = told(bridge, place, [words("Look"), picture("1")])
    assert (sms.text, sms.media) == ("Ann: Look\n[image]", None)


def test_those_beyond_what_the_vendor_carries_are_told_and_the_newest_go(bridge: Bridge, place: Conversation) -> None:
    sms = told(bridge, place, [picture("1"), picture("2")], [words("More"), picture("3"), picture("4")])
    assert sms.text == "Ann: [image]\nAnn: More"
    assert along(sms) == ["1", "3", "4"]


def test_those_of_messages_that_found_no_room_stay_away(bridge: Bridge, place: Conversation) -> None:
    Bridge.objects.update(max_segments=1)
    factories.forget()
    sms = told(bridge, place, [words("x" * 100), picture("1")], [words("y" * 100), picture("2")])
    assert sms.text.startswith("(+1 earlier)")
    assert along(sms) == ["2"]


def test_a_template_that_leaves_no_word_gets_the_words_too(bridge: Bridge, place: Conversation) -> None:
    """No vendor takes an empty text."""
    Bridge.objects.update(template="<%= text %>")
    factories.forget()
    sms = told(bridge, place, [picture("1")])
    assert (sms.text, along(sms)) == ("[image]", ["1"])


def shrug(about: object) -> Verdict | None:
    return None


def tag(about: object) -> Verdict | None:
    return Verdict(tags=["seen"])


@pytest.mark.parametrize("function", [shrug, tag])
def test_what_the_projects_own_function_has_seen_is_what_leaves_in_words(
    bridge: Bridge, place: Conversation, function: Callable[[object], Verdict | None]
) -> None:
    Bridge.objects.update(before_sending=f"{__name__}.{function.__name__}")
    factories.forget()
    sms = told(bridge, place, [words("Look"), picture("1")])
    assert (sms.text, sms.media) == ("Ann: Look\n[image]", None)


@pytest.mark.parametrize(
    ("groups", "goes"),
    [
        ((), True),
        ((frozenset({"US", "CA"}),), True),
        ((frozenset({"AU"}), frozenset({"US"})), True),
        ((frozenset({"AU"}),), False),
    ],
)
def test_they_go_only_where_the_vendor_carries_them(
    bridge: Bridge,
    place: Conversation,
    monkeypatch: pytest.MonkeyPatch,
    groups: tuple[frozenset[str], ...],
    goes: bool,
) -> None:
    """Number and phone are American."""
    monkeypatch.setattr(Fake, "media_countries", groups)
    assert bool(told(bridge, place, [words("Look"), picture("1")]).media) == goes


def test_the_number_counts_as_well_as_the_phone(
    bridge: Bridge, place: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fake, "media_countries", (frozenset({"US"}),))
    for place_, number in enumerate(bridge.pool.numbers.all()):
        number.e164 = f"+4179123456{place_}"
        number.save()
    Bridge.objects.update(countries="*")
    factories.forget()
    assert told(bridge, place, [words("Look"), picture("1")]).media is None


def test_those_too_large_for_the_vendor_are_told(
    bridge: Bridge, place: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together; a size that nobody tells is no reason."""
    monkeypatch.setattr(Fake, "most_media_bytes", 1000)
    sms = told(bridge, place, [picture("1", size=1001), picture("2", size=600), picture("3", size=600), picture("4")])
    assert (sms.text, along(sms)) == ("Ann: [image]\n[image]", ["2", "4"])


def test_those_that_end_before_the_text_leaves_are_told_in_words_then(
    bridge: Bridge, place: Conversation, network: Network
) -> None:
    sms = told(bridge, place, [picture("1"), picture("2", lasts=2 * HOUR), words("Look")])
    assert sms.media_until is not None
    assert sms.media_until < timezone.now() + HOUR
    soon = timezone.now() + timedelta(minutes=1)
    ended = [picture("1", lasts=timedelta(minutes=1)), picture("2", lasts=2 * HOUR), words("Look")]
    OutboundSms.objects.update(media_until=soon)
    Message.objects.update(parts=ended)
    send()
    sms.refresh_from_db()
    assert (sms.state, sms.reason) == ("withdrawn", "Its pictures can no longer be fetched.")
    compose()
    send()
    (one,) = network.requests
    assert (one["text"], one["media"]) == ("Ann: [image]\nLook", ["https://content.example/2"])


def test_those_that_the_vendor_refuses_are_told_in_words_once(
    bridge: Bridge, place: Conversation, network: Network
) -> None:
    network.script = [refused("30011")]
    sms = told(bridge, place, [words("Look"), picture("1")])
    send()
    sms.refresh_from_db()
    assert sms.state == "withdrawn"
    assert "told in words" in sms.reason
    assert sms.code == "30011"
    compose()
    send()
    assert [one.get("media") for one in network.requests] == [["https://content.example/1"], None]
    assert network.texts[1].endswith("Ann: Look\n[image]")
    assert OutboundSms.objects.get(state="sent").media is None


def test_a_refused_text_with_pictures_counts_for_no_limit(
    bridge: Bridge, place: Conversation, network: Network
) -> None:
    Bridge.objects.update(phone_cap=1, daily_budget=1)
    factories.forget()
    network.script = [refused("30011")]
    told(bridge, place, [words("Look"), picture("1")])
    send()
    compose()
    send()
    assert OutboundSms.objects.filter(state="sent").count() == 1
    assert [row.used for row in DailyUse.objects.exclude(key="used up")] == [1, 1]


def test_a_refusal_of_words_alone_is_final_whatever_it_is_about(
    bridge: Bridge, place: Conversation, network: Network
) -> None:
    network.script = [refused("30011")]
    told(bridge, place, [words("Look")])
    send()
    assert OutboundSms.objects.get().state == "dead"


def test_a_refusal_for_another_reason_is_final_with_pictures_too(
    bridge: Bridge, place: Conversation, network: Network
) -> None:
    network.script = [refused("30007")]
    told(bridge, place, [words("Look"), picture("1")])
    send()
    assert OutboundSms.objects.get().state == "dead"


def test_what_the_adapter_cannot_put_into_a_request_goes_in_words(
    bridge: Bridge, place: Conversation, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(bridge, place, [picture("1"), picture("2"), words("Look")])
    monkeypatch.setattr(Fake, "most_media", 1)
    send()
    compose()
    send()
    assert network.texts == ["Ann: [image]\n[image]\nLook"]


def test_pictures_that_did_not_arrive_are_no_second_text_unless_somebody_asks(
    bridge: Bridge, place: Conversation, network: Network
) -> None:
    sms = told(bridge, place, [words("Look"), picture("1")])
    send()
    error = fake_error("30011")
    settling.settle(
        live_accounts()[sms.account_id],
        [DeliveryReceipt(vendor_id="v-1", reference="", state=ReceiptState.UNDELIVERED, error=error)],
    )
    compose()
    send()
    sms.refresh_from_db()
    assert (sms.state, sms.reason, len(network.requests)) == ("undelivered", error.text, 1)
    deciding.send_again([sms.pk], "Olga")
    compose()
    send()
    assert network.texts[1].endswith("Ann: Look\n[image]")


def test_they_are_forgotten_with_the_words(bridge: Bridge, place: Conversation) -> None:
    sms = told(bridge, place, [words("Look"), picture("1")])
    OutboundSms.objects.update(state="sent", created_at=timezone.now() - timedelta(days=60))
    retention.forget_old(timedelta(days=30), timedelta(days=180))
    sms.refresh_from_db()
    assert (sms.text, sms.media) == ("", None)


def test_without_pictures_nothing_more_is_asked_of_the_database(bridge: Bridge, place: Conversation) -> None:
    def statements() -> int:
        factories.notice(bridge, factories.message(place))
        with CaptureQueriesContext(connection) as asked:
            compose()
        return len(asked)

    statements()
    with_media = statements()
    Bridge.objects.update(sends_media=False)
    factories.forget()
    statements()
    assert statements() == with_media
