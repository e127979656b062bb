"""Headers and signatures of the calls that the simulator makes, each over exactly the bytes sent."""

import hashlib
import hmac

from smsbridge.simulator import conf
from smsbridge.simulator.dialects import dialect
from smsbridge.simulator.models import Delivery

USER_AGENT = "layer-webhooks/1.0"


def headers(row: Delivery, body: bytes) -> dict[str, str]:
    """The headers of one attempt. A delivery keeps its request id through all its attempts."""
    if row.kind == Delivery.Kind.EVENT and row.webhook is not None:
        return {
            "content-type": row.content_type,
            "user-agent": USER_AGENT,
            "layer-webhook-id": str(row.webhook.uid),
            "layer-webhook-request-id": str(row.request_id),
            "layer-webhook-event-type": row.event_type,
            "layer-webhook-signature": layer_signature(row.webhook.secret, body),
        }
    if row.kind == Delivery.Kind.SMS:
        return dialect(row.dialect).headers(row, body)
    if row.kind == Delivery.Kind.HANDSHAKE:
        return {"user-agent": USER_AGENT}
    return {"content-type": row.content_type} if row.content_type else {}


def layer_signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def fake_signature(body: bytes, at: int) -> str:
    digest = hmac.new(conf.fake_signing_secret().encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def vonage_signature(params: dict[str, str]) -> str:
    """Vonage's HMAC-SHA256 `sig`: keys sorted, `&` and `=` in values replaced by `_`, upper-case hex."""
    text = "".join(f"&{key}={params[key].replace('&', '_').replace('=', '_')}" for key in sorted(params))
    digest = hmac.new(conf.vonage_signature_secret().encode(), text.encode(), hashlib.sha256)
    return digest.hexdigest().upper()
