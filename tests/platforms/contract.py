"""What every chat platform's adapter promises, as cases to subclass.

A platform's class gives `make_platform`, `call` and `fixtures`; everything else follows.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.platforms.base import Can, ChatEvent, Delivered, Done, Later, No, Platform, Question, Steps
from notifier.platforms.registry import PLATFORMS, platform_class
from notifier.wire import Answer, Call, Failure, Forged, Request, Response, Unreadable

T = TypeVar("T")

FIXTURES = Path(__file__).parent.parent / "fixtures"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)

ODD_BODIES = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"[[]]",
    b'[{"id": 7}]',
    b'{"id": 7, "metadata": [], "display_name": {}}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"id": ' + b"9" * 5000 + b"}",
    b"<html><h1>Bad gateway</h1></html>",
)


def complaint(read: Callable[[], object]) -> str | None:
    """Why it is unreadable, None when it is not; whatever else is raised fails the test."""
    try:
        read()
    except Unreadable as error:
        return str(error)
    return None


class PlatformContract:
    """Subclass as `TestYourPlatform` and override the members below."""

    #: the folder of deliveries below tests/fixtures; every file must parse
    fixtures: ClassVar[str]
    #: the name of the query parameter that a registration handshake brings, None when there is no handshake
    challenge_name: ClassVar[str | None] = None
    #: the id of a person, as this platform writes it
    user: ClassVar[str] = "ann"
    secrets: ClassVar[tuple[str, str]] = ("first-secret", "second-secret")

    def make_platform(self) -> Platform:
        """A well configured platform."""
        raise NotImplementedError

    def call(self, body: bytes, secret: str) -> Call:
        """The delivery of `body`, signed with `secret`."""
        raise NotImplementedError

    def unsigned(self, call: Call) -> Call:
        """The same call without what proves its origin."""
        raise NotImplementedError

    def pushed_and_caught_up(self) -> tuple[Sequence[Delivered], Sequence[Delivered]]:
        """The same news, told as they happen over one connection, and by another that was not there then."""
        raise NotImplementedError

    #: headers that are of the try, not of the request
    volatile_headers: ClassVar[frozenset[str]] = frozenset()

    # Derived

    def _lasting(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in headers.items() if name not in self.volatile_headers}

    def fixture_bodies(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((FIXTURES / self.fixtures).glob("*.json"))}

    def any_body(self) -> bytes:
        return next(iter(self.fixture_bodies().values()))

    def need(self, platform: Platform, able: Can) -> None:
        if able not in platform.can:
            pytest.skip(f"{platform.title} cannot {able.value}")

    def readers(self, platform: Platform) -> Mapping[str, Callable[[Answer], Any]]:
        """Everything that reads an answer and that this platform is able to do."""
        readers: dict[str, tuple[Can | None, Callable[[Answer], Any]]] = {
            "identity": (Can.IDENTITIES, lambda answer: platform.identity("ann", answer)),
            "conversation_title": (Can.TITLES, platform.conversation_title),
            "posted": (Can.POST_AS_USER, platform.posted),
            "marked_read": (Can.MARK_READ, platform.marked_read),
            "webhooks": (Can.REGISTER, platform.webhooks),
            "webhook": (Can.REGISTER, platform.webhook),
            "webhook_deleted": (Can.REGISTER, platform.webhook_deleted),
            "standing": (Can.ASK, lambda answer: self.standing_after(platform, answer)),
            "roster": (Can.ROSTER, lambda answer: self.after(platform.roster_steps("2c7a1f50", [self.user]), answer)),
            "identity_steps": (Can.IDENTITIES, lambda answer: self.after(platform.identity_steps(self.user), answer)),
        }
        return {name: reader for name, (able, reader) in readers.items() if able is None or able in platform.can}

    def after(self, steps: Steps[T], answer: Answer) -> T:
        """What comes of it if this is the answer to all that is asked."""
        try:
            next(steps)
            for _ in range(100):
                steps.send(answer)
        except StopIteration as end:
            return cast(T, end.value)
        raise AssertionError("it never stops asking")

    def standing_after(self, platform: Platform, answer: Answer) -> Any:
        question = Question("2c7a1f50", "5b1c", self.user)
        (steps,) = platform.standing_steps([question])
        found = self.after(steps, answer)
        assert set(found) == {question}
        return found[question]

    def requests(self, platform: Platform, user: str = "ann", thing: str = "2c7a1f50") -> list[Request]:
        """One of each request that this platform is able to make."""
        made: list[Request] = []
        if Can.IDENTITIES in platform.can:
            made.append(platform.identity_request(user))
        if Can.TITLES in platform.can:
            made.append(platform.conversation_request(thing))
        if Can.ASK in platform.can:
            made += [next(steps) for steps in platform.standing_steps([Question(thing, thing, user)])]
        if Can.ROSTER in platform.can:
            made.append(next(platform.roster_steps(thing, [self.user])))
        if Can.POST_AS_USER in platform.can:
            made += platform.post_requests(thing, as_user=user, text="hello", key="sms-1")
        if Can.MARK_READ in platform.can:
            made.append(platform.read_request(thing, thing, as_user=user))
        if Can.REGISTER in platform.can:
            made += [
                platform.list_webhooks_request(),
                platform.register_webhook_request(url="https://us/", name="us", events=["x"], secret="s"),
                platform.activate_webhook_request(thing),
                platform.get_webhook_request(thing),
                platform.delete_webhook_request(thing),
            ]
        return made

    # What it says of itself

    def test_it_is_in_the_registry_under_its_own_key(self) -> None:
        platform = self.make_platform()
        assert platform.key in PLATFORMS
        assert platform_class(platform.key) is type(platform)

    def test_it_has_nothing_to_complain_of_when_well_configured(self) -> None:
        assert self.make_platform().configured() == []

    def test_it_listens_only_to_events_that_it_knows(self) -> None:
        platform = self.make_platform()
        assert set(platform.receipt_events) <= set(platform.event_types)

    # Who called

    def test_it_accepts_a_rightly_signed_call(self) -> None:
        platform = self.make_platform()
        self.need(platform, Can.WEBHOOKS)
        platform.verify(self.call(self.any_body(), self.secrets[0]), [self.secrets[0]])

    @pytest.mark.parametrize("order", [1, -1])
    def test_it_accepts_either_secret_while_they_are_changed(self, order: int) -> None:
        self.need(self.make_platform(), Can.WEBHOOKS)
        for secret in self.secrets:
            self.make_platform().verify(self.call(self.any_body(), secret), self.secrets[::order])

    def test_it_rejects_another_secret(self) -> None:
        with pytest.raises(Forged):
            self.make_platform().verify(self.call(self.any_body(), "a third"), self.secrets)

    def test_it_rejects_a_missing_signature(self) -> None:
        call = self.unsigned(self.call(self.any_body(), self.secrets[0]))
        with pytest.raises(Forged):
            self.make_platform().verify(call, self.secrets)

    @pytest.mark.parametrize("secrets", [[], [""]])
    def test_it_rejects_everything_without_a_secret(self, secrets: list[str]) -> None:
        for signed_with in (self.secrets[0], ""):
            with pytest.raises(Forged):
                self.make_platform().verify(self.call(self.any_body(), signed_with), secrets)

    # What is heard over a connection

    def test_it_tells_the_same_event_whether_it_was_there_or_not(self) -> None:
        platform = self.make_platform()
        self.need(platform, Can.SOCKET)
        self.need(platform, Can.REPLAY)
        pushed, caught_up = self.pushed_and_caught_up()
        assert pushed
        assert {one.envelope for one in pushed} == {one.envelope for one in caught_up}

    def test_it_reads_what_it_heard_under_the_keys_by_which_it_is_stored(self) -> None:
        platform = self.make_platform()
        self.need(platform, Can.SOCKET)
        for told in self.pushed_and_caught_up():
            for one in told:
                assert one.envelope.key in [event.key for event in platform.parse(one.body)]
                assert one.envelope.conversation in [event.conversation for event in platform.parse(one.body)]

    def test_it_goes_on_from_its_place_in_plain_json(self) -> None:
        platform = self.make_platform()
        self.need(platform, Can.SOCKET)
        for place in ({}, {"any": 7}):
            session = platform.conversing(place)
            assert session.url.startswith(("ws://", "wss://"))
            assert not session.caught_up
            assert session.closing() == ()
            taken = session.opened(0.0)
            assert taken.place is None or json.loads(json.dumps(taken.place)) == taken.place

    # What was told

    def test_it_reads_every_fixture_in_its_folder(self) -> None:
        platform = self.make_platform()
        bodies = self.fixture_bodies()
        assert bodies
        for name, body in bodies.items():
            events = platform.parse(body)
            assert all(isinstance(event, ChatEvent) for event in events), name

    def test_it_gives_every_event_of_a_delivery_a_key_that_repeats_with_it(self) -> None:
        platform = self.make_platform()
        for body in self.fixture_bodies().values():
            call = self.call(body, self.secrets[0])
            assert platform.envelope(call) == platform.envelope(call)
            keys = [event.key for event in platform.parse(body)]
            assert keys == [event.key for event in platform.parse(body)]
            assert len(set(keys)) == len(keys)

    def test_it_gives_two_deliveries_two_keys(self) -> None:
        platform = self.make_platform()
        bodies = list(self.fixture_bodies().values())
        keys = {platform.envelope(self.call(body, self.secrets[0])).key for body in bodies}
        assert len(keys) == len(bodies)

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors])
    @given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
    def test_it_calls_any_other_body_unreadable_at_worst(self, body: bytes) -> None:
        platform = self.make_platform()
        assert complaint(lambda: platform.envelope(self.call(body, self.secrets[0]))) != ""
        assert complaint(lambda: platform.parse(body)) != ""

    def test_it_finds_no_challenge_where_there_is_none(self) -> None:
        assert self.make_platform().challenge({"other": "x"}) is None

    @pytest.mark.parametrize("text", ["a", "AZaz09._~-", "x" * 256])
    def test_it_echoes_a_challenge(self, text: str) -> None:
        if self.challenge_name is None:
            pytest.skip("this platform has no handshake")
        assert self.make_platform().challenge({self.challenge_name: text}) == text

    @pytest.mark.parametrize("text", ["", "x" * 257, "<script>", "a b", "a\n", "\u0660", "%41"])
    def test_it_echoes_nothing_that_a_browser_could_run(self, text: str) -> None:
        if self.challenge_name is None:
            pytest.skip("this platform has no handshake")
        with pytest.raises(Unreadable):
            self.make_platform().challenge({self.challenge_name: text})

    # What was answered

    @pytest.mark.parametrize("reached", [True, False])
    def test_it_tries_again_after_a_failure_to_connect(self, reached: bool) -> None:
        for name, read in self.readers(self.make_platform()).items():
            assert isinstance(read(Failure(reached, "connection reset")), Later), name

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    @pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
    def test_it_tries_again_after_a_server_error(self, status: int, body: bytes) -> None:
        for name, read in self.readers(self.make_platform()).items():
            assert isinstance(read(Response(status, {}, body)), Later), name

    def test_it_waits_as_long_as_the_platform_asks(self) -> None:
        for name, read in self.readers(self.make_platform()).items():
            reading = read(Response(429, {"retry-after": "17"}, b""))
            assert isinstance(reading, Later), name
            assert reading.after == 17

    @pytest.mark.parametrize("status", [400, 401, 403])
    @pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
    def test_it_takes_a_refusal_as_final_and_says_why(self, status: int, body: bytes) -> None:
        for name, read in self.readers(self.make_platform()).items():
            reading = read(Response(status, {}, body))
            assert isinstance(reading, No), name
            assert str(status) in reading.reason

    @pytest.mark.parametrize("status", [200, 201, 204, 301, 304, 404, 409, 410, 418])
    @pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
    def test_it_reads_any_other_answer_without_raising(self, status: int, body: bytes) -> None:
        for name, read in self.readers(self.make_platform()).items():
            assert isinstance(read(Response(status, {}, body)), Done | Later | No), name

    # What is asked

    def test_it_posts_the_same_again_for_the_same_key(self) -> None:
        platform = self.make_platform()
        self.need(platform, Can.POST_AS_USER)
        text = "long " * 2000

        def posts(key: str) -> list[Request]:
            made = platform.post_requests("c", as_user=self.user, text=text, key=key)
            return [replace(one, headers=self._lasting(one.headers)) for one in made]

        assert posts("k") == posts("k")
        assert posts("k") != posts("another")

    @pytest.mark.parametrize("user", ["a/../b", "a?b#c", "ü ❤", "..", "%2e", "\ud800", "x" * 1000])
    def test_it_keeps_a_strange_id_within_its_place_in_the_url(self, user: str) -> None:
        platform = self.make_platform()
        plain = self.requests(platform)
        for usual, strange in zip(plain, self.requests(platform, user=user, thing=user), strict=True):
            assert strange.url.isascii()
            assert strange.url.count("/") == usual.url.count("/")
            assert strange.url.count("?") == usual.url.count("?")
            assert "#" not in strange.url
            assert not {".", ".."} & set(strange.url.split("?")[0].split("/"))

    def test_it_keeps_its_secrets_out_of_urls_and_reprs(self) -> None:
        platform = self.make_platform()
        for secret in platform.config.secrets.values():
            assert secret not in repr(platform.config)
            assert all(secret not in request.url for request in self.requests(platform))
