"""What every vendor adapter must do with what comes in: prove where it is from, read it, and say what it is not.

`tests/smsbridge/test_vendor_webhooks.py` plays the same calls over HTTP against the database.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from enum import Enum
from typing import ClassVar

import pytest

from notifier.wire import Call, Forged
from smsbridge.vendors.base import DeliveryReceipt, InboundText, ReceiptState, Vendor

BASE = "https://bridge.example"
PHONE, NUMBER = "+12025550101", "+12025550001"
WORDS = "on my way, 5 \u00d7 \u20ac & more"


class Proof(Enum):
    """By which credentials a call proves where it comes from."""

    RIGHT = "right"  # those that `vendor()` is configured with
    FORMER = "former"  # those before a rotation: `rotating()` takes both
    WRONG = "wrong"
    NONE = "none"


class WebhookContract(ABC):
    #: whether a signature covers the body; else any body passes with the right credentials
    signs_body: ClassVar[bool] = True
    #: whether it covers the public URL, so that what is behind a proxy must know its own
    signs_url: ClassVar[bool] = False
    #: for how long a signature counts, in seconds; None: for ever, as nothing in it tells the time
    window: ClassVar[float | None] = None
    #: what the vendor wants to hear about a text that came in: a part of the body, and the content type
    wants: ClassVar[tuple[str, str]] = ("", "text/plain")

    @abstractmethod
    def vendor(self, url: str | None = None) -> Vendor:
        """A fully configured adapter, which verifies Proof.RIGHT."""

    @abstractmethod
    def rotating(self) -> Vendor:
        """The same while its credentials are being changed: it takes Proof.RIGHT and Proof.FORMER."""

    @abstractmethod
    def inbound_call(self, proof: Proof = Proof.RIGHT, *, base: str = BASE, age: float = 0.0) -> Call:
        """WORDS from PHONE to NUMBER, as the vendor pushes it, with the SDK's own signer where there is one.

        To `{base}/webhooks/sms/<key>/inbound/`, signed `age` seconds ago.
        """

    @abstractmethod
    def receipt_call(self, state: ReceiptState, proof: Proof = Proof.RIGHT, *, reference: str = "") -> Call:
        """A receipt of DELIVERED or UNDELIVERED about the vendor's text `SENT_ID`, or about ours if `reference`."""

    #: the vendor's id of the text that receipts are about
    SENT_ID: ClassVar[str]

    def test_it_takes_what_is_rightly_signed(self) -> None:
        self.vendor().verify(self.inbound_call())
        self.vendor().verify(self.receipt_call(ReceiptState.DELIVERED))

    @pytest.mark.parametrize("proof", [Proof.WRONG, Proof.NONE, Proof.FORMER])
    def test_it_refuses_any_other(self, proof: Proof) -> None:
        for call in (self.inbound_call(proof), self.receipt_call(ReceiptState.DELIVERED, proof)):
            with pytest.raises(Forged) as refusal:
                self.vendor().verify(call)
            assert not [secret for secret in self.vendor().config.secrets.values() if secret in str(refusal.value)]

    @pytest.mark.parametrize("proof", [Proof.RIGHT, Proof.FORMER])
    def test_it_takes_both_while_credentials_are_changed(self, proof: Proof) -> None:
        self.rotating().verify(self.inbound_call(proof))
        with pytest.raises(Forged):
            self.rotating().verify(self.inbound_call(Proof.WRONG))

    def test_it_refuses_everything_without_credentials_of_its_own(self) -> None:
        bare = type(self.vendor())(replace(self.vendor().config, secrets={}))
        for proof in Proof:
            with pytest.raises(Forged):
                bare.verify(self.inbound_call(proof))

    def test_it_refuses_a_body_that_was_changed(self) -> None:
        call = self.inbound_call()
        changed = replace(call, body=call.body.replace(b"way", b"WAY"), query=call.query.replace("way", "WAY"))
        assert changed != call
        if self.signs_body:
            with pytest.raises(Forged):
                self.vendor().verify(changed)
        else:
            self.vendor().verify(changed)

    def test_it_knows_the_url_that_was_signed(self) -> None:
        elsewhere = replace(self.inbound_call(), url=self.inbound_call(base="https://other.example").url)
        if self.signs_url:
            with pytest.raises(Forged):
                self.vendor().verify(elsewhere)
        else:
            self.vendor().verify(elsewhere)

    def test_it_takes_what_an_outage_delayed_but_nothing_ancient(self) -> None:
        self.vendor().verify(self.inbound_call(age=20 * 3600))
        if self.window is not None:
            with pytest.raises(Forged):
                self.vendor().verify(self.inbound_call(age=self.window + 3600))

    def test_it_reads_a_text(self) -> None:
        (text,) = self.vendor().parse_inbound(self.inbound_call())
        assert isinstance(text, InboundText)
        assert (text.sender, text.recipient, text.text) == (PHONE, NUMBER, WORDS)
        assert text.vendor_id
        assert text.part is None

    def test_a_repeated_text_keeps_its_id(self) -> None:
        (one,), (other,) = (self.vendor().parse_inbound(self.inbound_call(age=age)) for age in (0.0, 60.0))
        assert one.vendor_id == other.vendor_id

    @pytest.mark.parametrize("state", [ReceiptState.DELIVERED, ReceiptState.UNDELIVERED])
    def test_it_reads_a_receipt(self, state: ReceiptState) -> None:
        (receipt,) = self.vendor().parse_receipts(self.receipt_call(state))
        assert isinstance(receipt, DeliveryReceipt)
        assert (receipt.vendor_id, receipt.state) == (self.SENT_ID, state)
        assert (receipt.error is not None) == (state is ReceiptState.UNDELIVERED)

    def test_it_reads_our_own_reference_in_a_receipt(self) -> None:
        reference = "0191a5c07d5b7c2e8f4a6b1d2c3e4f50"
        (receipt,) = self.vendor().parse_receipts(self.receipt_call(ReceiptState.DELIVERED, reference=reference))
        assert receipt.reference == reference

    def test_what_comes_to_the_wrong_url_is_none(self) -> None:
        assert list(self.vendor().parse_receipts(self.inbound_call())) == []
        assert list(self.vendor().parse_inbound(self.receipt_call(ReceiptState.DELIVERED))) == []

    def test_it_answers_what_the_vendor_wants_to_hear(self) -> None:
        reply, (part, content_type) = self.vendor().inbound_reply(), self.wants
        assert reply.status == 200
        assert part in reply.body
        assert reply.content_type.startswith(content_type)
