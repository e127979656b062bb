"""Our own kit, in Python: for whoever has nothing but this repository. It takes more of the machine than one in C."""

import random
import subprocess
import threading
import time
from collections import defaultdict
from typing import Any

import requests

from tests.load import deliveries, poster
from tests.load.poster import Posted, at
from tests.load.upstream import phone_of

Result = dict[str, Any]
REPLIES_FROM = 100_000  # their tokens; messages have those below
SETTLE = 1.5  # seconds in which a duplicate may still come
USERS = 1000


class OwnKit:
    """Judges as the kit beside the project does, under the same names."""

    def __init__(self, port: int) -> None:
        self.name = "our own kit (Python: its own limits may show)"
        self.upstream = f"http://127.0.0.1:{port}"

    def ingest(self, url: str, *, n: int, first: int = 0, users: int = USERS) -> Result:
        return poster.summary(self._deliver(url, n, first, users))

    def e2e(
        self, url: str, *, n: int, delay: float, rate: float = 0, latency_ms: int = 0, quiet: float = 8, shock: str = ""
    ) -> Result:
        self._ask("_reset")
        self._ask(f"_cfg?latency_ms={latency_ms}")
        if shock:
            threading.Thread(target=self._shock, args=[shock, 0.3 * n], daemon=True).start()
        posted = self._deliver(url, n, 0, USERS, rate)
        self._settle("sms", n, quiet + delay)
        return {"post": poster.summary(posted), **judge(posted, self._record("S"), delay)}

    def inbound(self, url: str, *, n: int) -> Result:
        texts = {(line[4], line[3]): int(line[2]) for line in self._record("S")}  # (phone, number): a message
        chosen = random.Random(7).choices(sorted(texts), k=n)
        owners = {
            REPLIES_FROM + index: deliveries.conversation_of(texts[pair], USERS)[1] for index, pair in enumerate(chosen)
        }
        requests = [(token, deliveries.reply(url, token, *pair)) for token, pair in zip(owners, chosen, strict=True)]
        posted = poster.post(url, requests)
        self._settle("messages", n, 8)
        return {"post": poster.summary(posted), **judge_replies(posted, self._record("M"), owners)}

    def _deliver(self, url: str, n: int, first: int, users: int, rate: float = 0) -> list[Posted]:
        tokens = range(first, first + n)
        return poster.post(url, [(token, deliveries.delivery(url, token, users)) for token in tokens], rate)

    def _ask(self, what: str) -> requests.Response:
        return requests.get(f"{self.upstream}/{what}", timeout=60)

    def _record(self, kind: str) -> list[list[str]]:
        lines = [line.split() for line in self._ask("_dump").text.splitlines()]
        return [line for line in lines if line[0] == kind and line[2] != "-1"]

    def _shock(self, command: str, texts: float) -> None:
        while self._ask("_stats").json()["sms"] < texts:
            time.sleep(0.005)
        subprocess.run(command, shell=True, check=True)  # noqa: S602 (the caller's own words)

    def _settle(self, kind: str, wanted: int, quiet: float) -> None:
        """Until all have come and no more follow, or until nothing comes for `quiet` seconds."""
        seen, since = -1, time.monotonic()
        while (idle := time.monotonic() - since) < (SETTLE if seen >= wanted else quiet):
            now = self._ask("_stats").json()[kind]
            if now != seen:
                seen, since = now, time.monotonic()
            elif idle >= 0:
                time.sleep(0.1)


def judge(posted: list[Posted], texts: list[list[str]], delay: float) -> Result:
    """What became of accepted messages: texts lost, doubled, early, astray, and how late they were."""
    sent = {each.token: each.sent for each in posted if 200 <= each.status < 300}
    arrived, links, numbers = defaultdict(list), defaultdict(set), defaultdict(set)
    astray = 0
    for _, moment, word, number, phone, _ in texts:
        token = int(word)
        user, conversation = deliveries.conversation_of(token, USERS)
        arrived[token].append(int(moment) / 1e6)
        links[phone, number].add(conversation)
        numbers[conversation].add(number)
        astray += phone != phone_of(user)
    late = sorted(1000 * (min(arrived[token]) - at_ - delay) for token, at_ in sent.items() if token in arrived)
    times = sorted(map(min, arrived.values()))
    span = times[-1] - times[0] if len(times) > 1 else 0
    return {
        "accepted": len(sent),
        "sms": len(texts),
        "lost": len(sent.keys() - arrived.keys()),
        "duplicates": len(texts) - len(arrived),
        "sms_per_s": round((len(times) - 1) / span, 1) if span else None,
        "s_beyond_delay": round(times[-1] - max(sent.values()) - delay, 3) if times else None,
        "late_ms": {"p50": at(late, 0.5), "p99": at(late, 0.99), "max": at(late, 1)},
        "early": sum(each < 0 for each in late),
        "wrong_recipient": astray,
        "number_shared_by_conversations": sum(len(each) > 1 for each in links.values()),
        "conversations_with_several_numbers": sum(len(each) > 1 for each in numbers.values()),
    }


def judge_replies(posted: list[Posted], messages: list[list[str]], owners: dict[int, str]) -> Result:
    """Whether each reply became one message in its own conversation, and how soon."""
    sent = {each.token: each.sent for each in posted if 200 <= each.status < 300}
    arrived = defaultdict(list)
    for _, moment, token, _, _, conversation in messages:
        arrived[int(token)].append((int(moment) / 1e6, conversation))
    waits = sorted(1000 * (min(arrived[token])[0] - at_) for token, at_ in sent.items() if token in arrived)
    last = max((moment for each in arrived.values() for moment, _ in each), default=0)
    return {
        "accepted": len(sent),
        "posted": len(messages),
        "lost": len(sent.keys() - arrived.keys()),
        "duplicates": len(messages) - len(arrived),
        "wrong_conversation": sum(c != owners[token] for token, each in arrived.items() for _, c in each),
        "posted_per_s": round(len(messages) / (last - min(sent.values())), 1) if messages else None,
        "ms_from_reply_to_post": {"p50": at(waits, 0.5), "p99": at(waits, 0.99), "max": at(waits, 1)},
    }
