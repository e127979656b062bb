"""The transport's promises, over real sockets: at most once, honest about what is not known, held up by nobody."""

import os
import resource
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from notifier.transport import Exchange, call
from notifier.transport_rules import MAX_BODY
from notifier.wire import Answer, Failure, Request, Response
from tests.notifier import servers
from tests.notifier.certificates import self_signed
from tests.notifier.servers import Peer, Received, Server, Step, answer, answer_then_close, black_hole, refusing_url

Carry = Callable[..., Answer]


def post(url: str, body: bytes = b"to=1&text=secret-text") -> Request:
    return Request("POST", url, {"Authorization": "Basic c2VjcmV0", "Content-Type": "text/x"}, body)


def through_exchange(request: Request, **options: object) -> Answer:
    with Exchange[str](**options) as exchange:  # type: ignore[arg-type]
        return one(exchange, request)


def one(exchange: Exchange[str], request: Request) -> Answer:
    exchange.start("it", request)
    [(tag, result)] = exchange.finished(20)
    assert tag == "it"
    return result


@pytest.fixture(params=[through_exchange, call], ids=["exchange", "call"])
def carry(request: pytest.FixtureRequest) -> Carry:
    """Both ways to make a call give the same promises."""
    return request.param  # type: ignore[no-any-return]


class TestAnswers:
    def test_it_brings_status_headers_and_body(self, carry: Carry) -> None:
        with Server(answer(429, b"slow \x00 down", {"Retry-After": "7", "X-Two": "a"})) as server:
            result = carry(post(server.url + "/sms?key=1"))
        assert isinstance(result, Response)
        assert (result.status, result.body) == (429, b"slow \x00 down")
        assert result.headers["retry-after"] == "7"
        assert result.headers["content-length"] == "11"

    def test_it_sends_method_path_headers_and_body_as_they_are(self, carry: Carry) -> None:
        with Server(answer()) as server:
            headers = {"X-Thing": "ü", "X-Empty": ""}
            carry(Request("PATCH", server.url + "/a%2Fb/%7Ec?d=e%20f&g=~", headers, b"\x00\xff"))
        [received] = server.requests
        assert (received.method, received.path) == ("PATCH", "/a%2Fb/%7Ec?d=e%20f&g=~")
        assert (received.headers["x-thing"], received.headers["x-empty"]) == ("ü", "")
        assert received.body == b"\x00\xff"
        assert "content-type" not in received.headers

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_it_sends_no_body_where_there_is_none(self, carry: Carry, method: str) -> None:
        with Server(answer()) as server:
            assert isinstance(carry(Request(method, server.url)), Response)
        assert server.requests[0].method == method
        assert server.requests[0].headers.get("content-length", "0") == "0"

    def test_it_reads_chunks(self, carry: Carry) -> None:
        with Server(servers.chunked(b"one ", b"two")) as server:
            result = carry(post(server.url))
        assert isinstance(result, Response)
        assert result.body == b"one two"

    def test_it_reads_a_body_that_ends_with_the_connection(self, carry: Carry) -> None:
        with Server(servers.until_close(b"all")) as server:
            result = carry(post(server.url))
        assert isinstance(result, Response)
        assert result.body == b"all"

    def test_it_reads_answers_that_have_no_body(self, carry: Carry) -> None:
        with Server([servers.no_content, servers.head_only(50)]) as server:
            first = carry(post(server.url))
            second = carry(Request("HEAD", server.url))
        assert [(r.status, r.body) for r in (first, second) if isinstance(r, Response)] == [(204, b""), (200, b"")]

    def test_it_takes_the_final_head_after_an_interim_one(self, carry: Carry) -> None:
        interim = b"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
        with Server(servers.raw(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
            result = carry(post(server.url))
        assert isinstance(result, Response)
        assert (result.status, dict(result.headers)) == (200, {"content-length": "0"})

    def test_it_joins_repeated_headers(self, carry: Carry) -> None:
        head = b"HTTP/1.1 200 OK: fine\r\nVia: a\r\nVIA: b\r\nContent-Length: 0\r\n\r\n"
        with Server(servers.raw(head)) as server:
            result = carry(post(server.url))
        assert isinstance(result, Response)
        assert result.headers["via"] == "a, b"

    def test_it_follows_no_redirect(self, carry: Carry) -> None:
        with Server(lambda peer, r: answer(307, b"", {"Location": "/elsewhere"})(peer, r)) as server:
            result = carry(post(server.url))
        assert isinstance(result, Response)
        assert (result.status, result.headers["location"]) == (307, "/elsewhere")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("location", ["https://[", "http://\u00e9", ""])
    def test_it_looks_at_no_redirect_however_malformed(self, carry: Carry, location: str) -> None:
        with Server(
            servers.raw(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
        ) as server:
            result = carry(post(server.url))
        assert isinstance(result, Response)
        assert result.status == 302

    def test_it_does_not_decompress(self, carry: Carry) -> None:
        with Server(answer(200, b"not gzip at all", {"Content-Encoding": "gzip"})) as server:
            result = carry(post(server.url))
        assert isinstance(result, Response)
        assert result.body == b"not gzip at all"


class TestNotReached:
    def test_a_refused_connection(self, carry: Carry) -> None:
        assert_not_reached(carry(post(refusing_url())))

    def test_an_unknown_host(self, carry: Carry) -> None:
        assert_not_reached(carry(post("http://no-such-host.invalid/")))

    def test_a_connection_that_is_never_made(self, carry: Carry) -> None:
        with black_hole() as url:
            started = time.monotonic()
            assert_not_reached(carry(post(url), connect_timeout=0.3))
        assert time.monotonic() - started < 2

    def test_a_certificate_nobody_vouches_for(self, carry: Carry, tls: ssl.SSLContext) -> None:
        with Server(answer(), context=tls) as server:
            assert_not_reached(carry(post(server.url)))
        assert server.requests == []

    def test_a_certificate_for_another_name(self, carry: Carry, tls: ssl.SSLContext, authority: str) -> None:
        with Server(answer(), context=tls) as server:
            assert_not_reached(carry(post(server.url.replace("localhost", "127.0.0.1")), ca_file=authority))
        assert server.requests == []

    def test_a_server_that_does_not_speak_tls(self, carry: Carry) -> None:
        with Server(answer(), on_accept=Peer.close) as server:
            assert_not_reached(carry(post(server.url.replace("http://127.0.0.1", "https://localhost"))))

    def test_a_tls_handshake_that_is_never_finished(self, carry: Carry) -> None:
        with Server(answer(), on_accept=say_nothing) as server:
            https = server.url.replace("http://127.0.0.1", "https://localhost")
            assert_not_reached(carry(post(https), connect_timeout=0.3))


class TestReached:
    @pytest.mark.parametrize(
        "step",
        [servers.close, servers.reset, servers.cut_body, servers.cut_chunk, servers.garbage],
        ids=lambda step: step.__name__,
    )
    def test_a_broken_answer_leaves_the_outcome_open(self, carry: Carry, step: Step) -> None:
        with Server(step) as server:
            assert_reached(carry(post(server.url)))
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "step", [servers.hang, servers.hang_in_body, servers.dribble()], ids=["silent", "in the body", "dribbling"]
    )
    def test_one_deadline_covers_the_whole_answer(self, carry: Carry, step: Step) -> None:
        with Server(step) as server:
            started = time.monotonic()
            assert_reached(carry(post(server.url), timeout=0.5))
            assert 0.4 < time.monotonic() - started < 2
        assert len(server.requests) == 1

    @pytest.mark.parametrize("declared", [True, False])
    def test_a_body_beyond_the_limit(self, carry: Carry, declared: bool) -> None:
        body = b"x" * (MAX_BODY + 1)
        with Server(answer(200, body) if declared else servers.chunked(body)) as server:
            assert_reached(carry(post(server.url)))

    def test_the_body_of_a_redirect_has_the_same_limit(self, carry: Carry) -> None:
        with Server(answer(302, b"x" * (MAX_BODY + 1), {"Location": "/elsewhere"})) as server:
            assert_reached(carry(post(server.url)))

    def test_a_body_of_just_the_limit_is_fine(self, carry: Carry) -> None:
        with Server(answer(200, b"x" * MAX_BODY)) as server:
            assert isinstance(carry(post(server.url)), Response)


class TestDetail:
    @pytest.mark.parametrize("step", [servers.close, servers.garbage, servers.cut_body])
    def test_it_names_the_server_and_nothing_confidential(self, carry: Carry, step: Step) -> None:
        with Server(step) as server:
            result = carry(post(server.url.replace("http://", "http://user:pw@") + "/path?key=secret-key"))
        assert isinstance(result, Failure)
        assert result.detail.startswith(server.url + ": ")
        for confidential in ("secret", "c2VjcmV0", "pw@", "0123456789", "not HTTP\r"):
            assert confidential not in result.detail


class TestRefusedRequests:
    @pytest.mark.parametrize(
        "request_",
        [
            Request("GET", "ftp://localhost/"),
            Request("GET", "/relative"),
            Request("GET", "http://localhost/a b"),
            Request("GET", "http://localhost/ü"),
            Request("GET / HTTP/1.1\r\nX: y\r\n", "http://localhost/"),
            Request("GET", "http://localhost/", {"X": "a\r\nY: b"}),
            Request("GET", "http://localhost/", {"X\nY": "b"}),
            Request("GET", "http://localhost/", {"X": "€"}),
        ],
        ids=lambda request: repr((request.method, request.url, dict(request.headers))),
    )
    def test_what_is_not_one_http_request_is_a_value_error(self, carry: Carry, request_: Request) -> None:
        with pytest.raises(ValueError, match="request"):
            carry(request_)


class TestTheEnvironment:
    def test_its_proxies_and_netrc_are_not_used(
        self, carry: Carry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password something\n")
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, refusing_url())
        with Server(answer()) as server:
            assert isinstance(carry(Request("GET", server.url)), Response)
        assert "authorization" not in server.requests[0].headers


class TestTls:
    def test_a_certificate_of_a_trusted_authority_is_accepted(
        self, carry: Carry, tls: ssl.SSLContext, authority: str
    ) -> None:
        with Server(answer(200, b"safe"), context=tls) as server:
            result = carry(post(server.url), ca_file=authority)
        assert isinstance(result, Response)
        assert result.body == b"safe"

    def test_its_connections_are_kept_too(self, tls: ssl.SSLContext, authority: str) -> None:
        with Server(answer(), context=tls) as server, Exchange[str](ca_file=authority) as exchange:
            for _ in range(5):
                assert isinstance(one(exchange, post(server.url)), Response)
                time.sleep(0.03)  # long enough for the connection to be looked at before its next use
        assert (len(server.requests), server.connections) == (5, 1)


class TestKeepAlive:
    def test_requests_one_after_the_other_share_a_connection(self) -> None:
        with Server([servers.chunked(b"a"), servers.no_content, answer()]) as server, Exchange[str]() as exchange:
            results = [one(exchange, post(server.url)) for _ in range(20)]
        assert all(isinstance(result, Response) for result in results)
        assert (len(server.requests), server.connections) == (20, 1)

    def test_one_handle_serves_every_method_in_turn(self) -> None:
        methods = ["POST", "HEAD", "HEAD", "GET", "HEAD", "POST", "DELETE", "PUT", "GET"]
        with Server(method_echo) as server, Exchange[str]() as exchange:
            for method in methods:
                body = b"body" if method in ("POST", "PUT") else b""
                result = one(exchange, Request(method, server.url, {}, body))
                assert isinstance(result, Response)
                assert result.body == (b"" if method == "HEAD" else method.encode() + b" " + body)
        assert ([r.method for r in server.requests], server.connections) == (methods, 1)

    def test_a_connection_that_dies_under_a_post_gets_no_second_post(self) -> None:
        """libcurl by itself would send it again: it does so when a reused connection ends before the first byte."""
        for ending in (servers.close, servers.reset):
            with Server([answer(), ending, answer()]) as server, Exchange[str]() as exchange:
                assert isinstance(one(exchange, post(server.url)), Response)
                assert_reached(one(exchange, post(server.url)))
                assert len(server.requests) == 2
                assert isinstance(one(exchange, post(server.url)), Response)
            assert len(server.requests) == 3

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    def test_not_even_an_idempotent_one_is_repeated(self, method: str) -> None:
        with Server([answer(), servers.close, answer()]) as server, Exchange[str]() as exchange:
            one(exchange, Request(method, server.url))
            assert_reached(one(exchange, Request(method, server.url)))
        assert len(server.requests) == 2

    def test_many_posts_dying_together_are_each_written_once(self) -> None:
        with Server([answer()] * 16 + [servers.close]) as server, Exchange[int]() as exchange:
            list(exchange.all(((n, post(server.url)) for n in range(16)), window=16))
            second = dict(exchange.all(((n, post(f"{server.url}/{n}")) for n in range(16)), window=16))
        paths = [received.path for received in server.requests[16:]]
        assert len(set(paths)) == len(paths)
        assert [result.reached for result in second.values() if isinstance(result, Failure)] == [True] * 16

    @pytest.mark.parametrize("idle", [0.1, 1.2])
    def test_a_connection_closed_while_idle_is_noticed_before_it_is_used(self, idle: float) -> None:
        """Below a second of idleness libcurl does not look."""
        with Server(answer_then_close()) as server, Exchange[str]() as exchange:
            for _ in range(2):
                assert isinstance(one(exchange, post(server.url)), Response)
                time.sleep(idle)  # what is tested is idleness itself
            assert isinstance(one(exchange, post(server.url)), Response)
        assert (len(server.requests), server.connections) == (3, 3)

    def test_many_connections_closed_while_idle_cost_no_request(self) -> None:
        with Server(answer()) as server, Exchange[int]() as exchange:
            list(exchange.all(((n, post(server.url)) for n in range(20)), window=20))
            server.close_connections()
            time.sleep(0.05)
            results = list(exchange.all(((n, post(server.url)) for n in range(20)), window=5))
        assert all(isinstance(result, Response) for _, result in results)
        assert len(server.requests) == 40

    def test_a_connection_idle_for_too_long_is_not_used_again(self) -> None:
        with Server(answer()) as server, Exchange[str](idle_seconds=1) as exchange:
            one(exchange, post(server.url))
            time.sleep(2.1)  # what is tested is idleness itself; libcurl counts whole seconds
            one(exchange, post(server.url))
        assert server.connections == 2

    def test_a_server_that_died_and_came_back_costs_no_request(self) -> None:
        with Exchange[str]() as exchange:
            with Server(answer()) as first:
                assert isinstance(one(exchange, post(first.url)), Response)
            time.sleep(0.02)
            with Server(answer(), port=first.port) as second:
                assert isinstance(one(exchange, post(second.url)), Response)
                assert len(second.requests) == 1


class TestManyAtOnce:
    def test_it_keeps_at_most_the_window_in_flight_and_pulls_lazily(self) -> None:
        pulled: list[int] = []
        with Server(answer()) as server, Exchange[int]() as exchange:

            def pairs() -> Iterator[tuple[int, Request]]:
                for n in range(100):
                    assert exchange.in_flight < 8
                    pulled.append(n)
                    yield n, post(server.url)

            carried = exchange.all(pairs(), window=8)
            tags = [next(carried)[0]]
            assert len(pulled) == 8
            tags += [tag for tag, _ in carried]
            assert exchange.in_flight == 0
        assert sorted(tags) == list(range(100))
        assert server.connections <= 8

    def test_it_opens_no_more_connections_to_a_host_than_allowed(self) -> None:
        with Server(answer()) as server, Exchange[int](connections=3) as exchange:
            results = dict(exchange.all(((n, post(server.url)) for n in range(40)), window=40))
        assert all(isinstance(result, Response) for result in results.values())
        assert len(results) == 40
        assert server.connections <= 3

    def test_answers_come_as_they_finish(self) -> None:
        release = threading.Event()

        def slow_first(peer: Peer, received: Received) -> None:
            if received.path == "/slow":
                release.wait(5)
            answer()(peer, received)

        with Server(slow_first) as server, Exchange[str]() as exchange:
            exchange.start("slow", post(server.url + "/slow"))
            exchange.start("quick", post(server.url + "/quick"))
            assert [tag for tag, _ in exchange.finished(5)] == ["quick"]
            assert exchange.in_flight == 1
            release.set()
            assert [tag for tag, _ in exchange.finished(5)] == ["slow"]

    def test_a_host_that_swallows_connects_holds_up_nobody_else(self) -> None:
        exchange = Exchange[str](connections=4, connect_timeout=2)
        with black_hole() as hole, Server(answer()) as server, exchange:
            for _ in range(20):
                exchange.start("swallowed", post(hole))
            for _ in range(20):
                exchange.start("answered", post(server.url))
            answered, started = 0, time.monotonic()
            while answered < 20:
                done = exchange.finished(1)
                assert [tag for tag, _ in done] == ["answered"] * len(done)
                answered += len(done)
            assert time.monotonic() - started < 1

    def test_a_broken_neighbour_spoils_no_answer(self) -> None:
        def mixed(peer: Peer, received: Received) -> None:
            (answer(200, received.path.encode()) if received.path.endswith("0") else servers.reset)(peer, received)

        with Server(mixed) as server, Exchange[int]() as exchange:
            results = dict(exchange.all(((n, post(f"{server.url}/{n}")) for n in range(60)), window=10))
        good = {n: r.body.decode() for n, r in results.items() if isinstance(r, Response)}
        assert good == {n: f"/{n}" for n in range(0, 60, 10)}
        assert all(r.reached for r in results.values() if isinstance(r, Failure))
        assert len(server.requests) == 60

    def test_waiting_ends_after_the_given_time(self) -> None:
        with Server(servers.hang) as server, Exchange[str]() as exchange:
            exchange.start("silent", post(server.url))
            started = time.monotonic()
            assert exchange.finished(0) == []
            assert time.monotonic() - started < 0.1
            assert exchange.finished(0.2) == []
            assert 0.15 < time.monotonic() - started < 1

    def test_with_nothing_in_flight_there_is_nothing_to_wait_for(self) -> None:
        with Exchange[str]() as exchange:
            started = time.monotonic()
            assert exchange.finished(5) == []
            assert time.monotonic() - started < 1

    def test_threads_with_an_exchange_each_do_not_disturb_one_another(self) -> None:
        counts: list[int] = []

        def work() -> None:
            with Exchange[int]() as exchange:
                pairs = ((n, post(f"{server.url}/{n}")) for n in range(100))
                counts.append(sum(isinstance(result, Response) for _, result in exchange.all(pairs, window=10)))

        with Server(answer()) as server:
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        assert (counts, len(server.requests)) == ([100] * 4, 400)

    def test_it_works_beyond_the_descriptors_that_select_can_see(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
        occupied = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
        try:
            with Server(answer()) as server, Exchange[int]() as exchange:
                results = dict(exchange.all(((n, post(server.url)) for n in range(20)), window=10))
        finally:
            for descriptor in occupied:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert [type(result) for result in results.values()] == [Response] * 20

    def test_one_made_before_a_fork_works_after_it(self) -> None:
        with Server(answer()) as server:
            exchange = Exchange[str]()
            child = os.fork()
            if not child:
                os._exit(0 if isinstance(one(exchange, post(server.url)), Response) else 1)
            assert os.waitpid(child, 0)[1] == 0
            assert isinstance(one(exchange, post(server.url)), Response)
            exchange.close()

    def test_closing_drops_what_is_in_flight(self) -> None:
        with Server(servers.hang) as server:
            with Exchange[str](connections=1) as exchange:
                for _ in range(3):
                    exchange.start("silent", post(server.url))
                assert exchange.finished(0.05) == []
                server.wait_for(1)
            assert exchange.in_flight == 0
            assert exchange.finished(1) == []


def say_nothing(peer: Peer) -> None:
    peer.stopping.wait(5)


def method_echo(peer: Peer, received: Received) -> None:
    if received.method == "HEAD":
        servers.head_only(4)(peer, received)
    else:
        answer(200, received.method.encode() + b" " + received.body)(peer, received)


def assert_reached(result: Answer) -> None:
    assert isinstance(result, Failure)
    assert result.reached


def assert_not_reached(result: Answer) -> None:
    assert isinstance(result, Failure)
    assert not result.reached


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key, in one PEM file."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def authority(certificate: Path) -> str:
    return str(certificate)


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
