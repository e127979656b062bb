"""Long texts that come in parts: joined in order, bounded in time, whatever comes late, twice or never."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from notifier.services import retention
from smsbridge.models import Bridge, InboundPart, InboundSms, Lease, Number, OptOut
from smsbridge.services import erasing, inbound, parts, persons, routing
from smsbridge.services.accounts import LiveAccount, live_accounts
from smsbridge.services.parts import joined
from smsbridge.simulator import segments
from smsbridge.simulator.models import Text
from smsbridge.simulator.vonage_wire import Wire
from smsbridge.vendors.base import InboundPart as Place
from smsbridge.vendors.base import InboundText
from tests import factories
from tests.factories import BENS_PHONE
from tests.notifier import servers
from tests.notifier.servers import Peer, Received
from tests.smsbridge.calls import text_to, vonage_call
from tests.smsbridge.racing import together
from tests.smsbridge.stages import crash_at, reply, send
from tests.smsbridge.upstreams import Chat, Network

WORDS = ("I am on ", "my way, ", "wait", " for me")


@pytest.fixture
def number(bridge: Bridge) -> Number:
    return bridge.pool.numbers.order_by("pk")[0]


@pytest.fixture
def link(number: Number, bridge: Bridge) -> Lease:
    link = factories.lease(number, factories.conversation(bridge.hook.chat_app))
    factories.texted(link)
    return link


def live(number: Number) -> LiveAccount:
    return live_accounts()[number.account_id]


def part(
    number: Number,
    place: int,
    total: int = 3,
    *,
    reference: str = "7",
    vendor_id: str = "",
    phone: str = BENS_PHONE,
    text: str = "",
    at: datetime | None = None,
) -> InboundText:
    return InboundText(
        vendor_id=vendor_id or f"{reference}-{place}",
        sender=phone,
        recipient=number.e164,
        text=text or WORDS[place - 1],
        at=at,
        part=Place(reference=reference, number=place, total=total),
    )


def come(number: Number, *places: int, **fields: Any) -> list[bool]:
    """Each in a call of its own; whether each was worth a ring."""
    return [inbound.accept(live(number), [part(number, place, **fields)]) for place in places]


def pass_time(wait: timedelta = timedelta(minutes=1)) -> None:
    for sms in InboundSms.objects.filter(state="waiting"):
        InboundSms.objects.filter(pk=sms.pk).update(next_at=sms.next_at - wait)


def test_it_is_one_text_in_order_as_soon_as_the_last_part_is_there(link: Lease, chat: Chat) -> None:
    assert come(link.number, 3, 1) == [False, False]
    assert reply() == 0, "it waits"
    assert come(link.number, 2) == [True]
    assert reply() == 1
    assert chat.said == [("ben", "I am on my way, wait")]
    sms = InboundSms.objects.get()
    assert (sms.state, sms.reason, sms.part_total) == ("posted", "", 3)


def test_any_order_with_any_repeats_makes_the_same_text(number: Number) -> None:
    """All 24 orders of four parts, each part also a second time somewhere later."""
    for serial, order in enumerate(permutations((1, 2, 3, 4))):
        come(number, *order[:2], order[0], *order[2:], *reversed(order), total=4, reference=str(serial))
    assert set(InboundSms.objects.values_list("text", flat=True)) == {"".join(WORDS)}
    assert InboundSms.objects.count() == 24
    assert InboundPart.objects.count() == 24 * 4


@given(st.dictionaries(st.integers(1, 9), st.text(st.characters(categories=["L"]), min_size=1, max_size=3)))
def test_every_part_stands_in_its_place_and_every_gap_is_marked_once(texts: dict[int, str]) -> None:
    shown = joined(texts, 9)
    assert shown.replace(" […] ", "").replace("[…]", "").replace(" ", "") == "".join(texts[at] for at in sorted(texts))
    runs = sum(place not in texts and (place == 1 or place - 1 in texts) for place in range(1, 10))
    assert shown.count("[…]") == runs


@pytest.mark.parametrize(
    ("came", "text", "words"),
    [
        ((1, 2), "I am on my way, […]", "Part 3 of 3 did not come in time."),
        ((1, 3), "I am on […] wait", "Part 2 of 3 did not come in time."),
        ((2,), "[…] my way, […]", "Parts 1 and 3 of 3 did not come in time."),
    ],
)
def test_what_is_missing_at_the_deadline_is_marked(
    link: Lease, chat: Chat, came: Sequence[int], text: str, words: str
) -> None:
    come(link.number, *came)
    assert reply() == 0
    pass_time()
    assert reply() == 1
    assert chat.said == [("ben", text)]
    sms = InboundSms.objects.get()
    assert (sms.state, sms.reason) == ("posted", words)


def test_the_wait_begins_with_the_first_part_and_is_a_setting(number: Number, settings: Settings) -> None:
    settings.PARTS_WAIT = timedelta(minutes=5)
    come(number, 2)
    first = InboundSms.objects.get()
    assert timedelta(minutes=4, seconds=50) < first.next_at - timezone.now() < timedelta(minutes=5, seconds=10)
    come(number, 1)
    assert InboundSms.objects.get().next_at == first.next_at


def test_of_many_missing_parts_only_the_number_is_told(number: Number) -> None:
    inbound.accept(live(number), [part(number, 1, 200)])
    sms = InboundSms.objects.get()
    assert (sms.text, sms.part_note) == ("I am on […]", "199 of its 200 parts did not come in time.")


def test_a_part_that_comes_too_late_is_kept_and_changes_nothing_in_the_chat(link: Lease, chat: Chat) -> None:
    come(link.number, 1, 2)
    pass_time()
    reply()
    assert come(link.number, 3, 3) == [False, False]
    assert reply() == 0
    assert chat.said == [("ben", "I am on my way, […]")]
    sms = InboundSms.objects.get()
    assert sms.text == "I am on my way, […]"
    assert sms.reason == "Part 3 of 3 did not come in time. Part 3 of 3 came too late to be joined."
    assert sms.parts.get(place=3).text == "wait"


def test_a_part_that_comes_between_two_tries_to_post_it_is_too_late(number: Number) -> None:
    """The platform may have taken the first try, and by the same key it takes no other text."""
    come(number, 1, 2)
    InboundSms.objects.update(post_began=True)
    come(number, 3)
    sms = InboundSms.objects.get()
    assert sms.text == "I am on my way, […]"
    assert sms.reason.endswith("Part 3 of 3 came too late to be joined.")


def test_a_part_that_comes_before_any_try_to_post_it_is_in_time(link: Lease, chat: Chat) -> None:
    """Also when it was looked at, and put off."""
    come(link.number, 1, 2)
    InboundSms.objects.update(attempts=3)
    come(link.number, 3)
    reply()
    assert chat.said == [("ben", "I am on my way, wait")]


def test_a_text_that_never_left_is_joined_anew_when_it_is_tried_again(
    number: Number, bridge: Bridge, chat: Chat
) -> None:
    come(number, 1, 2)
    pass_time()
    reply()
    come(number, 3)
    sms = InboundSms.objects.get()
    assert (sms.state, sms.text) == ("unrouted", "I am on my way, […]")
    early = timezone.now() - timedelta(days=1)
    made = factories.lease(number, factories.conversation(bridge.hook.chat_app), linked_at=early)
    factories.texted(made, created_at=early, sent_at=early)
    inbound.again([sms.pk])
    reply()
    assert chat.said == [("ben", "I am on my way, wait")]
    sms.refresh_from_db()
    assert (sms.state, sms.reason) == ("posted", "")


def test_what_the_platform_may_have_stays_as_it_was_posted_however_often_it_is_tried(link: Lease, chat: Chat) -> None:
    come(link.number, 1, 2)
    pass_time()
    chat.script = [chat.lose]
    reply()
    InboundSms.objects.update(state="dead")
    inbound.again([InboundSms.objects.get().pk])
    come(link.number, 3)
    inbound.again([InboundSms.objects.get().pk])
    reply()
    sms = InboundSms.objects.get()
    assert (sms.state, sms.text) == ("posted", "I am on my way, […]")
    assert chat.said == [("ben", "I am on my way, […]")]


def test_it_does_not_change_while_somebody_has_claimed_it(link: Lease) -> None:
    come(link.number, 1, 2)
    pass_time()
    routing.claim(10)
    come(link.number, 3)
    assert InboundSms.objects.get().text == "I am on my way, […]"


def test_nor_does_it_change_after_a_worker_was_lost_with_it(number: Number, link: Lease) -> None:
    come(number, 1, 2)
    for _ in range(2):
        pass_time()
        routing.claim(10)
    assert InboundSms.objects.get().post_began
    come(number, 3)
    assert InboundSms.objects.get().text == "I am on my way, […]"


def test_a_text_that_is_tried_again_still_tells_what_is_missing(number: Number, chat: Chat) -> None:
    come(number, 1, 2)
    pass_time()
    reply()
    sms = InboundSms.objects.get()
    assert sms.state == "unrouted"
    assert sms.reason.endswith("that delivered it. Part 3 of 3 did not come in time.")
    inbound.again([sms.pk])
    sms.refresh_from_db()
    assert sms.reason == "Part 3 of 3 did not come in time."


def test_a_part_and_what_follows_from_it_are_stored_together(number: Number) -> None:
    with crash_at("smsbridge.services.parts._join"):
        come(number, 1)
    assert not InboundSms.objects.exists()
    assert not InboundPart.objects.exists()


def test_another_text_at_a_place_that_is_taken_begins_a_new_set(number: Number) -> None:
    """A phone may use the same reference again at once."""
    come(number, 1, 2)
    inbound.accept(live(number), [part(number, 1, vendor_id="other-1", text="No, ")])
    assert InboundSms.objects.count() == 2
    come(number, 3)
    inbound.accept(live(number), [part(number, 3, vendor_id="other-3", text="stay")])
    assert list(InboundSms.objects.order_by("pk").values_list("text", flat=True)) == [
        "I am on my way, wait",
        "No, […] stay",
    ]


def test_a_reference_that_is_used_again_while_an_earlier_text_waits_does_not_mix_them(number: Number) -> None:
    come(number, 1, 2)
    for place in (1, 2, 3):
        come(number, place, vendor_id=f"new-{place}", text=f"new {place} ")
    assert list(InboundSms.objects.order_by("pk").values_list("text", flat=True)) == [
        "I am on my way, […]",
        "new 1 new 2 new 3",
    ]


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
@pytest.mark.parametrize("state", ["waiting", "posted"])
def test_the_vendors_stamps_tell_which_text_a_part_belongs_to(
    number: Number, state: str, order: tuple[int, ...]
) -> None:
    earlier, now = timezone.now() - timedelta(minutes=2), timezone.now()
    come(number, 1, 2, at=earlier)
    InboundSms.objects.update(state=state)
    for place in order:
        at = now + timedelta(seconds=place)
        inbound.accept(live(number), [part(number, place, vendor_id=f"new-{place}", text=f"new {place} ", at=at)])
    assert list(InboundSms.objects.order_by("pk").values_list("text", "reason"))[1:] == [("new 1 new 2 new 3", "")]
    come(number, 3, at=earlier + timedelta(seconds=2))
    assert InboundSms.objects.count() == 2
    assert InboundPart.objects.filter(sms=InboundSms.objects.earliest("pk")).count() == 3


def test_stamps_on_either_side_of_what_counts_as_late_make_no_two_texts(number: Number) -> None:
    edge = timezone.now() - timedelta(minutes=15)
    for place, off in ((1, 2), (2, -2)):
        inbound.accept(live(number), [part(number, place, 2, at=edge + timedelta(seconds=off))])
    assert InboundSms.objects.get().text == "I am on my way,"


@pytest.mark.parametrize(("minutes", "texts"), [(2, 1), (4, 2)])
def test_without_stamps_a_reference_counts_for_three_times_the_wait(number: Number, minutes: int, texts: int) -> None:
    come(number, 1)
    InboundSms.objects.update(received_at=timezone.now() - timedelta(minutes=minutes))
    come(number, 2)
    assert InboundSms.objects.count() == texts


def test_one_of_more_parts_than_there_can_be_is_a_text_of_its_own(link: Lease, chat: Chat) -> None:
    inbound.accept(live(link.number), [part(link.number, 1, 256, text="1 of 256")])
    reply()
    assert chat.said == [("ben", "1 of 256")]
    assert not InboundPart.objects.exists()


def test_parts_that_an_outage_delayed_find_each_other_by_the_vendors_stamp(number: Number) -> None:
    sent = (timezone.now() - timedelta(hours=5)).replace(microsecond=0)
    come(number, 1)
    InboundSms.objects.update(received_at=sent, state="posted", attempts=1)
    inbound.accept(live(number), [part(number, 2, at=sent + timedelta(seconds=2))])
    assert InboundSms.objects.count() == 1
    assert InboundSms.objects.get().reason.endswith("Part 2 of 3 came too late to be joined.")
    inbound.accept(live(number), [part(number, 2, vendor_id="today", at=timezone.now())])
    assert InboundSms.objects.count() == 2


@pytest.mark.parametrize("change", [{"phone": factories.phone(5)}, {"reference": "8"}, {"total": 4}])
def test_parts_of_other_texts_do_not_mix(number: Number, change: dict[str, str]) -> None:
    come(number, 1)
    come(number, 2, vendor_id="other", **change)
    assert InboundSms.objects.count() == 2


def test_another_accounts_part_does_not_join(number: Number) -> None:
    come(number, 1)
    other = factories.pool(1).numbers.get()
    inbound.accept(live(other), [part(number, 2)])
    assert InboundSms.objects.count() == 2


def test_a_part_whose_id_is_of_a_text_that_came_whole_is_a_repeat(number: Number) -> None:
    text_to(number, "Hi", vendor_id="7-1")
    come(number, 1)
    assert InboundSms.objects.get().text == "Hi"


def test_later_texts_of_the_phone_wait_for_it_and_others_do_not(link: Lease, chat: Chat) -> None:
    come(link.number, 1)
    text_to(link.number, "And hello")
    text_to(link.number, "From elsewhere", phone=factories.phone(5))
    reply()
    assert chat.said == []
    assert InboundSms.objects.get(text="From elsewhere").state == "unrouted"
    come(link.number, 2, 3)
    reply()
    assert [text for _, text in chat.said] == ["I am on my way, wait", "And hello"]


def test_a_joined_keyword_is_obeyed_and_not_posted(link: Lease, chat: Chat) -> None:
    for place, text in ((1, "ST"), (2, "OP")):
        inbound.accept(live(link.number), [part(link.number, place, 2, text=text)])
    reply()
    assert chat.said == []
    assert OptOut.objects.get().phone == BENS_PHONE


def test_a_stop_in_parts_is_obeyed_as_soon_as_it_is_whole_although_an_earlier_text_waits(
    link: Lease, bridge: Bridge, chat: Chat, network: Network
) -> None:
    chat.script = [servers.answer(503, b"", {"Retry-After": "3000"})]
    text_to(link.number, "hello")
    reply()
    ready = factories.linked(bridge)
    for place, text in ((2, "OP"), (1, "ST")):
        inbound.accept(live(link.number), [part(link.number, place, 2, text=text)])
    assert OptOut.objects.get().phone == BENS_PHONE
    assert list(InboundSms.objects.order_by("pk").values_list("state", flat=True)) == ["waiting", "keyword"]
    send()
    ready.refresh_from_db()
    assert ready.state == "withdrawn"


def test_a_part_is_no_keyword_by_itself(number: Number) -> None:
    inbound.accept(live(number), [part(number, 2, text="STOP")])
    assert not OptOut.objects.exists()


def test_the_page_shows_the_parts(number: Number, admin_client: Client) -> None:
    come(number, 1, 3)
    page = admin_client.get(f"/admin/smsbridge/inboundsms/{InboundSms.objects.get().pk}/change/").content.decode()
    assert "3 of 3" in page
    assert "wait" in page


def test_its_words_and_rows_are_forgotten_with_the_text(number: Number) -> None:
    come(number, 1, 2, 3)
    InboundSms.objects.update(state="posted", received_at=timezone.now() - timedelta(days=60))
    retention.forget_old(timedelta(days=30), timedelta(days=180))
    assert set(InboundPart.objects.values_list("text", flat=True)) == {""}
    InboundSms.objects.update(received_at=timezone.now() - timedelta(days=200))
    retention.forget_old(timedelta(days=30), timedelta(days=180))
    assert not InboundPart.objects.exists()


def test_they_are_erased_with_the_person(number: Number) -> None:
    come(number, 1, 2)
    erasing.erase(persons.by_phone(BENS_PHONE))
    assert not InboundSms.objects.exists()
    assert not InboundPart.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_that_a_part_holds_at_that_moment_is_erased_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    number = factories.pool(1).numbers.get()
    come(number, 1, 2)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(InboundSms.objects.select_for_update())
            held.set()
            assert go_on.wait(20)

    def erase() -> dict[str, int]:
        assert held.wait(20)
        monkeypatch.setattr("smsbridge.services.erasing.time.sleep", lambda seconds: go_on.set())
        return erasing.erase(persons.by_phone(BENS_PHONE))

    _, done = together([hold, erase])
    assert done == {"texts of his": 1}
    assert not InboundPart.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_that_is_held_for_too_long_is_counted_as_unfinished(settings: Settings) -> None:
    number = factories.pool(1).numbers.get()
    come(number, 1, 2)
    settings.SENDING_SECONDS = -60
    person = persons.by_phone(BENS_PHONE)
    with transaction.atomic():
        list(InboundSms.objects.select_for_update())
        assert together([lambda: (erasing.erase(person), erasing.unfinished(person))]) == [({}, 1)]
    erasing.erase(person)
    assert erasing.unfinished(person) == 0


def test_vonages_parts_come_by_http(db: None) -> None:
    secrets = {"api_secret": "secret", "signature_secret": "signs"}
    account = factories.vendor_account(vendor="vonage", options={"api_key": "abcd1234"}, secrets=secrets)
    concat = {"concat": "true", "concat-ref": "1", "concat-total": "2"}
    told = {"msisdn": "12025550101", "to": "12025550001", **concat}
    for place, way in (("2", "get"), ("1", "json"), ("2", "form")):
        part = {"messageId": f"0B00AA1{place}", "text": f"part {place} ", "concat-part": place}
        assert vonage_call(account, way, **told, **part).status_code == 200
    assert InboundSms.objects.get().text == "part 1 part 2"


def test_what_the_simulators_phones_text_at_length_arrives_whole(number: Number, settings: Settings) -> None:
    """Its Vonage pushes the parts in no order."""
    settings.SIMULATOR_VONAGE_SIGNATURE_SECRET = "signs"
    secrets = {"api_secret": "secret", "signature_secret": "signs"}
    account = factories.vendor_account(vendor="vonage", options={"api_key": "abcd1234"}, secrets=secrets)
    said = " ".join(f"word{place}" for place in range(80))
    row = Text(pk=300, phone_id=BENS_PHONE, number=number.e164, text=said, uid="0B00", at=timezone.now())
    row.segments = segments.count(said)
    pushed = Wire().inbound(row, f"http://testserver/webhooks/sms/{account.slug}/inbound/")
    assert len(pushed) == row.segments > 3
    for one in pushed:
        path = one.url.removeprefix("http://testserver")
        assert Client().generic(one.method or "POST", path, one.body, one.content_type).status_code == 200
    sms = InboundSms.objects.get()
    assert (sms.text, sms.part_note) == (said, "")


# Threads


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_parts_of_one_text_at_the_same_moment_make_one_row() -> None:
    number = factories.pool(1).numbers.get()
    live(number)
    for serial, order in enumerate(permutations((1, 2, 3))):
        rings = together([partial(come, number, place, reference=str(serial)) for place in order])
        assert [ring for (ring,) in rings].count(True) == 1, "who made it whole rings, and nobody else"
    assert InboundSms.objects.count() == 6
    assert set(InboundSms.objects.values_list("text", "reason")) == {("I am on my way, wait", "")}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_part_twelve_times_at_once_is_one_part() -> None:
    number = factories.pool(1).numbers.get()
    live(number)
    together([lambda: come(number, 2)] * 12)
    assert InboundSms.objects.count() == InboundPart.objects.count() == 1
    together([lambda: come(number, 1)] * 6 + [lambda: come(number, 3)] * 6)
    assert (InboundSms.objects.get().text, InboundPart.objects.count()) == ("I am on my way, wait", 3)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_last_part_and_the_deadline_at_the_same_moment_leave_no_half_truth() -> None:
    """Either it was joined in time, and the text is whole, or it was too late, and both say so."""
    for _ in range(5):
        number = factories.pool(1).numbers.get()
        live(number)
        come(number, 1, 2)
        pass_time()
        at_once: list[Callable[[], object]] = [partial(come, number, 3), reply]
        together(at_once)
        sms = InboundSms.objects.get(number=number.e164)
        late = "Part 3 of 3 came too late to be joined." in sms.reason
        assert sms.text == ("I am on my way, […]" if late else "I am on my way, wait")
        assert ("did not come in time" in sms.reason) == late
        assert sms.parts.count() == 3


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_part_that_comes_while_it_is_being_posted_is_too_late(link: Lease, chat: Chat) -> None:
    """What the platform may know already must not change: its key would no longer stand for one text."""
    come(link.number, 1, 2)
    pass_time()

    def meanwhile(peer: Peer, received: Received) -> None:
        together([lambda: come(link.number, 3)])
        servers.answer(201, chat.post(received))(peer, received)

    chat.script = [meanwhile]
    reply()
    assert chat.said == [("ben", "I am on my way, […]")]
    sms = InboundSms.objects.get()
    assert (sms.state, sms.text) == ("posted", "I am on my way, […]")
    assert sms.reason == "Part 3 of 3 did not come in time. Part 3 of 3 came too late to be joined."


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_long_for_one_who_froze_in_his_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    number = factories.pool(1).numbers.get()
    monkeypatch.setattr(parts, "_PATIENCE_MS", 50)
    with transaction.atomic():
        come(number, 1)
        with pytest.raises(OperationalError):
            together([lambda: come(number, 2)])
    assert come(number, 2, 3) == [False, True]
