"""Findings become incidents: one opens an incident, joins the open one with the same key, or is suppressed."""

from __future__ import annotations

from engine.incidents import casework, triage
from engine.incidents.incident import Incident
from engine.kernel.facts import FindingRaised
from engine.kernel.ports import Clock
from engine.kernel.timestamps import iso
from infra.observe.tracing import OFF, Tracing
from infra.processes.base import DecisionFollower
from infra.store.log.decisions import Decisions, Recorded
from infra.store.log.unit import Unit


class Incidents(DecisionFollower):
    """Opens incidents and lets findings join them."""

    name = "incidents"
    wants = (FindingRaised,)

    def __init__(self, decisions: Decisions, clock: Clock, tracing: Tracing = OFF) -> None:
        super().__init__(decisions, clock)
        self.tracing = tracing

    def take(self, unit: Unit, recorded: Recorded) -> None:
        """Answer a finding."""
        finding = recorded.fact
        if not isinstance(finding, FindingRaised):
            return
        trace = self.tracing.of_finding(finding.finding_id)
        if not trace:
            self._answer(unit, finding)
            return
        with self.tracing.span("incident", parents=[trace], rule=finding.rule_name) as span:
            span.say(incident=self._answer(unit, finding))

    def _answer(self, unit: Unit, finding: FindingRaised) -> str:
        """Open an incident, join one, or suppress; gives the number of the incident."""
        found = unit.query("SELECT id FROM incident_view WHERE dedup_key = ? AND is_open = 1", finding.dedup_key)
        if found:
            key = str(found[0]["id"])
            incident = unit.load(Incident, key)
            unit.record(Incident, key, triage.join(incident, finding, at=unit.at))
            return incident.number
        if self._suppressed(unit, finding):
            return ""
        key, number = triage.incident_id(finding.finding_id), next_number(unit)
        unit.record(Incident, key, [triage.open_from(finding, number, at=unit.at)])
        return number

    def _suppressed(self, unit: Unit, finding: FindingRaised) -> bool:
        """Keep the finding with a closed incident whose key people suppressed; never what the law wants told."""
        rows = unit.query(
            "SELECT id FROM incident_view WHERE dedup_key = ? AND suppressed_until > ? ORDER BY suppressed_until DESC",
            finding.dedup_key,
            iso(unit.at),
        )
        if finding.notifiable or not rows:
            return False
        key = str(rows[0]["id"])
        unit.record(Incident, key, casework.suppressed(unit.load(Incident, key), finding, at=unit.at))
        return True


def next_number(unit: Unit) -> str:
    """The next number of the year, without gaps: counted where it is written."""
    prefix = f"INC-{unit.at.year}-"
    count = unit.query("SELECT COUNT(*) AS n FROM incident_view WHERE number LIKE ?", prefix + "%")[0]["n"]
    return f"{prefix}{count + 1:04d}"
