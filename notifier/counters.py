"""What is counted on the chat's side. docs/watching.md explains each to an operator."""

from notifier.tallies import Counter

DELIVERIES = Counter(
    "smsbridge_deliveries_total",
    "Deliveries of chat platforms. Kind: receipts, listen, unknown. Outcome: accepted, or why not.",
    ["kind", "outcome"],
)
DRAINED = Counter("smsbridge_events_drained_total", "Accepted deliveries that were merged into the chat's facts.")
FAILED = Counter("smsbridge_events_failed_total", "Accepted deliveries that could not be read and were set aside.")
CHECKS_DONE = Counter("smsbridge_checks_done_total", "Messages that were looked at when their delay was over.")
UNREAD = Counter("smsbridge_unread_total", "Recipients who had not read a message when its delay was over.")
ROSTERS = Counter(
    "smsbridge_rosters_total",
    "Conversations whose platform was asked who takes part. Outcome: known, put_off, given_up.",
    ["outcome"],
)
CLAIMS_EXPIRED = Counter(
    "smsbridge_claims_expired_total",
    "Rows that were taken over, as their worker's claim had run out: it died, stood still or took too long.",
    ["stage"],
)
LISTENER_CONNECTIONS = Counter(
    "smsbridge_listener_connections_total",
    "Connections that were tried to listen to a hook's platform: the first, and each one after a loss.",
    ["hook"],
)
