"""What a vendor that looks texts up must make of the answers: one that is wrongly not found is sent twice."""

from abc import abstractmethod

import pytest

from notifier.wire import Failure, Response
from smsbridge.vendors.abilities import Finder
from smsbridge.vendors.base import AskAgain, Found, NotFound
from tests.vendors.contract import LOST, SendContract, answered


class FinderContract(SendContract):
    @abstractmethod
    def found(self) -> tuple[Response, str]:
        """The answer to a look-up that has the text, and the vendor's id in it."""

    @abstractmethod
    def not_found(self) -> Response:
        """The answer to a look-up of a text that the vendor never accepted."""

    @property
    def finder(self) -> Finder:
        vendor = self.vendor()
        assert isinstance(vendor, Finder)
        return vendor

    def test_it_finds_a_text(self) -> None:
        answer, vendor_id = self.found()
        finding = self.finder.found(LOST, answer)
        assert isinstance(finding, Found)
        assert vendor_id in [receipt.vendor_id for receipt in finding.receipts]

    def test_it_says_that_there_is_none(self) -> None:
        assert self.finder.found(LOST, self.not_found()) == NotFound()

    def test_it_waits_until_the_vendor_would_know_it(self) -> None:
        assert self.finder.find_grace > 30

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 429, 500, 502, 503])
    def test_it_takes_no_error_for_a_text_that_is_not_there(self, status: int) -> None:
        bodies = [b"", b"<html>", b'{"error": "no"}', self.not_found().body, self.found()[0].body]
        answers = [answered(status, body, retry_after="7") for body in bodies]
        findings = [self.finder.found(LOST, answer) for answer in answers]
        assert {type(finding) for finding in findings} == {AskAgain}
        assert status != 429 or {finding.after for finding in findings if isinstance(finding, AskAgain)} == {7.0}

    @pytest.mark.parametrize("body", [b"", b"<html>OK</html>", b"null", b"[]", b"{}", b'"id"', b"\xff", b"[" * 9000])
    def test_it_takes_no_list_that_it_cannot_read_for_an_empty_one(self, body: bytes) -> None:
        assert isinstance(self.finder.found(LOST, answered(200, body)), AskAgain)

    @pytest.mark.parametrize("reached", [True, False])
    def test_it_asks_again_when_no_answer_came(self, reached: bool) -> None:
        assert isinstance(self.finder.found(LOST, Failure(reached=reached, detail="reset")), AskAgain)
