"""Whose accounts and chat apps these are: nobody's conversation is texted from another organisation's number.

A pool that serves a chat app of one organisation holds only numbers of accounts of the same one, or of accounts of
none, which are everybody's. So a reply can come only by an account of the conversation's own organisation.
"""

from notifier.models import ChatApp, Hook
from notifier.services import validation
from notifier.services.validation import Problems, found
from smsbridge.models import Bridge, Number, Pool, VendorAccount

_APP = ("hook__chat_app__name", "hook__chat_app__organisation", "pool__name")
_ACCOUNT = ("account__name", "account__organisation", "pool__name")


def of_bridge(bridge: Bridge) -> list[str]:
    """Its pool holds a number of another organisation than its chat app's."""
    try:
        app, pool = bridge.hook.chat_app, bridge.pool
    except (Hook.DoesNotExist, ChatApp.DoesNotExist, Pool.DoesNotExist):
        return []  # that a field is empty is said elsewhere
    if not app.organisation or pool.pk is None:
        return []
    strange = _strange_numbers(app.organisation, pool=pool.pk)
    remedy = f"Choose a pool of {app.organisation}, or take those numbers out of this one."
    return [_sentence(pool.name, app.name, app.organisation, *strange[:2], remedy)] if strange else []


def of_number(number: Number) -> list[str]:
    """Its pool serves a chat app of another organisation than its account's."""
    try:
        account = number.account
    except VendorAccount.DoesNotExist:
        return []
    if number.pool_id is None or not account.organisation:
        return []
    strange = _strange_app(account.organisation, pool=number.pool_id)
    remedy = f"Put it into a pool of {account.organisation}."
    return [_sentence(strange[2], *strange[:2], account.name, account.organisation, remedy)] if strange else []


def of_account(account: VendorAccount) -> list[str]:
    """A pool that holds one of its numbers serves a chat app of another organisation."""
    if account.pk is None or not account.organisation:
        return []
    strange = _strange_app(account.organisation, pool__numbers__account=account.pk)
    remedy = "Take its numbers out of that pool first."
    return [_sentence(strange[2], *strange[:2], account.name, account.organisation, remedy)] if strange else []


def of_chat_app(app: ChatApp) -> Problems:
    """A pool that serves it holds a number of another organisation."""
    if app.pk is None or not app.organisation:
        return {}
    strange = _strange_numbers(app.organisation, pool__bridges__hook__chat_app=app.pk)
    remedy = "Give its bridge another pool first, or take those numbers out of this one."
    told = [_sentence(strange[2], app.name, app.organisation, *strange[:2], remedy)] if strange else []
    return found({"organisation": told})


def register() -> None:
    """A chat app is saved on the chat side, which knows no pools."""
    validation.CHAT_APP_RULES.append(of_chat_app)


def _strange_numbers(organisation: str, **of: int) -> tuple[str, str, str] | None:
    """Account, its organisation and the pool of the first of these numbers that is another organisation's."""
    rows = Number.objects.filter(**of).exclude(account__organisation__in=["", organisation])
    return rows.order_by("pk").values_list(*_ACCOUNT).first()


def _strange_app(organisation: str, **of: int) -> tuple[str, str, str] | None:
    """Chat app, its organisation and the pool of the first of these bridges that is another organisation's."""
    rows = Bridge.objects.filter(**of).exclude(hook__chat_app__organisation__in=["", organisation])
    return rows.order_by("pk").values_list(*_APP).first()


def _sentence(pool: str, app: str, of_app: str, account: str, of_account: str, remedy: str) -> str:
    return (
        f"The pool {pool} serves the chat app {app} of {of_app}, so it cannot hold numbers of the vendor account"
        f" {account} of {of_account}. {remedy}"
    )
