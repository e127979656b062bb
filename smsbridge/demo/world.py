"""The pretend world as people in it see it: the simulator's chat and phones, over HTTP only."""

from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_SECONDS = 20.0


class WorldError(Exception):
    """The simulator refused, or did not answer; the text is its own."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in a thread of a phone. `number` is whom the thread is with; `status` is the pretend vendor's word."""

    id: str
    number: str
    received: bool
    text: str
    status: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message in the chat; `statuses` is one status per recipient, by user id."""

    id: str
    sender: str
    text: str
    statuses: dict[str, str]


class World:
    """A client of `/simulator/` and its state."""

    def __init__(self, web: str) -> None:
        self._base = f"{web}/simulator"
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between us and the loopback interface
        self._session.headers["X-Simulator"] = "1"

    def serves(self) -> bool:
        """Whether the web process answers yet."""
        try:
            return self._session.get(f"{self._base}/", timeout=TIMEOUT_SECONDS).ok
        except requests.RequestException:
            return False

    def add_person(self, user_id: str, name: str, phone: str = "") -> None:
        self._post("people", user_id=user_id, name=name, phone=phone)

    def start_conversation(self, title: str, *participants: str) -> str:
        """The id of a new conversation."""
        return str(self._post("conversations", title=title, participants=list(participants))["id"])

    def send(self, conversation: str, sender: str, text: str) -> str:
        """The id of a new message."""
        return str(self._post("send", conversation=conversation, sender=sender, text=text)["id"])

    def read(self, message: str, user: str) -> None:
        self._post("read", message=message, user=user)

    def delete(self, message: str) -> None:
        self._post("delete", message=message)

    def text(self, phone: str, number: str, text: str) -> None:
        """The owner of the phone texts a number."""
        self._post("text", phone=phone, number=number, text=text)

    def own_number(self, vendor: str, number: str) -> None:
        """Have the pretend vendor's account own a number, unless it does already."""
        self._post("numbers", vendor=vendor, number=number)

    def texts(self, phone: str) -> list[Text]:
        """All that stands on a phone, thread by thread, oldest first in each."""
        return [
            Text(row["id"], thread["number"], row["direction"] == "received", row["text"], row["status"])
            for thread in self._call("GET", f"phones/{phone}")["threads"]
            for row in thread["messages"]
        ]

    def messages(self, conversation: str) -> list[ChatMessage]:
        """What the chat shows of a conversation, oldest first."""
        found = [one for one in self._call("GET", "state")["conversations"] if one["id"] == conversation]
        return [
            ChatMessage(
                row["id"], row["sender"], row["text"], {one["user_id"]: one["status"] for one in row["recipients"]}
            )
            for one in found
            for row in one["messages"]
        ]

    def _post(self, path: str, **content: Any) -> Any:
        return self._call("POST", path, content)

    def _call(self, method: str, path: str, content: Any = None) -> Any:
        try:
            answer = self._session.request(method, f"{self._base}/{path}", json=content, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise WorldError(f"The simulator did not answer {method} {path}: {type(error).__name__}.") from error
        if not answer.ok:
            raise WorldError(f"The simulator answered {method} {path} with {answer.status_code}: {answer.text[:300]}")
        return answer.json()
