"""Which number stands for which conversation on which phone."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from notifier.models import Conversation
from smsbridge.models import Bridge, Contact, Lease, Number, OutboundSms
from smsbridge.services import belonging, leases
from smsbridge.services.leases import Grant, Want, allot
from tests import factories
from tests.factories import BENS_PHONE, conversation, lease
from tests.smsbridge.racing import together

WEEK = timedelta(weeks=1)
OTHER_PHONE = factories.phone(2)


def numbers_of(bridge: Bridge) -> list[Number]:
    return list(bridge.pool.numbers.order_by("pk"))


def places(bridge: Bridge, count: int) -> list[Conversation]:
    return [conversation(bridge.hook.chat_app) for _ in range(count)]


def grant(
    place: Conversation,
    numbers: Sequence[Number],
    user: str = "ben",
    phone: str = BENS_PHONE,
    lifetime: timedelta = WEEK,
) -> Grant | None:
    with transaction.atomic():
        granted = allot([Want(place.pk, user, phone)], [number.pk for number in numbers], lifetime)
    return granted.get((user, place.pk))


def number_of(granted: Grant | None) -> int | None:
    return granted.number if granted else None


def test_it_gives_a_number_for_the_lifetime(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    granted = grant(place, numbers_of(bridge))
    row = Lease.objects.get()
    assert granted == Grant(row.pk, row.number_id, introduced=False)
    assert timedelta(0) < timezone.now() + WEEK - row.expires_at < timedelta(minutes=1)


def test_it_gives_every_conversation_of_a_phone_a_number_of_its_own(bridge: Bridge) -> None:
    given = [number_of(grant(place, numbers_of(bridge))) for place in places(bridge, 3)]
    assert sorted(filter(None, given)) == [number.pk for number in numbers_of(bridge)]


def test_it_gives_numbers_to_a_whole_batch_at_once(bridge: Bridge) -> None:
    wants = [Want(place.pk, "ben", BENS_PHONE) for place in places(bridge, 5)]
    granted = allot(wants, [number.pk for number in numbers_of(bridge)], WEEK)
    assert len(granted) == 3
    assert len({one.number for one in granted.values()}) == 3


def test_it_reuses_and_renews_the_conversations_own_lease(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    own = lease(numbers_of(bridge)[1], place)
    assert number_of(grant(place, numbers_of(bridge))) == own.number_id
    renewed = Lease.objects.get()
    assert renewed.expires_at > own.expires_at
    assert renewed.linked_at == own.linked_at


def test_it_renews_an_expired_lease_that_nobody_took_over(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    own = lease(numbers_of(bridge)[1], place, lasts=-60)
    assert number_of(grant(place, numbers_of(bridge))) == own.number_id
    assert Lease.objects.get(pk=own.pk).expires_at > timezone.now()


def test_it_prefers_a_number_that_the_phone_never_had_to_an_expired_one(bridge: Bridge) -> None:
    old, other, new = places(bridge, 3)
    first, second, third = numbers_of(bridge)
    lease(first, old, lasts=-60)
    lease(third, other)
    assert number_of(grant(new, numbers_of(bridge))) == second.pk


def test_it_takes_over_the_expired_number_that_was_used_least_recently(bridge: Bridge) -> None:
    one, two, three, new = places(bridge, 4)
    now = timezone.now()
    for number, place, hours in zip(numbers_of(bridge), (one, two, three), (5, 9, 7), strict=True):
        lease(number, place, lasts=-60, last_used_at=now - timedelta(hours=hours))
    assert number_of(grant(new, numbers_of(bridge))) == numbers_of(bridge)[1].pk
    assert not Lease.objects.filter(conversation=two).exists()


def test_it_starts_a_new_link_on_an_expired_number_without_its_introduction(bridge: Bridge) -> None:
    old, new = places(bridge, 2)
    (number, *_) = numbers_of(bridge)
    taken = lease(number, old, lasts=-60, introduced_by=factories.outbound(bridge))
    granted = grant(new, [number])
    assert granted == Grant(taken.pk, number.pk, introduced=False)
    assert Lease.objects.get().linked_at > taken.linked_at


def test_it_gives_none_when_every_number_stands_for_something_else(bridge: Bridge) -> None:
    *held, new = places(bridge, 4)
    for number, place in zip(numbers_of(bridge), held, strict=True):
        lease(number, place)
    assert grant(new, numbers_of(bridge)) is None
    assert grant(new, []) is None


@pytest.mark.parametrize("lasts", [3600, -60])
def test_it_never_uses_a_number_that_left_the_pool(bridge: Bridge, lasts: float) -> None:
    (place,) = places(bridge, 1)
    gone, *rest = numbers_of(bridge)
    lease(gone, place, lasts=lasts, introduced_by=factories.outbound(bridge))
    granted = grant(place, rest)
    assert granted is not None
    assert granted.number in [number.pk for number in rest]
    assert not granted.introduced
    assert Lease.objects.get(left_at=None).number_id == granted.number


def test_it_makes_a_new_link_when_the_persons_phone_changed(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    lease(numbers_of(bridge)[0], place, introduced_by=factories.outbound(bridge))
    granted = grant(place, numbers_of(bridge), phone=OTHER_PHONE)
    assert granted is not None
    assert not granted.introduced
    assert Lease.objects.get(left_at=None).phone == OTHER_PHONE


def test_it_leaves_the_old_link_alone_when_no_number_is_free_for_the_new_phone(bridge: Bridge) -> None:
    mine, theirs = places(bridge, 2)
    (number, *_) = numbers_of(bridge)
    own, other = lease(number, mine), lease(number, theirs, "cat", OTHER_PHONE)
    assert grant(mine, [number], phone=OTHER_PHONE) is None
    assert set(Lease.objects.values_list("pk", "phone")) == {(own.pk, BENS_PHONE), (other.pk, OTHER_PHONE)}


def test_it_gives_two_users_of_one_phone_different_numbers(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    ben, cat = grant(place, numbers_of(bridge), "ben"), grant(place, numbers_of(bridge), "cat")
    assert number_of(ben) != number_of(cat)


def test_it_gives_two_phones_the_same_number_for_conversations_of_their_own(bridge: Bridge) -> None:
    one, two = places(bridge, 2)
    (number, *_) = numbers_of(bridge)
    assert number_of(grant(one, [number])) == number.pk
    assert number_of(grant(two, [number], "cat", OTHER_PHONE)) == number.pk


def test_it_remembers_that_a_link_was_introduced_until_that_text_failed(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    first = grant(place, numbers_of(bridge))
    assert first is not None
    sms = factories.outbound(bridge, number=Number.objects.get(pk=first.number))
    leases.introduced([(first.lease, sms.pk)])
    again = grant(place, numbers_of(bridge))
    assert again is not None
    assert again.introduced
    leases.introduce_again([sms.pk])
    later = grant(place, numbers_of(bridge))
    assert later is not None
    assert not later.introduced


def test_it_keeps_what_another_worker_linked_a_moment_ago(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look and our write, another worker linked the same conversation: its number is ours as well."""
    (place,) = places(bridge, 1)
    numbers = numbers_of(bridge)
    look = leases._choose
    theirs: list[Lease] = []

    def looked_too_early(*args: object) -> object:
        if not theirs:
            theirs.append(lease(numbers[2], place))
        return look(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(leases, "_choose", looked_too_early)
    assert number_of(grant(place, numbers)) == numbers[2].pk
    assert Lease.objects.get().pk == theirs[0].pk


def test_it_goes_on_looking_while_others_take_one_number_after_another(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven numbers are lost to other conversations of this phone, each at the last moment; the twelfth is ours."""
    numbers = list(factories.pool(12).numbers.order_by("pk"))
    ours, *others = places(bridge, 12)
    choose = leases._choose

    def overtaken(*args: Any) -> list[leases._Choice]:
        chosen = choose(*args)
        if others:
            lease(Number.objects.get(pk=chosen[0].number), others.pop())
        return chosen

    monkeypatch.setattr(leases, "_choose", overtaken)
    assert grant(ours, numbers) is not None
    assert Lease.objects.count() == 12


# What a text that came in belongs to


def link_of(number: Number, phone: str = BENS_PHONE, ago: float = 0.0) -> str | None:
    came = timezone.now() - timedelta(seconds=ago)
    found = belonging.links([(1, number.account_id, number.e164, phone, came)]).get(1)
    return found.user_id if found else None


def told(*args: Any, **fields: Any) -> Lease:
    """A link of which the person was told by a text."""
    link = lease(*args, **fields)
    factories.texted(link)
    return link


def test_it_routes_by_number_and_phone(bridge: Bridge) -> None:
    one, two, three = places(bridge, 3)
    first, second, _ = numbers_of(bridge)
    told(first, one, "ben"), told(second, two, "cat"), told(first, three, "dan", OTHER_PHONE)
    assert [link_of(first), link_of(second), link_of(first, OTHER_PHONE)] == ["ben", "cat", "dan"]
    assert link_of(second, OTHER_PHONE) is None


def test_it_routes_nothing_by_a_link_that_had_expired_when_the_text_came(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    number, *_ = numbers_of(bridge)
    told(number, place, lasts=-60)
    assert link_of(number) is None
    assert link_of(number, ago=120) == "ben"


def test_it_routes_nothing_by_a_link_made_for_another_conversation_since(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    number, *_ = numbers_of(bridge)
    told(number, place, linked_at=timezone.now() - timedelta(seconds=10))
    assert link_of(number, ago=20) is None
    assert link_of(number, ago=5) == "ben"


def test_it_releases_a_link_by_an_operators_word(bridge: Bridge) -> None:
    number, *_ = numbers_of(bridge)
    (place,) = places(bridge, 1)
    own = told(number, place)
    assert leases.release([own.pk]) == 1
    assert link_of(number) is None


def test_it_routes_nothing_that_came_by_another_account_than_the_numbers(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    link = told(numbers_of(bridge)[0], place)
    text = (1, factories.vendor_account().pk, link.number.e164, link.phone, timezone.now())
    assert belonging.links([text]) == {}


@pytest.mark.parametrize("state", ["sending", "sent", "delivered", "undelivered", "uncertain"])
def test_it_routes_by_a_link_of_which_a_text_has_left(bridge: Bridge, state: str) -> None:
    """Not delivered is what a vendor says, and not always so; `sending`: an answer may be faster than the vendor's."""
    link = lease(numbers_of(bridge)[0], conversation(bridge.hook.chat_app))
    factories.texted(link, state=state, sent_at=None)
    assert link_of(link.number) == "ben"


@pytest.mark.parametrize("state", ["ready", "dead", "withdrawn"])
def test_it_routes_nothing_by_a_link_that_the_person_was_never_told_of(bridge: Bridge, state: str) -> None:
    link = lease(numbers_of(bridge)[0], conversation(bridge.hook.chat_app))
    factories.texted(link, state=state, sent_at=None)
    assert link_of(link.number) is None


def test_it_routes_nothing_by_a_text_of_the_time_before_the_number_stood_for_something_else(bridge: Bridge) -> None:
    link = told(numbers_of(bridge)[0], conversation(bridge.hook.chat_app))
    Lease.objects.update(linked_at=timezone.now() - timedelta(minutes=1))
    assert link_of(link.number) is None


@pytest.mark.parametrize(("sent_ago", "user"), [(600, None), (1170, "ben"), (1230, "ben")])
def test_it_routes_by_texts_that_may_have_left_before_the_answer_came(
    bridge: Bridge, sent_ago: float, user: str | None
) -> None:
    """The vendor's answer may be stored a moment after the person's, but never more than SENDING_SECONDS."""
    link = lease(numbers_of(bridge)[0], conversation(bridge.hook.chat_app))
    factories.texted(link, sent_at=timezone.now() - timedelta(seconds=sent_ago))
    assert link_of(link.number, ago=1200) == user


def test_it_routes_nothing_by_a_text_that_is_being_sent_only_now(bridge: Bridge) -> None:
    link = lease(numbers_of(bridge)[0], conversation(bridge.hook.chat_app))
    factories.texted(link, state="sending", sent_at=None, next_at=timezone.now() + timedelta(seconds=55))
    assert link_of(link.number, ago=20) is None
    assert link_of(link.number) == "ben"


@pytest.mark.parametrize(("phone", "user"), [(OTHER_PHONE, None), (BENS_PHONE, "ben"), ("", "ben")])
def test_a_former_phone_no_longer_speaks_for_the_person(bridge: Bridge, phone: str, user: str | None) -> None:
    link = told(numbers_of(bridge)[0], conversation(bridge.hook.chat_app))
    Contact.objects.filter(user_id="ben").update(phone=phone)
    factories.contact(factories.chat_app(), "ben", OTHER_PHONE)
    assert link_of(link.number) == user


# Races


def insisting(place: Conversation, numbers: Sequence[Number], user: str = "ben") -> Grant | None:
    """As a stage does when the database parted two that waited for each other."""
    while True:
        try:
            return grant(place, numbers, user)
        except OperationalError:
            continue


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_it_gives_as_many_links_as_there_are_numbers_to_twelve_at_once(bridge: Bridge) -> None:
    numbers = list(factories.pool(8).numbers.order_by("pk"))
    granted = together([partial(insisting, place, numbers) for place in places(bridge, 12)])
    given = [one.number for one in granted if one is not None]
    assert sorted(given) == [number.pk for number in numbers]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_it_gives_one_link_to_twelve_who_want_the_same(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    granted = together([lambda: insisting(place, numbers_of(bridge))] * 12)
    assert len(set(granted)) == 1
    assert Lease.objects.get().number_id == number_of(granted[0])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_it_lets_one_of_eight_take_an_expired_number_over(bridge: Bridge) -> None:
    old, *new = places(bridge, 9)
    (number, *_) = numbers_of(bridge)
    lease(number, old, lasts=-60)
    granted = together([partial(insisting, place, [number]) for place in new])
    assert [one.number for one in granted if one] == [number.pk]
    assert Lease.objects.get().conversation in new


def test_the_text_that_introduced_may_be_gone(bridge: Bridge) -> None:
    (place,) = places(bridge, 1)
    sms = factories.outbound(bridge)
    lease(numbers_of(bridge)[0], place, introduced_by=sms)
    OutboundSms.objects.filter(pk=sms.pk).delete()
    again = grant(place, numbers_of(bridge))
    assert again is not None
    assert not again.introduced
