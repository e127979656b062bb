"""What a vendor's answer makes of a text, whatever the answer."""

import logging
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from notifier.backoff import MAX_ATTEMPTS
from smsbridge.models import Bridge, Lease, OptOut, OutboundSms
from smsbridge.services import clearance, outcomes
from smsbridge.services.outcomes import Flight, Result
from smsbridge.vendors.base import ErrorInfo, ErrorKind, Outcome, OutcomeKind
from tests import factories
from tests.factories import BENS_PHONE, linked


def error(kind: ErrorKind) -> ErrorInfo:
    return ErrorInfo("17", "the words of the vendor", "", kind)


def flight_of(bridge: Bridge) -> tuple[OutboundSms, Flight]:
    sms = linked(bridge)
    (flight,) = clearance.claim(1)
    return sms, flight


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome(kind=OutcomeKind.SENT, vendor_id="v"), "sent"),
        (Outcome(kind=OutcomeKind.UNCERTAIN), "uncertain"),
        (Outcome(kind=OutcomeKind.THROTTLED), "ready"),
        (Outcome(kind=OutcomeKind.REFUSED), "dead"),
        (Outcome(kind=OutcomeKind.REFUSED, error=error(ErrorKind.RECIPIENT)), "dead"),
        (Outcome(kind=OutcomeKind.REFUSED, error=error(ErrorKind.UNKNOWN)), "dead"),
        (Outcome(kind=OutcomeKind.REFUSED, error=error(ErrorKind.OPTED_OUT)), "dead"),
        (Outcome(kind=OutcomeKind.REFUSED, error=error(ErrorKind.ACCOUNT)), "ready"),
        (Outcome(kind=OutcomeKind.REFUSED, error=error(ErrorKind.TEMPORARY)), "ready"),
        (Outcome(kind=OutcomeKind.UNCERTAIN, error=error(ErrorKind.TEMPORARY)), "uncertain"),
    ],
)
def test_each_outcome_has_its_state(bridge: Bridge, outcome: Outcome, state: str) -> None:
    sms, flight = flight_of(bridge)
    outcomes.write([Result(flight, outcome)])
    sms.refresh_from_db()
    assert sms.state == state
    assert (sms.settled_at is not None) == (state in ("dead", "uncertain"))
    assert sms.reason or state in ("sent", "ready")


def test_the_vendors_own_count_and_price_are_kept(bridge: Bridge) -> None:
    sms, flight = flight_of(bridge)
    outcome = Outcome(kind=OutcomeKind.SENT, vendor_id="v", segments=3, price=Decimal("0.0321"))
    outcomes.write([Result(flight, outcome)])
    sms.refresh_from_db()
    assert (sms.segments, sms.price) == (3, Decimal("0.0321"))


def test_many_are_written_at_once(bridge: Bridge, django_assert_max_num_queries: object) -> None:
    for index in range(20):
        linked(bridge, phone=factories.phone(index))
    results = [
        Result(flight, Outcome(kind=OutcomeKind.SENT, vendor_id=f"v-{index}"))
        for index, flight in enumerate(clearance.claim(20))
    ]
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        outcomes.write(results)
    assert OutboundSms.objects.filter(state="sent").count() == 20


def test_a_result_that_has_lost_its_claim_changes_nothing(bridge: Bridge) -> None:
    sms, flight = flight_of(bridge)
    OutboundSms.objects.update(claim=uuid.uuid4())
    outcomes.write([Result(flight, Outcome(kind=OutcomeKind.SENT, vendor_id="v"))])
    sms.refresh_from_db()
    assert (sms.state, sms.vendor_id) == ("sending", None)


def test_a_refusal_that_has_lost_its_claim_takes_back_no_text(bridge: Bridge) -> None:
    sms, flight = flight_of(bridge)
    OutboundSms.objects.update(claim=uuid.uuid4(), introduces=True)
    Lease.objects.update(introduced_by=sms)
    outcomes.write([Result(flight, Outcome(kind=OutcomeKind.REFUSED))])
    assert Lease.objects.get().introduced_by == sms


def test_a_repeated_id_is_said_without_phone_or_text(bridge: Bridge, caplog: pytest.LogCaptureFixture) -> None:
    for index in range(2):
        linked(bridge, phone=factories.phone(index))
    results = [Result(one, Outcome(kind=OutcomeKind.SENT, vendor_id="same")) for one in clearance.claim(2)]
    with caplog.at_level(logging.WARNING):
        outcomes.write(results)
    assert OutboundSms.objects.filter(state="sent").count() == 2
    assert "already taken" in caplog.text
    assert factories.phone(0) not in caplog.text
    assert factories.phone(1) not in caplog.text


def test_an_opt_out_that_is_known_already_is_not_doubled(bridge: Bridge) -> None:
    for number in bridge.pool.numbers.all()[:2]:
        linked(bridge, number=number)
    flights = clearance.claim(2)
    OptOut.objects.create(phone=BENS_PHONE, source="keyword")
    refused = Outcome(kind=OutcomeKind.REFUSED, error=error(ErrorKind.OPTED_OUT))
    outcomes.write([Result(flight, refused) for flight in flights])
    assert OptOut.objects.get().source == "keyword"
    assert OutboundSms.objects.filter(state="dead").count() == 2


@pytest.mark.parametrize(("attempts", "state"), [(MAX_ATTEMPTS - 1, "ready"), (MAX_ATTEMPTS, "dead")])
def test_the_last_try_is_the_last(bridge: Bridge, attempts: int, state: str) -> None:
    sms = linked(bridge, attempts=attempts - 1)
    (flight,) = clearance.claim(1)
    outcomes.write([Result(flight, Outcome(kind=OutcomeKind.THROTTLED, retry_after=5))])
    sms.refresh_from_db()
    assert sms.state == state
    assert state == "dead" or sms.next_at > timezone.now()


ODD = [
    Outcome(kind=OutcomeKind.THROTTLED, retry_after=120),
    Outcome(kind=OutcomeKind.UNCERTAIN, reason="it answered: a\0b"),
    Outcome(kind=OutcomeKind.UNCERTAIN, reason="it answered: a\ud800b"),
    Outcome(kind=OutcomeKind.SENT, vendor_id="v" * 130),
    Outcome(kind=OutcomeKind.SENT, vendor_id="a\0b"),
    Outcome(kind=OutcomeKind.SENT, vendor_id="v", segments=40_000),
    Outcome(kind=OutcomeKind.SENT, vendor_id="v", segments=-1),
    Outcome(kind=OutcomeKind.SENT, vendor_id="v", price=Decimal("NaN")),
    Outcome(kind=OutcomeKind.REFUSED, error=ErrorInfo("\0", "no", "", ErrorKind.OPTED_OUT)),
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_one_that_cannot_be_stored_as_it_is_costs_neither_its_own_state_nor_that_of_the_others(
    bridge: Bridge, odd: Outcome
) -> None:
    for index in range(5):
        linked(bridge, phone=factories.phone(index))
    first, *others = clearance.claim(5)
    good = [Result(flight, Outcome(kind=OutcomeKind.SENT, vendor_id=flight.id.hex)) for flight in others]
    outcomes.write([Result(first, odd), *good])
    assert OutboundSms.objects.exclude(pk=first.id).filter(state="sent", vendor_id__isnull=False).count() == 4
    state = OutboundSms.objects.get(pk=first.id).state
    assert state == {"throttled": "ready", "refused": "dead"}.get(odd.kind, odd.kind)
    assert OptOut.objects.count() == (1 if odd.error else 0)


def test_one_that_cannot_be_stored_at_all_does_not_stop_the_others(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its claim runs out, and then it counts as uncertain."""
    for index in range(2):
        linked(bridge, phone=factories.phone(index))
    first, second = clearance.claim(2)
    row = outcomes._row
    bad = ValueError(BENS_PHONE)

    def fail(result: Result, *rest: object) -> object:
        if result.flight is first:
            raise bad
        return row(result, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(outcomes, "_row", fail)
    outcomes.write([Result(one, Outcome(kind=OutcomeKind.SENT, vendor_id=one.id.hex)) for one in (first, second)])
    states = OutboundSms.objects.in_bulk([first.id, second.id])
    assert (states[first.id].state, states[second.id].state) == ("sending", "sent")
    assert str(first.id) in caplog.text
    assert BENS_PHONE not in caplog.text


@pytest.mark.postgres
def test_these_tests_pass_values_as_the_program_does(bridge: Bridge) -> None:
    """Bound by the server, where an array of numbers of several types is none."""
    assert connection.settings_dict["OPTIONS"]["server_side_binding"]
