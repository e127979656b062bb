"""What the people of the story do, and what is then expected to be seen. `beats` tells what happens in which order."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smsbridge.demo import visible
from smsbridge.demo.judge import Judge
from smsbridge.demo.transcript import Transcript
from smsbridge.demo.world import Text, World


@dataclass(frozen=True, slots=True)
class Person:
    user_id: str
    name: str
    phone: str = ""


@dataclass(slots=True)
class Conversation:
    """A conversation of the story; `number` is whom it is with on the phone, once that is known."""

    id: str
    title: str
    number: str = ""


@dataclass
class Story:
    """The cast and what they did so far. The ids are new in each run, as the database may be an older one."""

    world: World
    judge: Judge
    transcript: Transcript
    pool: int
    lease_lifetime: timedelta
    anna: Person = field(init=False)
    ben: Person = field(init=False)
    carla: Person = field(init=False)
    dora: Person = field(init=False)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    replies: list[tuple[Conversation, str]] = field(default_factory=list)
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        run = secrets.token_hex(3)
        self.anna, self.carla = Person(f"anna-{run}", "Anna"), Person(f"carla-{run}", "Carla")
        self.ben = Person(f"ben-{run}", "Ben", f"+1202{2_000_000 + secrets.randbelow(8_000_000)}")
        self.dora = Person(f"dora-{run}", "Dora")

    def introduce_cast(self) -> None:
        for person in (self.anna, self.ben, self.carla, self.dora):
            self.world.add_person(person.user_id, person.name, person.phone)
        self.transcript.line(
            f"Anna, Ben, Carla and Dora use the chat. Ben has a phone, {self.ben.phone}; Dora has none."
        )

    def talk(self, title: str, *people: Person) -> Conversation:
        """Start a conversation."""
        started = self.world.start_conversation(title, *(person.user_id for person in people))
        self.conversations[title] = Conversation(started, title)
        return self.conversations[title]

    def writes(self, sender: Person, to: Person, conversation: Conversation, words: str) -> str:
        """A message in the chat; returns its id."""
        message = self.world.send(conversation.id, sender.user_id, words)
        self.transcript.line(f'{sender.name} writes to {to.name} in "{conversation.title}":')
        self.transcript.bubble(words)
        return message

    def sms_comes(self, conversation: Conversation, sender: Person, words: str, *, introduced: bool) -> str:
        """Ben's phone shows the message, with or without an introduction; returns the number that it comes from."""
        plain = f"{sender.name}: {words}"
        text = self.judge.wait(f'an SMS on Ben\'s phone with "{plain}"', lambda: self._new_text(plain), self._on_phone)
        self._told.add(text.id)
        self.transcript.line(f"Ben's phone shows an SMS from {text.number}:")
        self.transcript.bubble(text.text)
        if introduced:
            fitting = conversation.title in text.text.removesuffix(plain)
            self.judge.demand(f'an introduction that names "{conversation.title}"', fitting, f'"{text.text}"')
        else:
            self.judge.demand("no second introduction", text.text == plain, f'"{text.text}"')
        return text.number

    def not_texted(self, message: str, person: Person, words: str) -> None:
        """The operator sees why this person got no SMS."""
        reason = self.judge.wait(
            f'the reason "{words}" for not texting {person.name}',
            lambda: visible.reason(message, person.user_id),
            lambda: "no reason, and no SMS",
        )
        self.judge.demand(f'the reason "{words}"', reason == words, f'"{reason}"')
        self.transcript.line(f"The admin shows why {person.name} gets no SMS: {reason}.")

    def answers(self, conversation: Conversation, words: str) -> None:
        """Ben texts the number back, and it is his own message in the chat, once."""
        self.world.text(self.ben.phone, conversation.number, words)
        self.transcript.line(f"Ben answers on his phone, to {conversation.number}:")
        self.transcript.bubble(words)
        self.judge.wait(
            f'"{words}" by Ben in the conversation "{conversation.title}"',
            lambda: self.times_said(conversation, words),
            lambda: self._in_chat(conversation),
        )
        self.replies.append((conversation, words))
        self.transcript.line(f'The chat shows in "{conversation.title}", as Ben\'s own message: {words}')

    def is_read(self, conversation: Conversation, message: str) -> None:
        """The message counts as read by Ben."""
        self.judge.wait(
            "that Anna's message counts as read by Ben, who answered it",
            lambda: self._status(conversation, message) == "read",
            lambda: f"its status is {self._status(conversation, message)}",
        )
        self.transcript.line("Anna's message now counts as read by Ben.")

    def lease_renewed(self, conversation: Conversation, before: datetime | None) -> None:
        """The number stands for the conversation longer than before."""
        until = self.judge.wait(
            f'{conversation.number} to stand for "{conversation.title}" longer than before',
            lambda: self._later_expiry(conversation, before),
            lambda: f"it still ends at {before}",
        )
        gained = (until - before).total_seconds() if before else 0.0
        self.transcript.line(f'{conversation.number} stands for "{conversation.title}" {gained:.0f} seconds longer.')

    def lease_expires(self, conversation: Conversation) -> None:
        self.judge.wait(
            f'the number of "{conversation.title}" to become free',
            lambda: visible.has_expired(self.ben.phone, conversation.number),
            lambda: f"it stands until {visible.expiry(self.ben.phone, conversation.number)}",
            longer=self.lease_lifetime.total_seconds(),
        )
        self.transcript.line(f'"{conversation.title}" has been quiet: {conversation.number} may be used otherwise now.')

    def expiry(self, conversation: Conversation) -> datetime | None:
        return visible.expiry(self.ben.phone, conversation.number)

    def nothing_more_came(self) -> None:
        """Every SMS on the phone has been told."""
        more = self._untold()
        self.judge.demand("no other SMS on Ben's phone", not more, " / ".join(text.text for text in more))

    def times_said(self, conversation: Conversation, words: str) -> int:
        """How often Ben says this in the chat."""
        said = self.world.messages(conversation.id)
        return sum(message.sender == self.ben.user_id and message.text == words for message in said)

    def _untold(self) -> list[Text]:
        return [text for text in self.world.texts(self.ben.phone) if text.received and text.id not in self._told]

    def _new_text(self, plain: str) -> Text | None:
        return next((text for text in self._untold() if text.text.endswith(plain)), None)

    def _on_phone(self) -> str:
        return " / ".join(f"from {text.number}: {text.text}" for text in self._untold()) or "no new SMS"

    def _in_chat(self, conversation: Conversation) -> str:
        last = self.world.messages(conversation.id)[-1:]
        return "".join(f'the last message there is "{one.text}" by {one.sender}' for one in last) or "no message there"

    def _status(self, conversation: Conversation, message: str) -> str:
        found = {one.id: one.statuses for one in self.world.messages(conversation.id)}
        return found.get(message, {}).get(self.ben.user_id, "unknown")

    def _later_expiry(self, conversation: Conversation, before: datetime | None) -> datetime | None:
        now = self.expiry(conversation)
        return now if now and before and now > before else None
