"""Which links that others gave us may be handed on."""

import pytest

from notifier.links import is_open_link


@pytest.mark.parametrize(
    "url",
    [
        "https://content.layer.com/x?Expires=1454465629&Signature=a%2Bb",
        "https://CONTENT.example:8443/x",
        "https://content.example./x",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]/x",
        "https://xn--bcher-kva.example/x",
    ],
)
def test_https_of_a_public_host_is_open(url: str) -> None:
    assert is_open_link(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://content.example/x",
        "//content.example/x",
        "javascript:alert(1)",
        "https://",
        "https://[",
        "https://content.example:99999/x",
        "https://content.example:0/x",
        "https://content.example:port/x",
        "https://user@content.example/x",
        "https://user:word@content.example/x",
        "https://content.example\\@evil.example/x",
        "https://content.example/x y",
        "https://content.example/x\ty",
        "https://content.example/\x7f",
        "https://content.example/ü",
        "https://content.example/" + "x" * 2000,
    ],
)
def test_what_is_malformed_or_odd_is_not(url: str) -> None:
    assert not is_open_link(url)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "printer.local", "db.internal", "nas.lan", "intranet"),
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "240.0.0.1", "100.64.0.1"),
        *("[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]"),
        *("127.1", "2130706433", "0x7f.0.0.0x1", "a..example", "-a.example", "a%2e.example"),
    ],
)
def test_what_is_not_on_the_public_internet_is_not(host: str) -> None:
    assert not is_open_link(f"https://{host}/x")
