"""What can be recorded of an incident (ISO/IEC 27035), past tense, each with actor, reason and instant."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, get_args

from pydantic import AwareDatetime

from engine.kernel.facts import Entities, Fact, Record, Severity

Disposition = Literal["true_positive", "benign_positive", "false_positive", "duplicate"]
DISPOSITIONS: tuple[Disposition, ...] = get_args(Disposition)
Relation = Literal["related", "same-actor", "same-campaign", "caused-by"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
Phase = Literal["new", "triaged", "contained", "recovered", "closed", "merged"]
Measured = Literal["contained", "cause", "consequence", "recovered"]
"""What a measure came to."""


class FindingPart(Record):
    """What one finding brings into an incident, so that it can be moved to another without losing a time."""

    finding_id: str
    rule_name: str
    detected_at: AwareDatetime
    entities: Entities = Entities()
    notifiable: bool = False
    personal_data: bool = False
    first_event_at: datetime | None = None


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
    first_event_at: datetime | None = None
    reported_by: str = ""
    """Who told of it, for incidents entered by hand: a channel such as ``hot-line``."""
    split_from: str = ""
    parts: tuple[FindingPart, ...] = ()
    """The findings it was split off with; empty means the one of ``finding_id``."""


class FindingJoined(Fact):
    """Another finding with the same key joined the open incident."""

    topic: ClassVar[str] = "incident.finding-joined.v1"
    incident_id: str
    finding_id: str
    rule_name: str
    detected_at: AwareDatetime
    entities: Entities
    new_clients: tuple[str, ...]
    notifiable: bool = False
    personal_data: bool = False
    first_event_at: datetime | None = None


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
    """The severity was judged again."""

    topic: ClassVar[str] = "incident.severity-changed.v1"
    incident_id: str
    severity: Severity


class ContainmentStarted(Fact):
    """The first measure against the causes was taken."""

    topic: ClassVar[str] = "incident.containment-started.v1"
    incident_id: str
    action: str


class ContainmentLapsed(Fact):
    """What was said to be contained is not, or not wholly: somebody joined whose block is not confirmed."""

    topic: ClassVar[str] = "incident.containment-lapsed.v1"
    incident_id: str


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


class RemediationLapsed(Fact):
    """Something that nobody has remedied joined an incident whose cause or consequences were eliminated."""

    topic: ClassVar[str] = "incident.remediation-lapsed.v1"
    incident_id: str


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
    parts: tuple[FindingPart, ...] = ()
    acknowledged_at: AwareDatetime | None = None
    contained_at: AwareDatetime | None = None
    notifiable: bool = False
    personal_data: bool = False


class FindingsDetached(Fact):
    """Findings left this incident for another one, which goes on with them from their own detection."""

    topic: ClassVar[str] = "incident.findings-detached.v1"
    incident_id: str
    findings: tuple[str, ...]
    into: str


class FindingsTakenOver(Fact):
    """Findings of another incident go on in this one."""

    topic: ClassVar[str] = "incident.findings-taken-over.v1"
    incident_id: str
    parts: tuple[FindingPart, ...]
    other: str


class IncidentLinked(Fact):
    """This incident and another one belong together, without being the same."""

    topic: ClassVar[str] = "incident.linked.v1"
    incident_id: str
    other: str
    relation: Relation


class IncidentUnlinked(Fact):
    """They do not belong together after all."""

    topic: ClassVar[str] = "incident.unlinked.v1"
    incident_id: str
    other: str


class NotifiabilityRaised(Fact):
    """The law's duties hold for this incident: they start, counted from its detection."""

    topic: ClassVar[str] = "incident.notifiability-raised.v1"
    incident_id: str
    personal_data: bool
    on_confirmation: bool = False
    """Whether it followed from the confirmation, and not from somebody's judgement that the duties hold."""


class IncidentConfirmed(Fact):
    """A person found that it is no false alarm: it happened."""

    topic: ClassVar[str] = "incident.confirmed.v1"
    incident_id: str


class NotifiabilityLoweringProposed(Fact):
    """A person says that the law's duties do not hold; nothing changes until a second one agrees."""

    topic: ClassVar[str] = "incident.notifiability-lowering-proposed.v1"
    incident_id: str
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


class NotifiabilityLowered(Fact):
    """Two persons found that the law's duties do not hold for this incident."""

    topic: ClassVar[str] = "incident.notifiability-lowered.v1"
    incident_id: str
    second_person: str


class ClientsNamed(Fact):
    """A person named clients and loans that the events did not show."""

    topic: ClassVar[str] = "incident.clients-named.v1"
    incident_id: str
    entities: Entities
    new_clients: tuple[str, ...]


class FindingSuppressed(Fact):
    """A finding with the key of a closed incident came within the time agreed; it is kept here and opens nothing."""

    topic: ClassVar[str] = "incident.finding-suppressed.v1"
    incident_id: str
    finding_id: str


class SuppressionSet(Fact):
    """Further findings with this key open nothing until then."""

    topic: ClassVar[str] = "incident.suppression-set.v1"
    incident_id: str
    until: AwareDatetime


class LessonsRecorded(Fact):
    """What was learnt, and what will be done about it."""

    topic: ClassVar[str] = "incident.lessons-recorded.v1"
    incident_id: str
    lessons: str
    actions: str


class ClosureProposed(Fact):
    """One person wants to close a notifiable incident; a second one must agree."""

    topic: ClassVar[str] = "incident.closure-proposed.v1"
    incident_id: str
    disposition: Disposition
    roles: tuple[str, ...] = ()
    """The roles that the person held then."""


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


ContentFact = (
    IncidentOpened | FindingJoined | FindingsTakenOver | FindingsDetached | IncidentAbsorbed | ClientsNamed
    | FindingSuppressed | IncidentLinked | IncidentUnlinked
)  # fmt: skip
"""What says what is in an incident."""
HandlingFact = (
    IncidentAssigned | IncidentAcknowledged | IncidentConfirmed
    | SeverityChanged | NotifiabilityRaised | NotifiabilityLoweringProposed
    | NotifiabilityLowered | ContainmentStarted | ContainmentLapsed | CauseEliminated | ConsequenceEliminated
    | RecoveryConfirmed | RemediationLapsed
)  # fmt: skip
EndingFact = (
    IncidentMerged | ClosureProposed | IncidentClosed | IncidentReopened | SuppressionSet | LessonsRecorded | NoteAdded
)
IncidentFact = ContentFact | HandlingFact | EndingFact
"""The closed set: what folds it leaves none out."""
FACTS: tuple[type[IncidentFact], ...] = get_args(IncidentFact)


def brought(fact: Fact) -> tuple[Entities, ...]:
    """Return whom and what a fact brought into its incident."""
    match fact:
        case IncidentOpened() | IncidentAbsorbed() | FindingJoined() | ClientsNamed():
            parts = getattr(fact, "parts", ())
            return (fact.entities, *(part.entities for part in parts))
        case FindingsTakenOver():
            return tuple(part.entities for part in fact.parts)
    return ()
