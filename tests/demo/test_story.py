"""What the story takes for granted of nobody: each of its expectations fails when the world does otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from smsbridge.demo import visible
from smsbridge.demo.judge import Judge, StoryError
from smsbridge.demo.story import Conversation, Story
from smsbridge.demo.transcript import Transcript
from smsbridge.demo.world import ChatMessage, Text, World

INTRODUCED = 'This number is "Cake" in the chat.\nAnna: Hello'


class Pretended(World):
    """A world in which only that happens which a test writes down."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")
        self.on_phone: list[Text] = []
        self.in_chat: list[ChatMessage] = []

    def texts(self, phone: str) -> list[Text]:
        return self.on_phone

    def messages(self, conversation: str) -> list[ChatMessage]:
        return self.in_chat

    def text(self, phone: str, number: str, text: str) -> None:
        """Nothing comes of it."""

    def receives(self, words: str) -> None:
        self.on_phone.append(Text(str(len(self.on_phone)), "+14152000101", True, words, "delivered"))


@pytest.fixture
def world() -> Pretended:
    return Pretended()


@pytest.fixture
def story(world: Pretended) -> Story:
    return Story(world, Judge(lambda: None, 0), Transcript(lambda line: None), 3, timedelta(0))


@pytest.fixture
def cake() -> Conversation:
    return Conversation("1", "Cake", "+14152000101")


def test_an_sms_that_came_is_told_with_its_number(story: Story, world: Pretended, cake: Conversation) -> None:
    world.receives(INTRODUCED)
    assert story.sms_comes(cake, story.anna, "Hello", introduced=True) == "+14152000101"
    story.nothing_more_came()


def test_an_sms_that_did_not_come(story: Story, world: Pretended, cake: Conversation) -> None:
    world.receives("Carla: Hello")
    with pytest.raises(StoryError, match=r'(?s)"Anna: Hello".*Seen: .*Carla: Hello'):
        story.sms_comes(cake, story.anna, "Hello", introduced=True)


@pytest.mark.parametrize(("text", "introduced"), [("Anna: Hello", True), (INTRODUCED, False)])
def test_an_introduction_too_few_or_too_many(
    story: Story, world: Pretended, cake: Conversation, text: str, introduced: bool
) -> None:
    world.receives(text)
    with pytest.raises(StoryError, match="introduction"):
        story.sms_comes(cake, story.anna, "Hello", introduced=introduced)


def test_one_sms_too_many(story: Story, world: Pretended, cake: Conversation) -> None:
    world.receives(INTRODUCED)
    world.receives(INTRODUCED)
    story.sms_comes(cake, story.anna, "Hello", introduced=True)
    with pytest.raises(StoryError, match="no other SMS"):
        story.nothing_more_came()


def test_an_answer_that_somebody_else_says(story: Story, world: Pretended, cake: Conversation) -> None:
    world.in_chat = [ChatMessage("1", story.anna.user_id, "Yes", {})]
    with pytest.raises(StoryError, match=r'"Yes" by Ben in the conversation "Cake"'):
        story.answers(cake, "Yes")


def test_a_message_that_stays_unread(story: Story, world: Pretended, cake: Conversation) -> None:
    world.in_chat = [ChatMessage("1", story.anna.user_id, "Hello", {story.ben.user_id: "delivered"})]
    with pytest.raises(StoryError, match="its status is delivered"):
        story.is_read(cake, "1")


def test_a_number_that_is_not_renewed(story: Story, cake: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(visible, "expiry", lambda phone, number: until)
    with pytest.raises(StoryError, match="longer than before"):
        story.lease_renewed(cake, until)


@pytest.mark.parametrize("reason", [None, "has read it"])
def test_a_missing_or_another_reason(story: Story, monkeypatch: pytest.MonkeyPatch, reason: str | None) -> None:
    monkeypatch.setattr(visible, "reason", lambda message, user: reason)
    with pytest.raises(StoryError, match="no phone that can be texted"):
        story.not_texted("1", story.dora, "no phone that can be texted")
