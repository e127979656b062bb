"""What the SMS side forgets by age, and which of the chat's messages it still needs. Registered when the app is ready.

The consent ledger and the opt-outs are kept: they prove, and see to it, that somebody is not texted against his will.
"""

from notifier.services import retention
from notifier.services.forgetting import Kind, deleted
from smsbridge.services.cost_sql import FORGOTTEN_COSTS_STAY

_OVER = "x.state not in ('ready', 'sending')"

#: a text by which a person knows what a number stands for: replies are routed by it while the lease lives; as a value,
#: since an "exists" may be planned as a join that reads all leases for each batch
_LEASED = (
    "(select l.id from smsbridge_lease l where l.phone = x.phone and l.number_id = x.number_id"
    " and l.conversation_id = x.conversation_id and l.expires_at > {now}) is not null"
)

#: how texts go with what hangs on them, leaving behind what they cost; by phone and number, as leases are not found by
#: their texts
TEXTS_GO = (
    FORGOTTEN_COSTS_STAY,
    "delete from smsbridge_notice where sms_id {in:ids}",
    (
        "update smsbridge_lease set introduced_by_id = null from smsbridge_outboundsms s where s.id {in:ids}"
        " and smsbridge_lease.phone = s.phone and smsbridge_lease.number_id = s.number_id"
        " and smsbridge_lease.introduced_by_id = s.id"
    ),
    deleted("smsbridge_outboundsms"),
)

#: how texts that came in go, with the parts that they were joined of
INBOUND_GO = ("delete from smsbridge_inboundpart where sms_id {in:ids}", deleted("smsbridge_inboundsms"))

WORDS = [
    # Of an uncertain one they are still asked for: the vendor's list is searched by them, or an operator does.
    Kind(
        what="words of texts sent",
        table="smsbridge_outboundsms",
        key="uuid",
        which=f"x.created_at < {{now+age}} and x.text <> '' and x.state <> 'uncertain' and {_OVER}",
        acts=("update smsbridge_outboundsms set text = '', media = null, tags = null where id {in:ids}",),
    ),
    Kind(
        what="words of texts received",
        table="smsbridge_inboundsms",
        which="x.received_at < {now+age} and x.text <> '' and x.state <> 'waiting'",
        acts=(
            "update smsbridge_inboundpart set text = '' where sms_id {in:ids}",
            "update smsbridge_inboundsms set text = '', media = '[]', tags = null where id {in:ids}",
        ),
    ),
    # They count by phone; today's hold the caps, whatever the age.
    Kind(
        what="counts of former days",
        table="smsbridge_dailyuse",
        which="x.day < {now+age} and x.day < {now+yesterday}",
        acts=(deleted("smsbridge_dailyuse"),),
    ),
]

ROWS = [
    *(
        Kind(
            what=what,
            table="smsbridge_outboundsms",
            key="uuid",
            which=f"x.created_at < {{now+age}} and {states}",
            unless=(_LEASED,),
            acts=TEXTS_GO,
        )
        for what, states in (
            ("texts sent", f"{_OVER} and x.state not in ('uncertain', 'dead')"),
            ("texts that nobody decided on", "x.state in ('uncertain', 'dead')"),
        )
    ),
    Kind(
        what="decisions not to text",
        table="smsbridge_notice",
        which="x.due_at < {now+age} and x.state = 'skipped'",
        acts=(deleted("smsbridge_notice"),),
    ),
    Kind(
        what="texts received",
        table="smsbridge_inboundsms",
        which="x.received_at < {now+age} and x.state <> 'waiting'",
        acts=INBOUND_GO,
    ),
    Kind(
        what="number assignments that ran out",
        table="smsbridge_lease",
        which="x.expires_at < {now+age}",
        acts=(deleted("smsbridge_lease"),),
    ),
    # An operator's word stays until he takes it back.
    Kind(
        what="what is known of phones",
        table="smsbridge_phonefact",
        which=(
            "(x.looked_at is null or x.looked_at < {now+age}) and (x.next_at is null or x.next_at < {now+age})"
            " and x.source <> 'operator'"
        ),
        acts=(deleted("smsbridge_phonefact"),),
    ),
    Kind(
        what="counts of look-ups of former days",
        table="smsbridge_dailylookups",
        which="x.day < {now+age}",
        acts=(deleted("smsbridge_dailylookups"),),
    ),
    Kind(
        what="contacts that were not asked for",
        table="smsbridge_contact",
        which="x.fetched_at < {now+age} and x.source <> 'admin'",
        unless=(
            (
                "exists (select 1 from smsbridge_lease l join notifier_conversation c on c.id = l.conversation_id"
                " where l.user_id = x.user_id and l.left_at is null and c.chat_app_id = x.chat_app_id)"
            ),
        ),
        acts=(deleted("smsbridge_contact"),),
    ),
]


def register() -> None:
    retention.WORDS += WORDS
    retention.ROWS += ROWS
    retention.MESSAGE_NEEDED.append("exists (select 1 from smsbridge_notice n where n.message_id = x.id)")
    # Two conditions, as no index serves both at once.
    retention.MESSAGE_PENDING.extend(
        (
            "exists (select 1 from smsbridge_notice n where n.message_id = x.id and n.state = 'waiting')",
            (
                "exists (select 1 from smsbridge_notice n join smsbridge_outboundsms s on s.id = n.sms_id"
                " where n.message_id = x.id and s.state in ('ready', 'sending'))"
            ),
        )
    )
