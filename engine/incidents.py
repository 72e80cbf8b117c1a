"""An incident: what an analyst works on, from the first finding to a disposition (ISO/IEC 27035).

Phases: new → triaged → contained → recovered → closed. Commands check and give facts; ``apply`` only records.
No command takes the instant of detection or of recording: history cannot be back-dated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from engine.errors import DecisionRefused, NotAllowed, SecondPersonNeeded
from engine.facts import SEVERITIES, Entities, Fact, Person, Severity
from engine.ids import derive

Disposition = Literal["true_positive", "benign_positive", "false_positive", "duplicate"]
DISPOSITIONS: tuple[Disposition, ...] = ("true_positive", "benign_positive", "false_positive", "duplicate")
TRIAGE = ("soc_analyst", "fraud_analyst", "ciso")


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
            case CauseEliminated():
                self.cause_eliminated = True
            case ConsequenceEliminated():
                self.consequence_eliminated = True
            case RecoveryConfirmed():
                self.recovered_at = fact.at
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
        self.dedup_key, self.rule_name, self.obligations = fact.dedup_key, fact.rule_name, fact.obligations
        self.entities, self.playbook = fact.entities, fact.playbook
        self.findings = [fact.finding_id]


def incident_id(finding_id: str) -> str:
    """Give the id of the incident that a finding opens."""
    return str(derive("incident", finding_id))


def _triage(incident: Incident, by: Person) -> None:
    if not by.may(*TRIAGE):
        raise NotAllowed(f"working an incident needs one of the roles {', '.join(TRIAGE)}")
    if not incident.is_open:
        raise DecisionRefused(f"incident {incident.number} is {incident.phase}; reopen it first")


def assign(incident: Incident, assignee: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Give the incident to somebody; acknowledges it when somebody takes it for himself."""
    _triage(incident, by)
    if incident.assignee == assignee:
        return []
    facts: list[Fact] = [IncidentAssigned(at=at, actor=by.id, incident_id=incident.id, assignee=assignee)]
    if assignee == by.id and incident.acknowledged_at is None:
        facts.append(IncidentAcknowledged(at=at, actor=by.id, incident_id=incident.id))
    return facts


def acknowledge(incident: Incident, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Say that it was seen; a second time changes nothing."""
    _triage(incident, by)
    if incident.acknowledged_at is not None:
        return []
    return [IncidentAcknowledged(at=at, actor=by.id, incident_id=incident.id)]


def add_note(incident: Incident, text: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Write a note; anybody who may read the incident may."""
    if not text.strip() or len(text) > 10_000:
        raise DecisionRefused("a note has 1 to 10000 characters")
    if by.may("auditor") and len(by.roles) == 1:
        raise NotAllowed("an auditor reads and does not write")
    return [NoteAdded(at=at, actor=by.id, incident_id=incident.id, text=text)]


def change_severity(incident: Incident, severity: str, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Judge the severity anew, with the reason."""
    _triage(incident, by)
    if severity not in SEVERITIES:
        raise DecisionRefused(f"severity is one of {', '.join(SEVERITIES)}")
    if not reason.strip():
        raise DecisionRefused("a change of severity needs a reason")
    if severity == incident.severity:
        return []
    return [SeverityChanged(at=at, actor=by.id, reason=reason, incident_id=incident.id, severity=severity)]


Measure = Literal["containment", "cause", "consequence", "recovery"]


def record_measure(
    incident: Incident, measure: Measure, evidence: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Record a measure with its evidence; recovery needs cause and consequences eliminated first."""
    _triage(incident, by)
    if not evidence.strip():
        raise DecisionRefused("a measure needs its evidence in words or a reference")
    common = {"at": at, "actor": by.id, "incident_id": incident.id}
    match measure:
        case "containment":
            return [] if incident.contained_at else [ContainmentStarted(**common, action=evidence)]
        case "cause":
            return [] if incident.cause_eliminated else [CauseEliminated(**common, evidence=evidence)]
        case "consequence":
            return [] if incident.consequence_eliminated else [ConsequenceEliminated(**common, evidence=evidence)]
        case "recovery":
            if not (incident.cause_eliminated and incident.consequence_eliminated):
                raise DecisionRefused("the normal state is confirmed after cause and consequences are eliminated")
            return [] if incident.recovered_at else [RecoveryConfirmed(**common, evidence=evidence)]


def merge(
    incident: Incident, into: Incident, reason: str, *, by: Person, at: datetime
) -> tuple[Sequence[Fact], Sequence[Fact]]:
    """Merge one open incident into another; gives the facts of both. Neither loses a time."""
    _triage(incident, by)
    _triage(into, by)
    if incident.id == into.id:
        raise DecisionRefused("an incident cannot be merged into itself")
    if not reason.strip():
        raise DecisionRefused("a merge needs a reason")
    merged = IncidentMerged(at=at, actor=by.id, reason=reason, incident_id=incident.id, into=into.id)
    absorbed = IncidentAbsorbed(
        at=at, actor=by.id, reason=reason, incident_id=into.id, other=incident.id, entities=incident.entities
    )
    return [merged], [absorbed]


def close(
    incident: Incident, disposition: str, reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Close with a disposition. A notifiable incident takes two persons of different roles: the first call
    proposes, the second, by somebody else from compliance or the CISO, closes."""
    if disposition not in DISPOSITIONS:
        raise DecisionRefused(f"disposition is one of {', '.join(DISPOSITIONS)}")
    if not reason.strip():
        raise DecisionRefused("closing needs a reason; rule tuning feeds on it")
    if not incident.is_open:
        raise DecisionRefused(f"incident {incident.number} is {incident.phase}")
    if not by.may(*TRIAGE, "compliance_officer"):
        raise NotAllowed("closing needs a triage role or a compliance officer")
    common = {"at": at, "actor": by.id, "reason": reason, "incident_id": incident.id}
    if not incident.notifiable:
        return [IncidentClosed(**common, disposition=disposition, second_person=None)]
    if incident.proposed is None or incident.proposed[1] != disposition:
        return [ClosureProposed(**common, disposition=disposition)]
    proposer = incident.proposed[0]
    if proposer == by.id:
        raise SecondPersonNeeded("the person who proposed closing a notifiable incident cannot also agree to it")
    if not by.may("compliance_officer", "ciso"):
        raise NotAllowed("agreeing to close a notifiable incident needs a compliance officer or the CISO")
    return [IncidentClosed(**common, disposition=disposition, second_person=proposer)]


def reopen(incident: Incident, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Go on with a closed incident; its clocks count from the original detection."""
    if incident.disposition is None:
        raise DecisionRefused(f"incident {incident.number} is not closed")
    if not by.may(*TRIAGE, "compliance_officer"):
        raise NotAllowed("reopening needs a triage role or a compliance officer")
    if not reason.strip():
        raise DecisionRefused("reopening needs a reason")
    return [IncidentReopened(at=at, actor=by.id, reason=reason, incident_id=incident.id)]
