"""Keywords as if they had just come in, without the way through a webhook."""

from datetime import timedelta

from django.db import transaction

from notifier.sql import database_now
from smsbridge.models import ConsentEvent, Number, OptOut, OutboundSms
from smsbridge.services import optouts
from smsbridge.services.optouts import Heard
from tests.factories import BENS_PHONE


def hear(
    number: Number, text: str, phone: str = BENS_PHONE, *, said: timedelta | None = None, meaning: str = ""
) -> str | None:
    """What becomes of a text, in words. `said`: how long ago, by the vendor's stamp; `meaning`: by its reading."""
    with transaction.atomic():
        now = database_now()
        stamp = now - said if said is not None else None
        return optouts.obey(Heard(number.account_id, number.e164, phone, text, now, stamp, now, meaning))


def is_out(phone: str = BENS_PHONE) -> bool:
    return OptOut.objects.filter(phone=phone).exists()


def answers(phone: str = BENS_PHONE) -> list[str]:
    """The purposes of what this phone is answered, in order."""
    rows = OutboundSms.objects.filter(phone=phone).exclude(purpose="notice").order_by("pk")
    return list(rows.values_list("purpose", flat=True))


def the_answer() -> OutboundSms:
    return OutboundSms.objects.exclude(purpose="notice").get()


def ledger(phone: str = BENS_PHONE) -> list[tuple[str, str]]:
    """What was said, and who said so, in the order in which it was written down."""
    return list(ConsentEvent.objects.filter(phone=phone).order_by("pk").values_list("what", "source"))
