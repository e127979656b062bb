"""People of a Matrix homeserver, as their clients act for them: the client-server API, as far as the tests need it."""

import json
from collections.abc import Mapping
from itertools import count
from typing import Any
from urllib.parse import quote

import requests

TIMEOUT_SECONDS = 30.0
ENCRYPTED = {"algorithm": "m.megolm.v1.aes-sha2"}
CIPHERTEXT = "AwgAEnACgAkLmt6qF84IK"

_serial = count(1)


class Person:
    """One user and his client. Rooms and events are known by their ids."""

    def __init__(self, url: str, user_id: str, token: str) -> None:
        self.id, self.name, self.phone = user_id, "", ""
        self._url, self._session = url, requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.trust_env = False

    def call(self, method: str, path: str, content: object = None) -> Any:
        """What the homeserver answers. Raises requests.HTTPError when it refuses."""
        answer = self._session.request(method, f"{self._url}{path}", json=content, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def admin(self, method: str, path: str, **content: object) -> Any:
        """A call of Synapse's admin API: for the operator."""
        return self.call(method, f"/_synapse/admin/{path}", content or None)

    def room(self, title: str, *others: "Person") -> str:
        """A new room, with these people in it."""
        invited = [other.id for other in others]
        room: str = self._client("POST", "createRoom", name=title, invite=invited, preset="private_chat")["room_id"]
        for other in others:
            other.joins(room)
        return room

    def joins(self, room: str) -> None:
        self._in(room, "POST", "join")

    def invites(self, room: str, other: "Person") -> None:
        """He comes at once."""
        self._in(room, "POST", "invite", user_id=other.id)
        other.joins(room)

    def leaves(self, room: str) -> None:
        self._in(room, "POST", "leave")

    def renames(self, room: str, title: str) -> str:
        return str(self._in(room, "PUT", "state/m.room.name/", name=title)["event_id"])

    def encrypts(self, room: str) -> None:
        self._in(room, "PUT", "state/m.room.encryption/", **ENCRYPTED)

    def says(self, room: str, text: str, **content: object) -> str:
        """A message of the type m.text, unless the further content tells otherwise; its id."""
        return self.sends(room, {"msgtype": "m.text", "body": text, **content})

    def sends(
        self, room: str, content: Mapping[str, object], type_: str = "m.room.message", *, transaction: str = ""
    ) -> str:
        """The id of the event. The same `transaction` again sends nothing new."""
        answer = self._in(room, "PUT", f"send/{type_}/{transaction or next(_serial)}", **content)
        return str(answer["event_id"])

    def edits(self, room: str, event: str, text: str) -> str:
        new = {"msgtype": "m.text", "body": text}
        relation = {"rel_type": "m.replace", "event_id": event}
        return self.sends(room, {**new, "body": f"* {text}", "m.new_content": new, "m.relates_to": relation})

    def answers_in_thread(self, room: str, root: str, text: str) -> str:
        """A message in the thread that another message begins."""
        return self.says(room, text, **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})

    def hides(self, room: str) -> str:
        """A message that is encrypted from end to end."""
        return self.sends(room, {**ENCRYPTED, "ciphertext": CIPHERTEXT, "session_id": "1"}, "m.room.encrypted")

    def redacts(self, room: str, event: str) -> None:
        self._in(room, "PUT", f"redact/{quote(event, safe='')}/{next(_serial)}")

    def reads(self, room: str, event: str, *, privately: bool = False, thread: str = "") -> None:
        """A receipt up to this event. Within a thread if its first event is named."""
        kind = "m.read.private" if privately else "m.read"
        content = {"thread_id": thread} if thread else {}
        self._in(room, "POST", f"receipt/{kind}/{quote(event, safe='')}", **content)

    def mutes(self, room: str) -> None:
        """As clients do: a push rule that overrides all others and does nothing."""
        condition = {"kind": "event_match", "key": "room_id", "pattern": room}
        self._client("PUT", f"pushrules/global/override/{quote(room, safe='')}", conditions=[condition], actions=[])

    def unread(self, room: str) -> int:
        """How many messages the client shows as unread.

        Asked with a filter of its own each time, for Synapse keeps its answer to the same question for two minutes.
        """
        timeline = {"limit": 1, "not_senders": [f"@nobody-{next(_serial)}:example.org"]}
        wanted = quote(json.dumps({"room": {"rooms": [room], "timeline": timeline}}), safe="")
        answer = self._client("GET", f"sync?timeout=0&set_presence=offline&filter={wanted}")
        return int(answer["rooms"]["join"][room]["unread_notifications"]["notification_count"])

    def texts(self, room: str) -> list[tuple[str, str]]:
        """Who says what in a room, oldest first; at most 100, and of what was redacted nothing."""
        wanted = quote('{"types": ["m.room.message"]}', safe="")
        found = self._in(room, "GET", f"messages?dir=f&limit=100&filter={wanted}")["chunk"]
        return [(one["sender"], one["content"]["body"]) for one in found if one["content"]]

    def _client(self, method: str, path: str, **content: object) -> Any:
        return self.call(method, f"/_matrix/client/v3/{path}", None if method == "GET" else content)

    def _in(self, room: str, method: str, path: str, **content: object) -> Any:
        return self._client(method, f"rooms/{quote(room, safe='')}/{path}", **content)
