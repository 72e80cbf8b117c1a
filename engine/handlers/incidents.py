"""Handlers of what people ask of incidents."""

from __future__ import annotations

from engine.handlers.desk import ORGANISATION, Desk, Work
from engine.handlers.register import handles, in_unit
from engine.incidents import casework, triage
from engine.incidents.casework import NAMED_TOGETHER, Report
from engine.incidents.client_list import read_client_list
from engine.incidents.commands import (
    AcknowledgeIncident,
    AddNote,
    AssignIncident,
    ChangeSeverity,
    CloseIncident,
    ConfirmIncident,
    LinkIncidents,
    LowerNotifiability,
    MergeIncident,
    MoveFindings,
    NameClientList,
    NameClients,
    RaiseNotifiability,
    RecordLessons,
    RecordMeasure,
    ReopenIncident,
    ReportIncident,
    SplitIncident,
    SuppressFindings,
    UnlinkIncidents,
)
from engine.incidents.facts import ClientsNamed
from engine.incidents.incident import Incident
from engine.kernel.commands import DONE, Counted, Decided, Made, Outcome
from engine.kernel.errors import InputError
from engine.kernel.facts import Person


@in_unit(ReportIncident)
def report(work: Work, command: ReportIncident) -> Made:
    """Open an incident that somebody told of, once."""
    told = Report(**dict(command))
    key = casework.report_id(told)
    if not work.unit.load(Incident, key).id:
        key, facts = casework.report(told, work.unit.next_number(), by=work.by, at=work.at)
        work.record(Incident, key, facts)
    return Made(id=key)


@handles(AssignIncident)
def assign(desk: Desk, command: AssignIncident, by: Person) -> Outcome:
    """Assign an incident to somebody who may work it."""
    assignee = command.assignee or by.id
    people = {person.id: person for person in desk.accounts.people()}
    if assignee not in people or not people[assignee].may(*triage.TRIAGE):
        raise InputError("the assignee must be an account with a triage role", field="assignee")
    with desk.work(by) as work:
        incident = work.get(Incident, command.incident_id)
        work.record(Incident, incident.id, triage.assign(incident, assignee, by=by, at=work.at))
    return DONE


@in_unit(ConfirmIncident)
def confirm(work: Work, command: ConfirmIncident) -> Outcome:
    """Say that it is no false alarm."""
    incident = work.get(Incident, command.incident_id)
    work.record(Incident, incident.id, triage.confirm(incident, command.reason, by=work.by, at=work.at))
    return DONE


@in_unit(AcknowledgeIncident)
def acknowledge(work: Work, command: AcknowledgeIncident) -> Outcome:
    """Say that an incident was seen."""
    incident = work.get(Incident, command.incident_id)
    work.record(Incident, incident.id, triage.acknowledge(incident, by=work.by, at=work.at))
    return DONE


@in_unit(AddNote)
def add_note(work: Work, command: AddNote) -> Outcome:
    """Write a note."""
    incident = work.get(Incident, command.incident_id)
    work.record(Incident, incident.id, triage.add_note(incident, command.text, by=work.by, at=work.at))
    return DONE


@in_unit(ChangeSeverity)
def change_severity(work: Work, command: ChangeSeverity) -> Outcome:
    """Judge the severity again."""
    incident = work.get(Incident, command.incident_id)
    facts = triage.change_severity(incident, command.severity, command.reason, by=work.by, at=work.at)
    work.record(Incident, incident.id, facts)
    return DONE


@handles(RecordMeasure)
def record_measure(desk: Desk, command: RecordMeasure, by: Person) -> Outcome:
    """Record a measure taken outside a playbook."""
    measure = next((known for known in triage.MEASURES if known == command.measure), None)
    if measure is None:
        raise InputError("a measure is containment, cause, consequence or recovery", field="measure")
    with desk.work(by) as work:
        incident = work.get(Incident, command.incident_id)
        facts = triage.record_measure(incident, measure, command.evidence, by=by, at=work.at)
        work.record(Incident, incident.id, facts)
    return DONE


@in_unit(RaiseNotifiability)
def raise_notifiability(work: Work, command: RaiseNotifiability) -> Outcome:
    """Say that the law's duties hold."""
    incident = work.get(Incident, command.incident_id)
    facts = casework.raise_notifiability(incident, command.personal_data, command.reason, by=work.by, at=work.at)
    work.record(Incident, incident.id, facts)
    return DONE


@in_unit(LowerNotifiability)
def lower_notifiability(work: Work, command: LowerNotifiability) -> Decided:
    """Say that they do not: propose, or agree as the second person."""
    incident = work.get(Incident, command.incident_id)
    facts = casework.lower_notifiability(incident, command.reason, by=work.by, at=work.at)
    work.record(Incident, incident.id, facts)
    return Decided(decided=not incident.owes and incident.lowering is None)


@handles(NameClientList)
def name_client_list(desk: Desk, command: NameClientList, by: Person) -> Counted:
    """Keep a list and name its clients, in as many units of work as it takes; the same list again names the rest."""
    found = read_client_list(command.document.data, command.document.name or "list")
    with desk.work(by) as work:
        work.get(Incident, command.incident_id)
    kept = desk.keep(command.document, client=ORGANISATION, about=command.incident_id, by=by, name="clients.csv")
    reason = f"{command.reason} ({kept.name}, SHA-256 {found.sha256})"
    new = 0
    for start in range(0, max(len(found.clients), len(found.loans)), NAMED_TOGETHER):
        clients = found.clients[start : start + NAMED_TOGETHER]
        loans = found.loans[start : start + NAMED_TOGETHER]
        with desk.work(by) as work:
            incident = work.get(Incident, command.incident_id)
            facts = casework.name_clients(incident, clients, loans, reason, by=by, at=work.at)
            work.record(Incident, incident.id, facts)
            new += sum(len(fact.new_clients) for fact in facts if isinstance(fact, ClientsNamed))
    return Counted(count=new)


@in_unit(NameClients)
def name_clients(work: Work, command: NameClients) -> Outcome:
    """Name clients and loans that the events did not show."""
    incident = work.get(Incident, command.incident_id)
    facts = casework.name_clients(
        incident, command.clients, command.loans, command.reason, by=work.by, at=work.at
    )  # fmt: skip
    work.record(Incident, incident.id, facts)
    return DONE


@in_unit(MergeIncident)
def merge(work: Work, command: MergeIncident) -> Outcome:
    """Merge one incident into another."""
    incident, into = work.get(Incident, command.incident_id), work.by_number(command.into)
    merged, absorbed = triage.merge(incident, into, command.reason, by=work.by, at=work.at)
    work.record(Incident, incident.id, merged)
    work.record(Incident, into.id, absorbed)
    return DONE


@in_unit(SplitIncident)
def split(work: Work, command: SplitIncident) -> Made:
    """Move findings into a new incident."""
    incident = work.get(Incident, command.incident_id)
    key, left, opened = casework.split(
        incident, command.findings, work.unit.next_number(), command.title, command.reason, by=work.by, at=work.at
    )
    work.record(Incident, key, opened)
    work.record(Incident, incident.id, left)
    return Made(id=key)


@in_unit(MoveFindings)
def move(work: Work, command: MoveFindings) -> Outcome:
    """Move findings into another open incident."""
    incident, into = work.get(Incident, command.incident_id), work.by_number(command.into)
    left, taken = casework.move(incident, command.findings, into, command.reason, by=work.by, at=work.at)
    work.record(Incident, into.id, taken)
    work.record(Incident, incident.id, left)
    return DONE


@in_unit(LinkIncidents)
def link(work: Work, command: LinkIncidents) -> Outcome:
    """Link two incidents."""
    incident, other = work.get(Incident, command.incident_id), work.by_number(command.other)
    one, two = casework.link(incident, other, command.relation, command.reason, by=work.by, at=work.at)
    work.record(Incident, incident.id, one)
    work.record(Incident, other.id, two)
    return DONE


@in_unit(UnlinkIncidents)
def unlink(work: Work, command: UnlinkIncidents) -> Outcome:
    """Take a link back."""
    incident, other = work.get(Incident, command.incident_id), work.by_number(command.other)
    one, two = casework.unlink(incident, other, command.reason, by=work.by, at=work.at)
    work.record(Incident, incident.id, one)
    work.record(Incident, other.id, two)
    return DONE


@in_unit(SuppressFindings)
def suppress(work: Work, command: SuppressFindings) -> Outcome:
    """Let further findings with the key of a closed incident open nothing for a while."""
    incident = work.get(Incident, command.incident_id)
    work.record(
        Incident, incident.id, casework.suppress(incident, command.until, command.reason, by=work.by, at=work.at)
    )
    return DONE


@in_unit(CloseIncident)
def close(work: Work, command: CloseIncident) -> Decided:
    """Close, or propose closing."""
    incident = work.get(Incident, command.incident_id)
    facts = triage.close(incident, command.disposition, command.reason, by=work.by, at=work.at)
    work.record(Incident, incident.id, facts)
    return Decided(decided=not incident.is_open)


@in_unit(RecordLessons)
def record_lessons(work: Work, command: RecordLessons) -> Outcome:
    """Record what was learnt from a closed incident."""
    incident = work.get(Incident, command.incident_id)
    facts = triage.record_lessons(incident, command.lessons, command.actions, by=work.by, at=work.at)
    work.record(Incident, incident.id, facts)
    return DONE


@in_unit(ReopenIncident)
def reopen(work: Work, command: ReopenIncident) -> Outcome:
    """Go on with a closed incident."""
    incident = work.get(Incident, command.incident_id)
    work.record(Incident, incident.id, triage.reopen(incident, command.reason, by=work.by, at=work.at))
    return DONE
