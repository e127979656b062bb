"""What SMSAPI sends: inbound texts as a form, delivery receipts in the query; our URL's key is all that proves them."""

from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import uuid4

from django.utils import timezone

from smsbridge.simulator import conf
from smsbridge.simulator.dialects import Dialect
from smsbridge.simulator.lanes import lane
from smsbridge.simulator.models import Delivery, Text

SENT, DELIVERED = "403", "404"


class Wire(Dialect):
    def uid(self, *, inbound: bool) -> str:
        return uuid4().hex[:24].upper()

    def default_inbound_url(self) -> str:
        return conf.smsapi_inbound_url()

    def inbound(self, row: Text, url: str) -> list[Delivery]:
        form = {
            "MsgId": row.uid,
            "sms_from": row.phone_id.lstrip("+"),
            "sms_to": row.number.lstrip("+"),
            "sms_text": row.text,
            "sms_date": str(int(row.at.timestamp())),
            "username": "simulator",
        }
        return [
            Delivery(
                kind=Delivery.Kind.SMS,
                dialect="smsapi",
                lane=lane(url),
                url=url,
                content_type="application/x-www-form-urlencoded",
                body=urlencode(form),
                text=row,
            )
        ]

    def receipts(self, row: Text, url: str) -> list[Delivery]:
        return [_receipt(row, url, status) for status in (SENT, DELIVERED)]


def _receipt(row: Text, url: str, status: str) -> Delivery:
    done = str(int(timezone.now().timestamp()))
    told = {"MsgId": row.uid, "status": status, "idx": row.reference, "donedate": done, "username": "simulator"}
    target = urlsplit(url)
    query = "&".join(filter(None, [target.query, urlencode(told)]))
    return Delivery(
        kind=Delivery.Kind.SMS,
        dialect="smsapi",
        lane=lane(url),
        method="GET",
        url=urlunsplit(target._replace(query=query)),
        text=row,
    )
