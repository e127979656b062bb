"""Bodies of requests, as the models of the `bandwidth-sdk` package write them.

Importing the package takes about a second, so this module is imported with the first text of an account and not before.
"""

import json

from bandwidth.models.message_request import MessageRequest
from bandwidth.models.sync_lookup_request import SyncLookupRequest
from pydantic import ValidationError

from smsbridge.vendors.base import OutgoingSms


def message_body(sms: OutgoingSms, application: str) -> bytes:
    """The JSON that sends a text. Raises ValueError, without phone or text, for what the model does not take."""
    try:
        message = MessageRequest(
            applicationId=application,
            to=[sms.recipient],
            var_from=sms.sender,
            text=sms.text,
            media=list(sms.media) or None,
            tag=sms.reference,
        )
    except ValidationError as problem:
        # the exception itself shows phone and text, so only the names of the fields go on
        wrong = {str(error["loc"][0]) for error in problem.errors(include_input=False) if error["loc"]}
    else:
        return json.dumps(message.to_dict()).encode()
    raise ValueError(f"Bandwidth takes no such {' or '.join(sorted(wrong))}")


def lookup_body(phone: str) -> bytes:
    """The JSON that asks about one phone."""
    return json.dumps(SyncLookupRequest(phoneNumbers=[phone]).to_dict()).encode()
