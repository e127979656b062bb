"""What Twilio sends: inbound texts and delivery receipts as forms, signed over the URL and every field."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from smsbridge.simulator import conf
from smsbridge.simulator.dialects import Dialect
from smsbridge.simulator.lanes import lane
from smsbridge.simulator.models import Delivery, Text

FORM = "application/x-www-form-urlencoded"


class Wire(Dialect):
    def uid(self, *, inbound: bool) -> str:
        return f"SM{uuid4().hex}"

    def inbound(self, row: Text, url: str) -> list[Delivery]:
        fields = {
            "MessageSid": row.uid,
            "SmsSid": row.uid,
            "SmsMessageSid": row.uid,
            "SmsStatus": "received",
            "From": row.phone_id,
            "To": row.number,
            "Body": row.text,
            "NumSegments": str(row.segments),
            "NumMedia": str(len(row.media)),
        }
        return [_call(row, url, fields | {f"MediaUrl{place}": link for place, link in enumerate(row.media)})]

    def receipts(self, row: Text, url: str) -> list[Delivery]:
        fields = {"MessageSid": row.uid, "SmsSid": row.uid, "From": row.number, "To": row.phone_id}
        states = ("sent", "delivered")
        return [_call(row, url, fields | {"MessageStatus": state, "SmsStatus": state}) for state in states]

    def headers(self, row: Delivery, body: bytes) -> dict[str, str]:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        signature = signed(row.url, fields, conf.twilio_auth_token())
        return {"content-type": row.content_type, "x-twilio-signature": signature}


def signed(url: str, fields: dict[str, str], token: str) -> str:
    """The base64 HMAC-SHA1 under the auth token of the URL with each name and value behind it, sorted by name."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _call(row: Text, url: str, fields: dict[str, str]) -> Delivery:
    whole = {"AccountSid": conf.twilio_account_sid(), "ApiVersion": "2010-04-01", **fields}
    return Delivery(
        kind=Delivery.Kind.SMS,
        dialect="twilio",
        lane=lane(url),
        url=url,
        content_type=FORM,
        body=urlencode(whole),
        text=row,
    )
