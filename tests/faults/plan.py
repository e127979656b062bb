"""The seeded plan of a run: who there is, who writes what when, and what happens to each message afterwards."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.faults.options import DELAY, Options, Shares

GROUP = 4  # people who know each other
#: their conversations: who of the four is in them
CIRCLES = ((0, 1), (0, 1, 2), (0, 1, 2, 3))
WITHOUT_PHONE = 10  # every tenth
SHARED = 8  # of every eighth group, one shares the phone of one of the group before
PROBES_FROM = 5_000_000
FORGED_FROM = 8_000_000


@dataclass(frozen=True, slots=True)
class Person:
    user: str
    phone: str  # digits, empty for none


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happens to a message, `after` seconds from its writing; negative: told before the message."""

    kind: str  # read, delivered, deleted, left
    user: str
    after: float


@dataclass(frozen=True, slots=True)
class Writing:
    """A message, written `at` seconds after the begin and told to the program `told` seconds later."""

    token: int
    at: float
    conversation: str
    sender: str
    recipients: tuple[str, ...]
    told: float = 0.0
    again: float | None = None  # the same delivery once more, so many seconds later
    changes: tuple[Change, ...] = ()
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Forging:
    """A call that is not what it says it is, `at` seconds after the begin. Signed wrongly, or not at all."""

    at: float
    kind: str  # message, read, text, receipt
    token: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Plan:
    people: dict[str, Person]
    writings: tuple[Writing, ...]
    probes: tuple[Writing, ...]
    forgings: tuple[Forging, ...]
    digest: bool


def make(options: Options) -> Plan:
    """The plan of these options; the same for the same seed."""
    rng = random.Random(options.seed)
    groups = max(4, options.messages // 16)
    people = {person.user: person for person in _people(groups)}
    digest = rng.random() < 0.5 if options.digest is None else options.digest
    writings = [_writing(rng, token, groups, options) for token in range(options.messages)]
    probes = [_probe(index, options.probe_rate) for index in range(options.probes)]
    for writing in [*writings, *probes]:
        for user in (writing.sender, *writing.recipients):
            people.setdefault(user, Person(user, _phone(int(user[1:]))))
    forged = range(int(options.shares.forged * options.messages))
    forgings = [_forging(rng, FORGED_FROM + index, options) for index in forged]
    return Plan(people, tuple(writings), tuple(probes), tuple(forgings), digest)


def _people(groups: int) -> Iterator[Person]:
    for index in range(groups * GROUP):
        group, place = divmod(index, GROUP)
        shares = place == GROUP - 1 and group % SHARED == 1
        yield Person(f"u{index}", "" if index % WITHOUT_PHONE == 9 else _phone(index - GROUP if shares else index))


def _phone(index: int) -> str:
    """A number of Washington, D.C., for everybody."""
    return f"1202{2_000_000 + index % 7_000_000}"


def _writing(rng: random.Random, token: int, groups: int, options: Options) -> Writing:
    shares = options.shares
    if rng.random() < shares.left:
        return _departing(rng, token, options.rate)
    group, circle = rng.randrange(groups), rng.choices(range(len(CIRCLES)), (6, 3, 1))[0]
    members = [f"u{group * GROUP + place}" for place in CIRCLES[circle]]
    sender = rng.choice(members)
    recipients = tuple(member for member in members if member != sender)
    writing = Writing(token, token / options.rate, f"c{group}/{circle}", sender, recipients)
    if rng.random() < shares.delayed:
        writing = replace(writing, told=rng.uniform(0.1, DELAY + 1))
    if rng.random() < shares.repeated:
        writing = replace(writing, again=rng.choice([0.0, rng.uniform(0, 1), rng.uniform(1, DELAY + 3)]))
    return replace(writing, changes=tuple(_changes(rng, writing, shares)))


def _changes(rng: random.Random, writing: Writing, shares: Shares) -> Iterator[Change]:
    """Reads of a delayed message may well be told before it is."""
    if rng.random() < shares.deleted:
        yield Change("deleted", writing.sender, rng.uniform(0.05, DELAY * 1.2))
    for user in writing.recipients:
        if rng.random() < shares.delivered:  # its map of statuses is as old as the message
            yield Change("delivered", user, rng.uniform(0, DELAY + 2))
        chance = rng.random()
        if chance < shares.read_before_due:
            yield Change("read", user, rng.uniform(0.05, DELAY * 0.95))
        elif chance < shares.read_before_due + shares.read_after_due:
            yield Change("read", user, rng.uniform(DELAY, DELAY + 3))


def _departing(rng: random.Random, token: int, rate: float) -> Writing:
    """A message in a conversation of its own, which its reader leaves."""
    sender, reader = f"u{2_000_000 + 2 * token}", f"u{2_000_001 + 2 * token}"
    change = Change("left", reader, rng.uniform(0.1, DELAY * 0.9))
    return Writing(token, token / rate, f"leaving {token}", sender, (reader,), changes=(change,))


def _probe(index: int, rate: float) -> Writing:
    """Among people that nothing else happened to."""
    sender, reader = f"u{4_000_000 + 2 * index}", f"u{4_000_001 + 2 * index}"
    return Writing(PROBES_FROM + index, index / rate, f"probe {index}", sender, (reader,), probe=True)


def _forging(rng: random.Random, token: int, options: Options) -> Forging:
    kind = rng.choice(["message", "read", "text", "receipt"])
    return Forging(rng.uniform(2, options.seconds + 2), kind, token, signed=rng.random() < 0.5)
