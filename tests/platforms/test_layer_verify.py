"""Who may tell us of events: HMAC-SHA1 over the raw bytes."""

from dataclasses import replace

import pytest

from notifier.wire import Call, Forged
from tests.platforms.layer_cases import SECRET, delivery, fixture, layer, signature

BODY = fixture("message_sent")


def signed_as(header: str, body: bytes = BODY) -> Call:
    call = delivery(body)
    return replace(call, headers={**call.headers, "layer-webhook-signature": header})


def test_it_knows_the_signature_of_rfc_2202() -> None:
    body = b"what do ya want for nothing?"
    layer().verify(signed_as("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", body), ["Jefe"])


def test_it_takes_the_secret_as_utf_8() -> None:
    layer().verify(delivery(BODY, "geheimnis-ü❤"), ["geheimnis-ü❤"])


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b'{"a": 1.0, "a": 2, "b": "\\/"}'])
def test_it_signs_the_bytes_and_not_what_they_mean(body: bytes) -> None:
    layer().verify(delivery(body), [SECRET])
    with pytest.raises(Forged):
        layer().verify(signed_as(signature(body), body + b" "), [SECRET])


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        signature(BODY).upper(),
        signature(BODY)[:-1],
        f"{signature(BODY)} ",
        f"sha1={signature(BODY)}",
        f"{signature(BODY)}, {signature(BODY)}",
        signature(BODY, ""),
        "é" * 40,
        "\udcff" * 40,
        "0" * 100_000,
    ],
    ids=range(11),
)
def test_it_rejects_any_other_header(header: str) -> None:
    with pytest.raises(Forged):
        layer().verify(signed_as(header), [SECRET, ""])


def test_it_says_nothing_of_the_secret_or_the_right_signature() -> None:
    with pytest.raises(Forged) as error:
        layer().verify(signed_as("0" * 40), [SECRET])
    assert SECRET not in str(error.value)
    assert signature(BODY) not in str(error.value)
