"""The judge over histories made by hand: a clean one passes, and each broken promise is reported as what it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.handmade import (
    BEGIN,
    BEN,
    CARLA,
    DUE,
    NUMBER,
    OTHER_NUMBER,
    clean,
    message,
    post,
    row,
    text,
)
from tests.faults.history import Blow, Forgery, History, InboundRow, LeaseRow, Mark, SmsRow, Withdrawal, load
from tests.faults.judge import judge
from tests.faults.options import Bounds
from tests.faults.verdict import Invariant


def test_a_clean_history_is_clean_and_told_in_figures() -> None:
    verdict = judge(clean(), Bounds())
    assert verdict.violations == []
    figures = verdict.figures
    assert figures["sent once"] == figures["not texted: read"] == figures["not texted: no phone"] == 1
    assert (figures["posted once"], figures["forged, refused"]) == (1, 2)
    assert figures["lateness max, s"] == pytest.approx(0.1)


def lost(history: History) -> None:
    history.calls, history.rows.sms = [], [row()]


def texted_twice(history: History) -> None:
    history.calls.append(replace(text(at=DUE + 2), reference="r2"))


def sent_again_after_an_open_answer(history: History) -> None:
    first = replace(text(), fault="500, not accepted", accepted=False, told="open")
    history.calls = [first, replace(text(at=DUE + 2), reference="r2")]


def uncertain_without_a_cause(history: History) -> None:
    history.rows.sms = [row(state="uncertain")]


def dead_without_a_refusal(history: History) -> None:
    history.calls = [replace(text(), fault="429", accepted=False, told="later")]
    history.rows.sms = [row(state="dead", reason="given up")]


def given_up_without_a_call_or_blow(history: History) -> None:
    history.rows.sms.append(SmsRow("r9", "uncertain", "", BEN))


def texted_though_read(history: History) -> None:
    history.calls.append(text(phone=CARLA))


def texted_though_long_read(history: History) -> None:
    history.withdrawals = [Withdrawal(1, "carla", "read", DUE + 1, DUE + 1.1)]
    history.calls.append(text(phone=CARLA, at=DUE + 20))


def texted_though_deleted(history: History) -> None:
    history.withdrawals.append(Withdrawal(1, "", "deleted", BEGIN + 1, BEGIN + 1.1))


def texted_early(history: History) -> None:
    history.calls = [text(at=DUE - 0.05)]


def one_number_for_two_conversations(history: History) -> None:
    history.messages[2] = message(2, conversation="c2")
    history.calls.append(text(2))


def two_numbers_for_one_conversation(history: History) -> None:
    history.messages[2] = message(2)
    history.calls.append(text(2, number=OTHER_NUMBER))


def texted_to_a_stranger(history: History) -> None:
    history.calls.append(text(phone="12022000077"))


def reply_lost(history: History) -> None:
    history.posts = []


def reply_posted_twice(history: History) -> None:
    history.posts.append(post(key="k2"))


def reply_tried_under_two_keys(history: History) -> None:
    history.posts.insert(0, post(key="k0", accepted=False))


def reply_in_the_wrong_place(history: History) -> None:
    history.posts = [replace(post(), conversation="c7")]


def reply_by_somebody_else(history: History) -> None:
    history.posts = [replace(post(), author="carla")]


def reply_in_other_words(history: History) -> None:
    history.posts = [replace(post(), text="Yes _ no")]


def marked_read_for_somebody_else(history: History) -> None:
    history.marks.append(Mark(DUE + 2, "carla", "m1"))


def forgery_acknowledged(history: History) -> None:
    history.forgeries.append(Forgery("read", "1", DUE, 204))


def forged_message_texted(history: History) -> None:
    history.calls.append(text(8_000_000))


def forged_text_stored(history: History) -> None:
    history.rows.inbound.append(InboundRow("f1", "forged", "unrouted", ""))


def forged_receipt_counted(history: History) -> None:
    history.forgeries.append(Forgery("receipt", "r1", DUE, 403))
    history.rows.sms = [row(state="delivered")]


def two_leases_of_a_number(history: History) -> None:
    history.rows.leases.append(LeaseRow(BEN, NUMBER, "c2", "ben", live=True))


def something_pending(history: History) -> None:
    history.rows.pending = {"notices": 1}


def slow_to_recover(history: History) -> None:
    history.messages[2] = replace(message(2), begun=DUE + 60, stamp=DUE + 60, acked=DUE + 64, probe=True)
    history.calls.append(text(2, at=DUE + 70))


def never_acknowledged(history: History) -> None:
    history.messages[2] = replace(message(2), acked=None)


def late(history: History) -> None:
    history.calls = [text(at=DUE + 100)]


@pytest.mark.parametrize(
    ("harm", "invariant"),
    [
        (lost, Invariant.ONCE),
        (texted_twice, Invariant.ONCE),
        (sent_again_after_an_open_answer, Invariant.ONCE),
        (uncertain_without_a_cause, Invariant.ONCE),
        (dead_without_a_refusal, Invariant.ONCE),
        (given_up_without_a_call_or_blow, Invariant.ONCE),
        (texted_though_read, Invariant.READ),
        (texted_though_long_read, Invariant.READ),
        (texted_though_deleted, Invariant.READ),
        (texted_early, Invariant.EARLY),
        (one_number_for_two_conversations, Invariant.THREAD),
        (two_numbers_for_one_conversation, Invariant.THREAD),
        (texted_to_a_stranger, Invariant.THREAD),
        (reply_lost, Invariant.REPLY),
        (reply_posted_twice, Invariant.REPLY),
        (reply_tried_under_two_keys, Invariant.REPLY),
        (reply_in_the_wrong_place, Invariant.REPLY),
        (reply_by_somebody_else, Invariant.REPLY),
        (reply_in_other_words, Invariant.REPLY),
        (marked_read_for_somebody_else, Invariant.REPLY),
        (forgery_acknowledged, Invariant.FORGED),
        (forged_message_texted, Invariant.FORGED),
        (forged_text_stored, Invariant.FORGED),
        (forged_receipt_counted, Invariant.FORGED),
        (two_leases_of_a_number, Invariant.LEASE),
        (something_pending, Invariant.PENDING),
        (slow_to_recover, Invariant.HEALTHY),
        (never_acknowledged, Invariant.HEALTHY),
        (late, Invariant.LATE),
    ],
)
def test_a_broken_promise_is_reported(harm: Callable[[History], None], invariant: Invariant) -> None:
    history = clean()
    harm(history)
    assert invariant in judge(history, Bounds()).invariants


def test_a_stored_history_is_judged_as_it_was(tmp_path: Path) -> None:
    history = clean()
    history.store(tmp_path / "run.json")
    assert load(tmp_path / "run.json") == history


def visible(state: str) -> History:
    history = clean()
    history.rows.sms = [row(state=state, reason="as the vendor's answer has it")]
    return history


def test_a_text_that_may_or_may_not_have_been_accepted_is_accounted_for_by_its_row() -> None:
    history = visible("uncertain")
    history.calls = [replace(text(), fault="reset before", accepted=False, told="open")]
    verdict = judge(history, Bounds())
    assert verdict.violations == []
    assert verdict.figures["visible instead of a text"] == verdict.figures["uncertain"] == 1


def test_a_text_that_the_vendor_refused_for_good_is_accounted_for_by_its_row() -> None:
    history = visible("dead")
    history.calls = [replace(text(), fault="refused", accepted=False, told="refused")]
    assert judge(history, Bounds()).violations == []


def test_a_worker_killed_while_it_was_sending_explains_an_uncertain_text() -> None:
    history = visible("uncertain")
    history.calls = [replace(text(), answered=None)]
    history.blows = [Blow("kill worker", DUE + 0.11, DUE + 0.12)]
    assert judge(history, Bounds()).violations == []


def test_so_does_one_killed_when_its_call_had_left_it_and_was_not_read_yet() -> None:
    history = visible("uncertain")
    history.calls = [replace(text(), answered=None)]
    history.blows = [Blow("kill worker", DUE + 0.02, DUE + 0.03)]
    assert judge(history, Bounds()).violations == []


def test_a_worker_killed_long_before_explains_nothing() -> None:
    history = visible("uncertain")
    history.blows = [Blow("kill worker", DUE - 30, DUE - 30)]
    assert judge(history, Bounds()).invariants == {Invariant.ONCE}


def test_a_row_that_is_dead_and_yet_texted_again_counts_as_sent_twice() -> None:
    history = visible("uncertain")
    history.calls = [replace(text(), told="open", fault="500, accepted"), replace(text(at=DUE + 5), reference="r2")]
    assert Invariant.ONCE in judge(history, Bounds()).invariants


def test_what_is_withdrawn_after_it_was_due_may_be_texted_or_not() -> None:
    history = clean()
    history.withdrawals = [Withdrawal(1, "carla", "read", DUE + 0.05, DUE + 0.06)]
    assert judge(history, Bounds()).violations == []
    history.calls.append(text(phone=CARLA, number=OTHER_NUMBER))
    assert judge(history, Bounds()).violations == []


def test_an_expired_lease_may_have_been_followed_by_another() -> None:
    history = clean()
    history.rows.leases.append(LeaseRow(BEN, NUMBER, "c2", "ben", live=False))
    assert judge(history, Bounds()).violations == []


def test_a_delivery_that_is_late_itself_makes_no_text_early() -> None:
    """It is due by its stamp: at once, when the delay was over before it came."""
    history = clean()
    history.messages[1].begun, history.messages[1].acked = DUE + 5, DUE + 5.1
    history.calls = [text(at=DUE + 5.05)]
    history.replies, history.posts, history.marks = {}, [], []
    verdict = judge(history, Bounds())
    assert verdict.violations == []
    assert verdict.figures["lateness max, s"] == 0
