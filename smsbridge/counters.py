"""What is counted on the SMS side. docs/watching.md explains each to an operator."""

from notifier.tallies import Counter, Histogram

NOTICES = Counter("smsbridge_notices_decided_total", "Recipients of messages about whom a bridge was to decide.")
NOTICES_ENDED = Counter(
    "smsbridge_notices_ended_total",
    "Notices that ended. Outcome: in_sms, or why nobody was texted. One whose text was withdrawn ends once more.",
    ["outcome"],
)
TEXTS = Counter(
    "smsbridge_texts_total",
    "What became of texts: sent, retried, dead, uncertain, withdrawn, delivered, undelivered. A text passes several.",
    ["account", "outcome", "reason"],
)
SEGMENTS = Counter("smsbridge_segments_sent_total", "Segments of texts that a vendor accepted.", ["account"])
LATENESS = Histogram(
    "smsbridge_lateness_seconds",
    "From the moment a text's oldest notice was due until the vendor accepted it.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
)
RECEIPTS = Counter(
    "smsbridge_delivery_receipts_total",
    "Delivery receipts. Effect: settled, or nothing_new for a repeat, a late one, or one of a text that is not ours.",
    ["account", "effect"],
)
REFUSED = Counter(
    "smsbridge_vendor_calls_refused_total",
    "Calls of SMS vendors that were not accepted. Outcome: forged, unreadable, database_away.",
    ["account", "outcome"],
)
INBOUND = Counter("smsbridge_inbound_texts_total", "Texts that came in, each once.", ["account"])
REPLIES = Counter(
    "smsbridge_replies_total",
    "What became of texts that came in: posted, retried, unrouted, refused, keyword, blocked, dead.",
    ["outcome"],
)
LOOKUPS = Counter(
    "smsbridge_phone_lookups_total",
    "Phones that a vendor was asked about. Outcome: textable, landline, not in service, wrong country, not known,"
    " unknown, failed.",
    ["account", "outcome"],
)
