"""What may be done with an incident: open, join, triage, measure, merge, close, reopen. Commands check and give facts.

No command of a person takes the instant of detection or of recording: history cannot be back-dated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from engine.incidents.facts import (
    DISPOSITIONS,
    CauseEliminated,
    ClosureProposed,
    ConsequenceEliminated,
    ContainmentStarted,
    Disposition,
    FindingJoined,
    FindingPart,
    IncidentAbsorbed,
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentClosed,
    IncidentConfirmed,
    IncidentMerged,
    IncidentOpened,
    IncidentReopened,
    LessonsRecorded,
    NoteAdded,
    NotifiabilityRaised,
    RecoveryConfirmed,
    SeverityChanged,
)
from engine.incidents.incident import Incident
from engine.incidents.owing import must_be_raised
from engine.kernel.errors import DecisionRefused, n_
from engine.kernel.facts import SEVERITIES, Fact, FindingRaised, OfIncident, Person
from engine.kernel.ids import derive
from engine.kernel.words import need_done_words, need_letters
from engine.permissions import require, require_stage, roles_of
from engine.permissions.eyes import require_other, require_two
from engine.permissions.permission import Side

TRIAGE = roles_of("assign-incident")
"""Who works incidents."""


def incident_id(finding_id: str) -> str:
    """Return the id of the incident that a finding opens."""
    return str(derive("incident", finding_id))


def open_from(finding: FindingRaised, number: str, *, at: datetime) -> IncidentOpened:
    """Open an incident from a finding. Its detection is the finding's: when the event was received, not now."""
    return IncidentOpened(
        at=at,
        incident_id=incident_id(finding.finding_id),
        number=number,
        title=_title(finding),
        incident_class=finding.incident_class,
        severity=finding.severity,
        notifiable=finding.notifiable,
        personal_data=finding.personal_data,
        detected_at=finding.detected_at,
        detection_source=finding.matched.get("event.action", "").split(".", 1)[0] or "other",
        dedup_key=finding.dedup_key,
        rule_name=finding.rule_name,
        finding_id=finding.finding_id,
        obligations=finding.obligations,
        entities=finding.entities,
        playbook=finding.playbook,
        first_event_at=finding.first_event_at,
        reason=_why(finding),
    )


def part_of(finding: FindingRaised) -> FindingPart:
    """Return what a finding brings into an incident."""
    return FindingPart(
        finding_id=finding.finding_id,
        rule_name=finding.rule_name,
        detected_at=finding.detected_at,
        entities=finding.entities,
        notifiable=finding.notifiable,
        personal_data=finding.personal_data,
        first_event_at=finding.first_event_at,
    )


def _why(finding: FindingRaised) -> str:
    """Say where severity and notifiability come from."""
    duty = f"; the law's duties hold for the class {finding.incident_class}" if finding.notifiable else ""
    return f"severity {finding.severity} is that of rule {finding.rule_name} {finding.rule_version[:12]}{duty}"


def _title(finding: FindingRaised) -> str:
    """Name the rule and what its findings are gathered by; identifiers only, never a name or number of a person."""
    subject = ", ".join(part[:60] for part in finding.dedup_key.split("|")[1:] if part != "-")
    return f"{finding.rule_title}: {subject}" if subject else finding.rule_title


def join(incident: Incident, finding: FindingRaised, *, at: datetime) -> Sequence[Fact]:
    """Let a finding with the same key join the open incident; a known finding changes nothing."""
    if finding.finding_id in incident.parts:
        return []
    new_clients = tuple(c for c in finding.entities.clients if not incident.touches("clients", c))
    return [
        FindingJoined(
            at=at,
            incident_id=incident.id,
            finding_id=finding.finding_id,
            rule_name=finding.rule_name,
            detected_at=finding.detected_at,
            entities=finding.entities,
            new_clients=new_clients,
            notifiable=finding.notifiable,
            personal_data=finding.personal_data,
            first_event_at=finding.first_event_at,
        )
    ]


def must_be_open(incident: Incident) -> None:
    """Raise DecisionRefused for an incident that is closed."""
    if not incident.is_open:
        raise DecisionRefused(
            "incident {number} is {phase}; reopen it first", number=incident.number, phase=incident.phase
        )


def _triage(incident: Incident, command: str, by: Person) -> None:
    require(command, by)
    must_be_open(incident)


def assign(incident: Incident, assignee: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Assign the incident to somebody; this acknowledges it when somebody takes it for himself."""
    _triage(incident, "assign-incident", by)
    if incident.assignee == assignee:
        return []
    facts: list[Fact] = [IncidentAssigned(at=at, actor=by.id, incident_id=incident.id, assignee=assignee)]
    if assignee == by.id and incident.acknowledged_at is None:
        facts.append(IncidentAcknowledged(at=at, actor=by.id, incident_id=incident.id))
    return facts


def acknowledge(incident: Incident, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Say that it was seen; a second time changes nothing."""
    _triage(incident, "acknowledge-incident", by)
    if incident.acknowledged_at is not None:
        return []
    return [IncidentAcknowledged(at=at, actor=by.id, incident_id=incident.id)]


def add_note(incident: Incident, text: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Write a note; anybody who may read the incident may."""
    if not text.strip() or len(text) > 10_000:
        raise DecisionRefused("a note has 1 to 10000 characters")
    require("add-note", by)
    return [NoteAdded(at=at, actor=by.id, incident_id=incident.id, text=text)]


def change_severity(incident: Incident, severity: str, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Judge the severity again, with the reason."""
    _triage(incident, "change-severity", by)
    if severity not in SEVERITIES:
        raise DecisionRefused("severity is one of {severities}", severities=SEVERITIES)
    if not reason.strip():
        raise DecisionRefused("a change of severity needs a reason")
    if severity == incident.severity:
        return []
    return [SeverityChanged(at=at, actor=by.id, reason=reason, incident_id=incident.id, severity=severity)]


Measure = Literal["containment", "cause", "consequence", "recovery"]
MEASURES: tuple[Measure, ...] = ("containment", "cause", "consequence", "recovery")


def record_measure(incident: Incident, measure: Measure, evidence: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Record a measure with its evidence; recovery needs cause and consequences eliminated first."""
    _triage(incident, "record-measure", by)
    need_done_words(evidence)
    common: OfIncident = {"at": at, "actor": by.id, "reason": "", "incident_id": incident.id}
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
    """Merge one open incident into another; return the facts of both. Neither loses a time."""
    _triage(incident, "merge-incident", by)
    _triage(into, "merge-incident", by)
    if incident.id == into.id:
        raise DecisionRefused("an incident cannot be merged into itself")
    if not reason.strip():
        raise DecisionRefused("a merge needs a reason")
    if incident.owes and not into.owes:
        raise DecisionRefused("a notifiable incident cannot disappear into one that is not; merge the other way round")
    merged = IncidentMerged(at=at, actor=by.id, reason=reason, incident_id=incident.id, into=into.id)
    absorbed = IncidentAbsorbed(
        at=at,
        actor=by.id,
        reason=reason,
        incident_id=into.id,
        other=incident.id,
        entities=incident.entities,
        parts=_parts(incident),
        acknowledged_at=incident.acknowledged_at,
        contained_at=incident.contained_at,
        notifiable=incident.notifiable,
        personal_data=incident.personal_data,
    )
    return [merged], [absorbed]


def _parts(incident: Incident) -> tuple[FindingPart, ...]:
    """Everything that is in an incident, with what people named as a part of its own."""
    assert incident.detected_at is not None
    parts = [part for part in incident.parts.values() if part.finding_id]
    named = incident.named
    for part in incident.parts.values():
        if not part.finding_id:
            named = named.union(part.entities)
    if named.clients or named.loans or not parts:
        detected = incident.detected_at
        parts.append(FindingPart(finding_id="", rule_name=incident.rule_name, detected_at=detected, entities=named))
    return tuple(parts)


def close(incident: Incident, disposition: str, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Close with a disposition. A notifiable incident takes two persons of different roles: the first call
    proposes, the second, by somebody else from compliance or the CISO, closes. A true positive of a class that the law
    names is one from that moment: its duties are raised, and the first call only proposes."""
    if disposition not in DISPOSITIONS:
        raise DecisionRefused("disposition is one of {dispositions}", dispositions=DISPOSITIONS)
    if not reason.strip():
        raise DecisionRefused("closing needs a reason; rule tuning feeds on it")
    if not incident.is_open:
        raise DecisionRefused("incident {number} is {phase}", number=incident.number, phase=incident.phase)
    require("close-incident", by)
    need_letters(reason)
    common: OfIncident = {"at": at, "actor": by.id, "reason": reason, "incident_id": incident.id}
    if disposition == "true_positive" and must_be_raised(incident):
        return [*_confirmed(incident, common), _proposal(common, disposition, by)]
    if not incident.owes:
        return [IncidentClosed(**common, disposition=disposition, second_person=None)]
    if incident.proposed is None or incident.proposed[1] != disposition:
        return [_proposal(common, disposition, by)]
    proposer = incident.proposed[0]
    refusal = n_("the person who proposed closing a notifiable incident cannot also agree to it")
    require_other("close-incident", by, {Side.PROPOSER: (proposer,)}, refusal)
    require_stage("close-incident", by)
    require_two("close-incident", proposer, incident.proposer_roles, by)
    return [IncidentClosed(**common, disposition=disposition, second_person=proposer)]


def _proposal(common: OfIncident, disposition: Disposition, by: Person) -> ClosureProposed:
    return ClosureProposed(**common, disposition=disposition, roles=by.held_roles)


def confirm(incident: Incident, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Say that it is no false alarm; where the law names its class the duties are raised. A second time changes
    nothing."""
    _triage(incident, "confirm-incident", by)
    if not reason.strip():
        raise DecisionRefused("say what confirms the incident")
    common: OfIncident = {"at": at, "actor": by.id, "reason": reason, "incident_id": incident.id}
    return _confirmed(incident, common)


def _confirmed(incident: Incident, common: OfIncident) -> list[Fact]:
    facts: list[Fact] = [] if incident.confirmed_at is not None else [IncidentConfirmed(**common)]
    if must_be_raised(incident):
        facts.append(NotifiabilityRaised(**common, personal_data=incident.personal_data, on_confirmation=True))
    return facts


def record_lessons(incident: Incident, lessons: str, actions: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Record what was learnt from a closed incident and what will be done about it (lessons-learned)."""
    require("record-lessons", by)
    if incident.disposition is None:
        raise DecisionRefused("lessons are recorded when the incident is closed")
    if not lessons.strip() or not actions.strip() or max(len(lessons), len(actions)) > 10_000:
        raise DecisionRefused("say what was learnt and what will be done, in at most 10000 characters each")
    return [LessonsRecorded(at=at, actor=by.id, incident_id=incident.id, lessons=lessons, actions=actions)]


def reopen(incident: Incident, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Go on with a closed incident; its clocks count from the original detection."""
    if incident.disposition is None:
        raise DecisionRefused("incident {number} is not closed", number=incident.number)
    require("reopen-incident", by)
    if not reason.strip():
        raise DecisionRefused("reopening needs a reason")
    return [IncidentReopened(at=at, actor=by.id, reason=reason, incident_id=incident.id)]
