"""What a WebSocket connection of ours promises, over real sockets."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier import websocket
from notifier.platforms.socket import BrokenError, RefusedError
from tests.notifier.certificates import self_signed
from tests.notifier.servers import Server, answer, black_hole, hang
from tests.notifier.socket_server import Spool

ASK = '{"from": 0}'


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool("one") as server:
        yield server


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    return context


def asked(url: str) -> list[str | bytes]:
    with websocket.opened(url, {}) as link:
        link.send(ASK)
        return link.receive(10, 5)


def test_a_frame_comes_back(spool: Spool) -> None:
    assert asked(spool.url) == ['{"events": [[0, "one"]], "more": false}']


def test_nothing_within_the_time_is_an_empty_list_and_all_that_is_there_is_told_at_once(spool: Spool) -> None:
    with websocket.opened(spool.url, {}) as link:
        assert link.receive(10, 0.05) == []
        for text in ("one", "two", "three"):
            spool.push(text)
        found: list[str | bytes] = []
        while len(found) < 3:
            found += link.receive(2, 5)
    assert len(found) == 3


def test_proxies_of_the_environment_are_not_used(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert asked(spool.url)


def test_a_redirect_is_not_followed(spool: Spool) -> None:
    with Server(answer(302, headers={"Location": spool.url})) as server, pytest.raises(BrokenError, match="HTTP 302"):
        asked(server.url.replace("http", "ws"))
    assert spool.connections == 0


def test_a_server_that_speaks_no_websocket_is_named_by_its_answer() -> None:
    with Server(answer(404)) as server, pytest.raises(BrokenError, match="HTTP 404"):
        asked(server.url.replace("http", "ws"))


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(tls: ssl.SSLContext) -> None:
    with Server(answer(), context=tls) as server, pytest.raises(BrokenError, match="TLS failed"):
        asked(server.url.replace("https", "wss"))
    assert not server.requests


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "OPEN_SECONDS", 0.3)
    begun = time.monotonic()
    with Server(hang) as server, pytest.raises(BrokenError, match=r"within 0\.3 s"):
        asked(server.url.replace("http", "ws"))
    with black_hole() as url, pytest.raises(BrokenError, match=r"within 0\.3 s"):
        asked(url.replace("http", "ws"))
    assert time.monotonic() - begun < 3


def test_the_time_to_open_is_for_the_connection_and_all_that_is_said_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they must take less than a lease lasts, or two listeners take turns for ever."""
    monkeypatch.setattr(websocket, "OPEN_SECONDS", 0.8)
    connect = websocket._wire

    def slowly(url: str) -> socket.socket:
        threading.Event().wait(0.6)
        return connect(url)

    monkeypatch.setattr(websocket, "_wire", slowly)
    begun = time.monotonic()
    with Server(hang) as server, pytest.raises(BrokenError):
        asked(server.url.replace("http", "ws"))
    assert time.monotonic() - begun < 1.2


def test_a_message_that_is_too_large_ends_the_connection(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "_LARGEST_MESSAGE", 2 * 1024 * 1024)
    spool.texts = ["x" * (2 * 1024 * 1024)]
    with pytest.raises(BrokenError, match="more than 2 MiB"):
        asked(spool.url)


def test_frames_that_came_before_the_end_are_told_before_it(spool: Spool) -> None:
    with websocket.opened(spool.url, {}) as link:
        assert spool.waited(lambda: spool.open == 1)
        spool.push("one")
        spool.cut()
        assert spool.waited(lambda: not spool.open)
        time.sleep(0.1)  # the end has arrived
        assert link.receive(10, 5) == ['{"event": [1, "one"]}']
        with pytest.raises(BrokenError, match="The connection was lost"):
            link.receive(10, 5)
        with pytest.raises(BrokenError):
            link.send(ASK)


@pytest.mark.parametrize("url", ["", "https://example.test/", "ws://", "ws://[/", "ws://127.0.0.1:99999/", "wss:x"])
def test_what_is_no_address_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(RefusedError, match="correct it in the chat app's options"):
        asked(url)
