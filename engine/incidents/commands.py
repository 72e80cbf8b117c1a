"""What people may ask of an incident and its playbooks, as values."""

from __future__ import annotations

from pydantic import AwareDatetime

from engine.incidents.casework import Report
from engine.kernel.commands import Attachment, Command, Counted, Decided, Made, Names, Outcome, Words


class ReportIncident(Report, Command[Made]):
    """Open an incident that somebody told of. The same report twice is one incident."""


class AssignIncident(Command[Outcome]):
    """Assign an incident to somebody who may work it; to the person who asks when nobody is named."""

    incident_id: str
    assignee: str = ""


class AcknowledgeIncident(Command[Outcome]):
    """Say that an incident was seen."""

    incident_id: str


class ConfirmIncident(Command[Outcome]):
    """Say that it is no false alarm; where the law names its class the duties are raised."""

    incident_id: str
    reason: Words


class AddNote(Command[Outcome]):
    """Write a note."""

    incident_id: str
    text: Words


class ChangeSeverity(Command[Outcome]):
    """Judge the severity again."""

    incident_id: str
    severity: str
    reason: Words


class RecordMeasure(Command[Outcome]):
    """Record a measure taken outside a playbook: containment, cause, consequence or recovery."""

    incident_id: str
    measure: str
    evidence: Words


class RaiseNotifiability(Command[Outcome]):
    """Say that the law's duties hold for this incident."""

    incident_id: str
    personal_data: bool = False
    reason: Words


class LowerNotifiability(Command[Decided]):
    """Say that they do not: propose, or agree as the second person."""

    incident_id: str
    reason: Words


class NameClientList(Command[Counted]):
    """Name the clients (and loans) of a list that is a file; gives how many were new."""

    incident_id: str
    document: Attachment
    reason: Words


class NameClients(Command[Outcome]):
    """Name clients and loans that the events did not show."""

    incident_id: str
    clients: Names = ()
    loans: Names = ()
    reason: Words


class MergeIncident(Command[Outcome]):
    """Merge an incident into another one, named by its number."""

    incident_id: str
    into: str
    reason: Words


class SplitIncident(Command[Made]):
    """Move findings into a new incident."""

    incident_id: str
    findings: Names
    title: str = ""
    reason: Words


class MoveFindings(Command[Outcome]):
    """Move findings into another open incident, named by its number."""

    incident_id: str
    findings: Names
    into: str
    reason: Words


class LinkIncidents(Command[Outcome]):
    """Link an incident to another one, named by its number."""

    incident_id: str
    other: str
    relation: str = "related"
    reason: Words = ""


class UnlinkIncidents(Command[Outcome]):
    """Take a link back."""

    incident_id: str
    other: str
    reason: Words


class SuppressFindings(Command[Outcome]):
    """Let further findings with the key of a closed incident open nothing for a while."""

    incident_id: str
    until: AwareDatetime
    reason: Words


class CloseIncident(Command[Decided]):
    """Close, or propose closing; a notifiable incident takes a second person."""

    incident_id: str
    disposition: str
    reason: Words


class RecordLessons(Command[Outcome]):
    """Record what was learnt from a closed incident, and what will be done about it."""

    incident_id: str
    lessons: str
    actions: str


class ReopenIncident(Command[Outcome]):
    """Go on with a closed incident."""

    incident_id: str
    reason: Words


class StartPlaybook(Command[Made]):
    """Start a playbook, named by its label, on an incident. Starting it twice changes nothing."""

    incident_id: str
    playbook: str


class CompleteTask(Command[Outcome]):
    """Say what came of a task of a playbook: success, failure or skipped."""

    run_id: str
    step_id: str
    outcome: str = "success"
    evidence: Words
