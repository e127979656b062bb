"""What every platform comes to, with a genuine homeserver."""

import pytest

from notifier.platforms.matrix import MatrixPlatform
from tests.flows.live_contract import Live, LiveContract
from tests.matrix.site import Pair, Site

pytestmark = pytest.mark.once


class Matrix(Live):
    platform = MatrixPlatform

    def __init__(self, site: Site, pair: Pair) -> None:
        self._site, self._pair = site, pair
        self._written: list[str] = []

    def anna_writes(self, text: str) -> str:
        self._written.append(self._pair.ann.says(self._pair.room, text))
        return self._written[-1]

    def anna_edits(self, message: str, text: str) -> None:
        self._pair.ann.edits(self._pair.room, message, text)

    def anna_deletes(self, message: str) -> None:
        self._pair.ann.redacts(self._pair.room, message)

    def ben_reads(self, message: str) -> None:
        self._pair.ben.reads(self._pair.room, message)

    def said_by_ben(self) -> list[str]:
        return [text for sender, text in self._pair.ann.texts(self._pair.room) if sender == self._pair.ben.id]

    def texts(self) -> list[str]:
        return self._site.texts(self._pair.ben)

    def ben_texts(self, words: str) -> None:
        self._site.answers(self._pair.ben, words)


@pytest.fixture
def live(site: Site, pair: Pair) -> Matrix:
    return Matrix(site, pair)


class TestSynapse(LiveContract):
    pass
