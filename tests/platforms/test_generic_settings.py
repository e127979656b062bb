"""What a chat of one's own needs before it can be used, and what is said when that is missing."""

import pytest

from notifier.platforms.base import Can
from tests.platforms.generic_cases import SECRET, generic


@pytest.mark.parametrize(
    "url",
    [
        *("", "chat.example.com", "ftp://chat.example.com", "https://", "https://[::1", "https://x:99999", "HTTPS://x"),
        *(
            "https://x/?a=b",
            "https://x/?",
            "https://x/#",
            "https://us:secret@x",
            "https://x y",
            "https://bücher.example",
        ),
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    (problem,) = generic(api_url=url).configured()
    assert "GENERIC_API_URL" in problem
    assert "secret" not in problem


@pytest.mark.parametrize(
    "secret", ["", "short", "whsec_", "whsec_%%%", "whsec_é", "whsec_c2hvcnQ=", f"{SECRET}, whsec_"]
)
def test_a_secret_that_protects_nothing_is_refused(secret: str) -> None:
    (problem,) = generic(secret=secret).configured()
    assert "GENERIC_WEBHOOK_SECRET" in problem


def test_it_can_all_but_register_and_keep_a_connection() -> None:
    assert frozenset(Can) - generic().can == {Can.SOCKET, Can.REGISTER}


def test_a_person_sets_it_up_by_hand() -> None:
    words = generic().by_hand(url="https://us.example/webhooks/chat/generic/", name="us", secrets=[SECRET])
    assert SECRET in words
    assert "https://us.example/webhooks/chat/generic/" in words
