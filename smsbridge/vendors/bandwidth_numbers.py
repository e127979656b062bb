"""Bandwidth's Numbers API: what the account owns, and what is for sale.

Source: https://dev.bandwidth.com/docs/numbers/ and its errors at https://dev.bandwidth.com/docs/numbers/errors.
Numbers of the countries of +1 are ten digits there, all others E.164.
"""

import re
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree.ElementTree import Element

from notifier.wire import Answer, Failure, Response
from smsbridge.vendors import bandwidth_xml as xml
from smsbridge.vendors.base import OfferedNumber, OwnedNumber, VendorError, Wanted

PAGE_SIZE = 500
FIRST_PAGE = "1"

_AREA = re.compile(r"[2-9]\d\d", re.ASCII)
_TEN_DIGITS = re.compile(r"[2-9]\d{9}", re.ASCII)
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_CODE = re.compile(r"\d{3,6}", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_PAGE = re.compile(r"[!-~]{1,200}")
_LINK = re.compile(r"<([^>]{1,2000})>")

_REMEDIES = {
    "401": "check the account's user and password",
    "403": "check that the account's user may use the Numbers API, and the account ID",
    "404": "check the account ID and numbers_url",
    "429": "wait a minute and repeat",
    "5005": "the number is no longer available: search again",
    "5007": "the account may not order more numbers: ask Bandwidth's support",
    "5012": "the account is locked: ask Bandwidth's support",
    "5016": "check the option site_id",
    "5018": "the number is no longer available: search again",
    "5020": "set the option peer_id, or a default location in the Bandwidth App",
    "5023": "check the option peer_id",
    "5183": "the account may not order numbers: ask Bandwidth's support",
}


def list_query(page: str) -> str:
    """Asks for a page of the numbers in service: the first, or one that `read_numbers` told."""
    return urlencode({"size": PAGE_SIZE, "page": page})


def read_numbers(answer: Answer) -> tuple[list[OwnedNumber], int, str]:
    """The numbers of a page, how many there are in all, and what the next page is called, "" if there is none.

    Raises VendorError.
    """
    root = _good(answer)
    total = xml.text(root, "TotalCount")
    if not _COUNT.fullmatch(total):
        raise VendorError("Bandwidth's list of numbers is not of the documented form: look at numbers_url")
    found = [e164(number) for number in xml.texts(root, "TelephoneNumber", "FullNumber")]
    if not all(found):
        raise VendorError("Bandwidth lists something that is no phone number: look at it in the Bandwidth App")
    return [OwnedNumber(e164=number, inbound_url="") for number in found], int(total), _next_page(root)


def _next_page(root: Element) -> str:
    """`Link=<https://…?size=500&page=9195550100>;rel="next"`: pages are called after their first number."""
    told = xml.text(root, "next")
    if not told:
        return ""
    link = _LINK.search(told)
    try:
        named = parse_qs(urlsplit(link[1]).query).get("page", []) if link else []
    except ValueError:
        named = []
    if len(named) != 1 or not _PAGE.fullmatch(named[0]):
        raise VendorError("Bandwidth's list of numbers has more pages, but names none: look at numbers_url")
    return named[0]


def e164(number: str) -> str:
    """A number as Bandwidth writes it, in E.164; "" for what is none."""
    if _TEN_DIGITS.fullmatch(number):
        return f"+1{number}"
    return number if _E164.fullmatch(number) else ""


def local(number: str) -> str:
    """A number in E.164 as Bandwidth writes it. Raises ValueError."""
    if not _E164.fullmatch(number):
        raise ValueError("the number is not of the form +12025550100: list the account's numbers again")
    return number.removeprefix("+1") if _TEN_DIGITS.fullmatch(number.removeprefix("+1")) else number


def offers_query(wanted: Wanted) -> str:
    """Raises ValueError, in words for the operator, for what Bandwidth's search cannot find."""
    if wanted.country.upper() not in ("US", "CA"):
        raise ValueError("Bandwidth's numbers are searched in US and CA only: order others in the Bandwidth App")
    if not _AREA.fullmatch(wanted.area):
        raise ValueError("Bandwidth searches by area code: give one of three digits, such as 919")
    return urlencode({"areaCode": wanted.area, "quantity": max(1, min(wanted.limit, 5000))})


def read_offers(answer: Answer) -> list[OfferedNumber]:
    """Raises VendorError. Without any number the answer has no list."""
    root = _good(answer)
    numbers = [e164(number) for number in xml.texts(root, "TelephoneNumber", "FullNumber")]
    return [OfferedNumber(e164=number) for number in numbers if number]


def _good(answer: Answer) -> Element:
    if isinstance(answer, Failure):
        raise VendorError(f"Bandwidth did not answer: {answer.detail}. Repeat it when it is reachable.")
    root = root_of(answer)
    if answer.status != 200:
        raise VendorError(refusal(answer.status, root))
    if root is None:
        raise VendorError("Bandwidth's answer is not XML: check numbers_url of the account")
    return root


def root_of(answer: Response) -> Element | None:
    """The XML of an answer, None when it is none."""
    try:
        return xml.parse(answer.body)
    except xml.NotXmlError:
        return None


def codes_of(root: Element) -> list[str]:
    """Bandwidth's own error codes in an answer."""
    return [code for code in xml.texts(root, "Code", "ErrorCode") if _CODE.fullmatch(code)]


def refusal(status: int, root: Element | None) -> str:
    """A sentence without a word of the answer, which may hold numbers: only its codes."""
    codes = codes_of(root)[:3] if root is not None else []
    known = [*codes, str(status)] if status else codes
    remedy = next((_REMEDIES[code] for code in known if code in _REMEDIES), "look at the order in the Bandwidth App")
    return f"Bandwidth's Numbers API refused ({', '.join(known) or 'without a code'}): {remedy}"
