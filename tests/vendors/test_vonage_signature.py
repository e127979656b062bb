"""The `sig` of Vonage's pushes: every scheme, every way it comes, and everything that must not get in."""

import hashlib
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage import Auth

from notifier.wire import Call, Forged
from smsbridge.vendors.vonage_signature import METHODS, sign
from tests.vendors.accounts import API_KEY, SIGNATURE_SECRET, WAYS, by_form, by_get, by_json, call, fields, vonage

PUSHED_AT = 1795158000
WAY = pytest.mark.parametrize("way", WAYS)
METHOD = pytest.mark.parametrize("method", METHODS)

#: made once with the genuine package (`Auth.sign_params`), except the plain MD5 hash, which it cannot make
GOLDEN = {
    "md5hash": "b39f4a6ac3bc0e95e41010e49be995e8",
    "md5": "5fa758511fab893fb399770f15130d5c",
    "sha1": "c4e137cb4142fb2f555d91a7af372246c42d860c",
    "sha256": "3ee75df474a33c3c69796877507ef1c378ea99ab2382a32a39e3133d4cbc6054",
    "sha512": "3f0e399b320a25669000366e85287f47fd68e95dbd860efed151c3d640060163"
    "fdfca9d0bc688e1d7660f50c73ad880e073ce37dbc77969a6a22fa1c4a425a06",
}


@pytest.fixture(autouse=True)
def _soon_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsbridge.vendors.vonage.time", lambda: PUSHED_AT + 2.5)


def signed(parameters: dict[str, str], method: str = "sha256", secret: str = SIGNATURE_SECRET) -> dict[str, str]:
    return parameters | {"sig": sign(parameters, secret, method).upper()}


def refused(incoming: Call, signature_method: str = "") -> str:
    """Why a call is refused; fails when it is not."""
    with pytest.raises(Forged) as refusal:
        vonage(signature_method=signature_method).verify(incoming)
    return str(refusal.value)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@METHOD
def test_it_signs_as_recorded(method: str) -> None:
    assert sign(fields("inbound"), SIGNATURE_SECRET, method) == GOLDEN[method]


def test_its_plain_md5_is_the_documented_one() -> None:
    documented = "&a=1_2&b=x_y" + SIGNATURE_SECRET
    assert sign({"b": "x=y", "a": "1&2"}, SIGNATURE_SECRET, "md5hash") == _md5(documented)


@pytest.mark.parametrize("method", ["md5", "sha1", "sha256", "sha512"])
@given(parameters=st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=6))
def test_it_signs_as_the_genuine_package_signs(method: str, parameters: dict[str, str]) -> None:
    auth = Auth(api_key=API_KEY, signature_secret=SIGNATURE_SECRET, signature_method=method)
    parameters = {**parameters, "timestamp": "1795158000"}
    parameters.pop("sig", None)
    assert sign(parameters, SIGNATURE_SECRET, method) == auth.sign_params(dict(parameters))


@METHOD
@WAY
def test_it_accepts_every_scheme_in_every_way(way: Callable[[dict[str, str]], Call], method: str) -> None:
    for name in ("inbound", "inbound-part", "receipt"):
        vonage(signature_method=method).verify(way(signed(fields(name), method)))


@WAY
@METHOD
def test_it_accepts_only_the_configured_scheme(method: str, way: Callable[[dict[str, str]], Call]) -> None:
    incoming = way(signed(fields("inbound"), method))
    for other in set(METHODS) - {method}:
        assert "signature is wrong" in refused(incoming, signature_method=other)


def test_it_expects_sha256_unless_told_otherwise() -> None:
    vonage().verify(by_form(signed(fields("inbound"), "sha256")))


@WAY
def test_it_signs_over_decoded_values(way: Callable[[dict[str, str]], Call]) -> None:
    vonage().verify(way(signed(fields("inbound", text="50 % off? a+b=c & żółw 🐢", empty=""))))


def test_it_accepts_lower_and_upper_case() -> None:
    parameters = signed(fields("inbound"))
    vonage().verify(by_get(parameters))
    vonage().verify(by_get(parameters | {"sig": parameters["sig"].lower()}))


def test_it_accepts_either_secret_during_rotation() -> None:
    account = vonage(secrets={"signature_secret": f"new-one, {SIGNATURE_SECRET}"})
    for secret in ("new-one", SIGNATURE_SECRET):
        account.verify(by_form(signed(fields("inbound"), secret=secret)))
    with pytest.raises(Forged):
        account.verify(by_form(signed(fields("inbound"), secret="older")))


@pytest.mark.parametrize("spelling", ["true", "True"])
def test_it_accepts_json_literals_that_were_signed_as_text(spelling: str) -> None:
    parameters = signed(fields("inbound-part", concat=spelling))
    body = json.dumps(parameters | {"concat": True}).replace(f'"{PUSHED_AT}"', str(PUSHED_AT)).replace('"3"', "3")
    vonage().verify(call(body=body.encode(), content_type="application/json"))


@WAY
def test_it_refuses_what_is_not_signed(way: Callable[[dict[str, str]], Call]) -> None:
    assert "not signed" in refused(way(fields("inbound")))


@WAY
@pytest.mark.parametrize("sig", ["", " ", "0" * 64, "ß" * 64, "K" * 64])
def test_it_refuses_a_wrong_signature(way: Callable[[dict[str, str]], Call], sig: str) -> None:
    assert refused(way(fields("inbound") | {"sig": sig}))


@WAY
@pytest.mark.parametrize("name", sorted(fields("inbound")))
def test_it_refuses_a_call_of_which_anything_was_changed(way: Callable[[dict[str, str]], Call], name: str) -> None:
    parameters = signed(fields("inbound"))
    assert refused(way(parameters | {name: parameters[name] + "0"}))
    assert refused(way({key: value for key, value in parameters.items() if key != name}))
    assert refused(way({**parameters, "more": "1"}))


def test_it_refuses_a_parameter_that_swallowed_another() -> None:
    parameters = signed({"a": "1", "b": "2", "timestamp": str(PUSHED_AT)})
    swallowed = {"a=1&b": "2", "timestamp": parameters["timestamp"], "sig": parameters["sig"]}
    assert "separator" in refused(by_form(swallowed))


@pytest.mark.parametrize("sig", [None, True, 7, ["a"], {"a": "b"}, "\ud800"])
def test_it_refuses_a_signature_that_is_no_text(sig: object) -> None:
    body = json.dumps({**fields("inbound"), "sig": sig}).encode()
    assert refused(call(body=body, content_type="application/json"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"sig": "00", "text": "\\ud800", "timestamp": "1795158000"}',
        b'{"sig": "00", "n": ' + b"9" * 5000 + b"}",
        b"sig=%ff&text=%fe",
        b"&".join(b"k%d=1" % n for n in range(200)),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", ""])
def test_it_refuses_bodies_that_no_vendor_sends(body: bytes, content_type: str) -> None:
    assert refused(call(body=body, content_type=content_type))


@pytest.mark.parametrize("query", ["sig=%ff", "sig=00&text=%ED%A0%80", "%", "\ud800=1&sig=00", "sig=\ud800"])
def test_it_refuses_queries_that_no_vendor_sends(query: str) -> None:
    assert refused(call(method="GET", query=query))


def test_it_does_not_mix_query_and_body() -> None:
    in_query = urlencode(signed(fields("inbound")))
    assert refused(call(query=in_query, body=b"text=other", content_type="application/x-www-form-urlencoded"))


@pytest.mark.parametrize(("age", "good"), [(0, True), (24 * 3600, True), (25 * 3600 + 3, False), (-3590, True)])
def test_it_accepts_the_repeats_of_a_day_and_nothing_older(age: int, good: bool) -> None:
    incoming = by_get(signed(fields("inbound", timestamp=str(PUSHED_AT - age))))
    if good:
        vonage().verify(incoming)
    else:
        assert "too old" in refused(incoming)


@pytest.mark.parametrize(
    "timestamp", ["", "0", "-1795158000", "1795158000.5", "2026-11-20 07:00:00", "9" * 11, "9" * 9999, "١٧٩٥١٥٨٠٠٠"]
)
def test_it_refuses_an_odd_timestamp_though_it_is_signed(timestamp: str) -> None:
    assert refused(by_json(signed(fields("inbound", timestamp=timestamp))))


def test_it_refuses_a_missing_timestamp_though_the_rest_is_signed() -> None:
    parameters = fields("inbound")
    del parameters["timestamp"]
    assert "when" in refused(by_json(signed(parameters)))


@pytest.mark.parametrize("name", ["api-key", "api_key"])
def test_it_refuses_another_account_of_the_same_secret(name: str) -> None:
    assert "another Vonage account" in refused(by_form(signed(fields("inbound") | {name: "other"})))


def test_it_needs_no_api_key_in_the_call() -> None:
    parameters = fields("inbound")
    del parameters["api-key"]
    vonage().verify(by_form(signed(parameters)))


@WAY
def test_it_refuses_everything_while_no_secret_is_configured(way: Callable[[dict[str, str]], Call]) -> None:
    for secret in ("", " , "):
        with pytest.raises(Forged, match="VONAGE_SIGNATURE_SECRET"):
            vonage(secrets={"signature_secret": secret}).verify(way(signed(fields("inbound"), secret="")))


def test_it_refuses_everything_while_the_scheme_is_unknown() -> None:
    assert "VONAGE_SIGNATURE_METHOD" in refused(by_form(signed(fields("inbound"))), signature_method="sha3_256")


def test_it_tells_vonages_check_of_the_url_from_a_push() -> None:
    bare = call(method="GET")
    assert vonage().probe(bare)
    assert refused(bare)
    assert not any(vonage().probe(other) for other in (call(), by_get({"a": "1"}), by_form({"a": "1"})))
