"""That only some parts of a text went or arrived, where a vendor tells of each part: kept in words beside the state.

The state is that of the part whose id the text has. `part_note` keeps what is known of the others, and stands in the
reason whatever the state becomes.
"""

import uuid
from collections.abc import Mapping

from notifier.sql import Rows, fetch, uuid_of
from smsbridge.services import history
from smsbridge.vendors.base import DeliveryReceipt

_SMS = "smsbridge_outboundsms"
_MISSING = "not all of it arrived"

#: SQL for what is known of the other parts: an answer that holds an id and yet is uncertain accepted only some
_NOTED = (
    f"case when {_SMS}.part_note = '' and {_SMS}.state = 'uncertain' and {_SMS}.vendor_id is not null"
    f" then {_SMS}.reason else {_SMS}.part_note end"
)


def _joined(first: str, second: str) -> str:
    return f"case when {first} = '' then {second} when {second} = '' then {first} else {first} || '; ' || {second} end"


#: SQL that stores a new reason, and keeps what is known of the other parts
KEPT = f"part_note = {_NOTED}, reason = {_joined('new.reason', f'({_NOTED})')}"


def missing(receipts: Mapping[uuid.UUID, DeliveryReceipt]) -> dict[uuid.UUID, str]:
    """Note that a part of each of these texts did not arrive; the phones of those of which that is news."""
    columns = {"id": "uuid", "note": "text", "entry": "text"}
    rows = fetch(
        f"update {_SMS} set part_note = {_joined(f'({_NOTED})', 'new.note')},"
        f" reason = {_joined(f'{_SMS}.reason', 'new.note')}, log = {history.appended('new.entry')}"
        f" from {{rows:new}} where {_SMS}.id = new.id and {_SMS}.part_note not like '%%' || new.note || '%%'"
        f" returning {_SMS}.id, {_SMS}.phone",
        new=Rows(columns, [_row(id_, receipt) for id_, receipt in sorted(receipts.items())]),
    )
    return {uuid_of(id_): phone for id_, phone in rows}


def _row(id_: uuid.UUID, receipt: DeliveryReceipt) -> tuple[uuid.UUID, str, str]:
    note = f"{_MISSING}: {receipt.error.text}" if receipt.error else _MISSING
    return id_, note, history.entry("undelivered", f"The vendor told of one part: {note}")
