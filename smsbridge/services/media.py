"""Pictures and the like that came in: links that work for whoever reads the chat, and what stands behind them.

Where a vendor's own link asks for the account's credentials, the chat gets one of ours. It names the text and the place
in it, signed, so that nobody can guess another one, and it lives as long as the text keeps its words: it is erased and
forgotten with them. The credentials go to the vendor only.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore

from django.conf import settings
from django.core.signing import BadSignature, Signer

from notifier.links import is_open_link
from notifier.transport import call
from notifier.wire import Failure, Request, Response
from smsbridge.models import InboundSms
from smsbridge.services.accounts import LiveAccount, live_accounts
from smsbridge.vendors.base import Vendor

log = logging.getLogger(__name__)

#: what vendors take in is smaller: 5 MB at Twilio (https://www.twilio.com/docs/messaging/guides/accepted-mime-types)
MOST_BYTES = 8 * 1024 * 1024

#: what is passed on as what it is, with the ending of its name; anything else is only bytes
TYPES = {
    "application/pdf": "pdf",
    "audio/3gpp": "3gp",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tiff",
    "image/webp": "webp",
    "video/3gpp": "3gp",
    "video/mp4": "mp4",
    "video/mpeg": "mpeg",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/webm": "webm",
}
_BYTES = "application/octet-stream"

#: links are for anybody who has one: they must not keep all of a process's threads from the webhooks
_slots = BoundedSemaphore(2)


class NoMedia(Exception):
    """There is nothing to show, in words; `status` is what the browser is answered."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Picture:
    """Of one of TYPES, or bytes. `name` tells nothing of where it came from."""

    content_type: str
    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where the vendor says that it is, open to all."""

    url: str


def tidy(url: str) -> str:
    """A link on one line, as each has a line of its own in the text."""
    return "".join(url.split())


def guarded(vendor: Vendor, urls: Sequence[str]) -> bool:
    """Whether any of these asks for the account's credentials."""
    return any(_request(vendor, url) is not None for url in urls)


def links(vendor: Vendor, sms: int, urls: Sequence[str]) -> list[str]:
    """What the chat is shown: ours where the vendor's own asks for credentials."""
    return [url if _request(vendor, url) is None else link(sms, index) for index, url in enumerate(urls)]


def link(sms: int, index: int) -> str:
    """Our link to something that came with a text."""
    return f"{settings.PUBLIC_URL}/media/{_signer().sign(f'{sms}-{index}')}/"


def words(text: str, urls: Sequence[str]) -> str:
    """A stored text without the links that stand beneath it, one on each line."""
    return "\n".join(text.split("\n")[: -len(urls)]) if urls else text


def fetch(token: str) -> Picture | Elsewhere:
    """What is behind a link of ours. Raises NoMedia."""
    account, url, index = _found(token)
    request = _request(account.vendor, url)
    if request is None:  # the account is another vendor's by now
        return _elsewhere(account, url)
    if not _slots.acquire(blocking=False):
        raise NoMedia(503, "Others are being fetched: try again in a moment.")
    try:
        answer = call(request, timeout=settings.HTTP_TIMEOUT_SECONDS, most_bytes=MOST_BYTES)
    finally:
        _slots.release()
    return _read(account, answer, index)


def _signer() -> Signer:
    return Signer(salt="smsbridge.media")


def _request(vendor: Vendor, url: str) -> Request | None:
    """None also for what is not at the vendor: it gets no credentials, and is shown as it came."""
    try:
        return vendor.media_request(url)
    except ValueError:
        return None


def _found(token: str) -> tuple[LiveAccount, str, int]:
    try:
        sms, _, place = _signer().unsign(token).partition("-")
    except BadSignature:
        raise NoMedia(404, "There is no such link.") from None
    row = InboundSms.objects.filter(pk=int(sms)).values_list("account_id", "media").first()
    account = live_accounts().get(row[0]) if row else None
    if row is None or account is None or int(place) >= len(row[1]):
        raise NoMedia(404, "It is no longer kept.")
    return account, row[1][int(place)], int(place)


def _read(account: LiveAccount, answer: Response | Failure, index: int) -> Picture | Elsewhere:
    if isinstance(answer, Failure):
        log.warning("A picture of the vendor account %s could not be fetched: %s.", account.slug, answer.detail)
        raise NoMedia(502, "The SMS vendor did not hand it out in time, or it is too large. Try again later.")
    if answer.status in (301, 302, 303, 307, 308):
        return _elsewhere(account, answer.headers.get("location", ""))
    if answer.status in (404, 410):
        raise NoMedia(404, "The SMS vendor no longer has it.")
    if answer.status != 200:
        log.warning("A picture of the vendor account %s could not be fetched: %s.", account.slug, answer.status)
        raise NoMedia(502, f"The SMS vendor answered {answer.status}. Try again later.")
    told = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    content_type = told if told in TYPES else _BYTES
    return Picture(content_type, f"media-{index + 1}.{TYPES.get(content_type, 'bin')}", answer.body)


def _elsewhere(account: LiveAccount, url: str) -> Elsewhere:
    """Pass on where it is, but neither our credentials nor what a browser should not be sent to."""
    secrets = [secret for value in account.vendor.config.secrets.values() for secret in value.split(",") if secret]
    if not is_open_link(url) or any(secret in url for secret in secrets):
        log.warning("The vendor account %s refers to a picture by what is no open https link.", account.slug)
        raise NoMedia(502, "The SMS vendor did not say where it is.")
    return Elsewhere(url)
