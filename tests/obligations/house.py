"""A house that is fed through its real intake and asked what it found of one obligation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from engine.duties import facts as c
from engine.kernel.facts import FindingRaised
from infra.store.models.duties import ClockRow
from tests.support import MovingClock, World

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
"""Noon in Almaty on a Wednesday; events of a case begin two days before, unless it says otherwise."""
_SPAN = re.compile(r"([+-]?)(\d+)([smhd])")
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def after(start: datetime, text: str) -> datetime:
    """An instant so long after another: ``+90s``, ``-2d``."""
    found = _SPAN.fullmatch(text)
    assert found is not None, text
    span = timedelta(**{_UNIT[found[3]]: int(found[2])})
    return start - span if found[1] == "-" else start + span


class House:
    """One organisation under test."""

    def __init__(self, folder: Path, begins: datetime = NOW - timedelta(days=2), **settings: Any) -> None:
        self.clock = MovingClock(NOW)
        self.world = World(folder, self.clock, **settings)
        self.begins = begins
        self.count = 0

    def send(self, events: Iterable[Mapping[str, Any]], prefix: str) -> None:
        """Send events as a source would; ``at`` is an offset, and so is a value ``{at: +5d}``."""
        lines = []
        for event in events:
            self.count += 1
            told = {
                name: after(self.begins, value["at"]).isoformat() if isinstance(value, dict) else value
                for name, value in event.items()
                if name != "at"
            }
            at = after(self.begins, str(event.get("at", "+0s")))
            lines.append(orjson.dumps({"@timestamp": at.isoformat(), "event.id": f"{prefix}-{self.count}", **told}))
        self.raw(lines)

    def raw(self, lines: Iterable[bytes]) -> None:
        """Send lines as they are, and let the house work them off; none may be turned away."""
        receipt = self.world.feed(*lines)
        assert receipt.rejects == (), receipt
        self.world.work()

    def wait(self, text: str) -> None:
        """Let time pass: what falls due falls due."""
        self.clock.at = after(self.clock.at, text)
        self.world.sweep()

    def findings(self) -> list[FindingRaised]:
        """Everything that rules found."""
        facts = self.world.container.decisions.read(0, 100_000)
        return [stored.fact for stored in facts if isinstance(stored.fact, FindingRaised)]

    def rules(self) -> set[str]:
        """The rules that fired."""
        return {found.rule_name for found in self.findings()}

    def clocks(self, kind: str) -> list[ClockRow]:
        """The clocks of a kind."""
        return self.world.held(ClockRow, kind=kind)

    def violations(self, obligation: str) -> set[str]:
        """What was found against an obligation: rules that fired, and clocks that were breached."""
        found = {f"rule {it.rule_name}" for it in self.findings() if obligation in it.obligations}
        started: dict[str, c.ClockStarted] = {}
        for stored in self.world.container.decisions.read(0, 100_000):
            if isinstance(stored.fact, c.ClockStarted):
                started[stored.fact.clock_id] = stored.fact
            elif isinstance(stored.fact, c.ClockBreached) and obligation in started[stored.fact.clock_id].obligations:
                found.add(f"clock {started[stored.fact.clock_id].kind}")
        return found
