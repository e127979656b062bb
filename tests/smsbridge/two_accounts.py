"""A bridge whose pool has numbers of two accounts, the second one with the slug `second`, that fail and work again."""

from datetime import timedelta

from django.utils import timezone

from smsbridge.models import Breaker, Bridge, Contact, Notice, Number, VendorAccount
from smsbridge.services import queue
from smsbridge.services.failover import take_over
from tests import factories
from tests.factories import BENS_PHONE, conversation, message, notice
from tests.smsbridge.stages import compose, send

MINUTE = timedelta(minutes=1)


def change(bridge: Bridge, **policy: object) -> None:
    Bridge.objects.filter(pk=bridge.pk).update(**policy)
    factories.forget()


def add_number(bridge: Bridge, account: VendorAccount, e164: str = "", **fields: object) -> Number:
    made = Number.objects.create(
        e164=e164 or f"+1555999{Number.objects.count():04}", account=account, pool=bridge.pool, **fields
    )
    factories.forget()
    return made


def first() -> VendorAccount:
    return VendorAccount.objects.exclude(slug="second").get()


def second() -> VendorAccount:
    return VendorAccount.objects.get(slug="second")


def fails(account: VendorAccount, opened: timedelta = 10 * MINUTE, probe: timedelta = MINUTE) -> None:
    """Its breaker is open since so long, and tries again in so long."""
    now = timezone.now()
    Breaker.objects.update_or_create(
        account=account, defaults={"failures": 5, "openings": 1, "opened_at": now - opened, "probe_at": now + probe}
    )
    factories.forget()


def works(account: VendorAccount) -> None:
    Breaker.objects.filter(account=account).update(failures=0, opened_at=None, probe_at=timezone.now())
    factories.forget()


def told(bridge: Bridge, text: str, phone: str = BENS_PHONE) -> Notice:
    """Somebody with this phone has not read this; he has a conversation of his own."""
    user = f"user {phone}"
    if not Contact.objects.filter(user_id=user).exists():
        factories.contact(bridge.hook.chat_app, user, phone)
    return notice(bridge, message(conversation(bridge.hook.chat_app), text, unread_by=[user]), user)


def again(bridge: Bridge, of: Notice, text: str) -> Notice:
    """The next message of the same conversation."""
    return notice(bridge, message(of.conversation, text, unread_by=[of.user_id]), of.user_id)


def account_of(one: Notice) -> str:
    one.refresh_from_db()
    assert one.sms is not None
    return "second" if one.sms.account.slug == "second" else "first"


def round_() -> None:
    """Some seconds: a sweep, and what it rings."""
    factories.forget()
    take_over()
    compose()
    go()


def go() -> None:
    """As the runner does: it looks once more where something is due at once."""
    queue.seconds_to_next()
    send()
