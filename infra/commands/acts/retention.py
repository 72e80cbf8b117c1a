"""Acts of retention: ends of obligations, holds, erasure by two persons."""

from __future__ import annotations

from datetime import date

from engine.kernel.facts import Person
from engine.retention import retention
from engine.retention.retention import Retention
from infra.commands.acts.base import Base, get


class RetentionActs(Base):
    """What may be done with what is kept of a client."""

    def end_obligations(self, client: str, ended_on: date, loan: str, reason: str, *, by: Person) -> None:
        """Record when the obligations of a client ended."""
        with self._unit() as unit:
            facts = retention.end_obligations(client, ended_on, loan, by=by, reason=reason, at=unit.at)
            unit.record(Retention, retention.retention_id(client), facts)

    def place_hold(self, client: str, reason: str, *, by: Person) -> None:
        """Put a client's data under legal hold."""
        with self._unit() as unit:
            facts = retention.place_hold(client, by=by, reason=reason, at=unit.at)
            unit.record(Retention, retention.retention_id(client), facts)

    def lift_hold(self, client: str, reason: str, *, by: Person) -> None:
        """End a legal hold."""
        with self._unit() as unit:
            it = get(unit, Retention, retention.retention_id(client))
            unit.record(Retention, it.id, retention.lift_hold(it, by=by, reason=reason, at=unit.at))

    def propose_erasure(self, client: str, reason: str, *, by: Person) -> None:
        """Ask that what is kept of a client be destroyed."""
        with self._unit() as unit:
            it = get(unit, Retention, retention.retention_id(client))
            facts = retention.propose_erasure(it, by=by, reason=reason, today=unit.at.date(), at=unit.at)
            unit.record(Retention, it.id, facts)

    def approve_erasure(self, client: str, reason: str, *, by: Person) -> None:
        """Agree to it, as a second person; the engine destroys the keys at once."""
        with self._unit() as unit:
            it = get(unit, Retention, retention.retention_id(client))
            facts = retention.approve_erasure(it, by=by, reason=reason, today=unit.at.date(), at=unit.at)
            unit.record(Retention, it.id, facts)
