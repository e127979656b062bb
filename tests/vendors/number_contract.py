"""What every vendor's adapter must make of lists of numbers, and of answers to what costs money.

A list that silently leaves a number out makes us buy it twice, or pay on for one that counts as released.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import pytest

from notifier.wire import Answer, Failure, Response
from smsbridge.services.numbers import owned_numbers
from smsbridge.vendors.abilities import NumberShop
from smsbridge.vendors.base import OwnedNumber, StepKind, VendorError
from tests.vendors.contract import answered

JUNK = [b"", b"<html>", b"<html/>", b"[]", b"{}", b'{"title": "Bad Request"}', b"<Error/>"]


def read(vendor: NumberShop, pages: Sequence[Answer]) -> list[OwnedNumber]:
    """The whole list, as it is read where it counts; to ask for a page after the last fails the test."""
    answers = iter(pages)
    numbers = list(owned_numbers(vendor, ask=lambda request: next(answers)))
    assert list(answers) == []
    return numbers


def _is_taken(vendor: NumberShop, pages: Sequence[Answer]) -> bool:
    try:
        read(vendor, pages)
    except VendorError:
        return False
    return True


class NumberContract(ABC):
    #: statuses that tell of a release without a body
    released_by: ClassVar[tuple[int, ...]] = ()

    @abstractmethod
    def vendor(self) -> NumberShop:
        """A fully configured adapter."""

    @abstractmethod
    def whole(self) -> dict[str, tuple[list[Response], int]]:
        """Lists by pages that are whole, each with how many numbers it holds: one of them none."""

    @abstractmethod
    def incomplete(self) -> dict[str, list[Response]]:
        """Lists by pages that leave something out, or do not say whether they do."""

    def test_it_reads_whole_lists(self) -> None:
        lists = self.whole()
        assert {name: len(read(self.vendor(), pages)) for name, (pages, _) in lists.items()} == {
            name: count for name, (_, count) in lists.items()
        }

    def test_each_list_is_read_from_its_first_page(self) -> None:
        vendor = self.vendor()
        for pages, count in [*self.whole().values(), *self.whole().values()]:
            assert len(read(vendor, pages)) == count

    def test_it_takes_no_list_for_whole_that_is_not(self) -> None:
        taken = {name for name, pages in self.incomplete().items() if _is_taken(self.vendor(), pages)}
        assert taken == set()

    def test_it_takes_no_list_for_whole_that_never_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self.vendor()), "numbers", lambda vendor, answer: ([], True))
        monkeypatch.setattr(type(self.vendor()), "numbers_request", lambda vendor, page: None)
        with pytest.raises(VendorError, match="without an end"):
            read(self.vendor(), [answered(200)] * 1000)

    @pytest.mark.parametrize("status", [206, 301, 400, 401, 403, 404, 408, 429, 500, 503])
    def test_it_takes_no_error_for_an_empty_list(self, status: int) -> None:
        for body in JUNK:
            with pytest.raises(VendorError):
                self.vendor().numbers(answered(status, body))

    @pytest.mark.parametrize("status", [400, 406, 408, 409, 410, 422, 302, 500, 503])
    def test_an_error_without_the_vendors_own_code_leaves_open_what_was_done(self, status: int) -> None:
        for body in JUNK:
            answer = answered(status, body)
            kinds = (self.vendor().bought(answer).kind, self.vendor().released(answer).kind)
            assert kinds == (StepKind.UNCERTAIN, StepKind.UNCERTAIN), body

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
    def test_a_success_that_cannot_be_read_leaves_open_what_was_done(self, status: int) -> None:
        for body in JUNK:
            assert self.vendor().bought(answered(status, body)).kind is StepKind.UNCERTAIN, body
            released = self.vendor().released(answered(status, body)).kind
            assert released is (StepKind.DONE if status in self.released_by else StepKind.UNCERTAIN), body

    @pytest.mark.parametrize("status", [401, 403, 405, 415, 429])
    def test_nothing_is_done_by_who_was_not_let_in(self, status: int) -> None:
        for body in JUNK:
            answer = answered(status, body)
            kinds = {self.vendor().bought(answer).kind, self.vendor().released(answer).kind}
            assert kinds <= {StepKind.REFUSED, StepKind.UNCERTAIN}, body

    @pytest.mark.parametrize(("reached", "kind"), [(True, StepKind.UNCERTAIN), (False, StepKind.REFUSED)])
    def test_without_an_answer_it_depends_on_whether_the_question_left(self, reached: bool, kind: StepKind) -> None:
        lost = Failure(reached=reached, detail="reset")
        assert (self.vendor().bought(lost).kind, self.vendor().released(lost).kind) == (kind, kind)
