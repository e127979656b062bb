"""The SMS side's rows: accounts and numbers, who holds which, what is to be sent and what came in.

Identity is decided by the constraints below, never by code. Each partial index serves exactly one
query of a worker, named beside it.
"""

from smsbridge.models.configuration import Bridge, Number, Pool, VendorAccount
from smsbridge.models.costs import DailyCost, ForgottenCost, Rate
from smsbridge.models.fields import E164
from smsbridge.models.inbound import InboundPart, InboundSms
from smsbridge.models.limits import Breaker, DailyUse, Pace
from smsbridge.models.numbers import DailyLookups, NumberOrder, PhoneFact
from smsbridge.models.outbound import Notice, OutboundSms
from smsbridge.models.people import ConsentEvent, Contact, Lease, OptOut

__all__ = [
    "E164",
    "Breaker",
    "Bridge",
    "ConsentEvent",
    "Contact",
    "DailyCost",
    "DailyLookups",
    "DailyUse",
    "ForgottenCost",
    "InboundPart",
    "InboundSms",
    "Lease",
    "Notice",
    "Number",
    "NumberOrder",
    "OptOut",
    "OutboundSms",
    "Pace",
    "PhoneFact",
    "Pool",
    "Rate",
    "VendorAccount",
]
