"""``qorgau bench history``: what one more incident costs in a store with years of them, against one with a thousand.

Both stores begin with one incident that the engine made of an event. It is the template: its rows in the read models
and in the log of decisions are copied with ids and clients of their own, straight into the tables, spread over five
years; ``OPEN`` of them stay open, in the large store as in the small one, the others are closed and their notices sent.
The copied facts are rows of the right number and keys but of ``STATE`` bytes, for nobody folds them. What is measured
is done by the engine, in turns on both stores: an event opens an incident, another joins it, notices are drafted, lists
are asked for. The index of the search is not filled and not measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any
from uuid import UUID

import orjson

from engine.kernel.timestamps import iso
from infra.app.container import Container, open_container, stages_of
from infra.inbound.parser_pool import Batch
from infra.lab.bench.waits import FsyncProbe, waits_of
from infra.processes.base import Stage
from infra.processes.lag import followers_of
from infra.read import incident_graph, timeline
from infra.read.rows import checking, clock_lines, incidents, notices
from infra.settings.settings import Settings
from infra.store.models.ddl import put
from infra.store.models.incidents import NumberRow

FEW = 1_000
OPEN = 300
ROUNDS = 30
STATE = 240
CHUNK = 2_000
ASKED = 1.5
OPENS = frozenset({"detect", "incidents", "clocks", "playbooks"})
_OF_OWNER = {
    "incident_view": "id", "incident_entity": "incident_id", "clock_view": "owner_id", "notice_view": "incident_id",
    "run_view": "incident_id", "timeline": "owner",
}  # fmt: skip
_CLOSED: dict[str, dict[str, Any]] = {
    "incident_view": {"is_open": 0, "phase": "closed", "disposition": "true_positive"},
    "clock_view": {"running": 0, "state": "satisfied", "next_instant": None},
    "notice_view": {"state": "sent"}, "run_view": {"state": "completed", "waiting": 0},
}  # fmt: skip


def measure(folder: Path, many: int, few: int = FEW, rounds: int = ROUNDS) -> dict[str, Any]:
    """Fill both stores, do the same in both in turns, and return medians in milliseconds with their ratios."""
    with ExitStack() as stack:
        large, small = (
            stack.enter_context(_Store(folder / name, count, rounds))
            for name, count in (("large", many), ("small", few))
        )
        probe = stack.enter_context(FsyncProbe(folder))
        for number in range(rounds):
            for store in (large, small) if number % 2 else (small, large):
                store.round(number)
        found: dict[str, Any] = {
            "incidents": many,
            "against": few,
            "rounds": rounds,
            "filled_s": round(large.filled, 1),
        }
        ratios = {}
        for name in large.spent:
            of_large, of_small = median(large.spent[name]), median(small.spent[name])
            ratios[name] = of_large / of_small
            found[f"{name}_ms"] = [round(of_large * 1000, 2), round(of_small * 1000, 2), round(ratios[name], 2)]
        worst = max(ratios, key=lambda name: ratios[name])
        return found | {
            "worst": worst, "ratio": round(ratios[worst], 2), "asked_ratio": ASKED,
            **waits_of(large.container.database, probe),
        }  # fmt: skip


class _Store:
    """One store, filled, with its stages and the times of what was done."""

    container: Container

    def __init__(self, folder: Path, count: int, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        begun = time.perf_counter()
        template = self._begin()
        _fill(self.container, template, count)
        self.container.close()
        self.filled = time.perf_counter() - begun
        self.container = open_container(Settings(data=folder).for_demonstration())
        self.stages: list[Stage] = [it for it in stages_of(self.container) if it.name != "search"]
        self.spent: dict[str, list[float]] = {}

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()

    def _begin(self) -> str:
        """Open the store with the one incident that the others are copied from; return its id."""
        self.container = open_container(Settings(data=self.folder).for_demonstration())
        self.stages = stages_of(self.container)
        self._feed("template-0", "template")
        while any(stage.step() for stage in self.stages):
            pass
        (key,) = incidents.all_ids(self.container.database)
        return key

    def _feed(self, event: str, client: str) -> None:
        line = orjson.dumps(
            {
                "@timestamp": datetime.now(UTC).isoformat(),
                "event.id": event,
                "mfo.client.id": client,
                "event.action": "portal.profile.change_applied",
                "mfo.change.field": "iin",
            }
        )
        self.container.intake.take(Batch("bench", None, datetime.now(UTC), line))

    def round(self, number: int) -> None:
        """Open an incident, let a finding join it, and ask for every list."""
        client = f"round-{number}"
        self._feed(f"{client}-a", client)
        self._work("open", "draft")
        self._feed(f"{client}-b", client)
        self._work("join", "redraft")
        database, now = self.container.database, self.container.clock.now()
        key = self._newest()
        for name, ask in self._asked(database, key, now).items():
            self._timed(name, ask)

    def _newest(self) -> str:
        return checking.latest_incident(self.container.database)

    def _asked(self, database: Any, key: str, now: datetime) -> dict[str, Callable[[], object]]:
        return {
            "queue_open": lambda: incidents.queue(database, "open", "", "", now),
            "queue_overdue": lambda: incidents.queue(database, "overdue", "", "", now),
            "queue_closed": lambda: incidents.queue(database, "closed", "", "", now),
            "clocks_page": lambda: clock_lines.lines(database, "running", now),
            "notices_page": lambda: notices.listed(database, "open"),
            "incident_page": lambda: _page(self.container, key),
        }

    def _work(self, first: str, then: str) -> None:
        """Run the stages until nothing is left; the time of those of the incident apart from that of its drafts."""
        spent = {first: 0.0, then: 0.0}
        busy = True
        while busy:
            busy = False
            for stage in self.stages:
                begun = time.perf_counter()
                busy = stage.step() or busy
                name = first if stage.name in OPENS else then if stage.name == "notices" else ""
                if name:
                    spent[name] += time.perf_counter() - begun
        for name, seconds in spent.items():
            self.spent.setdefault(name, []).append(seconds)

    def _timed(self, name: str, ask: Callable[[], object]) -> None:
        begun = time.perf_counter()
        ask()
        self.spent.setdefault(name, []).append(time.perf_counter() - begun)


def _page(container: Container, key: str) -> None:
    """Ask what the page of an incident shows."""
    database = container.database
    incidents.incident(database, key)
    incidents.entities_of(database, key, 300)
    incident_graph.similar(container, key)
    clock_lines.of_owner(database, key, container.clock.now())
    notices.texts_of_incident(database, key)
    timeline.page(container, key, main=True)


def _fill(container: Container, template: str, count: int) -> None:
    """Copy the template so many times, and let every follower stand behind the copies."""
    database = container.database
    rows = {
        name: database.rows(f"SELECT * FROM {name} WHERE {owner} = ?", template)  # noqa: S608 - our own names
        for name, owner in _OF_OWNER.items()
    }
    facts = database.rows("SELECT originator_id, topic FROM decisions ORDER BY position")
    head, rng = container.decisions.head(), Random(7)  # noqa: S311 - a shape, no secret
    for start in range(0, count, CHUNK):
        made: dict[str, list[tuple[Any, ...]]] = {name: [] for name in (*rows, "decisions")}
        for number in range(start, min(start + CHUNK, count)):
            head = _copy(rows, facts, template, number, count, head, rng, made)
        with database.write() as cursor:
            for name, held in made.items():
                marks = ",".join("?" * len(held[0]))
                cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", held)  # noqa: S608 - our own names
    names = [name for name, log in followers_of(stages_of(container)).items() if log == "decisions"]
    with database.write() as cursor:
        put(cursor, NumberRow(id=str(container.clock.now().year), last=count + 1))
        for name in names:
            database.track(cursor, name, head)


def _copy(
    rows: dict[str, list[dict[str, Any]]], facts: list[dict[str, Any]], template: str, number: int, count: int,
    head: int, rng: Random, made: dict[str, list[tuple[Any, ...]]],
) -> int:  # fmt: skip
    """Add the rows of one copy; return the position of its last fact."""
    ids: dict[str, str] = {}

    def own(text: str) -> str:
        # In the order of filling, which is quick; what is measured gets ids from all over them, as in real life.
        return ids.setdefault(text, str(UUID(int=(number << 96) | (len(ids) << 64) | rng.getrandbits(64))))

    at = iso(datetime.now(UTC) - timedelta(days=5 * 365) * (1 - number / count))
    closed = number < count - OPEN
    for name, held in rows.items():
        if name == "timeline":
            continue
        for row in held:
            copied = {key: own(value) if _is_id(value) else value for key, value in row.items()}
            for key in ("detected_at", "opened_at", "anchor_at", "drafted_at", "first_event_at", "updated_at"):
                if key in copied:
                    copied[key] = at
            for key in ("number", "dedup_key", "title", "value", "clients"):
                if copied.get(key):
                    copied[key] = str(copied[key]).replace("template", f"client-{number}")
            if name == "incident_view":
                copied["number"] = f"INC-{at[:4]}-{number + 2:06d}"
            if closed:
                copied |= {key: value for key, value in _CLOSED.get(name, {}).items() if key in copied}
            made[name].append(tuple(copied.values()))
    versions: dict[str, int] = {}
    for fact in facts:
        head += 1
        key = UUID(own(str(UUID(str(fact["originator_id"]))))).hex
        versions[key] = versions.get(key, 0) + 1
        made["decisions"].append((head, key, versions[key], fact["topic"], bytes(STATE), bytes(32)))
        made["timeline"].append((own(template), head, 0))
    return head


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) == 36 and value.count("-") == 4


def lines(figures: dict[str, Any]) -> Iterator[str]:
    """Return the figures for people: of what was done, milliseconds in the large store, in the small one, the ratio."""
    for name, value in figures.items():
        yield f"{name:20} {'  '.join(map(str, value)) if isinstance(value, list) else value}"
