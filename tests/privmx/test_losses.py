"""Whatever ends a connection to a Bridge, and whenever: each message is told, and once."""

from collections.abc import Callable
from io import StringIO
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import CommandError, call_command

from notifier.models import Hook
from tests.factories import ANN, BEN
from tests.notifier.socket_ground import listening, quick
from tests.privmx.access import Key
from tests.privmx.bridge import Bridge
from tests.privmx.faults import Fault
from tests.privmx.office import CONTEXT, Office, catches_up, error
from tests.smsbridge.upstreams import Network
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

LOGIN = ("manager/auth", "manager/bindAccessToken", "manager/subscribeToChannel")
CATCH_UP = ("context/listContexts", "thread/listThreads", "thread/listThreadMessages")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)


@pytest.fixture
def office(bridge: Bridge, vendor: Network) -> Office:
    """It was caught up with once, and nobody listens now."""
    made = Office(bridge, vendor)
    with listening():
        assert catches_up()
    return made


def met(fault: Fault) -> bool:
    return fault.done.wait(10)


# Connections


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_connection_is_cut_at_every_step_of_coming_back(office: Office, way: Literal["in", "out"]) -> None:
    messages: list[str] = []
    for step in (*LOGIN, *CATCH_UP):
        messages.append(office.world.write(office.thread, ANN))
        fault = office.bridge.faults.cut(way, step)
        with listening():
            assert met(fault), step
            messages.append(office.world.write(office.thread, ANN))
            assert catches_up(), step
            messages.append(office.world.write(office.thread, ANN))
            assert office.eventually(lambda: len(office.told) >= len(messages)), step
        assert sorted(office.told) == messages, step


def test_a_connection_is_cut_when_something_is_pushed(office: Office) -> None:
    messages: list[str] = []
    with listening():
        for push in ("threadNewMessage", "threadStats"):
            assert catches_up()
            fault = office.bridge.faults.cut("out", push, at=2)
            messages.extend(office.world.write(office.thread, ANN) for _ in range(4))
            assert met(fault), push
            assert office.eventually(lambda: len(office.told) >= len(messages)), push
    assert sorted(office.told) == messages


def test_an_outage_of_the_bridge_and_one_of_ours(office: Office) -> None:
    with listening():
        assert catches_up()
        with office.bridge.away():
            messages = [office.world.write(office.thread, ANN) for _ in range(3)]
            assert eventually(lambda: bool(error()))
        assert office.eventually(lambda: len(office.told) == 3)
    late = office.world.create_thread(CONTEXT, [ANN, BEN])
    messages += [office.world.write(late, ANN) for _ in range(120)]  # more than a page
    with listening():
        assert office.eventually(lambda: len(office.told) >= 123)
    assert sorted(office.told) == messages


def test_with_two_processes_of_the_bridge_ids_do_not_rise_and_nothing_is_missed(office: Office) -> None:
    office.world.ids.processes = 2
    with listening():
        assert catches_up()
        messages = [office.world.write(office.thread, ANN) for _ in range(4)]
        assert office.eventually(lambda: len(office.told) == 4)
    messages += [office.world.write(office.thread, ANN) for _ in range(4)]
    with listening():
        assert office.eventually(lambda: len(office.told) >= 8)
    assert sorted(office.told) == sorted(messages)


def test_an_entry_is_not_missed_because_its_key_comes_before_those_already_seen(
    bridge: Bridge, vendor: Network
) -> None:
    office = Office(bridge, vendor, channels="kvdb")
    first, second = (bridge.world.create_kvdb(CONTEXT, [ANN, BEN]) for _ in range(2))
    with listening():
        assert catches_up()
    for kvdb in (first, second):
        bridge.world.put(kvdb, ANN, key="m")
    fault = bridge.faults.cut("in", "kvdb/listKvdbEntries", at=2)
    bridge.faults.cut("in", "manager/auth", at=2, times=10)  # it does not come back at once
    with listening():
        assert met(fault)
        bridge.world.put(first, ANN, key="a")
        assert office.eventually(lambda: len(office.told) >= 3)
    assert sorted(office.told) == sorted([f"kvdb:{first}/a", f"kvdb:{first}/m", f"kvdb:{second}/m"])


def test_what_was_written_before_our_first_start_is_no_news(bridge: Bridge, vendor: Network) -> None:
    office = Office(bridge, vendor)
    bridge.world.write(office.thread, ANN)
    with listening():
        assert catches_up()
        news = bridge.world.write(office.thread, ANN)
        assert office.eventually(lambda: len(office.told) >= 1)
    assert office.told == [news]


@pytest.mark.postgres
def test_of_two_listeners_one_is_connected(office: Office) -> None:
    before = office.bridge.opened
    with listening() as first, listening():
        assert catches_up()
        first.stopping.wait(0.5)
        assert office.bridge.opened == before + 1
        message = office.world.write(office.thread, ANN)
        assert office.eventually(lambda: office.told == [message])


def test_it_leaves_in_good_order(office: Office) -> None:
    with listening():
        assert catches_up()
    assert eventually(lambda: office.bridge.connected == 0)
    assert office.bridge.asked("manager/unsubscribeFromChannel") == 2  # of the fixture, and now
    assert office.bridge.asked("manager/auth") == office.bridge.opened == 2  # the Bridge keeps 16 logins of a key


# Tokens


def test_a_token_that_expires_is_refreshed_and_bound_and_no_message_is_lost(office: Office) -> None:
    office.bridge.access.access_seconds = 1.0
    with listening():
        assert catches_up()
        opened = office.bridge.opened
        messages = [office.world.write(office.thread, ANN)]
        office.bridge.access.expire()
        bound = office.bridge.asked("manager/bindAccessToken")
        assert eventually(lambda: office.bridge.asked("manager/bindAccessToken") > bound)
        late = office.world.create_thread(CONTEXT, [ANN, BEN])
        messages.append(office.world.write(late, ANN))
        assert office.eventually(lambda: len(office.told) >= 2)
        assert office.bridge.opened == opened
    assert sorted(office.told) == sorted(messages)


def test_whatever_becomes_of_a_refresh_it_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifier.platforms.privmx_calls.PAUSE_SECONDS", 0.05)
    office.bridge.access.access_seconds = 1.0
    faults = office.bridge.faults
    ends: dict[str, Callable[[], object]] = {
        "refused": lambda: office.bridge.access.expire(refresh=True),
        "limited": lambda: faults.limit("manager/auth"),
        "done, and the answer lost with the connection": lambda: faults.cut("out", "manager/auth"),
        "not bound": lambda: faults.cut("in", "manager/bindAccessToken"),
    }
    messages: list[str] = []
    with listening():
        for name, begin in ends.items():
            assert catches_up(), name
            assert more_logins(office.bridge, begin), name
            assert catches_up(), name
            messages.append(office.world.write(office.thread, ANN))
            assert office.eventually(lambda: office.told == messages), name


def more_logins(bridge: Bridge, begin: Callable[[], object]) -> bool:
    """Whether it logs in, or refreshes its token, with success after this has begun."""
    before = good_logins(bridge)
    begin()
    return eventually(lambda: good_logins(bridge) > before)


def good_logins(bridge: Bridge) -> int:
    return sum(one.method == "manager/auth" and one.code == 0 for one in bridge.calls)


def test_a_key_with_a_secret_and_one_with_a_key_pair_may_only_sign(bridge: Bridge, vendor: Network) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    bridge.access.add_key(Key("pair", public_key=private.public_key()))
    office = Office(bridge, vendor, ask_first=Hook.AskFirst.ALWAYS)
    told: list[str] = []
    for key, secret in (("K", "S"), ("pair", pem)):
        office.reconfigure(secret=secret, key_id=key, auth="signature")
        with listening():
            assert catches_up()
            told.append(office.world.write(office.thread, ANN))
            assert office.eventually(lambda: office.told == told), key
    assert bridge.asked("thread/getThreadMessage") == 2


def test_a_key_of_one_solution_hears_of_that_one(bridge: Bridge, vendor: Network) -> None:
    bridge.key = bridge.access.add_key(Key("one", "S", scopes=["thread", "context", "solution:S1"]))
    office = Office(bridge, vendor)
    bridge.world.add_context("C2", [ANN, BEN], solution="S2")
    elsewhere = bridge.world.create_thread("C2", [ANN, BEN])
    with listening():
        assert catches_up()
        bridge.world.write(elsewhere, ANN)
        message = bridge.world.write(office.thread, ANN)
        assert office.eventually(lambda: office.told == [message])


# Answers that are none


def test_the_rate_limits_strange_answer_is_waited_out_at_every_call(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifier.platforms.privmx_calls.PAUSE_SECONDS", 0.05)
    messages: list[str] = []
    for call in (*LOGIN, *CATCH_UP, "thread/getThread"):
        messages.append(office.world.write(office.thread, ANN))
        late = office.world.create_thread(CONTEXT, [ANN, BEN])
        fault = office.bridge.faults.limit(call)
        with listening():
            if call == "thread/getThread":
                assert catches_up()
                messages.append(office.world.write(late, ANN))
            assert met(fault), call
            assert office.eventually(lambda: len(office.told) >= len(messages)), call
            assert catches_up(), call
        assert sorted(office.told) == messages, call


def test_an_answer_that_never_comes_ends_the_connection_and_not_the_listening(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifier.platforms.privmx_calls.ANSWER_SECONDS", 0.3)
    message = office.world.write(office.thread, ANN)
    fault = office.bridge.faults.swallow("out", "thread/listThreads")
    with listening():
        assert met(fault)
        assert office.eventually(lambda: office.told == [message])


# Configurations that cannot work


@pytest.mark.parametrize(
    ("scopes", "remedy"),
    [(["thread", "context"], "solution:"), (["context", "solution:*"], "thread")],
    ids=["no solution", "no channel"],
)
def test_a_login_with_too_small_a_scope_is_refused_with_the_remedy_and_doctor_shows_it(
    bridge: Bridge, vendor: Network, scopes: list[str], remedy: str
) -> None:
    bridge.key = bridge.access.add_key(Key("small", "S", scopes=scopes))
    Office(bridge, vendor)
    with listening():
        assert eventually(lambda: remedy in error())
        assert bridge.listeners() == 0
        said = StringIO()
        with pytest.raises(CommandError):
            call_command("doctor", "--offline", stdout=said)
    assert remedy in said.getvalue()


def test_a_wrong_key_is_said_and_not_tried_all_the_time(bridge: Bridge, vendor: Network) -> None:
    office = Office(bridge, vendor)
    office.reconfigure(secret="another")
    with listening() as posts:
        assert eventually(lambda: "PRIVMX_API_KEY_SECRET" in error())
        posts.stopping.wait(0.5)
        assert bridge.asked("manager/auth") == 1
