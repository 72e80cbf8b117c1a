"""An incident: what an analyst works on, from the first finding to a disposition (ISO/IEC 27035).

Phases: new → triaged → contained → recovered → closed. What people may do with it stands in ``engine.triage``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from engine.facts import Entities, Fact, Severity

Disposition = Literal["true_positive", "benign_positive", "false_positive", "duplicate"]
DISPOSITIONS: tuple[Disposition, ...] = ("true_positive", "benign_positive", "false_positive", "duplicate")


class IncidentOpened(Fact):
    """An incident exists; ``detected_at`` is the anchor of every clock and never changes."""

    topic: ClassVar[str] = "incident.opened.v1"
    incident_id: str
    number: str
    title: str
    incident_class: str
    severity: Severity
    notifiable: bool
    personal_data: bool
    detected_at: AwareDatetime
    detection_source: str
    dedup_key: str
    rule_name: str
    finding_id: str
    obligations: tuple[str, ...]
    entities: Entities
    playbook: str | None


class FindingJoined(Fact):
    """Another finding with the same key joined the open incident."""

    topic: ClassVar[str] = "incident.finding-joined.v1"
    incident_id: str
    finding_id: str
    rule_name: str
    detected_at: AwareDatetime
    entities: Entities
    new_clients: tuple[str, ...]


class IncidentAssigned(Fact):
    """Somebody answers for the incident."""

    topic: ClassVar[str] = "incident.assigned.v1"
    incident_id: str
    assignee: str


class IncidentAcknowledged(Fact):
    """A person has seen it; the time to acknowledge ends here."""

    topic: ClassVar[str] = "incident.acknowledged.v1"
    incident_id: str


class NoteAdded(Fact):
    """A note of an analyst."""

    topic: ClassVar[str] = "incident.note-added.v1"
    incident_id: str
    text: str


class SeverityChanged(Fact):
    """The severity was judged anew."""

    topic: ClassVar[str] = "incident.severity-changed.v1"
    incident_id: str
    severity: Severity


class ContainmentStarted(Fact):
    """The first measure against the causes was taken."""

    topic: ClassVar[str] = "incident.containment-started.v1"
    incident_id: str
    action: str


class CauseEliminated(Fact):
    """The cause is gone; one of the two proofs of remediation."""

    topic: ClassVar[str] = "incident.cause-eliminated.v1"
    incident_id: str
    evidence: str


class ConsequenceEliminated(Fact):
    """The consequences are gone; the other proof of remediation."""

    topic: ClassVar[str] = "incident.consequence-eliminated.v1"
    incident_id: str
    evidence: str


class RecoveryConfirmed(Fact):
    """Systems and data are back and their normal state was confirmed."""

    topic: ClassVar[str] = "incident.recovery-confirmed.v1"
    incident_id: str
    evidence: str


class IncidentMerged(Fact):
    """This incident is the same as another one, which goes on."""

    topic: ClassVar[str] = "incident.merged.v1"
    incident_id: str
    into: str


class IncidentAbsorbed(Fact):
    """Another incident was merged into this one."""

    topic: ClassVar[str] = "incident.absorbed.v1"
    incident_id: str
    other: str
    entities: Entities


class ClosureProposed(Fact):
    """One person wants to close a notifiable incident; a second one must agree."""

    topic: ClassVar[str] = "incident.closure-proposed.v1"
    incident_id: str
    disposition: Disposition


class IncidentClosed(Fact):
    """The incident has a disposition; ``second_person`` agreed where one was needed."""

    topic: ClassVar[str] = "incident.closed.v1"
    incident_id: str
    disposition: Disposition
    second_person: str | None


class IncidentReopened(Fact):
    """A closed incident goes on, from its original detection."""

    topic: ClassVar[str] = "incident.reopened.v1"
    incident_id: str


FACTS: tuple[type[Fact], ...] = (
    IncidentOpened,
    FindingJoined,
    IncidentAssigned,
    IncidentAcknowledged,
    NoteAdded,
    SeverityChanged,
    ContainmentStarted,
    CauseEliminated,
    ConsequenceEliminated,
    RecoveryConfirmed,
    IncidentMerged,
    IncidentAbsorbed,
    ClosureProposed,
    IncidentClosed,
    IncidentReopened,
)


@dataclass
class Incident:
    """The state of one incident, folded from its facts."""

    id: str = ""
    number: str = ""
    title: str = ""
    incident_class: str = ""
    severity: Severity = "medium"
    notifiable: bool = False
    personal_data: bool = False
    detected_at: datetime | None = None
    opened_at: datetime | None = None
    detection_source: str = ""
    measures: list[tuple[str, datetime]] = field(default_factory=list)
    dedup_key: str = ""
    rule_name: str = ""
    obligations: tuple[str, ...] = ()
    entities: Entities = field(default_factory=Entities)
    playbook: str | None = None
    findings: list[str] = field(default_factory=list)
    assignee: str | None = None
    acknowledged_at: datetime | None = None
    contained_at: datetime | None = None
    cause_eliminated: bool = False
    consequence_eliminated: bool = False
    recovered_at: datetime | None = None
    merged_into: str | None = None
    absorbed: list[str] = field(default_factory=list)
    proposed: tuple[str, Disposition] | None = None
    disposition: Disposition | None = None
    closed_at: datetime | None = None
    version: int = 0

    @property
    def is_open(self) -> bool:
        """Say whether work may still be done on it."""
        return bool(self.id) and self.disposition is None and self.merged_into is None

    @property
    def phase(self) -> str:
        """Name the phase of handling."""
        if self.merged_into is not None:
            return "merged"
        if self.disposition is not None:
            return "closed"
        if self.recovered_at is not None:
            return "recovered"
        if self.contained_at is not None:
            return "contained"
        return "triaged" if self.acknowledged_at is not None else "new"

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        match fact:
            case IncidentOpened():
                self._open(fact)
            case FindingJoined():
                self.findings.append(fact.finding_id)
                self.entities = self.entities.union(fact.entities)
            case IncidentAssigned():
                self.assignee = fact.assignee
            case IncidentAcknowledged():
                self.acknowledged_at = fact.at
            case SeverityChanged():
                self.severity = fact.severity
            case ContainmentStarted():
                self.contained_at = self.contained_at or fact.at
                self.measures.append(("contained", fact.at))
            case CauseEliminated():
                self.cause_eliminated = True
                self.measures.append(("cause", fact.at))
            case ConsequenceEliminated():
                self.consequence_eliminated = True
                self.measures.append(("consequence", fact.at))
            case RecoveryConfirmed():
                self.recovered_at = fact.at
                self.measures.append(("recovered", fact.at))
            case IncidentMerged():
                self.merged_into = fact.into
            case IncidentAbsorbed():
                self.absorbed.append(fact.other)
                self.entities = self.entities.union(fact.entities)
            case ClosureProposed():
                self.proposed = (fact.actor, fact.disposition)
            case IncidentClosed():
                self.disposition, self.closed_at, self.proposed = fact.disposition, fact.at, None
            case IncidentReopened():
                self.disposition = self.closed_at = None

    def _open(self, fact: IncidentOpened) -> None:
        self.id, self.number, self.title = fact.incident_id, fact.number, fact.title
        self.incident_class, self.severity = fact.incident_class, fact.severity
        self.notifiable, self.personal_data = fact.notifiable, fact.personal_data
        self.detected_at, self.opened_at = fact.detected_at, fact.at
        self.detection_source = fact.detection_source
        self.dedup_key, self.rule_name, self.obligations = fact.dedup_key, fact.rule_name, fact.obligations
        self.entities, self.playbook = fact.entities, fact.playbook
        self.findings = [fact.finding_id]


def ends_duties(disposition: Disposition) -> bool:
    """Say whether a disposition means that there was no incident to tell of: its clocks, drafts and tasks end."""
    return disposition != "true_positive"
