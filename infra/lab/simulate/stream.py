"""Weaving stories and campaigns into one stream in order of time, with the rhythm of a day."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from infra.lab.simulate.campaigns import CAMPAIGNS
from infra.lab.simulate.lending import borrow
from infra.lab.simulate.people import STAFF, Chance
from infra.lab.simulate.stories import Story, collect, hum, shift, visit

STORIES: tuple[tuple[Story, int], ...] = ((visit, 50), (borrow, 14), (collect, 14), (shift, 4), (hum, 18))

EVENTS_PER_DAY = 100_000
EVENTS_PER_STORY = 9.85
EVENTS_PER_EMPLOYEE = 25_000
"""A day's events that need one more employee: who looked up as many people as a hundred would is found out."""
CAMPAIGN_EVERY = 4_000
"""One campaign per so many events."""
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 12, 12, 12, 12, 11, 11, 10, 9, 8, 7, 5, 3)
SOURCE_OF = {
    "portal": "portal", "channel": "portal", "otp": "otp-gateway", "veridoc": "verigram", "verilive": "verigram",
    "veriface": "verigram", "coid": "coid", "phone": "coid", "eds": "eds-validator", "pkb": "bureau-gateway",
    "bureau": "bureau-gateway", "antifraud": "antifraud", "loan": "loans", "collection": "collections",
    "aml": "aml", "legal": "registry", "fraud": "contact-centre", "archive": "archive",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Made:
    """One event of the stream: when, its bytes, and what it belongs to."""

    at: datetime
    event_id: str
    action: str
    line: bytes
    campaign: str | None
    rules: tuple[str, ...]
    instance: str | None = None
    last: bool = False
    """Whether it is the last event of its instance of the campaign."""


def stream(
    seed: int, start: datetime, *, per_day: int = EVENTS_PER_DAY, campaign_every: int = CAMPAIGN_EVERY
) -> Iterator[Made]:
    """Return events for ever, in order of time from ``start`` (aware). The same arguments give the same bytes.

    ``campaign_every`` is the number of events to each attack campaign, 0 for none.
    """
    rng = Chance(seed)
    rng.staff = max(STAFF, per_day // EVENTS_PER_EMPLOYEE)
    weaver = _Weaver(rng, seed, start, per_day, campaign_every)
    while True:
        yield weaver.next()


def make(
    at: datetime,
    event_id: str,
    action: str,
    fields: dict[str, Any],
    campaign: str | None,
    rules: tuple[str, ...],
    instance: str | None = None,
    last: bool = False,
) -> Made:
    """Write one event of the stream."""
    document = {
        "@timestamp": at.isoformat(timespec="milliseconds"),
        "event.id": event_id,
        "event.action": action,
        "event.provider": SOURCE_OF.get(action.split(".", 1)[0], "infrastructure"),
        "organization.id": "mfo-1",
        **fields,
    }
    if action == "legal.act.received":
        document["mfo.act.date"] = (at - timedelta(days=3)).date().isoformat()
    return Made(at, event_id, action, orjson.dumps(document), campaign, rules, instance, last)


class _Weaver:
    def __init__(self, rng: Chance, seed: int, start: datetime, per_day: int, campaign_every: int) -> None:
        self.rng, self.seed, self.start = rng, seed, start
        self.per_day, self.campaign_every = per_day, campaign_every
        self.heap: list[tuple[float, int, str, dict[str, Any], str | None, tuple[str, ...], str | None, bool]] = []
        self.now = 0.0
        self.stories = self.order = self.count = self.launched = 0
        self.story_names = [story for story, _ in STORIES]
        self.weights = [weight for _, weight in STORIES]

    def next(self) -> Made:
        while not self.heap or self.heap[0][0] > self.now:
            self._begin_story()
        t, _, action, fields, campaign, rules, instance, last = heapq.heappop(self.heap)
        self.count += 1
        at = self.start + timedelta(seconds=round(t, 3))
        return make(at, f"sim-{self.seed}-{self.count:08d}", action, fields, campaign, rules, instance, last)

    def _begin_story(self) -> None:
        """Begin the next story; the time to it follows the hour of the day in Kazakhstan (UTC+5)."""
        local = self.start + timedelta(seconds=self.now) + timedelta(hours=5)
        share = _HOURS[local.hour] / (sum(_HOURS) / 24)
        per_second = self.per_day / 86_400 / EVENTS_PER_STORY * share
        self.now += self.rng.expovariate(per_second)
        story = self.rng.choices(self.story_names, self.weights)[0]
        self.stories += 1
        self._push(story(self.rng, f"{self.seed}-{self.stories}"), None, ())
        if self.campaign_every and self.count // self.campaign_every >= self.launched:
            campaign, rules = CAMPAIGNS[self.launched % len(CAMPAIGNS)]
            self.launched += 1
            key = f"{self.seed}-{self.launched}"
            self._push(campaign(self.rng, key), campaign.__name__, rules, key)

    def _push(self, steps: Any, campaign: str | None, rules: tuple[str, ...], instance: str | None = None) -> None:
        taken = list(steps)
        ends = max(range(len(taken)), key=lambda number: (taken[number][0], number), default=-1)
        for number, (offset, action, fields) in enumerate(taken):
            self.order += 1
            last = instance is not None and number == ends
            heapq.heappush(self.heap, (self.now + offset, self.order, action, fields, campaign, rules, instance, last))
