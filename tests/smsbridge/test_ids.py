"""Ids of texts: of version 7, and in the order in which they were made."""

import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

from smsbridge.ids import uuid7


def test_it_is_a_uuid_of_version_7_that_tells_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= before + 1000


def test_each_is_above_the_one_before() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(set(made))


def test_a_clock_that_is_set_back_changes_no_order() -> None:
    first = uuid7()
    with patch("time.time_ns", return_value=time.time_ns() - 3600 * 10**9):
        assert uuid7() > first


def test_threads_never_make_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: [uuid7() for _ in range(500)], range(8)))
    assert len({one for some in made for one in some}) == 4000
