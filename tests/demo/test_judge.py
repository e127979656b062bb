"""The judge of the story: it waits for what is promised, and says what was missing."""

import pytest

from smsbridge.demo.judge import Judge, StoryError
from smsbridge.demo.processes import DemoError


def alive() -> None:
    """All processes run."""


def test_it_returns_what_it_waited_for() -> None:
    answers = iter(["", "", "here"])
    assert Judge(alive, patience=5).wait("it", lambda: next(answers), lambda: "nothing") == "here"


def test_it_says_what_was_expected_and_what_was_seen() -> None:
    with pytest.raises(StoryError, match=r"Expected: an SMS, within 0 seconds\.\nSeen:     no new SMS"):
        Judge(alive, patience=0).wait("an SMS", lambda: None, lambda: "no new SMS")


def test_it_does_not_wait_for_a_process_that_has_ended() -> None:
    def ended() -> None:
        raise DemoError("The worker process ended by itself with status -9.")

    with pytest.raises(DemoError, match="worker"):
        Judge(ended, patience=3600).wait("an SMS", lambda: None, lambda: "no new SMS")


def test_what_must_be_so_already_is_not_waited_for() -> None:
    with pytest.raises(StoryError, match=r"Expected: twice\.\nSeen:     once"):
        Judge(alive, patience=3600).demand("twice", False, "once")
