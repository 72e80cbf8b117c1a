"""``qorgau bench quality``: what the product finds of labelled attacks, and what it takes ordinary traffic for.

The whole product runs: intake, ledger, rules, incidents, clocks, orders, over a directory of its own and a clock that
follows the simulated events.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from infra.app.container import Container, open_container, stages_of
from infra.app.worker import drain
from infra.inbound.parser_pool import Batch
from infra.lab.simulate.stream import stream
from infra.read.rows import incidents
from infra.settings.settings import Settings

BATCH = 2_000


class _Clock:
    """Time as the simulated events have it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def measure(seed: int, events: int, start: datetime) -> dict[str, Any]:
    """Run simulated traffic.

    A campaign is found when every rule its label names has fired on events of that instance. An incident is false when
    none of the events of its findings belongs to any campaign, nor to what the product did in answer to one.
    """
    with tempfile.TemporaryDirectory(prefix="qorgau-quality-") as folder:
        clock = _Clock(start)
        container = open_container(Settings(data=Path(folder)), clock)
        try:
            labels = _run(container, clock, seed, events)
            return {"seed": seed, "events": events, **_judge(container, labels, events)}
        finally:
            container.close()


class _Labels:
    """Which events belong to which instance of a campaign."""

    def __init__(self) -> None:
        self.of_event: dict[str, str] = {}
        self.expected: dict[str, set[str]] = {}
        self.names: dict[str, str] = {}
        self.ended: list[str] = []


def _run(container: Container, clock: _Clock, seed: int, events: int) -> _Labels:
    labels = _Labels()
    stages = stages_of(container)
    made = stream(seed, clock.at)
    for begin in range(0, events, BATCH):
        part = list(islice(made, min(BATCH, events - begin)))
        for one in part:
            if one.instance is not None:
                labels.of_event[one.event_id] = one.instance
                labels.expected.setdefault(one.instance, set(one.rules))
                labels.names[one.instance] = str(one.campaign)
                if one.last:
                    labels.ended.append(one.instance)
        clock.at = part[-1].at
        container.intake.take(Batch("simulated", None, clock.at, b"\n".join(one.line for one in part)))
        container.sweep.run()
        drain(stages)
    return labels


def _judge(container: Container, labels: _Labels, events: int) -> dict[str, Any]:
    found: dict[str, set[str]] = {}
    of_key: dict[str, set[str]] = {}
    instances: dict[int, str | None] = {}
    for row in container.database.rows("SELECT state FROM decisions WHERE topic = 'finding.raised.v1'"):
        body = json.loads(bytes(row["state"]))
        for position in body["positions"]:
            if position not in instances:
                event = container.ledger.get(position)
                instances[position] = labels.of_event.get(event.event_id) if event is not None else None
        hit = {instance for p in body["positions"] if (instance := instances[p]) is not None}
        of_key.setdefault(body["dedup_key"], set()).update(hit)
        for instance in hit:
            found.setdefault(instance, set()).add(body["rule_name"])
    opened = incidents.dedup_keys(container.database)
    false = sorted(key for key in opened if not of_key.get(key))
    missed = [instance for instance in labels.ended if not labels.expected[instance] <= found.get(instance, set())]
    return {
        "campaigns": len(labels.ended),
        "recall": 1 - len(missed) / len(labels.ended) if labels.ended else 1.0,
        "incidents": len(opened),
        "false_incidents": len(false),
        "false_per_100k": len(false) * 100_000 / (events - len(labels.of_event)),
        "missed": dict(Counter(labels.names[instance] for instance in missed)),
        "false": false[:20],
    }
