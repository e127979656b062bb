"""What happens in the story at a PrivMX Bridge, beat by beat, and what is then expected on two phones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from notifier.models import ChatApp, Listener
from smsbridge.demo.judge import Judge
from smsbridge.demo.stage import run_command
from smsbridge.demo.transcript import Transcript
from smsbridge.demo.world import Text, World
from smsbridge.models import InboundSms
from tests.privmx.bridge import Bridge

ANN, BEN = "ann", "ben"
PHONES = {ANN: "+12025550101", BEN: "+12025550102"}
CONTEXT = "Office"
THREAD = "Lunch"


def rows(folder: Path) -> None:
    """The database with what an operator enters: whom to text, and which of the Bridge's metadata is shown."""
    run_command("migrate", folder, interactive=False)
    run_command("setup", folder)
    app = ChatApp.objects.get(slug="privmx")
    app.options |= {"title_key": "title", "text_key": "subject"}
    app.save(update_fields=["options"])
    people = folder / "people.csv"
    lines = [f"{user},{user.title()},{phone}" for user, phone in PHONES.items()]
    people.write_text("\n".join(["user_id,name,phone", *lines]))
    call_command("import_contacts", str(people), stdout=StringIO())


@dataclass
class Story:
    """What was done so far, and which texts were told."""

    bridge: Bridge
    phones: World
    judge: Judge
    transcript: Transcript
    thread: str = ""
    number: str = ""
    _told: set[str] = field(default_factory=set)

    def begin(self) -> None:
        world = self.bridge.world
        for user, phone in PHONES.items():
            self.phones.add_person(user, user.title(), phone)  # who holds the phone
        world.add_context(CONTEXT, PHONES)
        self.thread = world.create_thread(CONTEXT, [ANN, BEN], meta={"title": THREAD})
        self.transcript.line(f'Ann ({PHONES[ANN]}) and Ben ({PHONES[BEN]}) share a thread, which they call "{THREAD}".')
        self.connected()

    def connected(self) -> None:
        """The listener is at the Bridge, and has heard all that happened before."""
        self.judge.wait(
            "our listener to connect to the Bridge and catch up",
            lambda: self.bridge.listeners() == 1 and Listener.objects.filter(caught_up_at__isnull=False).exists(),
            lambda: Listener.objects.values_list("error", flat=True).first() or "no listener",
        )
        self.transcript.line("The listener is connected and has caught up.")

    def writes(self, words: str, meta: Mapping[str, str] | None = None, *, thread: str = "") -> str:
        """Ann does; the Bridge learns no more than `meta`."""
        message = self.bridge.world.write(thread or self.thread, ANN, meta)
        self.transcript.line(f"Ann writes: {words}" + ("" if meta else " (The Bridge cannot read it.)"))
        return message

    def sms_comes(self, ending: str, user: str = BEN) -> Text:
        """A text that ends so is on this phone, one that was not told before. Waits for it."""
        text = self.judge.wait(
            f"an SMS on {user.title()}'s phone that ends in {ending!r}",
            lambda: next((one for one in self._untold(user) if one.text.endswith(ending)), None),
            lambda: " / ".join(one.text for one in self._untold(user)) or "no new SMS",
        )
        self._told.add(text.id)
        self.transcript.line(f"{user.title()}'s phone shows an SMS from {text.number}:")
        self.transcript.bubble(text.text)
        return text

    def nothing_more(self) -> None:
        """Every SMS on both phones has been told."""
        more = [one.text for user in PHONES for one in self._untold(user)]
        self.judge.demand("no other SMS on either phone", not more, " / ".join(more))

    def _untold(self, user: str) -> list[Text]:
        return [one for one in self.phones.texts(PHONES[user]) if one.received and one.id not in self._told]


def message(story: Story) -> None:
    story.begin()
    story.writes("Soup or salad?", {"subject": "Lunch today"})
    text = story.sms_comes("Ann: Lunch today")
    story.judge.demand("an introduction that names the thread", THREAD in text.text, text.text)
    story.number = text.number
    story.writes("I'd rather not say here.")
    text = story.sms_comes("Ann: [new message]")
    story.judge.demand("the same number for the same thread", text.number == story.number, text.number)


def deleted(story: Story) -> None:
    story.bridge.world.remove(story.writes("Oops, wrong thread.", {"subject": "Secret"}))
    story.transcript.line("Ann deletes it at once. Nobody is told of it, as will be seen at the end.")


def file_and_entry(story: Story) -> None:
    world = story.bridge.world
    store = world.create_store(CONTEXT, [ANN, BEN], meta={"title": "Menus"})
    world.upload(store, ANN)
    story.transcript.line('Ann puts a file into the store "Menus".')
    text = story.sms_comes("Ann: [new file]")
    story.judge.demand("a number of its own for the store", text.number != story.number, text.number)
    world.enter(world.create_inbox(CONTEXT, [ANN, BEN], meta={"title": "Orders"}))
    story.transcript.line('A guest from outside fills the form behind the inbox "Orders".')
    for user in PHONES:
        story.sms_comes("[new entry]", user)


def lost(story: Story) -> None:
    with story.bridge.away():
        story.transcript.line("The Bridge goes away. Nobody hears what is written now, and it keeps no events.")
        for place in ("first", "second", "third"):
            story.writes(f"The {place} of three.", {"subject": f"The {place}"})
        story.judge.wait(
            "that our listener notices",
            lambda: not Listener.objects.filter(connected_at__isnull=False).exists(),
            lambda: "it seems connected",
        )
    story.transcript.line("The Bridge is back.")
    story.connected()
    for place in ("first", "second", "third"):
        story.sms_comes(f"Ann: The {place}")


def expired(story: Story) -> None:
    """Pushes go on, but the new thread has to be asked for: that takes a good token."""
    logins, opened = story.bridge.asked("manager/auth"), story.bridge.opened
    story.bridge.access.expire(refresh=True)
    story.transcript.line("The Bridge forgets who we are: every token has expired, those to refresh with too.")
    story.bridge.faults.swallow("out", "threadCreated")
    coffee = story.bridge.world.create_thread(CONTEXT, [ANN, BEN], meta={"title": "Coffee"})
    story.writes("Anyone?", {"subject": "Coffee at 3"}, thread=coffee)
    story.sms_comes("Ann: Coffee at 3")
    story.judge.demand("a new log-in", story.bridge.asked("manager/auth") > logins, "none")
    story.judge.demand("the same connection", story.bridge.opened == opened, "another one")
    story.transcript.line("The listener has logged in anew, on the same connection.")


def reply(story: Story) -> None:
    story.phones.text(PHONES[BEN], story.number, "Coffee, please!")
    story.transcript.line(f"Ben answers on his phone, to {story.number}:")
    story.transcript.bubble("Coffee, please!")
    answer = story.sms_comes("")
    story.judge.demand("an answer from the number that he wrote to", answer.number == story.number, answer.number)
    state = InboundSms.objects.get().state
    story.judge.demand("his text kept as refused", state == InboundSms.State.REFUSED, state)
    story.transcript.line("Only members of the thread can write there: his text is kept, and he is told.")


def nothing_else(story: Story) -> None:
    story.nothing_more()
    story.judge.demand("one listener at the Bridge", story.bridge.listeners() == 1, str(story.bridge.listeners()))
    story.transcript.line("Both phones got nothing but these texts.")


BEATS: list[tuple[str, Callable[[Story], None]]] = [
    ("A message becomes an SMS, without words that the Bridge cannot read", message),
    ("A message that is deleted at once is told to nobody", deleted),
    ("A file, and an entry of an inbox", file_and_entry),
    ("The connection is lost, and what was missed is caught up with", lost),
    ("Tokens expire", expired),
    ("A reply is answered", reply),
    ("Nothing else happened", nothing_else),
]


def play(story: Story) -> None:
    """The whole story. Raises StoryError as soon as something did not happen, and WorldError."""
    for place, (title, beat) in enumerate(BEATS, start=1):
        story.transcript.heading(f"{place}. {title}")
        beat(story)
