"""Casework beyond triage: incidents told by people, split, moved, linked, suppressed; whether the law's duties hold.

No command makes a time later than it was: what is split off goes on from its own detection, and what is merged keeps
the earlier of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

from pydantic import AwareDatetime, Field

from engine.incidents.facts import (
    RELATIONS,
    ClientsNamed,
    FindingPart,
    FindingsDetached,
    FindingsTakenOver,
    FindingSuppressed,
    IncidentLinked,
    IncidentOpened,
    IncidentUnlinked,
    NotifiabilityLowered,
    NotifiabilityLoweringProposed,
    NotifiabilityRaised,
    SuppressionSet,
)
from engine.incidents.incident import Incident
from engine.incidents.owing import NOTIFIABLE_CLASSES, NotifiableClass, leaving_with, owes_when_confirmed
from engine.incidents.triage import must_be_open
from engine.kernel.errors import DecisionRefused, InputError, n_
from engine.kernel.facts import SEVERITIES, Entities, Fact, FindingRaised, OfIncident, Person, Reasoned, Record
from engine.kernel.ids import derive
from engine.kernel.words import need_letters
from engine.permissions import require, require_stage
from engine.permissions.eyes import require_other, require_two
from engine.permissions.permission import Side

LONGEST_SUPPRESSION = timedelta(days=90)
LONGEST_AGO = timedelta(days=366)
"""How far back a person may say that the organisation was told."""
NAMED_TOGETHER = 500
"""Clients in one fact: what follows from a fact is done together."""
Channel = Literal["hot-line", "letter", "complaint", "employee", "partner", "authority", "other"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
IncidentClass = NotifiableClass | Literal["control-failure", "infrastructure"]
"""The classes that people choose from. A rule file of one's own may name another, so facts hold a text."""
CLASSES: tuple[IncidentClass, ...] = (*NOTIFIABLE_CLASSES, "control-failure", "infrastructure")


class Report(Record):
    """An incident that somebody told of: by telephone, letter, complaint, from a colleague or a partner."""

    title: str = Field(min_length=3, max_length=200)
    incident_class: str
    severity: str = "high"
    channel: Channel
    told_at: AwareDatetime
    """When the organisation was told: the duties count from here, not from when it was typed in."""
    clients: tuple[str, ...] = Field(default=(), max_length=1000)
    loans: tuple[str, ...] = Field(default=(), max_length=1000)
    personal_data: bool = False
    reference: str = Field(default="", max_length=200)


def report(told: Report, number: str, *, by: Person, at: datetime) -> tuple[str, Sequence[Fact]]:
    """Open an incident by hand; return its id. The same report entered twice is one incident."""
    require("report-incident", by)
    if told.incident_class not in CLASSES:
        raise InputError("the class is one of {classes}", field="incident_class", classes=CLASSES)
    if told.severity not in SEVERITIES:
        raise InputError("severity is one of {severities}", field="severity", severities=SEVERITIES)
    if told.told_at > at + timedelta(minutes=5):
        raise InputError("nobody can have told of it in the future", field="told_at")
    if told.told_at < at - LONGEST_AGO:
        raise InputError("a telling more than a year ago is a slip of the hand", field="told_at")
    key = report_id(told)
    notifiable = told.incident_class in NOTIFIABLE_CLASSES
    duty = "the law's duties hold for this class" if notifiable else "no duty of the law holds for this class"
    opened = IncidentOpened(
        at=at,
        actor=by.id,
        reason=f"told by {told.channel}; severity {told.severity} by {by.id}; {duty}",
        incident_id=key,
        number=number,
        title=told.title,
        incident_class=told.incident_class,
        severity=told.severity,
        notifiable=notifiable,
        personal_data=told.personal_data,
        detected_at=told.told_at,
        detection_source=told.channel,
        dedup_key=f"report|{key}",
        rule_name="",
        finding_id="",
        obligations=(),
        entities=Entities(clients=told.clients, loans=told.loans),
        playbook=None,
        first_event_at=told.told_at,
        reported_by=told.channel,
    )
    return key, [opened]


def report_id(told: Report) -> str:
    """Return the id of a reported incident."""
    what = (told.channel, told.told_at.isoformat(), told.reference, told.incident_class, told.title)
    return str(derive("incident", "report", *what, *sorted(told.clients)))


def split(
    incident: Incident, findings: Sequence[str], number: str, title: str, reason: str, *, by: Person, at: datetime
) -> tuple[str, Sequence[Fact], Sequence[Fact]]:
    """Move findings into a new incident; return its id, the facts of this one and of the new one."""
    parts = _leaving(incident, findings, reason, "split-incident", by)
    key = str(derive("incident", "split", incident.id, *sorted(findings)))
    first = min(parts, key=lambda part: part.detected_at)
    entities = Entities()
    for part in parts:
        entities = entities.union(part.entities)
    opened = IncidentOpened(
        at=at,
        actor=by.id,
        reason=f"split from {incident.number}: {reason}",
        incident_id=key,
        number=number,
        title=title.strip()[:200] or incident.title,
        incident_class=incident.incident_class,
        severity=incident.severity,
        notifiable=any(part.notifiable for part in parts) and not incident.waived,
        personal_data=any(part.personal_data for part in parts),
        detected_at=first.detected_at,
        detection_source=incident.detection_source,
        dedup_key=f"split|{key}",
        rule_name=first.rule_name,
        finding_id=first.finding_id,
        obligations=incident.obligations,
        entities=entities,
        playbook=incident.playbook,
        first_event_at=first.first_event_at,
        split_from=incident.id,
        parts=parts,
    )
    return key, [_detached(incident, parts, key, reason, by, at)], [opened]


def move(
    incident: Incident, findings: Sequence[str], into: Incident, reason: str, *, by: Person, at: datetime
) -> tuple[Sequence[Fact], Sequence[Fact]]:
    """Move findings into another open incident; return the facts of both."""
    parts = _leaving(incident, findings, reason, "move-findings", by)
    if not into.is_open or into.id == incident.id:
        raise DecisionRefused("findings are moved into another open incident")
    if any(part.notifiable for part in parts) and not into.notifiable:
        raise DecisionRefused("a notifiable finding cannot disappear into an incident that is not notifiable")
    taken = FindingsTakenOver(at=at, actor=by.id, reason=reason, incident_id=into.id, parts=parts, other=incident.id)
    return [_detached(incident, parts, into.id, reason, by, at)], [taken]


def _leaving(
    incident: Incident, findings: Sequence[str], reason: str, command: str, by: Person
) -> tuple[FindingPart, ...]:
    _works(incident, command, by)
    wanted = tuple(dict.fromkeys(findings))
    missing = [finding for finding in wanted if finding not in incident.findings]
    if not wanted or missing:
        raise DecisionRefused("name findings that are in this incident")
    if len(wanted) == len(incident.parts):
        raise DecisionRefused("an incident keeps at least one finding; merge it instead")
    if not reason.strip():
        raise DecisionRefused("moving findings needs a reason")
    return leaving_with(incident, [incident.parts[finding] for finding in wanted])


def _detached(
    incident: Incident, parts: Sequence[FindingPart], into: str, reason: str, by: Person, at: datetime
) -> FindingsDetached:
    ids = tuple(part.finding_id for part in parts)
    return FindingsDetached(at=at, actor=by.id, reason=reason, incident_id=incident.id, findings=ids, into=into)


def link(
    incident: Incident, other: Incident, relation: str, reason: str, *, by: Person, at: datetime
) -> tuple[Sequence[Fact], Sequence[Fact]]:
    """Say that two incidents belong together; both say so afterwards. Linking again changes nothing."""
    if relation not in RELATIONS:
        raise DecisionRefused("a relation is one of {relations}", relations=RELATIONS)
    require("link-incidents", by)
    if incident.id == other.id:
        raise DecisionRefused("an incident cannot be linked to itself")
    if incident.links.get(other.id) == relation:
        return [], []
    common: Reasoned = {"at": at, "actor": by.id, "reason": reason}
    return (
        [IncidentLinked(incident_id=incident.id, other=other.id, relation=relation, **common)],
        [IncidentLinked(incident_id=other.id, other=incident.id, relation=relation, **common)],
    )


def unlink(
    incident: Incident, other: Incident, reason: str, *, by: Person, at: datetime
) -> tuple[Sequence[Fact], Sequence[Fact]]:
    """Take a link back, with the reason."""
    require("unlink-incidents", by)
    if other.id not in incident.links:
        raise DecisionRefused("these incidents are not linked")
    if not reason.strip():
        raise DecisionRefused("taking a link back needs a reason")
    common: Reasoned = {"at": at, "actor": by.id, "reason": reason}
    return (
        [IncidentUnlinked(incident_id=incident.id, other=other.id, **common)],
        [IncidentUnlinked(incident_id=other.id, other=incident.id, **common)],
    )


def raise_notifiability(
    incident: Incident, personal_data: bool, reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Say that the law's duties hold: one person is enough, for it can only make things stricter."""
    _works(incident, "raise-notifiability", by)
    if not reason.strip():
        raise DecisionRefused("say why the law's duties hold")
    if incident.notifiable and (incident.personal_data or not personal_data):
        return []
    return [
        NotifiabilityRaised(at=at, actor=by.id, reason=reason, incident_id=incident.id, personal_data=personal_data)
    ]


def lower_notifiability(incident: Incident, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Say that the law's duties do not hold: the first call proposes, a second person from compliance agrees. Of an
    incident that owes nothing yet it says that its confirmation shall raise no duties either."""
    _works(incident, "lower-notifiability", by)
    if not incident.owes and (incident.waived or not owes_when_confirmed(incident.incident_class)):
        return []
    need_letters(reason)
    common: OfIncident = {"at": at, "actor": by.id, "reason": reason, "incident_id": incident.id}
    if incident.lowering is None:
        return [NotifiabilityLoweringProposed(**common, roles=by.held_roles)]
    proposer, _ = incident.lowering
    refusal = n_("who proposed that the law's duties do not hold cannot also agree")
    require_other("lower-notifiability", by, {Side.PROPOSER: (proposer,)}, refusal)
    require_stage("lower-notifiability", by)
    require_two("lower-notifiability", proposer, incident.lowering_roles, by)
    return [NotifiabilityLowered(**common, second_person=proposer)]


def name_clients(
    incident: Incident, clients: Sequence[str], loans: Sequence[str], reason: str, *, by: Person, at: datetime
) -> Sequence[Fact]:
    """Name clients and loans that the events did not show; each new client is owed a notice."""
    _works(incident, "name-clients", by)
    if not reason.strip():
        raise DecisionRefused("say how it is known that they are affected")
    if any(not name or len(name) > 100 for name in (*clients, *loans)):
        raise DecisionRefused("an identifier has 1 to 100 characters")
    new = tuple(client for client in dict.fromkeys(clients) if not incident.touches("clients", client))
    more = tuple(loan for loan in dict.fromkeys(loans) if not incident.touches("loans", loan))
    if not new and not more:
        return []
    facts = []
    for start in range(0, max(len(new), len(more)), NAMED_TOGETHER):
        part = new[start : start + NAMED_TOGETHER]
        named = Entities(clients=part, loans=more[start : start + NAMED_TOGETHER])
        facts.append(
            ClientsNamed(
                at=at, actor=by.id, reason=reason, incident_id=incident.id, entities=named, new_clients=part
            )
        )  # fmt: skip
    return facts


def suppress(incident: Incident, until: datetime, reason: str, *, by: Person, at: datetime) -> Sequence[Fact]:
    """Let further findings with this key open nothing for a while. Never for what the law wants told."""
    require("suppress-findings", by)
    if incident.is_open or incident.disposition not in ("false_positive", "benign_positive"):
        raise DecisionRefused("findings are suppressed after an incident was closed as false or benign")
    if incident.owes:
        raise DecisionRefused("findings of a notifiable rule are never suppressed; tune the rule instead")
    if not at < until <= at + LONGEST_SUPPRESSION:
        raise DecisionRefused("findings are suppressed for at most {days} days", days=LONGEST_SUPPRESSION.days)
    if not reason.strip():
        raise DecisionRefused("suppressing findings needs a reason")
    return [SuppressionSet(at=at, actor=by.id, reason=reason, incident_id=incident.id, until=until)]


def suppressed(incident: Incident, finding: FindingRaised, *, at: datetime) -> Sequence[Fact]:
    """Keep a suppressed finding with the incident that suppresses it; a known one changes nothing."""
    if finding.notifiable or finding.finding_id in incident.suppressed:
        return []
    return [FindingSuppressed(at=at, incident_id=incident.id, finding_id=finding.finding_id)]


def _works(incident: Incident, command: str, by: Person) -> None:
    require(command, by)
    must_be_open(incident)
