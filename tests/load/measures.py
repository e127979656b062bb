"""The measures. Each takes a fresh site, and returns its figures and what the kit reported of the run."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.load.kit import Kit, stats, texted
from tests.load.servers import NotHere
from tests.load.site import Ground, Site
from tests.load.usage import Meter, resident_mb
from tests.waiting import eventually

WARM_UP, WARM_UP_FROM, WARM_UP_USERS = 300, 900_000, 7
FAR_AHEAD = "2 hours"
SIZE = (
    "select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where c.relkind = 'r' and n.nspname = 'public'"
)
UNDONE = (
    "select (select count(*) from notifier_inboxevent where state = 0) + (select count(*) from notifier_receiptcheck)"
    " + (select count(*) from smsbridge_notice where state = 'waiting')"
    " + (select count(*) from smsbridge_outboundsms where state in ('ready', 'sending'))"
)
# A killed worker's texts show as uncertain once SENDING_SECONDS are over: shorter than in production, to see it sooner.
IMPATIENT = {"CLAIM_SECONDS": "6", "SENDING_SECONDS": "15"}
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much each measure does; quick ones show that it works, not how fast it is."""

    ingest: int = 6_000
    burst: int = 10_000
    steady: int = 3_000
    conversations: int = 2_000
    replies: int = 4_000
    pending: tuple[int, int] = (30_000, 100_000)
    kill: int = 2_000


QUICK = Size(ingest=600, burst=600, steady=400, conversations=200, replies=400, pending=(1_000, 3_000), kill=400)


@dataclass(frozen=True, slots=True)
class Measured:
    values: dict[str, float]
    report: dict[str, Any]


def ingest(ground: Ground, kit: Kit, size: Size, *, webs: int) -> Measured:
    """Webhooks acknowledged, no worker running: 32 at a time, each stored and committed before it is answered."""
    with ground.site(workers=0, NOTIFY_DELAY=FAR_AHEAD, WEB_CONCURRENCY=str(webs)) as site:
        warm(site, kit)
        meter = site.meter()
        report = kit.ingest(site.chat_url, n=size.ingest)
        spent = per_message(meter, size.ingest)
        stored = site.count("select count(*) from notifier_inboxevent")
    wrong = abs(report["ok"] + WARM_UP - stored) + size.ingest - report["ok"]
    values = {"per_s": report["per_s"], "p99_ms": report["p99_ms"], "wrong": wrong, **spent}
    return Measured(values, report)


def burst(ground: Ground, kit: Kit, size: Size, *, latency_ms: int = 0) -> Measured:
    """All at once, texted 2 s later; the platform is asked for each person, as identities are not kept."""
    with ground.site() as site:
        warm(site, kit)
        meter = site.meter()
        report = kit.e2e(site.chat_url, n=size.burst, delay=2, latency_ms=latency_ms)
        spent = per_message(meter, size.burst)
    values = {"per_s": report["sms_per_s"] or 0, "last_s": report["s_beyond_delay"] or 0, "wrong": wrong(report)}
    return Measured({**values, **spent}, report)


def steady(ground: Ground, kit: Kit, size: Size) -> Measured:
    """200 messages per second: how late each text is."""
    with ground.site() as site:
        warm(site, kit)
        meter = site.meter()
        report = kit.e2e(site.chat_url, n=size.steady, delay=2, rate=200)
        spent = per_message(meter, size.steady)
    late = report["late_ms"]
    return Measured({"p50_ms": late["p50"], "p99_ms": late["p99"], "wrong": wrong(report), **spent}, report)


def replies(ground: Ground, kit: Kit, size: Size) -> Measured:
    """Every conversation gets one text; then replies come all at once, are posted, and mark that message read."""
    with ground.site() as site:
        warm(site, kit)
        before = kit.e2e(site.chat_url, n=size.conversations, delay=2)
        meter = site.meter()
        report = kit.inbound(site.inbound_url, n=size.replies)
        spent = per_message(meter, size.replies)
    late = report["ms_from_reply_to_post"]["p50"]
    mistakes = wrong(before) + report["lost"] + report["duplicates"] + report["wrong_conversation"]
    values = {"per_s": report["posted_per_s"] or 0, "p50_s": (late or 0) / 1000, "wrong": mistakes}
    return Measured({**values, **spent}, report)


def pending(ground: Ground, kit: Kit, size: Size) -> Measured:
    """What a check that waits costs: bytes of all tables after a plain VACUUM, and the memory of a worker."""
    with ground.site(NOTIFY_DELAY=FAR_AHEAD) as site:
        first, everything = size.pending
        readings = [reading(site)]
        for begun, until in ((0, first), (first, everything)):
            kit.ingest(site.chat_url, n=until - begun, first=begun)
            drained(site, until)
            readings.append(reading(site))
    (empty, empty_mb), (some, some_mb), (full, full_mb) = readings
    values = {
        "bytes_first": (some - empty) / first,
        "bytes_all": (full - empty) / everything,
        "worker_mb": empty_mb,
        "worker_growth_mb": full_mb - some_mb,
    }
    return Measured(values, {"bytes": [empty, some, full], "worker_mb": [empty_mb, some_mb, full_mb]})


def kill(ground: Ground, kit: Kit, size: Size) -> Measured:
    """kill -9 of the only worker when 30 % of the texts are out, and another started in its place."""
    with ground.site(workers=1, **IMPATIENT) as site:
        warm(site, kit)
        successor = threading.Thread(target=replace, args=[site], daemon=True)
        successor.start()
        shock = f"kill -9 -{site.workers[0].process.pid}"
        report = kit.e2e(site.chat_url, n=size.kill, delay=2, latency_ms=50, quiet=PATIENCE, shock=shock)
        successor.join(PATIENCE)
        if len(site.workers) == 1:
            raise NotHere(f"The worker was not killed, or has no successor. The first one said:\n{said(site)}")
        eventually(lambda: site.count(UNDONE) == 0, PATIENCE, every=0.5)
        values = aftermath(site, texted(kit), report)
    return Measured(values, report)


def replace(site: Site) -> None:
    """Start another worker as soon as the first one has ended."""
    site.workers[0].process.wait()
    site.worker()


def said(site: Site) -> str:
    """The last that the first worker said."""
    return site.workers[0].output[-4000:]


def aftermath(site: Site, sent: list[int], report: dict[str, Any]) -> dict[str, float]:
    """What became of each message, by the upstream's record and by the rows that an operator sees."""
    arrived = [token for token in sent if 0 <= token < WARM_UP_FROM]
    rows = site.query("select text from smsbridge_outboundsms where state in ('uncertain', 'dead')")
    visible = {int(found[1]) for (text,) in rows if (found := re.search(r"zq(\d{7})z", text))}
    return {
        "lost": report["accepted"] - len(visible.union(arrived)),
        "duplicates": len(arrived) - len(set(arrived)),
        "early": report["early"],
        "misrouted": misrouted(report),
        "unfinished": site.count(UNDONE),
        "visible": len(visible),
    }


def misrouted(report: dict[str, Any]) -> int:
    kinds = ("wrong_recipient", "number_shared_by_conversations", "conversations_with_several_numbers")
    return sum(int(report[kind]) for kind in kinds)


def wrong(report: dict[str, Any]) -> int:
    """Texts lost, duplicated, early or misrouted in a run where nothing fails."""
    return int(report["lost"] + report["duplicates"] + report["early"] + misrouted(report))


def warm(site: Site, kit: Kit) -> None:
    """A few messages to a few people, until all that comes of them is over."""
    before = stats(kit)["sms"]
    kit.ingest(site.chat_url, n=WARM_UP, first=WARM_UP_FROM, users=WARM_UP_USERS)
    if site.workers and not eventually(lambda: stats(kit)["sms"] - before >= WARM_UP, PATIENCE, every=0.2):
        raise NotHere(f"The warm-up's texts did not all go out. A worker said:\n{said(site)}")


def drained(site: Site, checks: int) -> None:
    """Wait until all deliveries have become checks that wait."""
    waiting = "select count(*) from notifier_receiptcheck"
    if not eventually(lambda: site.count(waiting) == checks, 300, every=0.5):
        raise NotHere(f"{site.count(waiting)} of {checks} checks wait; the others are lost or not drained.")


def reading(site: Site) -> tuple[int, float]:
    """Bytes of all tables after a VACUUM, and the memory of the larger worker in MB."""
    time.sleep(1)  # the workers finish what they do after the last delivery
    site.query("vacuum")
    return site.count(SIZE), max(resident_mb(worker.process.pid) for worker in site.workers)


def per_message(meter: Meter, n: int) -> dict[str, float]:
    """CPU time of each role in microseconds per message, and the cores that strangers took."""
    spent = meter.read()
    others = {"others": spent.pop("others")}
    return {**{f"{role}_us": 1e6 * seconds / n for role, seconds in spent.items()}, **others}


MEASURES: dict[str, Callable[[Ground, Kit, Size], Measured]] = {
    "ingest1": lambda *given: ingest(*given, webs=1),
    "ingest2": lambda *given: ingest(*given, webs=2),
    "burst": burst,
    "steady": steady,
    "latency": lambda *given: burst(*given, latency_ms=50),
    "replies": replies,
    "pending": pending,
    "kill": kill,
}
