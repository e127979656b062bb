"""Looking up, among Twilio's messages, a text whose answer was lost.

Source: https://www.twilio.com/docs/messaging/api/message-resource. Twilio keeps no reference of ours, so texts are told
apart by their words, and a wrong guess would lose one text and send another one twice: on doubt it is asked again.

Listed is what left our number. The filter by To is not used, as where phone numbers are redacted
(https://www.twilio.com/docs/messaging/guides/privacy-message-redaction) it may miss them, nor is that by DateSent: a
text that still waits at Twilio has none. A text that went by a messaging service may have no sender yet: what the
whole account sent and got is listed then.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import IntEnum
from typing import Any
from urllib.parse import urlencode

from notifier.wire import Answer, Failure, retry_after_seconds
from smsbridge.vendors.answers import decoded
from smsbridge.vendors.base import AskAgain, DeliveryReceipt, Finding, Found, LostSms, NotFound
from smsbridge.vendors.twilio_answers import TITLE, code_of, message_id, money_of, receipt_of, segments_of, time_of
from smsbridge.vendors.twilio_words import perhaps_same_words, same_words

#: Twilio takes up to 1000, but of an answer no more than 1 MiB is read
PAGE_SIZE = 500
#: how far Twilio's clock may be behind ours
_SLACK = timedelta(minutes=5)
#: how long before it left a text of ours may be listed, beyond any doubt
_LONG_BEFORE = timedelta(hours=1)
#: a redacted phone number: its last digits are hidden
_MASKED = re.compile(r"(\+\d{1,14})[Xx*]{1,14}", re.ASCII)


class _Likeness(IntEnum):
    """Whether a message is our text, the likelier the smaller."""

    EXACT = 1
    LIKELY = 2  # in words that Twilio may have made of ours
    DOUBTFUL = 3  # its words are hidden or replaced, or it is there too early: nothing is settled by it
    NONE = 4


def find_query(sms: LostSms, *, in_service: bool) -> str:
    """The query that lists what our number sent last; of the whole account where the text went by a service."""
    sender = {} if in_service else {"From": sms.sender}
    return urlencode({**sender, "PageSize": PAGE_SIZE})


def read_found(sms: LostSms, answer: Answer) -> Finding:
    """What Twilio knows of it. Never raises.

    NotFound only if nothing that may be ours is listed, and the list is whole.
    """
    if isinstance(answer, Failure):
        return AskAgain(f"{TITLE} did not answer: {answer.detail}")
    if answer.status != 200:
        return AskAgain(f"{TITLE} answered {answer.status}", retry_after_seconds(answer.headers))
    content = decoded(answer.body) or {}
    rows = content.get("messages")
    if not isinstance(rows, list) or not all(map(_is_message, rows)):
        return AskAgain(f"{TITLE} answered with no list of messages")
    likeness = [_likeness(row, sms) for row in rows]
    unless = _unless_found(likeness, whole=_is_all(content))
    likely = sorted((like, index) for index, like in enumerate(likeness) if like <= _Likeness.LIKELY)
    return Found([_receipt(rows[index]) for _, index in likely], unless) if likely else unless


def _unless_found(likeness: Sequence[_Likeness], *, whole: bool) -> NotFound | AskAgain:
    """What holds if all that is listed with its words are other texts.

    Of a list that goes on elsewhere nobody knows what stands there: where Twilio puts a text that it has not sent yet
    is not documented.
    """
    if not whole:
        return AskAgain(f"{TITLE} has more texts than it lists at once: look at its log")
    if _Likeness.DOUBTFUL in likeness:
        return AskAgain(f"{TITLE} lists a text that may be this one: look at its log")
    if _Likeness.LIKELY in likeness:
        return AskAgain(f"{TITLE} lists a text with nearly these words: look at its log")
    return NotFound()


def _is_all(content: Mapping[str, Any]) -> bool:
    return "next_page_uri" in content and not content["next_page_uri"]


def _is_message(row: object) -> bool:
    if not isinstance(row, dict) or not message_id(row.get("sid")) or not isinstance(row.get("direction"), str):
        return False
    return all(row.get(name) is None or isinstance(row[name], str) for name in ("body", "from", "to"))


def _likeness(row: Mapping[str, Any], sms: LostSms) -> _Likeness:
    if not row["direction"].startswith("outbound") or not _may_be(row.get("from"), sms.sender):
        return _Likeness.NONE
    at, body = time_of(row.get("date_created")), row.get("body")
    if not _may_be(row.get("to"), sms.recipient) or (at is not None and at < sms.since - _LONG_BEFORE):
        return _Likeness.NONE
    like = _of_words(body, sms.text) if body else _Likeness.DOUBTFUL
    unsure = not row.get("to") or (at is not None and at < sms.since - _SLACK)
    return _Likeness.DOUBTFUL if unsure and like < _Likeness.NONE else like


def _of_words(body: str, text: str) -> _Likeness:
    if body == text:
        return _Likeness.EXACT
    if same_words(body, text):
        return _Likeness.LIKELY
    return _Likeness.DOUBTFUL if perhaps_same_words(body, text) else _Likeness.NONE


def _may_be(shown: str | None, phone: str) -> bool:
    masked = _MASKED.fullmatch(shown or "")
    return not shown or shown == phone or (masked is not None and phone.startswith(masked[1]))


def _receipt(row: Mapping[str, Any]) -> DeliveryReceipt:
    price, currency = money_of(row)
    status = row.get("status")
    return receipt_of(
        message_id(row.get("sid")),
        "",
        status if isinstance(status, str) else "",
        code_of(row.get("error_code")),
        price=price,
        currency=currency,
        segments=segments_of(row.get("num_segments")),
    )
