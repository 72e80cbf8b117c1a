"""An incident: what an analyst works on, from the first finding to a disposition (ISO/IEC 27035).

Phases: new → triaged → contained → recovered → closed. What people may do with it stands in
``engine.incidents.triage`` and ``engine.incidents.casework``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast, get_args

from engine.incidents.facts import (
    CauseEliminated,
    ClientsNamed,
    ClosureProposed,
    ConsequenceEliminated,
    ContainmentLapsed,
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
    IncidentConfirmed,
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
    RemediationLapsed,
    SeverityChanged,
    SuppressionSet,
)
from engine.incidents.involved import Involved, brings_more
from engine.incidents.phases import STAGES
from engine.incidents.touched import Shown, Touched
from engine.kernel.facts import Entities, EntityKind, Fact, Severity, foreign

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
    confirmed_at: datetime | None = None
    """When people first found that it is no false alarm."""
    raised_at: datetime | None = None
    """When people, or their confirmation, raised the duties of an incident that had none."""
    on_confirmation: bool = False
    """Whether its duties were raised by the confirmation."""
    waived: bool = False
    """Whether two persons found that the law's duties do not hold."""
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
    said: Touched = field(default_factory=Touched, repr=False)
    """Clients and loans that people named, or that came with merged incidents of earlier versions."""
    found: Touched = field(default_factory=Touched, repr=False)
    """Whom and what the parts touch."""
    shown: Shown = field(default_factory=Shown, repr=False)
    """When the parts showed each client."""
    playbook: str | None = None
    involved: Involved = field(default_factory=Involved, repr=False)
    """Who ever had to do with it; what people did before stays."""
    assignee: str | None = None
    acknowledged_at: datetime | None = None
    contained_at: datetime | None = None
    contained_by: str = ""
    lapsed: bool = False
    """Whether what was contained is not any more: it is once everything that was ordered is confirmed."""
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
    lowering_roles: tuple[str, ...] = ()
    grown_at: datetime | None = None
    """When something that may owe duties came in last; what was proposed before is of less."""
    proposed: tuple[str, Disposition] | None = None
    proposer_roles: tuple[str, ...] = ()
    disposition: Disposition | None = None
    closed_at: datetime | None = None
    moved: bool = field(default=False, compare=False)
    """Whether the last fact changed what duties and their terms depend on."""
    version: int = 0
    _all: tuple[Entities, Entities, Entities] | None = field(default=None, repr=False, compare=False)

    def copy(self) -> Incident:
        """Return one that goes its own way from here: what a snapshot needs."""
        return replace(
            self, measures=list(self.measures), parts=dict(self.parts), said=self.said.copy(),
            found=self.found.copy(), shown=self.shown.copy(), absorbed=list(self.absorbed), links=dict(self.links),
            suppressed=list(self.suppressed), involved=self.involved.copy(),
        )  # fmt: skip

    @property
    def is_open(self) -> bool:
        """Say whether work may still be done on it."""
        return bool(self.id) and self.disposition is None and self.merged_into is None

    @property
    def findings(self) -> list[str]:
        """The findings in it, in the order they came."""
        return [part.finding_id for part in self.parts.values() if part.finding_id]

    @property
    def entities(self) -> Entities:
        """Whom and what it touches, by all that is in it."""
        found, said = self.found.entities, self.said.entities
        if self._all is None or self._all[0] is not found or self._all[1] is not said:
            self._all = (found, said, found.union(said))
        return self._all[2]

    @property
    def named(self) -> Entities:
        """Clients and loans that people named."""
        return self.said.entities

    def touches(self, kind: EntityKind, value: str) -> bool:
        """Say whether somebody or something is in it."""
        return self.found.holds(kind, value) or self.said.holds(kind, value)

    @property
    def owes(self) -> bool:
        """Say whether a duty of the law holds: that of its class, or that of a breach of personal data by itself."""
        return self.notifiable or self.owes_for_data

    @property
    def owes_for_data(self) -> bool:
        """Say whether the duty of a breach of personal data holds; two persons may have found that none does."""
        return self.personal_data and not self.waived

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
        self.involved.note(fact)
        kind, it = type(fact), cast(Any, fact)
        before = self._owes()
        self._take_in(kind, it)
        self.moved = self._owes() != before

    def _owes(self) -> tuple[bool, bool, datetime | None, datetime | None]:
        """What duties and their terms depend on, beside the clients."""
        return self.notifiable, self.personal_data, self.detected_at, self.classified_at

    def _take_in(self, kind: type[Fact], it: Any) -> None:
        if kind in _CONTENT:
            self._content(it)
            if brings_more(it):  # nobody agrees to what was proposed of less
                self.grown_at, self.proposed, self.lowering = it.at, None, None
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
                self._take(_part_of(fact))
            case FindingsTakenOver():
                for part in fact.parts:
                    self._take(part)
            case FindingsDetached():
                for finding in fact.findings:
                    self.parts.pop(finding, None)
                self._look_again()
            case IncidentAbsorbed():
                self._absorb(fact)
            case ClientsNamed():
                self.said.add(fact.entities)
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
            case IncidentConfirmed():
                self.confirmed_at = self.confirmed_at or fact.at
            case NotifiabilityRaised():
                if not self.notifiable:
                    self.raised_at, self.on_confirmation = fact.at, fact.on_confirmation
                self.waived = False
                self.notifiable, self.notifiable_reason, self.lowering = True, fact.reason, None
                self.classified_at = self.classified_at or fact.at
                self.personal_data = self.personal_data or fact.personal_data
            case NotifiabilityLoweringProposed():
                self.lowering, self.lowering_roles = (fact.actor, fact.reason), fact.roles
            case NotifiabilityLowered():
                self.notifiable, self.notifiable_reason, self.lowering = False, fact.reason, None
                self.waived = True
                self.classified_at = None
            case ContainmentStarted():
                if self.contained_at is None:
                    self.contained_at, self.contained_by = fact.at, fact.actor
                self.lapsed = False
                self.measures.append(("contained", fact.at))
            case RemediationLapsed():
                self.cause_eliminated = self.consequence_eliminated = False
                self.recovered_at = None
                self.measures = [it for it in self.measures if it[0] == "contained"]
            case ContainmentLapsed():
                self._lapse()
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
                self.proposed, self.proposer_roles = (fact.actor, fact.disposition), fact.roles
                self._confirm(fact)
            case IncidentClosed():
                self.disposition, self.closed_at, self.proposed = fact.disposition, fact.at, None
                self._confirm(fact)
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

    def _confirm(self, fact: ClosureProposed | IncidentClosed) -> None:
        if fact.disposition == "true_positive":
            self.confirmed_at = self.confirmed_at or fact.at

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
        for part in fact.parts or (_part_of(fact),):
            self._take(part)

    def _put(self, key: str, part: FindingPart) -> None:
        replaced = key in self.parts
        self.parts[key] = part
        if replaced:
            self._look_again()
            return
        self.found.add(part.entities)
        self.shown.add(part.entities.clients, part.detected_at)

    def _look_again(self) -> None:
        """Count again whom the parts touch: one has gone."""
        self.found, self.shown = Touched.of(part.entities for part in self.parts.values()), Shown()
        for part in self.parts.values():
            self.shown.add(part.entities.clients, part.detected_at)

    def _take(self, part: FindingPart) -> None:
        self._put(part.finding_id, part)
        self.notifiable = self.notifiable or part.notifiable
        self.waived = self.waived and not (part.notifiable or part.personal_data)  # what was not known then
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
        """Of the two acknowledgements the earlier counts, for somebody was at work; both are contained once each is."""
        self.absorbed.append(fact.other)
        for part in fact.parts:
            self._put(part.finding_id or f"merged:{fact.other}", part)
            self.personal_data = self.personal_data or part.personal_data
            self._earlier(part)
        if not fact.parts:
            self.said.add(fact.entities)
        self.notifiable = self.notifiable or fact.notifiable
        self.personal_data = self.personal_data or fact.personal_data
        self.acknowledged_at = _earliest(self.acknowledged_at, fact.acknowledged_at)
        if self.contained_at is not None and (fact.contained_at is not None or fact.notifiable):
            self.contained_at = max(self.contained_at, fact.contained_at or self.contained_at)
            if fact.contained_at is None:
                self._lapse()

    def _lapse(self) -> None:
        self.contained_at, self.lapsed = None, True
        self.measures = [it for it in self.measures if it[0] != "contained"]


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _part_of(fact: IncidentOpened | FindingJoined) -> FindingPart:
    return FindingPart(
        finding_id=fact.finding_id, rule_name=fact.rule_name, detected_at=fact.detected_at, entities=fact.entities,
        notifiable=fact.notifiable, personal_data=fact.personal_data, first_event_at=fact.first_event_at,
    )  # fmt: skip
