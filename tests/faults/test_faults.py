"""The fault suite in short: a few messages, a few blows, faults of vendor and platform, and every invariant holds."""

from dataclasses import replace

import pytest

from tests.faults import plan, report
from tests.faults.__main__ import arguments, options_of
from tests.faults.bug_runs import BUGS
from tests.faults.bugs.deliberate import DELIBERATE
from tests.faults.judge import judge
from tests.faults.options import BLOWS, Bounds, Options, Shares
from tests.faults.run import run
from tests.faults.verdict import Invariant
from tests.load.servers import NotHere

SHORT = Options(
    messages=80,
    seed=3,
    rate=14.0,
    every=1.0,
    blows=("kill worker", "kill web", "kill redis", "kill postgres", "flush redis"),
    probes=6,
    shares=replace(Shares(), vendor_faults=0.1, platform_faults=0.1, answered=0.3),
    bounds=Bounds(healthy_within=20, settle=60),
)


@pytest.mark.postgres
@pytest.mark.once
def test_every_invariant_holds_while_processes_and_servers_are_killed() -> None:
    said: list[str] = []
    try:
        history = run(SHORT, said.append)
    except NotHere as error:
        pytest.skip(str(error))
    verdict = judge(history, SHORT.bounds)
    assert not verdict.violations, "\n".join([report.judgement(verdict), report.table({"": verdict}), *said])
    assert verdict.count("sent once") > 40
    assert verdict.count("posted once") > 5
    assert verdict.count("injected: answers that leave it open") > 0
    assert {blow.kind for blow in history.blows} & {"kill worker", "kill postgres", "kill redis"}


def test_the_same_seed_plans_the_same_and_another_one_does_not() -> None:
    assert plan.make(SHORT) == plan.make(SHORT)
    assert plan.make(SHORT).writings != plan.make(replace(SHORT, seed=4)).writings


def test_a_plan_holds_everything_that_is_to_be_judged() -> None:
    planned = plan.make(Options())
    changes = {change.kind for writing in planned.writings for change in writing.changes}
    assert changes == {"read", "delivered", "deleted", "left"}
    assert {forging.kind for forging in planned.forgings} == {"message", "read", "text", "receipt"}
    assert {forging.signed for forging in planned.forgings} == {True, False}
    phones = [person.phone for person in planned.people.values()]
    assert "" in phones
    assert len(set(phones)) < len([phone for phone in phones if phone])  # some share one
    assert max(len(writing.recipients) for writing in planned.writings) > 1


def test_nobody_in_a_conversation_shares_a_phone_with_another() -> None:
    planned = plan.make(Options())
    for writing in planned.writings:
        phones = [planned.people[user].phone for user in (writing.sender, *writing.recipients)]
        with_phone = [phone for phone in phones if phone]
        assert len(with_phone) == len(set(with_phone))


def test_each_deliberate_bug_has_a_run_that_shows_it_and_each_invariant_a_bug() -> None:
    assert BUGS.keys() == DELIBERATE.keys()
    assert {bug.options.bug for bug in BUGS.values()} == BUGS.keys()
    caught = {invariant for bug in BUGS.values() for invariant in bug.caught_by}
    assert caught == set(Invariant)


def test_the_command_line_is_what_the_run_does() -> None:
    options = options_of(
        arguments(["--messages", "7", "--seed", "9", "--blows", "kill web, kill beat", "--digest", "on"])
    )
    assert (options.messages, options.seed, options.digest) == (7, 9, True)
    assert options.blows == ("kill web", "kill beat")
    assert options_of(arguments([])).blows == tuple(BLOWS)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--bug", "resend"], "choose from resend-uncertain"),
        (["--blows", "kill cat"], "choose from kill worker"),
        (["--messages", "0"], "must be above 0"),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_can(
    words: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments(words)
    assert remedy in capsys.readouterr().err
