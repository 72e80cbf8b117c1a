"""One line of words for each fact, for the timelines of incidents, protections and duties."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from engine.duties import facts as c
from engine.governance import facts as g
from engine.incidents import facts as i
from engine.kernel.facts import Fact, StoredFact
from engine.kernel.timestamps import iso
from engine.kernel.trouble import Trouble, told
from engine.notices import facts as n
from engine.protection import facts as p
from infra.read.reading import Reading
from infra.read.rows import incidents
from playbooks import run as runs
from reports.labels import word


class Entry(NamedTuple):
    """A fact on a timeline, in words."""

    position: int
    at: datetime
    actor: str
    topic: str
    """The first word of the topic: what it is about."""
    text: str
    reason: str


def entries(house: Reading, owner: str) -> list[Entry]:
    """Give the timeline of an incident or protection, newest first."""
    recorded = house.decisions.timeline(owner)
    names = _names(house, recorded)
    return [
        Entry(
            position=it.position,
            at=it.fact.at,
            actor=it.fact.actor,
            topic=it.fact.topic.split(".")[0],
            text=describe(it.fact, names),
            reason=it.fact.reason,
        )
        for it in reversed(recorded)
        if not _is_scaffolding(it.fact)
    ]


def _is_scaffolding(fact: Fact) -> bool:
    """Steps that only begin and end a branch tell a reader nothing."""
    kind = str(getattr(fact, "step_id", "")).split("--")[0]
    return kind in ("start", "end") and isinstance(fact, runs.StepEntered | runs.StepFinished)


def _names(house: Reading, recorded: list[StoredFact]) -> dict[str, str]:
    """The words for ids that appear in later facts: clocks, notices, steps, orders, other incidents."""
    names = incidents.numbers(house.database)
    for it in recorded:
        match it.fact:
            case c.ClockStarted() as fact:
                names[fact.clock_id] = word(fact.kind) + (f" ({fact.subject})" if fact.subject else "")
            case n.NoticeDrafted() as fact:
                stage = "" if fact.stage == "initial" else f", {word(fact.stage)}"
                names[fact.notice_id] = word(fact.kind) + stage + (f" ({fact.subject})" if fact.subject else "")
            case runs.RunStarted() as fact:
                for playbook in house.playbooks.values():
                    if playbook.digest == fact.digest:
                        names |= {step_id: str(step.get("name", "")) for step_id, step in playbook.workflow.items()}
            case p.OrderIssued() as fact:
                names[fact.order_id] = f"{word(fact.kind)} → {fact.target}"
    return names


def describe(fact: Fact, names: dict[str, str]) -> str:
    """Say in words what a fact means."""
    for ours in (_incident, _casework, _clock, _notice, _run, _protection, _duty):
        text = ours(fact, names)
        if text is not None:
            return text
    return told(fact)[1] if isinstance(fact, Trouble) else fact.topic


def _incident(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case i.IncidentOpened():
            how = f"by rule {fact.rule_name}" if fact.rule_name else f"by hand, told by {word(fact.reported_by)}"
            return f"Incident {fact.number} opened {how}"
        case i.FindingJoined():
            more = f", new clients: {', '.join(fact.new_clients[:5])}" if fact.new_clients else ""
            return f"Another finding of {fact.rule_name} joined{more}"
        case i.IncidentAssigned():
            return f"Assigned to {fact.assignee}"
        case i.IncidentAcknowledged():
            return "Acknowledged"
        case i.NoteAdded():
            return fact.text
        case i.SeverityChanged():
            return f"Severity is now {fact.severity}"
        case i.ContainmentStarted():
            return f"Contained: {fact.action}"
        case i.CauseEliminated():
            return f"Cause eliminated: {fact.evidence}"
        case i.ConsequenceEliminated():
            return f"Consequences eliminated: {fact.evidence}"
        case i.RecoveryConfirmed():
            return f"Normal state confirmed: {fact.evidence}"
        case i.ClosureProposed():
            return f"Closing proposed as {word(fact.disposition)}; a second person must agree"
        case i.IncidentClosed():
            return f"Closed as {word(fact.disposition)}"
        case i.IncidentReopened():
            return "Reopened"
        case i.LessonsRecorded():
            return f"Lessons: {fact.lessons} Actions: {fact.actions}"
    return None


def _casework(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case i.IncidentMerged():
            return f"Merged into {names.get(fact.into, 'another incident')}"
        case i.IncidentAbsorbed():
            return f"{names.get(fact.other, 'Another incident')} was merged into this one"
        case i.FindingsDetached():
            return f"{len(fact.findings)} finding(s) moved to {names.get(fact.into, 'another incident')}"
        case i.FindingsTakenOver():
            return f"{len(fact.parts)} finding(s) taken over from {names.get(fact.other, 'another incident')}"
        case i.IncidentLinked():
            return f"Linked with {names.get(fact.other, 'another incident')} ({word(fact.relation)})"
        case i.IncidentUnlinked():
            return f"No longer linked with {names.get(fact.other, 'another incident')}"
        case i.NotifiabilityRaised():
            return "The law's duties hold for this incident"
        case i.NotifiabilityLoweringProposed():
            return "Proposed: the law's duties do not hold; a second person must agree"
        case i.NotifiabilityLowered():
            return f"The law's duties do not hold (proposed by {fact.second_person})"
        case i.ClientsNamed():
            return f"Affected clients named: {', '.join((*fact.entities.clients, *fact.entities.loans)[:8])}"
        case i.FindingSuppressed():
            return "A finding with the same key came and was suppressed"
        case i.SuppressionSet():
            return f"Further findings with this key open nothing until {iso(fact.until)[:16]}"
    return None


def _clock(fact: Fact, names: dict[str, str]) -> str | None:
    if not isinstance(fact, c.FACTS):
        return None
    name = names.get(str(getattr(fact, "clock_id", "")), "Clock")
    match fact:
        case c.ClockStarted():
            return f"{name}: clock started{' by hand' if fact.by_hand else ''} ({fact.policy})"
        case c.ClockMarkReached():
            return f"{name}: {fact.percent} % of the term used; told {_told(fact.escalated_to)}"
        case c.ClockWentLate():
            return f"{name}: the strict instant has passed"
        case c.ClockBreached():
            return f"{name}: BREACHED; told {_told(fact.escalated_to)}"
        case c.ClockReminded():
            return f"{name}: still owed {fact.after_days} days after the breach; told {_told(fact.escalated_to)}"
        case c.ClockSatisfied():
            return f"{name}: satisfied{' late' if fact.late else ''} by {fact.proof}"
        case c.ClockProofWithdrawn():
            return f"{name}: owed again"
        case c.ClockCancellationProposed():
            return f"{name}: cancelling proposed; a second person must agree"
        case c.ClockCancelled():
            return f"{name}: cancelled, second person {fact.second_person}"
        case c.ClockResumed():
            return f"{name}: resumed"
        case c.ClockRecounted():
            later = "; the new calendar would give a later one" if fact.counted_due_at > fact.due_at else ""
            return f"{name}: counted again, due {iso(fact.due_at)[:16]}Z{later}"
        case c.ClockLaterAccepted():
            return f"{name}: the later deadline was accepted"
    return f"{name}: counted from an earlier detection"


def _told(roles: tuple[str, ...]) -> str:
    return ", ".join(map(word, roles)) or "nobody"


def _notice(fact: Fact, names: dict[str, str]) -> str | None:
    if not isinstance(fact, n.FACTS):
        return None
    name = names.get(str(getattr(fact, "notice_id", "")), "Notice")
    match fact:
        case n.NoticeDrafted():
            return f"{name}: drafted"
        case n.NoticeRedrafted():
            return f"{name}: drafted anew, the incident has changed"
        case n.NoticeEdited():
            return f"{name}: edited ({fact.language})"
        case n.NoticeSubmitted():
            return f"{name}: submitted for review"
        case n.NoticeReturned():
            return f"{name}: given back"
        case n.NoticeApproved():
            return f"{name}: approved, content {fact.content_hash[:12]}…"
        case n.NoticeSent():
            return f"{name}: sent by {fact.channel} to {fact.recipient}, reference {fact.transport_ref}"
        case n.NoticeRefused():
            return f"{name}: REFUSED: {fact.answer}"
        case n.NoticeUnknown():
            return f"{name}: nobody knows whether it arrived: {fact.detail}"
        case n.NoticeBounced():
            return f"{name}: CAME BACK from {fact.recipient}: {fact.status} {fact.detail}"
        case n.NoticeResendOrdered():
            mark = ", marked as a repeat" if fact.repeat else ""
            return f"{name}: try {fact.attempt} ordered, to {fact.recipient}{mark}"
        case n.NoticeReceipted():
            return f"{name}: receipt {fact.reference} of {fact.received_on}"
    return f"{name}: withdrawn"


def _run(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case runs.RunStarted():
            return f"Playbook started: {fact.playbook_name}"
        case runs.StepEntered():
            return f"Playbook step: {names.get(fact.step_id, fact.step_id.split('--')[0])}"
        case runs.TaskOpened():
            return f"Task for {', '.join(map(word, fact.roles))}: {fact.title}"
        case runs.CommandRequested():
            return f"Order given: {fact.order}"
        case runs.StepFinished():
            name = names.get(fact.step_id, fact.step_id.split("--")[0])
            return f"Step finished ({fact.outcome}): {name}" + (f" — {fact.evidence}" if fact.evidence else "")
        case runs.RunCompleted():
            return "Playbook completed"
        case runs.RunFailed():
            return "Playbook failed"
        case runs.RunCancelled():
            return "Playbook stopped"
    return None


def _protection(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case p.ActRegistered():
            return f"Act {fact.act.number} of {fact.act.issuer} entered"
        case p.ActVerified():
            return "Act found genuine" if fact.genuine else "Act found NOT genuine; the stops are lifted"
        case p.ActDocumentAttached():
            return f"Document attached: {fact.name}, SHA-256 {fact.sha256[:12]}…"
        case p.CourtRuled():
            return f"Court decision {fact.number} of {fact.court}: {word(fact.ruling)}"
        case p.OutcomeProposed():
            return f"Proposed: {word(fact.outcome)}; a second person must decide"
        case p.OutcomeDecided():
            return f"Decided: {word(fact.outcome)} (proposed by {fact.proposed_by})"
        case p.OutcomeDeclined():
            return f"Declined: {word(fact.outcome)} (proposed by {fact.proposed_by})"
        case p.OrderIssued():
            return f"Order: {word(fact.kind)} → {fact.target}"
        case p.OrderHandedOver():
            return f"Sent as a letter: {names.get(fact.order_id, 'order')}, {fact.reference}"
        case p.OrderAcknowledged():
            return f"Acknowledged: {names.get(fact.order_id, 'order')}, reference {fact.reference}"
        case p.OrderOverdue():
            name = names.get(fact.order_id, "order")
            return f"NOT acknowledged after {fact.attempts} tries: {name} ({fact.last_answer})"
        case p.OrderRevoked():
            return f"Not tried any more: {names.get(fact.order_id, 'order')}"
        case p.ViolationFound():
            return f"VIOLATED: see {names.get(fact.incident_id, 'the incident')}"
    return None


def _duty(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case g.DutyDone():
            return f"Done on {fact.done_on}: {fact.evidence}"
        case g.ActionPlanned():
            return f"Action for {fact.owner} until {fact.due_on}: {fact.text}"
        case g.ActionClosed():
            return f"Action carried out: {fact.evidence}"
        case g.EvidenceRecorded():
            return f"Evidence: {fact.text}"
        case g.RiskEntered():
            return f"Risk entered: {fact.threat}"
        case g.RiskScored():
            loss = f"{fact.confidentiality}/{fact.integrity}/{fact.availability}"
            return f"Scored by {fact.expert}: likelihood {fact.likelihood}, loss {loss}"
        case g.RiskTreated():
            return f"Treatment: {fact.treatment}. {fact.measures}"
    return None
