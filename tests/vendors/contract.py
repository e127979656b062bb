"""What every vendor adapter must do, whatever its own words are.

A test class derives from VendorContract and gives `vendor`, the answers that are in the vendor's own words, and its
webhooks; with FinderContract if it is a Finder, with SdkContract if there is an SDK of the vendor's own.
The vendor also gets a line in `test_any_input`, which throws arbitrary input at every adapter.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from notifier.transport import Exchange
from notifier.wire import Failure, Response
from smsbridge.vendors.abilities import Finder, NumberList
from smsbridge.vendors.base import (
    ErrorKind,
    LostSms,
    Outcome,
    OutcomeKind,
    OutgoingSms,
    Vendor,
)
from tests.notifier import servers
from tests.notifier.servers import Step
from tests.vendors.webhook_contract import WebhookContract

REFERENCE = "0191a5c07d5b7c2e8f4a6b1d2c3e4f50"
SMS = OutgoingSms(
    sender="+12025550001",
    recipient="+12025550101",
    text="Alice: see you at 5?",
    reference=REFERENCE,
    unicode=False,
    status_url="https://bridge.example/webhooks/sms/main/status/",
)
LOST = LostSms(
    reference=SMS.reference,
    vendor_id="",
    sender=SMS.sender,
    recipient=SMS.recipient,
    text=SMS.text,
    since=datetime(2026, 11, 20, 7, 0, tzinfo=UTC),
)


def answered(status: int, body: bytes = b"", **headers: str) -> Response:
    """An HTTP answer; `retry_after` in `headers` stands for `retry-after`."""
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


class SendContract(ABC):
    @abstractmethod
    def vendor(self, url: str | None = None) -> Vendor:
        """A fully configured adapter, which sends to the server at `url` when that is given."""

    @abstractmethod
    def sent(self) -> tuple[Response, str]:
        """An answer that accepts, and the vendor's id in it."""

    @abstractmethod
    def without_id(self) -> Response:
        """An answer that accepts but holds no id."""

    @abstractmethod
    def refused(self) -> tuple[Response, ErrorKind]:
        """An answer that refuses this recipient or text for good, and of what kind the error is."""

    @abstractmethod
    def refused_with_id(self) -> list[tuple[Response, str]]:
        """Answers that refuse in the vendor's own words, also for now only, and yet hold the id of a message."""

    @abstractmethod
    def account_error(self) -> Response:
        """An answer that refuses because of the account."""

    def test_it_makes_one_post_that_carries_our_text(self) -> None:
        request = self.vendor().request_for(SMS)
        assert request.method == "POST"
        assert b"5" in request.body
        assert REFERENCE in request.body.decode() + request.url

    def test_it_puts_no_credentials_into_urls(self) -> None:
        vendor = self.vendor()
        urls = [vendor.request_for(SMS).url]
        if isinstance(vendor, NumberList):
            urls.append(vendor.numbers_request(1).url)
        if isinstance(vendor, Finder):
            urls.append(vendor.find_request(LOST).url)
        assert not [secret for secret in vendor.config.secrets.values() for url in urls if secret in url]

    def test_it_shows_no_secret_in_its_configuration(self) -> None:
        vendor = self.vendor()
        assert not [secret for secret in vendor.config.secrets.values() if secret in repr(vendor.config)]

    def test_it_is_fully_configured(self) -> None:
        assert self.vendor().configured() == []

    def test_it_explains_every_option_and_secret(self) -> None:
        vendor = self.vendor()
        assert set(vendor.config.options) <= set(vendor.option_help)
        assert set(vendor.config.secrets) <= set(vendor.secret_help)

    def test_it_takes_an_accepted_text_as_sent(self) -> None:
        answer, vendor_id = self.sent()
        outcome = self.vendor().outcome(answer)
        assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.SENT, vendor_id)

    def test_it_takes_a_decoded_refusal_as_refused(self) -> None:
        answer, kind = self.refused()
        outcome = self.vendor().outcome(answer)
        assert outcome.kind is OutcomeKind.REFUSED
        assert outcome.error is not None
        assert outcome.error.kind is kind
        assert outcome.reason

    def test_it_tells_account_problems_from_problems_with_the_text(self) -> None:
        outcome = self.vendor().outcome(self.account_error())
        assert outcome.kind is OutcomeKind.REFUSED
        assert outcome.error is not None
        assert outcome.error.kind is ErrorKind.ACCOUNT

    def test_it_never_sends_again_what_a_refusal_names(self) -> None:
        told = [(self.vendor().outcome(answer), vendor_id) for answer, vendor_id in self.refused_with_id()]
        assert told
        for outcome, vendor_id in told:
            assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, vendor_id)

    @pytest.mark.parametrize("status", [302, 400, 401, 402, 404, 408, 409, 422, 429, 500, 503])
    def test_it_keeps_an_id_whatever_the_status_that_it_came_with(self, status: int) -> None:
        answer, vendor_id = self.sent()
        outcome = self.vendor().outcome(replace(answer, status=status))
        assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.UNCERTAIN, vendor_id)

    @pytest.mark.parametrize("body", [b"", b"slow down", b'{"title": "Too Many Requests"}'])
    def test_it_takes_429_as_throttled_for_as_long_as_it_is_told(self, body: bytes) -> None:
        outcome = self.vendor().outcome(answered(429, body, retry_after="7"))
        assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, 7.0)

    def test_it_takes_429_without_retry_after_as_throttled(self) -> None:
        outcome = self.vendor().outcome(answered(429))
        assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, None)

    def test_it_tries_later_when_nothing_left_for_the_vendor(self) -> None:
        outcome = self.vendor().outcome(Failure(reached=False, detail="connection refused"))
        assert outcome.kind is OutcomeKind.THROTTLED

    @pytest.mark.parametrize(
        "detail", ["closed after the request was written", "no answer in 10 seconds", "cut in mid-body"]
    )
    def test_it_is_uncertain_when_the_answer_was_lost(self, detail: str) -> None:
        outcome = self.vendor().outcome(Failure(reached=True, detail=detail))
        assert outcome.kind is OutcomeKind.UNCERTAIN
        assert detail in outcome.reason

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
    def test_it_is_uncertain_about_server_errors_whatever_they_say(self, status: int) -> None:
        answers = [answered(status), answered(status, self.sent()[0].body), answered(status, self.refused()[0].body)]
        assert {self.vendor().outcome(answer).kind for answer in answers} == {OutcomeKind.UNCERTAIN}

    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    @pytest.mark.parametrize("body", [b"", b"<html>OK</html>", b"null", b"[]", b"{}", b'"id"', b"\xff", b"[" * 9000])
    def test_it_is_uncertain_about_a_success_that_it_cannot_read(self, status: int, body: bytes) -> None:
        assert self.vendor().outcome(answered(status, body)).kind is OutcomeKind.UNCERTAIN

    def test_it_is_uncertain_about_a_success_without_an_id(self) -> None:
        assert self.vendor().outcome(self.without_id()).kind is OutcomeKind.UNCERTAIN

    @pytest.mark.parametrize("status", [301, 400, 404, 408, 409])
    def test_it_takes_no_other_status_for_sent_whatever_stands_beneath_it(self, status: int) -> None:
        outcome = self.vendor().outcome(answered(status, self.sent()[0].body))
        assert outcome.kind is not OutcomeKind.SENT

    @pytest.mark.parametrize("status", [301, 302, 307, 408])
    def test_it_is_uncertain_about_answers_that_do_not_say(self, status: int) -> None:
        answers = [answered(status, body) for body in (b"", b"<html>")] + [answered(408, b'{"title": "Timeout"}')]
        assert {self.vendor().outcome(answer).kind for answer in answers} == {OutcomeKind.UNCERTAIN}

    def test_it_never_takes_part_of_an_answer_for_the_whole(self) -> None:
        answer, _ = self.sent()
        kinds = {self.vendor().outcome(answered(200, answer.body[:cut])).kind for cut in range(len(answer.body) - 2)}
        assert kinds == {OutcomeKind.UNCERTAIN}

    @pytest.mark.parametrize("step", [servers.close, servers.reset, servers.cut_body, servers.cut_chunk])
    def test_it_is_uncertain_after_one_try_when_the_connection_breaks(self, step: Step) -> None:
        outcome, requests = self._over_sockets(step)
        assert (outcome.kind, requests) == (OutcomeKind.UNCERTAIN, 1)

    @pytest.mark.parametrize("step", [servers.hang, servers.hang_in_body])
    def test_it_is_uncertain_after_one_try_when_the_vendor_falls_silent(self, step: Step) -> None:
        outcome, requests = self._over_sockets(step, timeout=0.2)
        assert (outcome.kind, requests) == (OutcomeKind.UNCERTAIN, 1)

    def test_it_reads_answers_as_they_come_over_sockets(self) -> None:
        accepting, vendor_id = self.sent()
        outcome, _ = self._over_sockets(servers.answer(accepting.status, accepting.body))
        assert (outcome.kind, outcome.vendor_id) == (OutcomeKind.SENT, vendor_id)
        outcome, _ = self._over_sockets(servers.answer(429, b"slow down", {"Retry-After": "7"}))
        assert (outcome.kind, outcome.retry_after) == (OutcomeKind.THROTTLED, 7.0)

    def test_it_tries_later_when_nobody_listens(self) -> None:
        assert self._carried(servers.refusing_url(), timeout=1.0).kind is OutcomeKind.THROTTLED

    def _over_sockets(self, step: Step, timeout: float = 5.0) -> tuple[Outcome, int]:
        """What a send comes to at a server that does `step`, and how many requests that server got."""
        with servers.Server(step) as server:
            return self._carried(server.url, timeout), len(server.requests)

    def _carried(self, url: str, timeout: float) -> Outcome:
        vendor = self.vendor(url)
        with Exchange[str](timeout=timeout) as exchange:
            ((_, answer),) = exchange.all([("n-42", vendor.request_for(SMS))], window=1)
        return vendor.outcome(answer)


class VendorContract(SendContract, WebhookContract):
    """What every vendor passes."""

    def test_it_sends_alike_while_credentials_are_changed(self) -> None:
        """Of several secrets the first one is sent with."""
        assert self.rotating().request_for(SMS) == self.vendor().request_for(SMS)
