"""Acts on legal clocks: start by hand, cancel by two persons, accept a later deadline of a changed calendar."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from engine.duties import clock as clocks
from engine.duties.clock import Clock as LegalClock
from engine.duties.facts import Owner
from engine.incidents.incident import Incident
from engine.kernel.errors import DecisionRefused, InputError, NotAllowed, NotFound
from engine.kernel.facts import Person
from engine.protection.protection import Protection
from infra.commands.acts.base import Base, get
from infra.store.log.unit import Unit


class ClockActs(Base):
    """What may be done with a clock. None of it pauses one."""

    def start_clock(
        self, owner_id: str, kind: str, subject: str, anchor_at: datetime, reason: str, *, by: Person
    ) -> str:
        """Start the clock of a duty by hand, for an incident or a protection; gives its id. A running one stays."""
        if not by.may(*clocks.WORKS):
            raise NotAllowed("starting a clock needs an analyst, a compliance officer or the CISO")
        if not reason.strip():
            raise DecisionRefused("starting a clock needs a reason")
        spec = self.policy.specs.get(kind)
        if spec is None or spec.owner not in ("incident", "protection"):
            startable = sorted(k for k, s in self.policy.specs.items() if s.owner in ("incident", "protection"))
            raise NotFound(f"no clock '{kind[:40]}' can be started by hand; there are {', '.join(startable)}")
        with self._unit() as unit:
            if anchor_at > unit.at + timedelta(minutes=5):
                raise InputError("a duty cannot have begun in the future", field="anchor_at")
            _owner(unit, owner_id, spec.owner)
            key = clocks.clock_id(kind, owner_id, subject.strip())
            held = unit.load(LegalClock, key)
            if held.id:
                raise DecisionRefused(f"this clock is there already and is {held.state}")
            started = clocks.start(
                spec, owner_kind=cast(Owner, spec.owner), owner_id=owner_id, subject=subject.strip(),
                anchor_at=anchor_at, at=unit.at, calendar=self.calendar, reading=self.policy.reading_of(kind),
                ladder=self.policy.ladder, target_percent=self.policy.target_percent, actor=by.id, reason=reason,
            )  # fmt: skip
            unit.record(LegalClock, key, [started])
        return key

    def propose_cancellation(self, clock_id: str, reason: str, *, by: Person) -> None:
        """Say that a duty does not exist; the clock runs on until a second person agrees."""
        with self._unit() as unit:
            it = get(unit, LegalClock, clock_id)
            unit.record(LegalClock, it.id, clocks.propose_cancellation(it, reason, by=by, at=unit.at))

    def agree_to_cancel(self, clock_id: str, *, by: Person) -> None:
        """Agree to it as the second person."""
        with self._unit() as unit:
            it = get(unit, LegalClock, clock_id)
            unit.record(LegalClock, it.id, clocks.agree_to_cancel(it, by=by, at=unit.at))

    def accept_later(self, clock_id: str, reason: str, *, by: Person) -> None:
        """Accept the later deadline that a changed calendar gives."""
        with self._unit() as unit:
            it = get(unit, LegalClock, clock_id)
            unit.record(LegalClock, it.id, clocks.accept_later(it, reason, by=by, at=unit.at))


def _owner(unit: Unit, owner_id: str, kind: str) -> None:
    if kind == "incident":
        incident = get(unit, Incident, owner_id)
        if not incident.is_open:
            raise DecisionRefused(f"incident {incident.number} is {incident.phase}")
    else:
        get(unit, Protection, owner_id)
