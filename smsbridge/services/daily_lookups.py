"""How many look-ups that cost money each account has asked for today (UTC). Counted before the vendor is called."""

from datetime import datetime

from notifier.sql import fetch, run
from smsbridge.services.accounts import LiveAccount
from smsbridge.services.daily_use import day_of


def left(account: LiveAccount, now: datetime) -> int:
    """How many more the account's limit allows."""
    rows = fetch(
        "select used from smsbridge_dailylookups where account_id = %(account)s and day = %(day)s",
        account=account.id,
        day=day_of(now),
    )
    return max(account.lookup_limit - (rows[0][0] if rows else 0), 0)


def spend(account: LiveAccount, count: int, now: datetime) -> None:
    """Count some. In the transaction that claims them, under its lock."""
    if not count:
        return
    run(
        "insert into smsbridge_dailylookups (account_id, day, used) values (%(account)s, %(day)s, %(count)s)"
        " on conflict (account_id, day) do update set used = smsbridge_dailylookups.used + excluded.used",
        account=account.id,
        day=day_of(now),
        count=count,
    )
