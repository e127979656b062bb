"""What the chat side needs of a chat platform.

An adapter is sans-IO: it verifies and parses calls that came in, builds `Request`s and reads `Answer`s.
It imports this package's values, `notifier.wire` and its own libraries, no models, and touches no database.
To add one: see docs/platforms.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NoReturn
from urllib.parse import parse_qsl

from notifier.platforms.asking import Question, Roster, Standing, Steps
from notifier.platforms.events import HIDDEN, ChatEvent, Kind, MessageFacts, Part, Rank
from notifier.platforms.socket import Conversing
from notifier.platforms.values import (
    Can,
    CannotError,
    Delivered,
    Done,
    Envelope,
    Identity,
    Later,
    No,
    PlatformConfig,
    Reading,
    Registration,
    Reply,
)
from notifier.wire import Answer, BadCall, Call, Request, Unreadable

__all__ = [
    "HIDDEN",
    "Can",
    "CannotError",
    "ChatEvent",
    "Conversing",
    "Delivered",
    "Done",
    "Envelope",
    "Identity",
    "Kind",
    "Later",
    "MessageFacts",
    "No",
    "Part",
    "Platform",
    "PlatformConfig",
    "Question",
    "Rank",
    "Reading",
    "Registration",
    "Reply",
    "Roster",
    "Standing",
    "Steps",
]


#: as Django lets any other body have (DATA_UPLOAD_MAX_MEMORY_SIZE)
USUAL_BYTES = 256 * 1024
_MOST_PARAMETERS = 100


def _parameters(query: str) -> dict[str, str]:
    """Of repeated ones the last. Raises Unreadable for more of them than anybody would send."""
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise Unreadable("The query has too many parameters.") from None


class Platform(ABC):
    """One chat application on one platform. Making one is cheap and does no input or output.

    What `can` excludes need not be written: it is never called, and raises CannotError.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    can: ClassVar[frozenset[Can]]
    #: names of `options` and `secrets` with a sentence each, for the admin and for `setup`
    option_help: ClassVar[Mapping[str, str]] = {}
    secret_help: ClassVar[Mapping[str, str]] = {}
    #: what a receipts hook listens to unless it is told otherwise
    receipt_events: ClassVar[tuple[str, ...]] = ()
    #: every event name that this platform knows
    event_types: ClassVar[tuple[str, ...]] = ()
    #: events come in the order in which they happened: they are drained in it, and it is the order that
    #: `read_up_to` refers to; else that is the order of `sent_at`
    in_order: ClassVar[bool] = False
    #: receipts can get lost on their way to us: unless a hook says otherwise, the platform is asked before each SMS
    asks_first: ClassVar[bool] = False
    #: one mark is for all messages up to that one
    marks_up_to: ClassVar[bool] = False

    def __init__(self, config: PlatformConfig) -> None:
        self.config = config

    @abstractmethod
    def configured(self) -> list[str]:
        """What is missing or malformed in the configuration, each as a sentence with its remedy; empty when good."""

    # Incoming

    def receive(self, call: Call, secrets: Sequence[str]) -> Sequence[Delivered] | Reply:
        """The events that a call brings, to be stored and then answered `accepted`; or the answer to any other call.

        Raises Forged unless it is signed with one of the secrets, Unreadable when it is not of the promised form.
        """
        if call.rest:
            return Reply(404, "There is nothing at this address.")
        if call.method == "PUT":
            return Reply(405, "Deliver by POST.")
        if call.method in ("GET", "HEAD"):
            return Reply(200, self.challenge(_parameters(call.query)) or "")
        self.verify(call, secrets)
        return [Delivered(self.envelope(call), call.body)]

    def most_bytes(self, head: Call, secrets: Sequence[str]) -> int:
        """How large the body of a PUT may be, by all else of the call; at most LARGEST_CALL.

        Raises Forged rather than let a stranger bring much.
        """
        return USUAL_BYTES

    @property
    def accepted(self) -> Reply:
        """What the platform is answered once its events are committed."""
        return Reply(204)

    def refusal(self, error: BadCall) -> Reply:
        """What a call is answered that is not accepted."""
        return Reply(error.status, str(error))

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """The text to echo for a registration handshake, None when the query holds none. Raises Unreadable."""
        return None

    @abstractmethod
    def verify(self, call: Call, secrets: Sequence[str]) -> None:
        """Raise Forged unless the raw call is signed with one of the secrets."""

    @abstractmethod
    def envelope(self, call: Call) -> Envelope:
        """What is needed to store a verified call; as cheap as possible. Raises Unreadable."""

    @abstractmethod
    def parse(self, body: bytes) -> list[ChatEvent]:
        """Every event of a stored body. Raises Unreadable with a reason that an operator can act on."""

    def conversing(self, place: Mapping[str, object]) -> Conversing:
        """A connection's conversation that goes on from `place`, {} at the very first."""
        self._cannot(Can.SOCKET)

    def may_be_told(self, user_id: str) -> bool:
        """Whether this user is a person of this chat, who may be sent an SMS: no bot, and nobody of elsewhere."""
        return True

    # Asking

    def identity_request(self, user_id: str) -> Request:
        self._cannot(Can.IDENTITIES)

    def identity(self, user_id: str, answer: Answer) -> Reading[Identity | None]:
        """Done(None): the platform answers that it knows nothing of the user."""
        self._cannot(Can.IDENTITIES)

    def identity_steps(self, user_id: str) -> Steps[Reading[Identity | None]]:
        """As `identity_request` and `identity`, for a platform that needs more than one request for it."""
        answer = yield self.identity_request(user_id)
        return self.identity(user_id, answer)

    def conversation_request(self, conversation: str) -> Request:
        self._cannot(Can.TITLES)

    def conversation_title(self, answer: Answer) -> Reading[str]:
        """Done(""): the conversation has no title."""
        self._cannot(Can.TITLES)

    def standing_steps(self, questions: Sequence[Question]) -> Sequence[Steps[Mapping[Question, Reading[Standing]]]]:
        """Ask how messages stand with their recipients, in as few requests as the platform allows.

        Several series, to be run at once; each question is answered by exactly one of them.
        """
        self._cannot(Can.ASK)

    def roster_steps(self, conversation: str, users: Sequence[str]) -> Steps[Reading[Roster | None]]:
        """Ask who takes part in a conversation. `users` are some who do, or did. Done(None): nobody can tell us."""
        self._cannot(Can.ROSTER)

    # Acting

    def post_requests(self, conversation: str, *, as_user: str, text: str, key: str) -> list[Request]:
        """Requests that post `text`, in order. Repeating them with the same `key` never posts twice."""
        self._cannot(Can.POST_AS_USER)

    def posted(self, answer: Answer) -> Reading[str]:
        """The id of the message posted by one of `post_requests`, also when an earlier try had posted it."""
        self._cannot(Can.POST_AS_USER)

    @property
    def posts_into_encrypted(self) -> bool:
        """Whether plain words may be posted into a conversation that is encrypted."""
        return False

    def read_request(self, conversation: str, message: str, *, as_user: str) -> Request:
        self._cannot(Can.MARK_READ)

    def marked_read(self, answer: Answer) -> Reading[None]:
        self._cannot(Can.MARK_READ)

    # Webhook management; `config.options`/`secrets` say where and as whom

    def by_hand(self, *, url: str, name: str, secrets: Sequence[str]) -> str:
        """What a person has to do, once, so that events come: for a platform that cannot `REGISTER`.

        The words may hold a document to be copied, with secrets in it: for the terminal of whoever asked only.
        """
        self._cannot(Can.WEBHOOKS)

    def reach_steps(self) -> Steps[Reading[str]] | None:
        """Make the platform call us, to see that it can; a sentence about it. None: there is no such way."""
        return None

    def list_webhooks_request(self) -> Request:
        self._cannot(Can.REGISTER)

    def webhooks(self, answer: Answer) -> Reading[list[Registration]]:
        self._cannot(Can.REGISTER)

    def register_webhook_request(self, *, url: str, name: str, events: Sequence[str], secret: str) -> Request:
        self._cannot(Can.REGISTER)

    def activate_webhook_request(self, webhook: str) -> Request:
        self._cannot(Can.REGISTER)

    def get_webhook_request(self, webhook: str) -> Request:
        self._cannot(Can.REGISTER)

    def webhook(self, answer: Answer) -> Reading[Registration]:
        """The webhook that an answer to register, activate or get describes."""
        self._cannot(Can.REGISTER)

    def delete_webhook_request(self, webhook: str) -> Request:
        self._cannot(Can.REGISTER)

    def webhook_deleted(self, answer: Answer) -> Reading[None]:
        """Already gone counts as done."""
        self._cannot(Can.REGISTER)

    def _cannot(self, able: Can) -> NoReturn:
        raise CannotError(f"{self.title} cannot {able.value}.")
