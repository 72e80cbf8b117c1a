"""What the watchdog knows of each clock: folded from the facts' JSON, with its own idea of when it is due."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.watchdog.terms import CIVIL, Line, count

_POLICY = re.compile(r"(\d+) (\w+), (strict|civil)")
CLOSE_ENOUGH_S = 0.01


@dataclass
class Watched:
    """One clock."""

    id: str
    kind: str
    n: int
    unit: str
    reading: str
    anchor: datetime
    stored: datetime
    """The instant the engine holds for the breach."""
    own: datetime | None
    """The instant counted here; None where people set the day."""
    owed: bool = True
    breached: bool = False
    version: str = ""
    """The calendar the engine counted with."""

    @property
    def due(self) -> datetime:
        """The earlier of both instants: a watchdog errs on the side of crying."""
        return self.stored if self.own is None else min(self.stored, self.own)


class Clocks:
    """Every clock that is owed."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.held: dict[str, Watched] = {}
        self.disagreements: list[tuple[Watched, str]] = []

    def take(self, facts: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Take facts in order: (topic, JSON)."""
        for topic, fact in facts:
            name = topic.removeprefix("clock.").rsplit(".", 1)[0]
            if name == "started":
                self._started(fact)
                continue
            it = self.held.get(str(fact.get("clock_id")))
            if it is None:
                continue
            match name:
                case "satisfied" | "cancelled":
                    it.owed = False
                case "resumed" | "proof-withdrawn":
                    it.owed = True
                case "breached":
                    it.breached = True
                case "reanchored":
                    it.anchor = _at(fact["anchor_at"])
                    self._count(it, fact)
                case "recounted":
                    it.version = str(fact["calendar_version"])
                    self._check(it, fact["counted_due_at"], fact["counted_latest_at"])
                    it.stored, it.own = self._reading(it, fact), None  # the earlier of old and new holds
                case "later-accepted":
                    it.stored, it.own = self._reading(it, fact), None

    def _started(self, fact: dict[str, Any]) -> None:
        found = _POLICY.fullmatch(fact["policy"])
        n, unit = (int(found[1]), found[2]) if found else (0, "")
        reading = fact["reading"]
        stored = _at(fact["latest_at"] if reading == CIVIL else fact["due_at"])
        it = Watched(fact["clock_id"], fact["kind"], n, unit, reading, _at(fact["anchor_at"]), stored, None)
        it.version = str(fact["calendar_version"])
        self.held[it.id] = it
        if unit:
            self._count(it, fact)

    def _reading(self, it: Watched, fact: dict[str, Any]) -> datetime:
        return _at(fact["latest_at"] if it.reading == CIVIL else fact["due_at"])

    def _count(self, it: Watched, fact: dict[str, Any]) -> None:
        it.stored = self._reading(it, fact)
        it.own = self._check(it, fact["due_at"], fact["latest_at"])

    def _check(self, it: Watched, due_at: str, latest_at: str) -> datetime | None:
        """Count a term and compare both readings; None where it was counted with a calendar that is not at hand."""
        if not it.unit or f"+{self.line.digest}" not in it.version:
            return None
        strict, civil = count(self.line, it.n, it.unit, it.anchor)
        for own, stored in ((strict, _at(due_at)), (civil, _at(latest_at))):
            if abs((own - stored).total_seconds()) > CLOSE_ENOUGH_S:
                self.disagreements.append((it, f"{own.isoformat()} here, {stored.isoformat()} there"))
        return civil if it.reading == CIVIL else strict

    def missed(self, now: datetime, grace_s: float) -> list[Watched]:
        """Return the clocks whose term ended more than so long ago without the engine having said so."""
        return [
            it for it in self.held.values() if it.owed and not it.breached and (now - it.due).total_seconds() > grace_s
        ]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
