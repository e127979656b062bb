"""Texts and receipts come in: checked, stored once, then answered."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from smsbridge.models import Bridge, InboundSms, Number, OptOut, VendorAccount
from smsbridge.services import inbound, settling
from smsbridge.services.accounts import LiveAccount, live_accounts
from smsbridge.vendors.base import InboundText
from tests import factories
from tests.factories import BENS_PHONE
from tests.smsbridge.calls import post, receipt, text_to, vonage_call
from tests.smsbridge.racing import together
from tests.smsbridge.stages import crash_at


@pytest.fixture
def number(bridge: Bridge) -> Number:
    return bridge.pool.numbers.order_by("pk")[0]


def live(number: Number) -> LiveAccount:
    return live_accounts()[number.account_id]


def inbound_text(number: Number, text: str, **fields: Any) -> InboundText:
    return InboundText(vendor_id=text, sender=BENS_PHONE, recipient=number.e164, text=text, **fields)


def test_it_stores_a_text(number: Number) -> None:
    assert text_to(number, "On my way", vendor_id="in-1").status_code == 200
    one = InboundSms.objects.get()
    assert (one.account, one.vendor_id, one.number, one.phone) == (number.account, "in-1", number.e164, BENS_PHONE)
    assert (one.text, one.state, one.attempts) == ("On my way", "waiting", 0)


@pytest.mark.parametrize("way", ["get", "form", "json"])
def test_it_takes_vonages_texts_however_they_come(db: None, way: str) -> None:
    secrets = {"api_secret": "secret", "signature_secret": "signs"}
    account = factories.vendor_account(vendor="vonage", options={"api_key": "abcd1234"}, secrets=secrets)
    told = {"msisdn": "12025550101", "to": "12025550001", "messageId": "0B00AA11", "text": "höi & = hi"}
    answer = vonage_call(account, way, **told)
    assert answer.status_code in (200, 204)
    one = InboundSms.objects.get()
    assert (one.vendor_id, one.phone, one.number, one.text) == (
        "0B00AA11",
        "+12025550101",
        "+12025550001",
        "höi & = hi",
    )


def test_vonages_probe_of_the_url_is_answered_and_stores_nothing(db: None, client: Client) -> None:
    account = factories.vendor_account(vendor="vonage", options={"api_key": "abcd1234"}, secrets={"api_secret": "s"})
    assert client.get(f"/webhooks/sms/{account.slug}/inbound/").status_code == 200
    assert not InboundSms.objects.exists()


def test_it_keeps_the_vendors_stamp_of_a_text_that_comes_late(number: Number) -> None:
    stamp = (timezone.now() - timedelta(hours=2)).replace(microsecond=0)
    late = inbound_text(number, "late", at=stamp)
    inbound.accept(live(number), [late, inbound_text(number, "in time", at=timezone.now() - timedelta(seconds=5))])
    assert dict(InboundSms.objects.values_list("text", "sent_at")) == {"late": stamp, "in time": None}


def test_a_vendor_whose_clock_is_behind_made_nothing_late(number: Number) -> None:
    """Its stamp would put the first answers before the texts that they answer."""
    inbound.accept(live(number), [inbound_text(number, "in time", at=timezone.now() - timedelta(minutes=14))])
    assert InboundSms.objects.get().sent_at is None


# Keywords


def test_it_obeys_a_keyword_before_it_answers(number: Number) -> None:
    inbound.accept(live(number), [inbound_text(number, "Stop"), inbound_text(number, "hello")])
    assert dict(InboundSms.objects.values_list("text", "state")) == {"Stop": "keyword", "hello": "waiting"}
    one = InboundSms.objects.get(text="Stop")
    assert one.reason
    assert one.settled_at
    assert OptOut.objects.get().phone == BENS_PHONE
    text_to(number, "start")
    assert not OptOut.objects.exists()


def test_a_repeated_keyword_does_not_undo_what_the_person_said_since(number: Number) -> None:
    for text, vendor_id in (("STOP", "1"), ("START", "2"), ("STOP", "1")):
        text_to(number, text, vendor_id=vendor_id)
    assert not OptOut.objects.exists()


def test_a_keyword_to_another_accounts_number_is_not_obeyed(number: Number) -> None:
    other = factories.pool(1).numbers.get()
    inbound.accept(live(other), [inbound_text(number, "STOP")])
    assert InboundSms.objects.get().state == "waiting"
    assert not OptOut.objects.exists()


def test_a_keyword_and_what_follows_from_it_are_stored_together(number: Number) -> None:
    with crash_at("smsbridge.services.optouts.obey", after=True):
        inbound.accept(live(number), [inbound_text(number, "STOP")])
    assert not OptOut.objects.exists()
    assert not InboundSms.objects.exists()


# Repeats


def test_it_stores_a_repeated_text_once(number: Number) -> None:
    assert [text_to(number, vendor_id="in-1").status_code for _ in range(3)] == [200] * 3
    assert InboundSms.objects.count() == 1


def test_a_repeat_does_not_bring_a_posted_text_back(number: Number) -> None:
    text_to(number, vendor_id="in-1")
    InboundSms.objects.update(state="posted")
    text_to(number, vendor_id="in-1")
    assert InboundSms.objects.get().state == "posted"


def test_two_accounts_may_use_the_same_ids(number: Number) -> None:
    other = factories.pool(1).numbers.get()
    text_to(number, vendor_id="in-1"), text_to(other, vendor_id="in-1")
    assert InboundSms.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_it_stores_a_text_once_that_comes_twelve_times_at_once(number: Number) -> None:
    answers = together([lambda: text_to(number, vendor_id="in-1").status_code] * 12)
    assert answers == [200] * 12
    assert InboundSms.objects.count() == 1


@pytest.mark.parametrize("kind", ["inbound", "status"])
@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "v1=00"])
def test_it_refuses_what_is_not_signed_rightly_and_keeps_nothing(number: Number, kind: str, signature: str) -> None:
    content = {"id": "in-1", "from": BENS_PHONE, "to": number.e164, "text": "Hi"}
    assert post(number.account, kind, content, signature=signature).status_code == 403
    assert not InboundSms.objects.exists()


def test_it_refuses_another_accounts_signature(number: Number) -> None:
    other = factories.vendor_account(secrets={"token": "t", "signing_secret": "another"})
    other.slug = number.account.slug
    assert post(other, "inbound", {"id": "1", "from": BENS_PHONE, "to": number.e164, "text": "Hi"}).status_code == 403


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"id": "1", "text": "Hi"}', b"\xff"])
def test_it_says_when_a_signed_call_cannot_be_read(number: Number, body: bytes) -> None:
    assert post(number.account, "inbound", body).status_code == 400


def test_an_unknown_account_is_not_found(db: None, client: Client) -> None:
    assert client.post("/webhooks/sms/nobody/inbound/").status_code == 404


def test_only_the_methods_of_webhooks_are_allowed(number: Number, client: Client) -> None:
    url = f"/webhooks/sms/{number.account.slug}/inbound/"
    assert client.put(url).status_code == 405
    assert client.head(url).status_code == 200


def test_it_answers_with_what_no_browser_runs(number: Number) -> None:
    answer = text_to(number)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"].startswith("text/plain")


def test_it_is_stored_before_it_is_answered(number: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    from smsbridge.vendors.fake import Fake

    stored: list[int] = []
    reply = Fake.inbound_reply

    def look(self: Fake) -> object:
        stored.append(InboundSms.objects.count())
        return reply(self)

    monkeypatch.setattr(Fake, "inbound_reply", look)
    text_to(number)
    assert stored == [1]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("kind", ["inbound", "status"])
def test_it_asks_for_a_repeat_while_the_database_is_away(
    number: Number, monkeypatch: pytest.MonkeyPatch, kind: str, error: type[Exception]
) -> None:
    def away(*_: Any) -> None:
        raise error("the database is starting up")

    monkeypatch.setattr(*((inbound, "accept") if kind == "inbound" else (settling, "settle")), away)
    monkeypatch.setattr(connection, "close", lambda: None)
    content = {"id": "1", "from": BENS_PHONE, "to": number.e164, "text": "Hi"}
    receipt = {"id": "1", "status": "sent"}
    answer = post(number.account, kind, content if kind == "inbound" else receipt)
    assert answer.status_code == 503
    assert answer["Retry-After"]


def test_a_connection_that_died_in_the_meantime_costs_no_repeat(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, tries = inbound.accept, []

    def dead_once(*args: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        accept(*args)

    monkeypatch.setattr(inbound, "accept", dead_once)
    monkeypatch.setattr(connection, "close", lambda: None)
    assert text_to(number).status_code == 200
    assert InboundSms.objects.count() == 1


def test_it_keeps_numbers_in_one_form(number: Number) -> None:
    from smsbridge.services.accounts import live_account
    from smsbridge.vendors.base import InboundText

    account = live_account(number.account.slug)
    assert account is not None
    texts = [
        InboundText(vendor_id="1", sender="12025550101", recipient="+1 202 555 0102", text="a\0b\ud800"),
        InboundText(vendor_id="2", sender="BANK", recipient="12345", text="", media=["https://example/1.png"]),
        InboundText(vendor_id="2", sender="BANK", recipient="12345", text="again"),
    ]
    inbound.accept(account, texts)
    stored = list(InboundSms.objects.order_by("vendor_id").values_list("phone", "number", "text"))
    assert stored == [
        ("+12025550101", "+12025550102", "ab\ufffd"),
        ("BANK", "12345", "https://example/1.png"),
    ]


def test_a_number_that_left_the_pool_still_receives(number: Number) -> None:
    number.pool, number.active = None, False
    number.save()
    factories.forget()
    assert text_to(number).status_code == 200
    assert InboundSms.objects.count() == 1


def test_a_receipt_at_the_inbound_url_is_no_text(number: Number) -> None:
    assert post(number.account, "inbound", {"id": "1", "status": "delivered"}).status_code == 200
    assert not InboundSms.objects.exists()


def test_a_receipt_about_nothing_of_ours_is_answered_and_forgotten(number: Number) -> None:
    account: VendorAccount = number.account
    assert receipt(account, "delivered", vendor_id="unheard-of") == 200
    assert receipt(account, "delivered", reference="not-a-uuid") == 200
    assert receipt(account, "delivered", reference="f" * 32) == 200


def test_the_public_url_is_what_signatures_are_checked_against(settings: Settings) -> None:
    from django.test import RequestFactory

    from notifier.calls import call_of

    settings.PUBLIC_URL = "https://bridge.example"
    where = "/webhooks/sms/x/inbound/"
    for query in ("a=%20b", 'a=|{}"^ %7C', "a=b?c=d&e"):
        call = call_of(RequestFactory().get(f"{where}?{query}"))
        assert (call.url, call.query) == (f"https://bridge.example{where}?{query}", query)
    assert call_of(RequestFactory().get(where)).url == f"https://bridge.example{where}"
    below = call_of(RequestFactory().get(where, SCRIPT_NAME="/sms"))
    assert below.url == f"https://bridge.example/sms{where}"
