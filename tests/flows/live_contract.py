"""What every chat platform comes to with the whole program around it, as cases to subclass.

A platform's class gives a fixture `live`: a deployment that runs, with a chat of Anna and Ben, and Ben's phone.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import pytest

from notifier.platforms.base import Can, Platform
from smsbridge.demo.world import Text, World
from tests.flows.town import awaited


class Live(ABC):
    """A chat of Anna and Ben on one platform, its server real or imitated, and Ben's phone. New for each test."""

    platform: ClassVar[type[Platform]]
    #: whether a message of this platform can be edited at all
    edits: ClassVar[bool] = True

    @abstractmethod
    def anna_writes(self, text: str) -> str:
        """The id of the new message."""

    def anna_edits(self, message: str, text: str) -> None:
        raise NotImplementedError

    @abstractmethod
    def anna_deletes(self, message: str) -> None: ...

    def ben_reads(self, message: str) -> None:
        """All up to this one, or at least this one."""
        raise NotImplementedError

    def said_by_ben(self) -> list[str]:
        raise NotImplementedError

    @abstractmethod
    def texts(self) -> list[str]:
        """What has come on Ben's phone since the test began, the delay being over."""

    @abstractmethod
    def ben_texts(self, words: str) -> None:
        """To the number that wrote to him."""

    def told(self, text: str) -> str:
        """How an SMS ends that tells of these words."""
        return text if Can.TEXT in self.platform.can else "[new message]"


class PretendPhone(Live):
    """A chat whose SMS side is the simulator."""

    def __init__(self, world: World, phone: str) -> None:
        self._world, self._phone = world, phone
        self._before = len(self._received())

    def texts(self) -> list[str]:
        return [text.text for text in self._received()[self._before :]]

    def ben_texts(self, words: str) -> None:
        self._world.text(self._phone, self._received()[-1].number, words)

    def _received(self) -> list[Text]:
        return [text for text in self._world.texts(self._phone) if text.received]


class LiveContract:
    """Subclass as `TestYourPlatform`, with the fixture `live`. The cases build on each other's chat, in any order."""

    def test_an_unread_message_becomes_an_sms(self, live: Live) -> None:
        live.anna_writes("Tea at four?")
        (text,) = awaited(live.texts, "an SMS")
        assert text.endswith(live.told("Tea at four?"))

    def test_a_message_that_was_read_or_deleted_does_not(self, live: Live) -> None:
        if Can.RECEIPTS in live.platform.can:
            live.ben_reads(live.anna_writes("Read at once"))
        live.anna_deletes(live.anna_writes("Deleted at once"))
        live.anna_writes("Told")
        (text,) = awaited(live.texts, "an SMS")
        assert text.endswith(live.told("Told"))
        assert "at once" not in text

    def test_an_edit_is_what_is_told(self, live: Live) -> None:
        if not live.edits or Can.TEXT not in live.platform.can:
            pytest.skip(f"{live.platform.title} has no edits whose words we could tell")
        live.anna_edits(live.anna_writes("Tea at four?"), "Tea at five?")
        (text,) = awaited(live.texts, "an SMS")
        assert text.endswith("Tea at five?")

    def test_an_answer_is_posted_as_him_or_refused_politely(self, live: Live) -> None:
        live.anna_writes("Tea at four?")
        awaited(live.texts, "an SMS")
        live.ben_texts("On my way")
        if Can.POST_AS_USER in live.platform.can:
            assert awaited(live.said_by_ben, "the answer in the chat") == ["On my way"]
        else:
            assert len(awaited(lambda: live.texts()[1:], "a text that says that it cannot be posted")) == 1
