"""An incident: what an analyst works on, from the first finding to a disposition (ISO/IEC 27035).

Phases: new → triaged → contained → recovered → closed. What people may do with it stands in
``engine.incidents.triage`` and ``engine.incidents.casework``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast, get_args

from engine.incidents.facts import (
    CauseEliminated,
    ClientsNamed,
    ClosureProposed,
    ConsequenceEliminated,
    ContainmentStarted,
    ContentFact,
    Disposition,
    EndingFact,
    FindingJoined,
    FindingPart,
    FindingsDetached,
    FindingsTakenOver,
    FindingSuppressed,
    HandlingFact,
    IncidentAbsorbed,
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentClosed,
    IncidentLinked,
    IncidentMerged,
    IncidentOpened,
    IncidentReopened,
    IncidentUnlinked,
    LessonsRecorded,
    Measured,
    NoteAdded,
    NotifiabilityLowered,
    NotifiabilityLoweringProposed,
    NotifiabilityRaised,
    Phase,
    RecoveryConfirmed,
    Relation,
    SeverityChanged,
    SuppressionSet,
)
from engine.kernel.facts import Entities, Fact, Severity, foreign

STAGES: dict[Phase, str] = {
    "new": "detect and report",
    "triaged": "assess and decide",
    "contained": "respond",
    "recovered": "respond",
    "closed": "learn lessons",
    "merged": "assess and decide",
}
"""The phases in the words of ISO/IEC 27035-1."""
FUNCTIONS: dict[Phase, str] = {
    "new": "detect",
    "triaged": "respond",
    "contained": "respond",
    "recovered": "recover",
    "closed": "improve",
    "merged": "respond",
}
"""The phases as functions of NIST SP 800-61r3 (CSF 2.0)."""


_CONTENT, _HANDLING = frozenset(get_args(ContentFact)), frozenset(get_args(HandlingFact))


@dataclass
class Incident:
    """The state of one incident, folded from its facts."""

    id: str = ""
    number: str = ""
    title: str = ""
    incident_class: str = ""
    severity: Severity = "medium"
    severity_reason: str = ""
    notifiable: bool = False
    notifiable_reason: str = ""
    personal_data: bool = False
    classified_at: datetime | None = None
    """When it was found notifiable: at the detection by a rule that says so, or when people said so later."""
    detected_at: datetime | None = None
    """The earliest detection among everything that is in it; it can only move back."""
    first_event_at: datetime | None = None
    opened_at: datetime | None = None
    detection_source: str = ""
    reported_by: str = ""
    measures: list[tuple[Measured, datetime]] = field(default_factory=list)
    dedup_key: str = ""
    rule_name: str = ""
    obligations: tuple[str, ...] = ()
    parts: dict[str, FindingPart] = field(default_factory=dict)
    named: Entities = field(default_factory=Entities)
    """Clients and loans that people named, or that came with merged incidents of earlier versions."""
    playbook: str | None = None
    assignee: str | None = None
    acknowledged_at: datetime | None = None
    contained_at: datetime | None = None
    cause_eliminated: bool = False
    consequence_eliminated: bool = False
    recovered_at: datetime | None = None
    merged_into: str | None = None
    split_from: str = ""
    absorbed: list[str] = field(default_factory=list)
    links: dict[str, Relation] = field(default_factory=dict)
    suppressed_until: datetime | None = None
    suppressed: list[str] = field(default_factory=list)
    lessons: tuple[str, str] | None = None
    lowering: tuple[str, str] | None = None
    """Who proposed that the law's duties do not hold, and why."""
    proposed: tuple[str, Disposition] | None = None
    disposition: Disposition | None = None
    closed_at: datetime | None = None
    version: int = 0

    @property
    def is_open(self) -> bool:
        """Say whether work may still be done on it."""
        return bool(self.id) and self.disposition is None and self.merged_into is None

    @property
    def findings(self) -> list[str]:
        """The findings in it, in the order they came."""
        return [key for key in self.parts if key]

    @property
    def entities(self) -> Entities:
        """Whom and what it touches, by all that is in it."""
        found = Entities()
        for part in self.parts.values():
            found = found.union(part.entities)
        return found.union(self.named)

    @property
    def phase(self) -> Phase:
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

    @property
    def stage(self) -> str:
        """Name the phase as ISO/IEC 27035-1 does."""
        return STAGES[self.phase]

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        self.version += 1
        kind, it = type(fact), cast(Any, fact)
        if kind in _CONTENT:
            self._content(it)
        elif kind in _HANDLING:
            self._handling(it)
        else:
            self._ending(it)

    def _content(self, fact: ContentFact) -> None:
        """Take what says what is in it."""
        match fact:
            case IncidentOpened():
                self._open(fact)
            case FindingJoined():
                self._take(_joined_part(fact))
            case FindingsTakenOver():
                for part in fact.parts:
                    self._take(part)
            case FindingsDetached():
                for finding in fact.findings:
                    self.parts.pop(finding, None)
            case IncidentAbsorbed():
                self._absorb(fact)
            case ClientsNamed():
                self.named = self.named.union(fact.entities)
            case FindingSuppressed():
                self.suppressed.append(fact.finding_id)
            case IncidentLinked():
                self.links[fact.other] = fact.relation
            case IncidentUnlinked():
                self.links.pop(fact.other, None)
            case _:
                foreign(fact)

    def _handling(self, fact: HandlingFact) -> None:
        match fact:
            case IncidentAssigned():
                self.assignee = fact.assignee
            case IncidentAcknowledged():
                self.acknowledged_at = self.acknowledged_at or fact.at
            case SeverityChanged():
                self.severity, self.severity_reason = fact.severity, fact.reason
            case NotifiabilityRaised():
                self.notifiable, self.notifiable_reason, self.lowering = True, fact.reason, None
                self.classified_at = self.classified_at or fact.at
                self.personal_data = self.personal_data or fact.personal_data
            case NotifiabilityLoweringProposed():
                self.lowering = (fact.actor, fact.reason)
            case NotifiabilityLowered():
                self.notifiable, self.notifiable_reason, self.lowering = False, fact.reason, None
                self.classified_at = None
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
            case _:
                foreign(fact)

    def _ending(self, fact: EndingFact) -> None:
        match fact:
            case IncidentMerged():
                self.merged_into = fact.into
            case ClosureProposed():
                self.proposed = (fact.actor, fact.disposition)
            case IncidentClosed():
                self.disposition, self.closed_at, self.proposed = fact.disposition, fact.at, None
            case IncidentReopened():
                self.disposition = self.closed_at = self.suppressed_until = None
            case SuppressionSet():
                self.suppressed_until = fact.until
            case LessonsRecorded():
                self.lessons = (fact.lessons, fact.actions)
            case NoteAdded():
                pass
            case _:
                foreign(fact)

    def _open(self, fact: IncidentOpened) -> None:
        self.id, self.number, self.title = fact.incident_id, fact.number, fact.title
        self.incident_class, self.severity = fact.incident_class, fact.severity
        self.notifiable, self.personal_data = fact.notifiable, fact.personal_data
        self.detected_at, self.opened_at, self.first_event_at = fact.detected_at, fact.at, fact.first_event_at
        self.detection_source, self.reported_by = fact.detection_source, fact.reported_by
        self.dedup_key, self.rule_name, self.obligations = fact.dedup_key, fact.rule_name, fact.obligations
        self.playbook, self.split_from = fact.playbook, fact.split_from
        self.severity_reason = self.notifiable_reason = fact.reason
        if fact.notifiable:
            self.classified_at = fact.detected_at
        for part in fact.parts or (_opening_part(fact),):
            self._take(part)

    def _take(self, part: FindingPart) -> None:
        self.parts[part.finding_id] = part
        self.notifiable = self.notifiable or part.notifiable
        if part.notifiable:
            self.classified_at = _earliest(self.classified_at, part.detected_at)
        self.personal_data = self.personal_data or part.personal_data
        self._earlier(part)

    def _earlier(self, part: FindingPart) -> None:
        if self.detected_at is None or part.detected_at < self.detected_at:
            self.detected_at = part.detected_at
        if part.first_event_at and (self.first_event_at is None or part.first_event_at < self.first_event_at):
            self.first_event_at = part.first_event_at

    def _absorb(self, fact: IncidentAbsorbed) -> None:
        """The earlier of the two times of each kind of handling counts: work done before a merge was done."""
        self.absorbed.append(fact.other)
        for part in fact.parts:
            self.parts[part.finding_id or f"merged:{fact.other}"] = part
            self.personal_data = self.personal_data or part.personal_data
            self._earlier(part)
        if not fact.parts:
            self.named = self.named.union(fact.entities)
        self.acknowledged_at = _earliest(self.acknowledged_at, fact.acknowledged_at)
        self.contained_at = _earliest(self.contained_at, fact.contained_at)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    found = [at for at in (one, other) if at is not None]
    return min(found) if found else None


def _opening_part(fact: IncidentOpened) -> FindingPart:
    return FindingPart(
        finding_id=fact.finding_id,
        rule_name=fact.rule_name,
        detected_at=fact.detected_at,
        entities=fact.entities,
        notifiable=fact.notifiable,
        personal_data=fact.personal_data,
        first_event_at=fact.first_event_at,
    )


def _joined_part(fact: FindingJoined) -> FindingPart:
    return FindingPart(
        finding_id=fact.finding_id,
        rule_name=fact.rule_name,
        detected_at=fact.detected_at,
        entities=fact.entities,
        notifiable=fact.notifiable,
        personal_data=fact.personal_data,
        first_event_at=fact.first_event_at,
    )


def ends_duties(disposition: Disposition) -> bool:
    """Say whether a disposition means that there was no incident to tell of: its clocks, drafts and tasks end."""
    return disposition != "true_positive"
