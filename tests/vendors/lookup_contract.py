"""What every vendor that looks phones up must do, whatever its own words are."""

from abc import abstractmethod

import pytest

from notifier.wire import Failure, Response
from smsbridge.vendors.abilities import PhoneLookup
from smsbridge.vendors.base import AskAgain, PhoneFacts, PhoneStatus
from tests.vendors.contract import answered

PHONE = "+12025550101"


class LookupContract:
    @abstractmethod
    def vendor(self, url: str | None = None) -> PhoneLookup:
        """A fully configured adapter."""

    @abstractmethod
    def looked_up(self) -> dict[PhoneStatus, Response]:
        """An answer for each status that the vendor can tell about PHONE."""

    def test_it_asks_about_the_phone_without_credentials_in_the_url(self) -> None:
        request = self.vendor().look_up_request(PHONE)
        assert PHONE[1:] in request.url + request.body.decode()
        for secret in self.vendor().config.secrets.values():
            assert secret not in request.url

    def test_it_reads_each_status(self) -> None:
        for status, response in self.looked_up().items():
            facts = self.vendor().looked_up(PHONE, response)
            assert isinstance(facts, PhoneFacts), status
            assert facts.status is status

    @pytest.mark.parametrize(
        "answer",
        [
            Failure(reached=False, detail="refused"),
            answered(200),
            answered(200, b"[]"),
            answered(200, b"{"),
            answered(401, b"{}"),
            answered(404),
            answered(429),
            answered(503, b"{}"),
        ],
        ids=str,
    )
    def test_it_concludes_nothing_from_an_answer_that_does_not_tell(self, answer: Failure | Response) -> None:
        told = self.vendor().looked_up(PHONE, answer)
        assert isinstance(told, AskAgain) or told.status is PhoneStatus.UNKNOWN

    def test_it_waits_as_long_as_it_is_told(self) -> None:
        told = self.vendor().looked_up(PHONE, answered(429, retry_after="7"))
        assert isinstance(told, AskAgain)
        assert told.after == 7.0
