"""``qorgau bench correlate``: a correlation with many live group keys against the same with few."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from random import Random
from sys import getsizeof
from typing import Any

from infra.observe.gc_tuning import tune
from rules.detection.feed import Feed
from rules.detection.loader import load_rules
from rules.detection.matcher import Matcher

RULES = """
title: Any login
id: 00000000-0000-4000-8000-000000000001
name: login
logsource: {product: bench}
detection: {sel: {event.action: login}, condition: sel}
level: informational
---
title: Many logins
id: 00000000-0000-4000-8000-000000000002
name: many
correlation: {type: event_count, rules: [login], group-by: [user.id], timespan: 1d, condition: {gte: 1000}}
level: low
"""
SECONDS_PER_EVENT = 0.001


def measure(keys: int, few: int = 1_000) -> dict[str, Any]:
    """Feed every key twice, then count what a key costs; the rate is that of the second time, when all are live.

    Memory is what the process has more, without the text of the keys, which it counts apart.
    """
    tune()
    many = _Run(keys)
    before = _resident()
    first = many.feed(keys)
    after_one = _resident()
    rate = many.feed(keys)
    grown = _resident()
    text = sum(getsizeof(key) for key in many.keys)
    held = many.held
    del many
    gc.collect()
    small = _Run(few)
    small.feed(few)
    few_rate = max(small.feed(keys) for _ in range(2))
    return {
        "keys": held,
        "bytes_per_key": (grown - before - text) / held,
        "bytes_per_key_one_event": (after_one - before - text) / held,
        "events_per_s": rate,
        "first_events_per_s": first,
        "few_keys": few,
        "few_keys_events_per_s": few_rate,
        "ratio": rate / few_rate,
    }


class _Run:
    """One matcher, fed in an order that has nothing to do with the keys."""

    def __init__(self, keys: int) -> None:
        ruleset, _ = load_rules([("bench.yml", RULES)])
        self.matcher = Matcher(ruleset, max_keys=4 * keys)
        self.keys = [f"client-{number:08d}" for number in range(keys)]
        Random(1).shuffle(self.keys)  # noqa: S311 - an order, no secret
        self.position = 0
        held = next(iter(self.matcher.correlators.values()))
        self.feed_one = Feed(held, ruleset.by_reference["login"])
        self.correlator = held

    def feed(self, events: int) -> float:
        """Return the rate of so many events."""
        keys, feed, position = self.keys, self.feed_one, self.position
        count = len(keys)
        begin = time.perf_counter()
        for number in range(events):
            position += 1
            feed({"event.action": "login", "user.id": keys[number % count]}, position * SECONDS_PER_EVENT, position)
        spent = time.perf_counter() - begin
        self.position = position
        return events / spent

    @property
    def held(self) -> int:
        """How many keys are live."""
        return len(self.correlator)


def _resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096
