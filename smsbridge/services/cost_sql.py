"""Which texts cost something, and how they are added up: SQL that the roll-up and forgetting share.

What counts is what a vendor accepted, delivered or not, and what it perhaps accepted: an uncertain text counts as if it
had been. What was refused, withdrawn, tried dry or never left costs nothing. A text's day is the one on which it was
made: whatever is heard of it later, it stays on that day.
"""

#: on a text `s`. One that an operator closed was sent if the vendor is known to have it: by its id or by its price
COUNTS = (
    "(s.state in ('sent', 'delivered', 'undelivered', 'uncertain') or s.state = 'closed' and s.sent_at is not null"
    " and (s.vendor_id is not null or s.price is not null))"
)
#: its day in UTC, which is the time zone of every connection
DAY = "date(s.created_at)"

_GROUP = "day, bridge_id, account_id, country, currency"


def _told(condition: str) -> str:
    """What is told of texts, by group: amounts where prices were told, apart from the others, whose segments count."""
    return (
        f"select {DAY} as day, s.bridge_id, s.account_id, s.country,"
        " case when s.price is null then '' else s.currency end as currency, s.price is not null as told,"
        " count(*) as texts, sum(s.segments) as segments,"
        " round(cast(sum(coalesce(s.price, 0)) as numeric), 5) as amount"
        f" from smsbridge_outboundsms s where {COUNTS} and ({condition}) group by 1, 2, 3, 4, 5, 6"
    )


#: the days from %(first)s to %(last)s, of texts with ids between %(after)s and %(before)s and of forgotten ones. What
#: no price was told of is estimated by the account's rate for the country, else by its rate for everywhere else
ADDED_UP = (
    f"insert into smsbridge_dailycost ({_GROUP}, texts, segments, amount, estimated)"
    " select f.day, f.bridge_id, f.account_id, f.country,"
    " case when f.told then f.currency else coalesce(r.currency, e.currency, '') end, sum(f.texts), sum(f.segments),"
    " round(cast(sum(f.amount) as numeric), 5), round(cast(sum(case when f.told then 0"
    " else f.segments * coalesce(r.per_segment, e.per_segment, 0) end) as numeric), 5)"
    f" from ({_told(f's.id > %(after)s and s.id < %(before)s and {DAY} between %(first)s and %(last)s')}"
    f" union all select {_GROUP}, told, texts, segments, amount from smsbridge_forgottencost"
    "  where day between %(first)s and %(last)s) f"
    " left join smsbridge_rate r on r.account_id = f.account_id and r.country = f.country"
    " left join smsbridge_rate e on e.account_id = f.account_id and e.country = ''"
    " group by 1, 2, 3, 4, 5"
)

#: before the texts {in:ids} go, what was told of them is kept, so that their days can still be added up; in the same
#: transaction, so that it is neither lost nor doubled. In one order, in which others lock these rows as well
FORGOTTEN_COSTS_STAY = (
    f"insert into smsbridge_forgottencost ({_GROUP}, told, texts, segments, amount)"
    f" {_told('s.id {in:ids}')} order by 1, 2, 3, 4, 5, 6"
    " on conflict (day, (coalesce(bridge_id, 0)), account_id, country, currency, told) do update set"
    " texts = smsbridge_forgottencost.texts + excluded.texts,"
    " segments = smsbridge_forgottencost.segments + excluded.segments,"
    " amount = smsbridge_forgottencost.amount + excluded.amount"
)
