"""Pictures that come in: links that work in the chat, without the account's credentials."""

import logging
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from notifier.logs import Json
from notifier.services import retention
from notifier.wire import Request
from smsbridge.models import Bridge, InboundSms, Number, OptOut
from smsbridge.services import erasing, inbound, media, persons
from smsbridge.services.accounts import live_accounts
from smsbridge.vendors.base import InboundText
from smsbridge.vendors.fake import Fake
from tests import factories
from tests.factories import BENS_PHONE
from tests.notifier import servers
from tests.notifier.servers import Peer, Received, Server, Step
from tests.smsbridge.stages import reply
from tests.smsbridge.upstreams import Chat
from tests.vendors.accounts import TWILIO_SID, twilio
from tests.vendors.twilio_sdk import by_form, pushed

PNG = b"\x89PNG picture"


def told(content_type: str, body: bytes = PNG, status: int = 200, **headers: str) -> Step:
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return servers.raw(
        f"HTTP/1.1 {status} OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode()
        + body
    )


class Store:
    """The vendor's store of pictures, on a socket."""

    url = ""

    def __init__(self) -> None:
        self.step = told("image/png")
        self.asked: list[Received] = []

    def answer(self, peer: Peer, received: Received) -> None:
        self.asked.append(received)
        self.step(peer, received)


@pytest.fixture
def store(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The bridge's vendor keeps what came in behind its credentials, at /media/ of its own host."""

    def media_request(vendor: Fake, url: str) -> Request | None:
        if url.startswith("https://open.example/"):
            return None
        if not url.startswith(f"{vendor._url}/media/"):
            raise ValueError("not at this vendor")
        return Request("GET", url, vendor._headers)

    monkeypatch.setattr(Fake, "media_request", media_request)
    store = Store()
    with Server(store.answer) as server:
        account = bridge.pool.numbers.all()[0].account
        account.options = {"url": server.url}
        account.save()
        factories.forget()
        store.url = f"{server.url}/media"
        yield store


@pytest.fixture
def number(bridge: Bridge) -> Number:
    return bridge.pool.numbers.order_by("pk")[0]


def came(number: Number, store: Store, *names: str, text: str = "Look") -> InboundSms:
    """A text with pictures; a whole URL stands for itself."""
    urls = [name if ":" in name else f"{store.url}/{name}" for name in names]
    one = InboundText(vendor_id="in-1", sender=BENS_PHONE, recipient=number.e164, text=text, media=urls)
    inbound.accept(live_accounts()[number.account_id], [one])
    return InboundSms.objects.get()


def links(sms: InboundSms) -> list[str]:
    return [line for line in sms.text.split("\n") if "/media/" in line]


def get(url: str, settings: Settings) -> HttpResponse:
    return cast(HttpResponse, Client().get(url.removeprefix(settings.PUBLIC_URL)))


@pytest.fixture
def sms(number: Number, store: Store) -> InboundSms:
    return came(number, store, "1")


def test_the_chat_gets_links_of_ours_in_the_order_in_which_they_came(
    number: Number, store: Store, settings: Settings
) -> None:
    sms = came(number, store, "1", "https://open.example/2.png", "3")
    first, second, third = sms.text.split("\n")[1:]
    assert second == "https://open.example/2.png"
    assert first.startswith(f"{settings.PUBLIC_URL}/media/{sms.pk}-0")
    assert third.startswith(f"{settings.PUBLIC_URL}/media/{sms.pk}-2")


def test_a_link_holds_no_phone_and_nothing_of_the_vendor(sms: InboundSms, store: Store) -> None:
    (link,) = links(sms)
    secrets: dict[str, str] = sms.account.secrets or {}
    assert not [word for word in (BENS_PHONE[1:], *secrets.values(), store.url) if word in link]


def test_it_fetches_with_the_credentials_and_passes_on_a_download(
    sms: InboundSms, store: Store, settings: Settings
) -> None:
    answer = get(links(sms)[0], settings)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert store.asked[0].headers["authorization"] == "Bearer token"
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == 'attachment; filename="media-1.png"'
    assert answer["Cache-Control"] == "private, no-store"
    assert "authorization" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize(
    ("said", "passed_on"),
    [
        ("IMAGE/JPEG; name=x", "image/jpeg"),
        ("application/pdf", "application/pdf"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/html", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_what_a_browser_might_run_is_only_bytes(
    sms: InboundSms, store: Store, settings: Settings, said: str, passed_on: str
) -> None:
    store.step = told(said)
    assert get(links(sms)[0], settings)["Content-Type"] == passed_on


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_goes_to_the_browser_and_the_credentials_go_nowhere_else(
    sms: InboundSms, store: Store, settings: Settings, status: int
) -> None:
    store.step = told("text/plain", b"", status, location="https://storage.example/a?signed=1")
    answer = get(links(sms)[0], settings)
    assert (answer.status_code, answer["Location"]) == (302, "https://storage.example/a?signed=1")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert len(store.asked) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://storage.example/a",
        "https://user:token@storage.example/a",
        "https://storage.example/a?auth=token",
        "javascript:alert(1)",
        "//storage.example/a",
        "/elsewhere",
        "https://",
        "https://[",
    ],
)
def test_a_redirect_to_anything_but_open_https_is_not_passed_on(
    sms: InboundSms, store: Store, settings: Settings, location: str
) -> None:
    store.step = told("text/plain", b"", 302, location=location)
    answer = get(links(sms)[0], settings)
    assert answer.status_code == 502
    assert "Location" not in answer


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (told("text/plain", b"no", 404), 404),
        (told("text/plain", b"no", 410), 404),
        (told("text/plain", b"no", 401), 502),
        (told("text/plain", b"no", 500), 502),
        (told("image/png", b"x" * (media.MOST_BYTES + 1)), 502),
        (lambda peer, received: peer.close(), 502),
    ],
    ids=["404", "410", "401", "500", "too large", "closed"],
)
def test_it_says_in_words_what_the_vendor_did_not_hand_out(
    sms: InboundSms, store: Store, settings: Settings, step: Step, status: int
) -> None:
    store.step = step
    answer = get(links(sms)[0], settings)
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("text/plain")
    assert b"vendor" in answer.content


def test_it_waits_no_longer_than_any_other_call(sms: InboundSms, store: Store, settings: Settings) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.2
    store.step = servers.hang
    assert get(links(sms)[0], settings).status_code == 502


def test_it_says_to_come_again_while_the_database_is_away(
    sms: InboundSms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("could not connect")

    monkeypatch.setattr(media, "live_accounts", away)
    answer = get(links(sms)[0], settings)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("step", [told("text/plain", b"no", 500), told("text/plain", b"no", 404)], ids=["500", "404"])
def test_no_line_of_the_log_holds_a_link(
    sms: InboundSms, store: Store, settings: Settings, caplog: pytest.LogCaptureFixture, method: str, step: Step
) -> None:
    """Whoever has one sees the picture."""
    store.step = step
    path = links(sms)[0].removeprefix(settings.PUBLIC_URL)
    token = path.split("/")[-2]
    caplog.set_level(logging.DEBUG)
    getattr(Client(), method)(path)
    Client().get(f"{path}more/")
    said = [Json().format(line) for line in caplog.records] + caplog.messages
    assert "/media/…" in "".join(caplog.messages)
    assert token not in "".join(said)
    assert f"{sms.pk}-0" not in "".join(said)


def test_nor_does_one_of_a_failure_of_ours(
    sms: InboundSms, settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError

    monkeypatch.setattr(media, "live_accounts", fails)
    path = links(sms)[0].removeprefix(settings.PUBLIC_URL)
    assert Client(raise_request_exception=False).get(path).status_code == 500
    assert "Internal Server Error: /media/…" in caplog.messages
    assert path.split("/")[-2] not in caplog.text


def test_not_more_than_two_are_fetched_at_a_time(sms: InboundSms, store: Store, settings: Settings) -> None:
    assert media._slots.acquire()
    assert media._slots.acquire()
    try:
        assert get(links(sms)[0], settings).status_code == 503
    finally:
        media._slots.release(2)
    assert get(links(sms)[0], settings).status_code == 200


@pytest.mark.parametrize(
    "change", [lambda link: link[:-3] + "/", lambda link: link.replace("-0", "-1", 1), lambda link: "/media/1-0/"]
)
def test_a_link_cannot_be_guessed(
    sms: InboundSms, store: Store, settings: Settings, change: Callable[[str], str]
) -> None:
    assert get(change(links(sms)[0]), settings).status_code == 404
    assert not store.asked


def test_a_link_of_another_use_of_the_key_does_not_count(sms: InboundSms, settings: Settings) -> None:
    from django.core.signing import Signer

    assert get(f"/media/{Signer().sign(f'{sms.pk}-0')}/", settings).status_code == 404


def test_a_link_dies_with_the_words_of_its_text(sms: InboundSms, store: Store, settings: Settings) -> None:
    InboundSms.objects.update(state="posted", received_at=timezone.now() - 2 * settings.KEEP_TEXTS)
    retention.forget_old()
    assert get(links(sms)[0], settings).status_code == 404
    assert not store.asked


@pytest.mark.django_db(transaction=True)
def test_a_link_dies_with_the_person(sms: InboundSms, store: Store, settings: Settings) -> None:
    erasing.erase(persons.by_phone(BENS_PHONE))
    assert get(links(sms)[0], settings).status_code == 404


def test_a_link_outlives_a_change_of_the_secret_key(sms: InboundSms, store: Store, settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, which is as long as a key should be, and of many characters"
    assert get(links(sms)[0], settings).status_code == 200


def test_only_reading_is_allowed(sms: InboundSms, settings: Settings) -> None:
    path = links(sms)[0].removeprefix(settings.PUBLIC_URL)
    assert Client().post(path).status_code == 405


def test_what_is_not_at_the_vendor_is_shown_as_it_came_and_gets_no_credentials(number: Number, store: Store) -> None:
    assert came(number, store, "https://elsewhere.example/1").text == "Look\nhttps://elsewhere.example/1"


def test_when_the_account_changed_its_vendor_no_credentials_go_to_the_former_one(
    sms: InboundSms, store: Store, settings: Settings
) -> None:
    account = sms.account
    account.options = {"url": "https://another.example"}
    account.save()
    factories.forget()
    assert get(links(sms)[0], settings).status_code == 502
    assert not store.asked


def test_the_links_are_what_the_chat_shows(sms: InboundSms, bridge: Bridge, chat: Chat) -> None:
    link = factories.lease(bridge.pool.numbers.order_by("pk")[0], factories.conversation(bridge.hook.chat_app))
    factories.texted(link)
    reply()
    assert chat.said == [("ben", f"Look\n{links(sms)[0]}")]


def test_a_keyword_with_a_picture_is_a_keyword(number: Number, store: Store) -> None:
    assert came(number, store, "1", text="STOP").state == "keyword"
    assert OptOut.objects.exists()


def test_a_keyword_with_a_picture_is_one_also_if_its_number_is_added_later(
    number: Number, store: Store, chat: Chat
) -> None:
    e164 = number.e164
    number.e164 = "+15550009999"
    number.save()
    factories.forget()
    one = InboundText(vendor_id="in-1", sender=BENS_PHONE, recipient=e164, text="STOP", media=[f"{store.url}/1"])
    inbound.accept(live_accounts()[number.account_id], [one])
    assert not OptOut.objects.exists()
    number.e164 = e164
    number.save()
    factories.forget()
    reply()
    assert OptOut.objects.exists()


def test_a_picture_from_twilio_comes_from_where_twilio_keeps_it(db: None, settings: Settings) -> None:
    """Twilio answers who proves himself with a redirection to its storage, which is open to all."""
    settings.PUBLIC_URL = "https://bridge.example"
    store = Store()
    store.step = told("text/plain", b"", 307, location="https://media.twiliocdn.com/AC1/ME1?signed=1")
    with Server(store.answer) as server:
        config = twilio(api_url=server.url).config
        values = {"vendor": "twilio", "options": dict(config.options), "secrets": dict(config.secrets)}
        factories.vendor_account("twilio", **values)
        url = "https://bridge.example/webhooks/sms/twilio/inbound/"
        picture = f"{server.url}/2010-04-01/Accounts/{TWILIO_SID}/Messages/MM1/Media/ME1"
        call = by_form(url, pushed("inbound", NumMedia="1", MediaUrl0=picture, MediaContentType0="image/png"))
        signature = {"x-twilio-signature": call.headers["x-twilio-signature"]}
        kind = call.headers["content-type"]
        assert Client().post("/webhooks/sms/twilio/inbound/", call.body, kind, headers=signature).status_code == 200
        answer = get(links(InboundSms.objects.get())[0], settings)
    assert (answer.status_code, answer["Location"]) == (302, "https://media.twiliocdn.com/AC1/ME1?signed=1")
    assert store.asked[0].headers["authorization"].startswith("Basic ")


def test_a_picture_without_an_address_takes_no_words_away(number: Number) -> None:
    text = InboundText(vendor_id="in-1", sender=BENS_PHONE, recipient=number.e164, text="one\ntwo", media=["  ", ""])
    inbound.accept(live_accounts()[number.account_id], [text])
    sms = InboundSms.objects.get()
    assert (sms.media, media.words(sms.text, sms.media)) == ([], "one\ntwo")


def test_a_text_without_pictures_costs_no_more_statements(
    number: Number, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one = InboundText(vendor_id="in-9", sender=BENS_PHONE, recipient=number.e164, text="Hi")
    account = live_accounts()[number.account_id]
    with django_assert_num_queries(1):
        inbound.accept(account, [one])
