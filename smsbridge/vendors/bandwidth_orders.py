"""Orders at Bandwidth's Numbers API: buying a number, and giving one back (a disconnect).

Source: https://dev.bandwidth.com/docs/numbers/ and its errors at https://dev.bandwidth.com/docs/numbers/errors. Both
are accepted with status RECEIVED, worked on, and asked about until they are COMPLETE or FAILED.
"""

import re
from xml.etree.ElementTree import Element

from notifier.wire import Answer, Failure
from smsbridge.vendors import bandwidth_xml as xml
from smsbridge.vendors.answers import says_not_done
from smsbridge.vendors.bandwidth_numbers import codes_of, local, refusal, root_of
from smsbridge.vendors.base import PaidStep, StepKind

_ORDER = re.compile(r"(orders|disconnects)/[0-9A-Za-z-]{1,64}", re.ASCII)
_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_REFERENCE = re.compile(r"[0-9A-Za-z -]{1,40}", re.ASCII)  # error 5052

#: the number was gone before: not the account's, not in service
_GONE = frozenset({"5074", "5076"})
#: this one says many things, and that the number is gone only with these words
_DISCONNECT_ERROR, _NOT_OURS = "5006", "not associated with your account"


def order_body(number: str, reference: str, site: str, peer: str) -> bytes:
    """An order of one number into a site and a location. Raises ValueError."""
    if not site:
        raise ValueError(
            "Bandwidth sells into a site (sub-account): set the option site_id, and peer_id if it has several"
        )
    if not _REFERENCE.fullmatch(reference):
        raise ValueError("Bandwidth takes references of at most 40 letters, digits, dashes and spaces")
    return xml.document(
        "Order",
        xml.leaf("CustomerOrderId", reference),
        xml.leaf("Name", reference),
        xml.tree("ExistingTelephoneNumberOrderType", _list_of(number)),
        xml.leaf("SiteId", site),
        xml.leaf("PeerId", peer),
    )


def disconnect_body(number: str) -> bytes:
    """An order that gives one number back. Raises ValueError."""
    kind = xml.tree("DisconnectTelephoneNumberOrderType", _list_of(number))
    return xml.document("DisconnectTelephoneNumberOrder", xml.leaf("name", "SMS Bridge"), kind)


def _list_of(number: str) -> Element:
    return xml.tree("TelephoneNumberList", xml.leaf("TelephoneNumber", local(number)))


def order_path(order: str) -> str:
    """Where an order is asked about. Raises ValueError for what no order of ours is called."""
    if not _ORDER.fullmatch(order):
        raise ValueError("this is not the name of a Bandwidth order: look at the order in the Bandwidth App")
    return order


def read_placed(answer: Answer, resource: str) -> PaidStep:
    """What became of an order or a disconnect that was just sent to `resource`. Total."""
    if isinstance(answer, Failure):
        if answer.reached:
            return PaidStep(kind=StepKind.UNCERTAIN, reason=f"Bandwidth's answer did not arrive: {answer.detail}")
        return PaidStep(kind=StepKind.REFUSED, reason=f"Bandwidth was not reached: {answer.detail}")
    root, status = root_of(answer), answer.status
    if root is not None and (200 <= status < 300 or (400 <= status < 500 and _names_an_order(root))):
        number = _number_of(root)
        step = _by_status(root, f"{resource}/{number}" if number else "")
        return step or _unclear("Bandwidth took it, and did not say under which number")
    if root is not None and 400 <= status < 500 and _gone(root):
        return PaidStep(kind=StepKind.DONE, reason="the number was not the account's any more")
    if says_not_done(status) or (root is not None and 400 <= status < 500 and status != 408 and codes_of(root)):
        return PaidStep(kind=StepKind.REFUSED, reason=refusal(status, root))
    return _unclear(f"Bandwidth answered {status}")


def _names_an_order(root: Element) -> bool:
    """Whether an answer is about an order that Bandwidth has, whatever its HTTP status."""
    return bool(xml.text(root, "OrderStatus") or _number_of(root))


def _number_of(root: Element) -> str:
    number = xml.text(root, "id") or xml.text(root, "OrderId") or xml.text(root, "orderId")
    return number if _ID.fullmatch(number) else ""


def read_order(answer: Answer) -> PaidStep:
    """How far an order is. Total."""
    pending = PaidStep(kind=StepKind.PENDING, reason="Bandwidth has not told yet")
    if isinstance(answer, Failure) or answer.status != 200:
        return pending
    root = root_of(answer)
    return (_by_status(root, "") if root is not None else None) or pending


def _by_status(root: Element, order: str) -> PaidStep | None:
    """By the OrderStatus. None for one that is going on, unless it can be asked about."""
    status = xml.text(root, "OrderStatus").upper()
    if status == "COMPLETE" and not xml.holds(root, "Error"):
        return PaidStep(kind=StepKind.DONE, order=order)
    if status == "FAILED" and _gone(root):
        return PaidStep(kind=StepKind.DONE, reason="the number was not the account's any more", order=order)
    if status == "FAILED":
        return PaidStep(kind=StepKind.REFUSED, reason=refusal(0, root), order=order)
    if status in ("PARTIAL", "COMPLETE"):
        return PaidStep(kind=StepKind.UNCERTAIN, reason="Bandwidth did a part of it", order=order)
    if order:
        return PaidStep(kind=StepKind.PENDING, reason="Bandwidth works on it", order=order)
    return None


def _gone(root: Element) -> bool:
    """Whether every error says that the number is not the account's any more. Only a disconnect is told so."""
    if not xml.holds(root, "DisconnectTelephoneNumberOrderResponse"):
        return False
    errors = list(xml.elements(root, "Error"))
    return bool(errors) and all(_says_gone(error) for error in errors)


def _says_gone(error: Element) -> bool:
    code, words = xml.text(error, "Code"), " ".join(xml.text(error, "Description").lower().split())
    return code in _GONE or (code == _DISCONNECT_ERROR and _NOT_OURS in words)


def _unclear(reason: str) -> PaidStep:
    return PaidStep(kind=StepKind.UNCERTAIN, reason=f"{reason}: look at the account's numbers")
