"""Findings become incidents: one opens an incident, joins the open one with the same key, or is suppressed."""

from __future__ import annotations

from engine.incidents import casework, triage
from engine.incidents.incident import Incident
from engine.kernel.facts import Fact, FindingRaised, StoredFact
from engine.kernel.ports import Context


class IncidentPolicy:
    """Opens incidents and lets findings join them."""

    name: str = "incidents"
    answers: tuple[type[Fact], ...] = (FindingRaised,)
    after: tuple[str, ...] = ()

    def answer(self, context: Context, stored: StoredFact) -> None:
        """Answer a finding."""
        if isinstance(stored.fact, FindingRaised):
            self.place(context, stored.fact)

    def place(self, context: Context, finding: FindingRaised) -> str:
        """Open an incident, join one, or suppress. Return the number of the incident, empty when it is
        suppressed, or adds to one that is not open any more."""
        found = context.find(Incident, dedup_key=finding.dedup_key, is_open=True)
        if found:
            incident = context.load(Incident, found[0])
            context.record(Incident, incident.id, triage.join(incident, finding, at=context.at))
            return incident.number
        if finding.further:
            return ""
        if self._suppressed(context, finding):
            return ""
        key, number = triage.incident_id(finding.finding_id), context.next_number()
        context.record(Incident, key, [triage.open_from(finding, number, at=context.at)])
        return number

    def _suppressed(self, context: Context, finding: FindingRaised) -> bool:
        """Keep the finding with a closed incident whose key people suppressed; never what the law wants told."""
        if finding.notifiable:
            return False
        found = context.find(Incident, dedup_key=finding.dedup_key, suppressed_after=context.at)
        if not found:
            return False
        context.record(
            Incident, found[0], casework.suppressed(context.load(Incident, found[0]), finding, at=context.at)
        )
        return True
