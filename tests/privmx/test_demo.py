"""`make demo-privmx` as a whole, and what its story takes for granted of nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smsbridge.demo.judge import Judge, StoryError
from smsbridge.demo.transcript import Transcript
from smsbridge.demo.world import Text, World
from tests.privmx.bridge import Bridge
from tests.privmx.demo_story import ANN, BEATS, BEN, Story
from tests.processes import ROOT

SECONDS = 120


class Phones(World):
    """Phones on which only that stands which a test writes down."""

    def __init__(self, *texts: str) -> None:
        super().__init__("http://127.0.0.1:1")
        self.shown = [Text(str(place), "+14152000101", True, text, "delivered") for place, text in enumerate(texts)]

    def texts(self, phone: str) -> list[Text]:
        return self.shown


def story(bridge: Bridge, *texts: str) -> Story:
    return Story(bridge, Phones(*texts), Judge(lambda: None, 0), Transcript(lambda line: None))


def test_the_story_happens_with_smsapi_as_the_vendor_and_leaves_nothing(tmp_path: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    said = subprocess.run(
        [sys.executable, "-m", "tests.privmx.demo"],
        cwd=ROOT,
        env={**kept, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert said.returncode == 0, said.stdout
    assert "SMS by smsapi" in said.stdout
    assert [title for title, _ in BEATS if title not in said.stdout] == []
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_does_not_come_ends_it(bridge: Bridge) -> None:
    with pytest.raises(StoryError, match=r"(?s)ends in 'Lunch'.*Seen:.*Supper"):
        story(bridge, "Ann: Supper").sms_comes("Lunch")


def test_a_text_is_told_once_and_one_too_many_ends_it(bridge: Bridge) -> None:
    told = story(bridge, "Ann: Lunch", "Ann: Lunch")
    told.sms_comes("Lunch", ANN)
    with pytest.raises(StoryError, match="no other SMS"):
        told.nothing_more()
    told.sms_comes("Lunch", BEN)
    told.nothing_more()
