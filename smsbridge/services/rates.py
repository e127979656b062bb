"""What one segment costs, by account and country: learnt from prices that vendors tell, or entered by an operator."""

import uuid

from notifier.sql import run

# Of each account and country the text that was sent last tells the price of today. Pictures cost more than segments.
_LEARN = (
    "insert into smsbridge_rate (account_id, country, currency, per_segment, source, since)"
    " select account_id, country, currency, one, 'vendor', sent_at from ("
    "  select s.account_id, s.country, s.currency, round(cast(s.price / s.segments as numeric), 5) as one, s.sent_at,"
    "   row_number() over (partition by s.account_id, s.country order by s.sent_at desc, s.id desc) as place"
    "  from smsbridge_outboundsms s where s.id > %(after)s and s.state in ('sent', 'delivered', 'undelivered')"
    "   and s.price > 0 and s.currency <> '' and s.country <> '' and s.segments > 0 and s.media is null"
    "   and s.sent_at is not null) told"
    " where place = 1 and one > 0"
    " on conflict (account_id, country) do update"
    "  set currency = excluded.currency, per_segment = excluded.per_segment, since = excluded.since"
    "  where smsbridge_rate.source = 'vendor' and excluded.since >= smsbridge_rate.since"
    "   and (smsbridge_rate.currency, smsbridge_rate.per_segment) <> (excluded.currency, excluded.per_segment)"
)


def learn(after: uuid.UUID) -> int:
    """Take over what the texts behind an id tell; how many rates are new or changed. An operator's entry stays.

    `since` of a rate is the text by which a price was first seen.
    """
    return run(_LEARN, after=after)
