"""Matrix, with us as an application service of one homeserver: it tells us of its users' rooms, and we act for them.

How its calls are read is in `matrix_calls` and `matrix_events`, its answers in `matrix_answers`, how it is asked in
`matrix_asking`, and how it is set up in `matrix_registering`. Read against the specification's version 1.16
(https://spec.matrix.org/v1.16/) and Synapse 1.163.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from notifier.platforms import matrix_answers, matrix_asking, matrix_calls, matrix_events, matrix_registering
from notifier.platforms.base import (
    USUAL_BYTES,
    Can,
    ChatEvent,
    Delivered,
    Done,
    Envelope,
    Identity,
    Later,
    Platform,
    PlatformConfig,
    Question,
    Reading,
    Reply,
    Roster,
    Standing,
    Steps,
)
from notifier.platforms.matrix_requests import Homeserver
from notifier.texts import clean_text
from notifier.wire import LARGEST_CALL, Answer, BadCall, Call, Request

DEFAULT_BOT: Final = "smsbridge"
#: as how many of our users a room is asked who is in it: the first may have left
_ASKED_AS: Final = 5


class MatrixPlatform(Platform):
    """One homeserver. Misconfigured it still builds requests, which are refused: see `configured`."""

    key: ClassVar[str] = "matrix"
    title: ClassVar[str] = "Matrix"
    can: ClassVar[frozenset[Can]] = frozenset(Can) - {Can.SOCKET, Can.REGISTER, Can.DELIVERED}
    option_help: ClassVar[Mapping[str, str]] = {
        "homeserver_url": "Where the homeserver is reached, without /_matrix, such as https://matrix.example.com.",
        "server_name": "What stands behind the colon in its users' ids; only these users are texted.",
        "bot": f"The first part of the id of our own user there, and our id as a service; {DEFAULT_BOT} when empty.",
        "notices": "on: messages of the kind m.notice, which programs write, are told too.",
        "reply_in_encrypted": "on: an SMS is posted into an encrypted room as plain words, which others are warned of.",
    }
    secret_help: ClassVar[Mapping[str, str]] = {
        "as_token": "What we prove ourselves by to the homeserver: a long random text, also in the registration file.",
    }
    receipt_events: ClassVar[tuple[str, ...]] = matrix_events.EVENT_TYPES
    event_types: ClassVar[tuple[str, ...]] = matrix_events.EVENT_TYPES
    in_order: ClassVar[bool] = True
    asks_first: ClassVar[bool] = True
    marks_up_to: ClassVar[bool] = True

    def __init__(self, config: PlatformConfig) -> None:
        super().__init__(config)
        self._server_name = config.options.get("server_name", "").strip()
        self._bot = config.options.get("bot", "").strip() or DEFAULT_BOT
        url = config.options.get("homeserver_url", "").strip().rstrip("/")
        self._homeserver = Homeserver(url, config.secrets.get("as_token", "").strip())

    def configured(self) -> list[str]:
        url, token = self._homeserver.url, self._homeserver.token
        return matrix_registering.problems(self.config.options, url, self._server_name, self._bot, token)

    # Incoming

    def receive(self, call: Call, secrets: Sequence[str]) -> Sequence[Delivered] | Reply:
        """A transaction's events, each of its own; we have neither users nor rooms to tell of."""
        purpose = matrix_calls.purpose(call)
        if isinstance(purpose, Reply):
            return purpose
        self.verify(call, secrets)
        if purpose == "transactions":
            return matrix_calls.delivered(call.body)
        if purpose == "ping":
            return matrix_calls.DONE
        return matrix_calls.refused(404, "M_NOT_FOUND", "There is no such thing here.")

    def most_bytes(self, head: Call, secrets: Sequence[str]) -> int:
        """A transaction brings up to 100 events of 64 kB, and of state what was there before as well.

        One that is refused comes again for ever, with everything else behind it.
        """
        if matrix_calls.purpose(head) != "transactions":
            return USUAL_BYTES
        self.verify(head, secrets)
        return LARGEST_CALL

    @property
    def accepted(self) -> Reply:
        return matrix_calls.DONE

    def refusal(self, error: BadCall) -> Reply:
        return matrix_calls.refusal(error)

    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        matrix_calls.verify(call, secrets)

    def envelope(self, call: Call) -> Envelope:
        """Of a body that holds a single event, as they are stored."""
        return matrix_calls.envelope(call.body)

    def parse(self, body: bytes) -> list[ChatEvent]:
        return matrix_events.parse_event(body, key=matrix_calls.key_of(body), notices=self._is_on("notices"))

    def may_be_told(self, user_id: str) -> bool:
        """Users of other servers are in the rooms too; nothing is known of their phones or of what they have read."""
        name, _, server = user_id.removeprefix("@").partition(":")
        return user_id.startswith("@") and server == self._server_name and name not in ("", self._bot)

    # Asking

    def identity_request(self, user_id: str) -> Request:
        """For the phone; `identity_steps` asks for the name as well."""
        return self._homeserver.ask("v3", "account", "3pid", as_user=user_id)

    def identity(self, user_id: str, answer: Answer) -> Reading[Identity | None]:
        if matrix_answers.forbidden(answer) or matrix_answers.absent(answer):
            return Done(None)
        return matrix_answers.read(
            answer, lambda told: matrix_answers.identity(user_id, matrix_answers.phone_in(told), {})
        )

    def identity_steps(self, user_id: str) -> Steps[Reading[Identity | None]]:
        found = self.identity(user_id, (yield self.identity_request(user_id)))
        if not isinstance(found, Done) or found.value is None:
            return found
        phone = found.value.phone
        answer = yield self._homeserver.ask("v3", "profile", user_id, as_user=user_id)
        if matrix_answers.without_profile(answer):
            return found
        return matrix_answers.read(answer, lambda told: matrix_answers.identity(user_id, phone, told))

    def conversation_request(self, conversation: str) -> Request:
        """As our own user, who sees it where he takes part; `roster_steps` asks as one who surely does."""
        return self._name_request(conversation, "")

    def conversation_title(self, answer: Answer) -> Reading[str]:
        if matrix_answers.absent(answer) or matrix_answers.forbidden(answer):
            return Done("")
        return matrix_answers.read(answer, matrix_events.title_of)

    def standing_steps(self, questions: Sequence[Question]) -> Sequence[Steps[Mapping[Question, Reading[Standing]]]]:
        """One series for each user, of one request in the usual case."""
        return matrix_asking.by_user(self._homeserver, questions)

    def roster_steps(self, conversation: str, users: Sequence[str]) -> Steps[Reading[Roster | None]]:
        """Who is in the room, its name, and whether it is encrypted, asked as one of our users who is in it."""
        for user in [user for user in users if self.may_be_told(user)][:_ASKED_AS]:
            found = yield from self._roster_as(user, conversation)
            if found != Done(None):
                return found
        answer = yield self._homeserver.admin("v1", "rooms", conversation, "members")
        members = matrix_answers.members_by_admin(answer)
        if isinstance(members, Later):
            return members
        user = next((user for user in members if self.may_be_told(user)), "")
        return (yield from self._roster_as(user, conversation)) if user else Done(None)

    def _roster_as(self, user: str, conversation: str) -> Steps[Reading[Roster | None]]:
        """Done(None): he is not in it."""
        answer = yield self._homeserver.ask("v3", "rooms", conversation, "joined_members", as_user=user)
        if matrix_answers.forbidden(answer) or matrix_answers.absent(answer):
            return Done(None)
        found = matrix_answers.read(answer, matrix_answers.members)
        if not isinstance(found, Done):
            return found
        title = self.conversation_title((yield self._name_request(conversation, user)))
        if title == Done(""):
            title = matrix_answers.alias((yield self._state_request(conversation, "m.room.canonical_alias", user)))
        encryption = yield self._state_request(conversation, "m.room.encryption", user)
        return _roster(found.value, title, matrix_answers.exists(encryption))

    # Acting

    def post_requests(self, conversation: str, *, as_user: str, text: str, key: str) -> list[Request]:
        """One message: an event may have 65,536 bytes, which the longest SMS does not fill.

        The homeserver knows the key again for half an hour at least, and answers with the same event.
        """
        content = {"msgtype": "m.text", "body": clean_text(text)}
        path = ("v3", "rooms", conversation, "send", "m.room.message", key)
        return [self._homeserver.send("PUT", *path, body=content, as_user=as_user)]

    def posted(self, answer: Answer) -> Reading[str]:
        return matrix_answers.read(answer, matrix_answers.posted_id)

    @property
    def posts_into_encrypted(self) -> bool:
        return self._is_on("reply_in_encrypted")

    def read_request(self, conversation: str, message: str, *, as_user: str) -> Request:
        """A receipt that others see, as who answers has read; in the room and all its threads."""
        path = ("v3", "rooms", conversation, "receipt", "m.read", message)
        return self._homeserver.send("POST", *path, body={}, as_user=as_user)

    def marked_read(self, answer: Answer) -> Reading[None]:
        """A message that is gone needs no mark: done."""
        return Done(None) if matrix_answers.absent(answer) else matrix_answers.done(answer)

    # Setting up

    def by_hand(self, *, url: str, name: str, secrets: Sequence[str]) -> str:
        hs_token = next(iter(secrets), "")
        if problem := matrix_registering.secret_problem(hs_token):
            return f"{problem}\n"
        file = matrix_registering.registration_file(
            url=url,
            id_=self._bot,
            server_name=self._server_name,
            as_token=self._homeserver.token,
            hs_token=hs_token,
        )
        return matrix_registering.instructions(file, self._bot)

    def reach_steps(self) -> Steps[Reading[str]]:
        """The homeserver calls us, and begins at once to bring what it has kept for us."""
        path = ("v1", "appservice", self._bot, "ping")
        answer = yield self._homeserver.send("POST", *path, body={"transaction_id": "smsbridge"})
        return matrix_registering.ping_result(answer)

    def _is_on(self, option: str) -> bool:
        return self.config.options.get(option, "").strip() == "on"

    def _name_request(self, conversation: str, user: str) -> Request:
        return self._state_request(conversation, "m.room.name", user)

    def _state_request(self, conversation: str, kind: str, user: str) -> Request:
        return self._homeserver.ask("v3", "rooms", conversation, "state", kind, as_user=user)


def _roster(users: Sequence[str], title: Reading[str], encrypted: Reading[bool]) -> Reading[Roster | None]:
    """What else could not be told is worth another try, unless it was refused."""
    for reading in (title, encrypted):
        if isinstance(reading, Later):
            return reading
    return Done(
        Roster(
            users=users,
            title=title.value if isinstance(title, Done) else None,
            encrypted=encrypted.value if isinstance(encrypted, Done) else None,
        )
    )
