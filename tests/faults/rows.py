"""The one look inside: the rows that an operator sees in the admin, and what is still to be done."""

from tests.faults.ground import Postgres
from tests.faults.history import InboundRow, LeaseRow, NoticeRow, Rows, SmsRow

#: what is not at its end: each must come to 0
PENDING = {
    "deliveries not drained": "select count(*) from notifier_inboxevent where state = 0",
    "deliveries set aside": "select count(*) from notifier_inboxevent where state <> 0",
    "checks": "select count(*) from notifier_receiptcheck",
    "notices": "select count(*) from smsbridge_notice where state = 'waiting'",
    "texts": "select count(*) from smsbridge_outboundsms where state in ('ready', 'sending')",
    "replies": "select count(*) from smsbridge_inboundsms where state = 'waiting'",
}


def pending(postgres: Postgres) -> dict[str, int]:
    """How many rows of each kind are not at their end; only kinds that have any."""
    statement = "select " + ", ".join(f"({count})" for count in PENDING.values())
    counts = zip(PENDING, postgres.rows(statement)[0], strict=True)
    return {name: count for name, count in counts if count}


def look(postgres: Postgres) -> Rows:
    """Everything, once all is over."""
    notices = postgres.rows(
        "select m.key, n.user_id, n.state, n.reason, coalesce(replace(n.sms_id::text, '-', ''), ''),"
        " n.attempts, n.note"
        " from smsbridge_notice n join notifier_message m on m.id = n.message_id"
    )
    sms = postgres.rows(
        "select replace(id::text, '-', ''), state, reason, ltrim(phone, '+') from smsbridge_outboundsms"
    )
    inbound = postgres.rows("select vendor_id, text, state, reason from smsbridge_inboundsms")
    leases = postgres.rows(
        "select ltrim(l.phone, '+'), ltrim(n.e164, '+'), c.key, l.user_id, l.expires_at > now()"
        " from smsbridge_lease l join smsbridge_number n on n.id = l.number_id"
        " join notifier_conversation c on c.id = l.conversation_id"
    )
    return Rows(
        [NoticeRow(*row) for row in notices],
        [SmsRow(*row) for row in sms],
        [InboundRow(*row) for row in inbound],
        [LeaseRow(*row) for row in leases],
        pending(postgres),
    )
