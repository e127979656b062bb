"""Setting up: the file that a homeserver needs of us, and whether it reaches us.

A homeserver reads its application services' files at its start only; there is no way to register one while it runs.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from notifier.platforms import matrix_answers
from notifier.platforms.values import Done, Later, No, Reading
from notifier.wire import Answer, Failure

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+", re.ASCII)
_LOCALPART = re.compile(r"[a-z0-9._=/+-]{1,100}", re.ASCII)  # appendices, 4.2.1
_SERVER_NAME = re.compile(r"(?:[A-Za-z0-9.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
_SWITCHES = ("", "on", "off")

_REGISTER = "put the registration file in place, as `manage.py register_webhooks` prints it, and restart the homeserver"
_PINGS: Final[Mapping[str, str]] = {
    "M_FORBIDDEN": f"as_token belongs to another application service, or to none with the id of ours: {_REGISTER}",
    "M_UNKNOWN_TOKEN": f"it does not know as_token (MATRIX_AS_TOKEN): {_REGISTER}",
    "M_URL_NOT_SET": f"the registration file has no url: {_REGISTER}",
    "M_CONNECTION_FAILED": "it could not connect to us: the web process must be running, and reachable from the "
    "homeserver at the url in the registration file",
    "M_CONNECTION_TIMEOUT": "it got no answer from us in time: look whether the web process runs, and what stands "
    "between it and the homeserver",
    "M_UNRECOGNIZED": "it does not know the call: check homeserver_url (MATRIX_HOMESERVER_URL), and that it is "
    "Synapse 1.84 or newer, or another one that has version 1.7 of the application service API",
}
_STATUSES: Final[Mapping[int, str]] = {
    403: "we do not accept its hs_token: the registration file and the hook's secret (MATRIX_HS_TOKEN) must say the "
    "same, and the homeserver reads the file at its start only",
    404: "nothing is at that url, or the hook is not there: it must be the hook's URL without a slash at its end",
    503: "our database is away",
}


def problems(options: Mapping[str, str], url: str, server_name: str, bot: str, token: str) -> list[str]:
    """What is missing or malformed, each with its remedy."""
    found = [_url_problem(url), _name_problem(server_name), _token_problem(token)]
    if not _LOCALPART.fullmatch(bot):
        found.append("bot is no local part of a user id: use a-z, 0-9 and . _ = / + - only.")
    found += [
        f"{name} is neither on nor off: write on, or leave it empty."
        for name in ("notices", "reply_in_encrypted")
        if options.get(name, "").strip() not in _SWITCHES
    ]
    return [sentence for sentence in found if sentence]


def registration_file(*, url: str, id_: str, server_name: str, as_token: str, hs_token: str) -> str:
    """YAML, every text of which is written as JSON, which YAML takes (application service API, 4, "Registration").

    The expression ends where the id does: homeservers look for a match at its beginning only.
    """
    everybody = f"@.*:{re.escape(server_name)}$"
    lines = [
        f"id: {_quoted(id_)}",
        f"url: {_quoted(url.rstrip('/'))}",
        f"as_token: {_quoted(as_token)}",
        f"hs_token: {_quoted(hs_token)}",
        f"sender_localpart: {_quoted(id_)}",
        "rate_limited: false",
        "receive_ephemeral: true",
        "namespaces:",
        "  users:",
        "    - exclusive: false",
        f"      regex: {_quoted(everybody)}",
        "  rooms: []",
        "  aliases: []",
    ]
    return "\n".join(lines) + "\n"


def instructions(file: str, name: str) -> str:
    """What a person has to do with it."""
    return f"""\
A Matrix homeserver reads its application services from files at its start, so this is done by hand, once:

1. Save what stands between the lines on the homeserver's machine, say as /etc/matrix-synapse/{name}.yaml, readable
   by the homeserver only: its tokens open every account of the server.

----------
{file}----------

2. Name the file in the homeserver's configuration (Synapse: homeserver.yaml), beside others that are there already:

app_service_config_files:
  - /etc/matrix-synapse/{name}.yaml

3. Restart the homeserver, have our web process running, and repeat this command: it makes the homeserver call us.
"""


def secret_problem(hs_token: str) -> str:
    """Why no homeserver could send us this token, "" when it can."""
    if _VISIBLE_ASCII.fullmatch(hs_token):
        return ""
    return "The hook's secret holds a space or a character that cannot be in a header: make another (MATRIX_HS_TOKEN)."


def ping_result(answer: Answer) -> Reading[str]:
    """What came of asking the homeserver to call us (application service API, 4.2, "Pinging")."""
    reading = matrix_answers.read(answer, _duration)
    if isinstance(reading, Done) or isinstance(answer, Failure):
        return reading
    if matrix_answers.code_of(answer) == "M_BAD_STATUS":
        return _bad_status(matrix_answers.status_at_ours(answer))
    told = _PINGS.get(matrix_answers.code_of(answer))
    if told is None:
        return reading
    reason = f"{matrix_answers.said(answer)}: {told}"
    return Later(reason) if answer.status >= 500 else No(reason)


def _bad_status(status: int | None) -> Reading[str]:
    why = _STATUSES.get(status or 0, "something else than our web process is at that url, or it fails: see its log")
    reason = f"The homeserver called us and was answered {status or 'an error'}: {why}"
    return No(reason) if status and status < 500 else Later(reason)


def _duration(told: Mapping[str, Any]) -> str:
    took = told.get("duration_ms")
    lasted = f" It took {took} ms." if type(took) is int else ""
    return f"The homeserver reaches us, and both tokens fit.{lasted}"


def _quoted(text: str) -> str:
    return json.dumps(text)


def _url_problem(text: str) -> str:
    remedy = "give the homeserver's base, such as https://matrix.example.com; set MATRIX_HOMESERVER_URL."
    if not text:
        return f"homeserver_url is missing: {remedy}"
    try:
        url = urlsplit(text)
        host = url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        return f"homeserver_url is not a URL: {remedy}"
    if url.scheme not in ("http", "https") or not host or not _VISIBLE_ASCII.fullmatch(text):
        return f"homeserver_url is not an http or https URL: {remedy}"
    if url.query or url.fragment or url.username is not None or "/_matrix" in url.path:
        return f"homeserver_url may have no query, fragment, credentials or /_matrix: {remedy}"
    return ""


def _name_problem(name: str) -> str:
    if not name:
        return "server_name is missing: it is what stands behind the colon in user ids; set MATRIX_SERVER_NAME."
    if not _SERVER_NAME.fullmatch(name):
        return (
            "server_name is no server's name: it is what stands behind the colon in user ids; set MATRIX_SERVER_NAME."
        )
    return ""


def _token_problem(token: str) -> str:
    if not token:
        return "as_token is missing: make up a long random text; set MATRIX_AS_TOKEN."
    if not _VISIBLE_ASCII.fullmatch(token):
        return "as_token holds a space or a character that cannot be in a header: make another; set MATRIX_AS_TOKEN."
    return ""
