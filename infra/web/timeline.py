"""One line of words for each fact, for the timelines of incidents and protections."""

from __future__ import annotations

from typing import Any

from engine import clocks, incidents, notices, protection
from engine.facts import Fact
from infra.bootstrap import House
from infra.store.decisions import Recorded
from infra.web.wordings import word
from playbooks import run as runs


def entries(house: House, owner: str) -> list[dict[str, Any]]:
    """Give the timeline of an incident or protection, newest first."""
    recorded = house.decisions.timeline(owner)
    names = _names(house, recorded)
    return [
        {
            "position": it.position,
            "at": it.fact.at,
            "actor": it.fact.actor,
            "topic": it.fact.topic.split(".")[0],
            "text": describe(it.fact, names),
            "reason": it.fact.reason,
        }
        for it in reversed(recorded)
        if not _is_scaffolding(it.fact)
    ]


def _is_scaffolding(fact: Fact) -> bool:
    """Steps that only begin and end a branch tell a reader nothing."""
    kind = str(getattr(fact, "step_id", "")).split("--")[0]
    return kind in ("start", "end") and isinstance(fact, runs.StepEntered | runs.StepFinished)


def _names(house: House, recorded: list[Recorded]) -> dict[str, str]:
    """The words for ids that appear in later facts: clocks, notices, steps, orders."""
    names: dict[str, str] = {}
    for it in recorded:
        match it.fact:
            case clocks.ClockStarted() as fact:
                names[fact.clock_id] = word(fact.kind) + (f" ({fact.subject})" if fact.subject else "")
            case notices.NoticeDrafted() as fact:
                names[fact.notice_id] = word(fact.kind) + (f" ({fact.subject})" if fact.subject else "")
            case runs.RunStarted() as fact:
                for playbook in house.playbooks.values():
                    if playbook.digest == fact.digest:
                        names |= {step_id: str(step.get("name", "")) for step_id, step in playbook.workflow.items()}
            case protection.OrderIssued() as fact:
                names[fact.order_id] = f"{word(fact.kind)} → {fact.target}"
    return names


def describe(fact: Fact, names: dict[str, str]) -> str:
    """Say in words what a fact means."""
    for ours in (_incident, _clock, _notice, _run, _protection):
        text = ours(fact, names)
        if text is not None:
            return text
    return fact.topic


def _incident(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case incidents.IncidentOpened():
            return f"Incident {fact.number} opened by rule {fact.rule_name}"
        case incidents.FindingJoined():
            more = f", new clients: {', '.join(fact.new_clients[:5])}" if fact.new_clients else ""
            return f"Another finding of {fact.rule_name} joined{more}"
        case incidents.IncidentAssigned():
            return f"Assigned to {fact.assignee}"
        case incidents.IncidentAcknowledged():
            return "Acknowledged"
        case incidents.NoteAdded():
            return fact.text
        case incidents.SeverityChanged():
            return f"Severity is now {fact.severity}"
        case incidents.ContainmentStarted():
            return f"Contained: {fact.action}"
        case incidents.CauseEliminated():
            return f"Cause eliminated: {fact.evidence}"
        case incidents.ConsequenceEliminated():
            return f"Consequences eliminated: {fact.evidence}"
        case incidents.RecoveryConfirmed():
            return f"Normal state confirmed: {fact.evidence}"
        case incidents.IncidentMerged():
            return "Merged into another incident"
        case incidents.IncidentAbsorbed():
            return "Another incident was merged into this one"
        case incidents.ClosureProposed():
            return f"Closing proposed as {word(fact.disposition)}; a second person must agree"
        case incidents.IncidentClosed():
            return f"Closed as {word(fact.disposition)}"
        case incidents.IncidentReopened():
            return "Reopened"
    return None


def _clock(fact: Fact, names: dict[str, str]) -> str | None:
    if not isinstance(fact, clocks.FACTS):
        return None
    name = names.get(str(getattr(fact, "clock_id", "")), "Clock")
    match fact:
        case clocks.ClockStarted():
            return f"{name}: clock started ({fact.policy})"
        case clocks.ClockMarkReached():
            return f"{name}: {fact.percent} % of the term used; told {', '.join(map(word, fact.escalated_to))}"
        case clocks.ClockWentLate():
            return f"{name}: the strict instant has passed"
        case clocks.ClockBreached():
            return f"{name}: BREACHED; told {', '.join(map(word, fact.escalated_to))}"
        case clocks.ClockSatisfied():
            return f"{name}: satisfied{' late' if fact.late else ''} by {fact.proof}"
        case clocks.ClockCancelled():
            return f"{name}: cancelled, second person {fact.second_person}"
        case clocks.ClockResumed():
            return f"{name}: resumed"
    return f"{name}: counted from an earlier detection"


def _notice(fact: Fact, names: dict[str, str]) -> str | None:
    if not isinstance(fact, notices.FACTS):
        return None
    name = names.get(str(getattr(fact, "notice_id", "")), "Notice")
    match fact:
        case notices.NoticeDrafted():
            return f"{name}: drafted"
        case notices.NoticeRedrafted():
            return f"{name}: drafted anew, the incident has changed"
        case notices.NoticeEdited():
            return f"{name}: edited ({fact.language})"
        case notices.NoticeApproved():
            return f"{name}: approved, content {fact.content_hash[:12]}…"
        case notices.NoticeSent():
            return f"{name}: sent by {fact.channel} to {fact.recipient}, reference {fact.transport_ref}"
        case notices.NoticeRefused():
            return f"{name}: REFUSED: {fact.answer}"
        case notices.NoticeUnknown():
            return f"{name}: nobody knows whether it arrived: {fact.detail}"
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
        case protection.ActRegistered():
            return f"Act {fact.act.number} of {fact.act.issuer} entered"
        case protection.ActVerified():
            return "Act found genuine" if fact.genuine else "Act found NOT genuine"
        case protection.OrderIssued():
            return f"Order: {word(fact.kind)} → {fact.target}"
        case protection.OrderAcknowledged():
            return f"Acknowledged: {names.get(fact.order_id, 'order')}, reference {fact.reference}"
        case protection.OrderOverdue():
            name = names.get(fact.order_id, "order")
            return f"NOT acknowledged after {fact.attempts} tries: {name} ({fact.last_answer})"
    return None
