"""``qorgau bench detect``: rules on parsed events, against reading the same lines as JSON in the same process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import orjson

from engine.kernel.timestamps import Window
from infra.observe.gc_tuning import tune
from rules.detection.context import Shown
from rules.detection.loader import RuleSet
from rules.detection.matcher import Matcher
from rules.language.flatten import flatten

ROUNDS = 5
BATCH = 500
"""Events a batch, as the stage takes them."""
Placed = tuple[dict[str, Any], float, int]


def measure(ruleset: RuleSet, contexts: tuple[Shown, ...], lines: Sequence[bytes], window: Window) -> dict[str, Any]:
    """Return the rates, medians of the rounds. The floor and the rules take turns batch by batch, as far as a busy
    machine lets them both see the same machine; every round begins with empty windows and contexts."""
    tune()
    rounds = []
    for _ in range(ROUNDS):
        matcher = Matcher(ruleset, contexts)
        rounds.append(_round(matcher, lines, window))
    count = len(lines)
    return {
        "rules": len(ruleset),
        "events": count,
        "hits": rounds[0][2],
        "events_per_s": median(count / spent for spent, _, _ in rounds),
        "json_floor_events_per_s": median(count / floor for _, floor, _ in rounds),
        "ratio": median(floor / spent for spent, floor, _ in rounds),
        "failures": sum(matcher.failures.values()),
    }


def _round(matcher: Matcher, lines: Sequence[bytes], window: Window) -> tuple[float, float, int]:
    from infra.cli.detection.rules import product_of

    spent = floor = 0.0
    hits = position = 0
    for start in range(0, len(lines), BATCH):
        part = lines[start : start + BATCH]
        begin = time.perf_counter()
        for line in part:
            orjson.loads(line)
        floor += time.perf_counter() - begin
        events: list[Placed] = []
        products = set()
        for line in part:
            position += 1
            fields = flatten(orjson.loads(line))
            products.add(product_of(fields))
            events.append((fields, window.place(fields.get("@timestamp"))[0].timestamp(), position))
        product = products.pop() if len(products) == 1 else None
        begin = time.perf_counter()
        hits += len(matcher.match_all(events, product))
        spent += time.perf_counter() - begin
    return spent, floor, hits
