"""The acts that the API has had from the beginning, each an address of its own; ``commands`` has all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from engine.incidents import commands as incidents
from engine.incidents.casework import Report
from engine.kernel.checked import checked
from engine.kernel.commands import Command, name_of
from engine.notices.commands import MOST_SIGNATURE, ApproveNotice
from engine.permissions import READ, require
from engine.protection.commands import EnterAct
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.commands.bulk import in_bulk
from infra.read.rows import incidents as rows_of_incidents
from infra.web.api.api import get_incident, get_notice
from infra.web.context import TheContainer, TheSession, admitted, token

router = APIRouter(prefix="/api/v1", dependencies=[Depends(token)])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Act(_Body):
    """An act on an incident."""

    act: Literal[
        "assign", "acknowledge", "note", "severity", "measure", "merge", "close", "reopen", "split", "move", "link",
        "unlink", "notifiable", "not-notifiable", "clients", "lessons",
    ]  # fmt: skip
    text: str = Field(default="", max_length=10_000)
    reason: str = Field(default="", max_length=2_000)
    assignee: str = ""
    severity: str = ""
    measure: str = ""
    into: str = ""
    disposition: str = ""
    findings: tuple[str, ...] = Field(default=(), max_length=1000)
    title: str = Field(default="", max_length=200)
    relation: str = "related"
    clients: tuple[str, ...] = Field(default=(), max_length=1000)
    loans: tuple[str, ...] = Field(default=(), max_length=1000)
    personal_data: bool = False
    actions: str = Field(default="", max_length=10_000)


class Many(_Body):
    """One act on many incidents."""

    ids: tuple[str, ...] = Field(min_length=1, max_length=200)
    act: Literal["assign", "acknowledge", "severity", "merge", "note", "close"]
    values: dict[str, str] = {}


class NewAct(_Body):
    """A law-enforcement act as received."""

    kind: Literal["victim_resolution", "remedial_submission", "court_decision"]
    issuer: str
    number: str
    act_date: date
    received_at: AwareDatetime
    channel: str
    client: str
    loans: tuple[str, ...] = Field(min_length=1)
    bureaus: tuple[str, ...] | None = None
    incident: str = ""
    """The incident of an act that came in and could not be read, where this is what it was."""
    reason: str = ""
    """How one knows that it is, where it does not say so itself."""


class Build(NamedTuple):
    """How an act becomes a command: field of the command → field of the act."""

    kind: type[Command[Any]]
    fields: Mapping[str, str]

    def __call__(self, key: str, body: Act) -> Command[Any]:
        """Return the command. Raise InputError naming the field."""
        return checked(
            self.kind, incident_id=key, **{name: getattr(body, given) for name, given in self.fields.items()}
        )


def _of(kind: type[Command[Any]], **fields: str) -> Build:
    return Build(kind, fields)


ACTS: dict[str, Build] = {
    "assign": _of(incidents.AssignIncident, assignee="assignee"),
    "acknowledge": _of(incidents.AcknowledgeIncident),
    "confirm": _of(incidents.ConfirmIncident),
    "note": _of(incidents.AddNote, text="text"),
    "severity": _of(incidents.ChangeSeverity, severity="severity", reason="reason"),
    "measure": _of(incidents.RecordMeasure, measure="measure", evidence="text"),
    "merge": _of(incidents.MergeIncident, into="into", reason="reason"),
    "close": _of(incidents.CloseIncident, disposition="disposition", reason="reason"),
    "reopen": _of(incidents.ReopenIncident, reason="reason"),
    "split": _of(incidents.SplitIncident, findings="findings", title="title", reason="reason"),
    "move": _of(incidents.MoveFindings, findings="findings", into="into", reason="reason"),
    "link": _of(incidents.LinkIncidents, other="into", relation="relation", reason="reason"),
    "unlink": _of(incidents.UnlinkIncidents, other="into", reason="reason"),
    "notifiable": _of(incidents.RaiseNotifiability, personal_data="personal_data", reason="reason"),
    "not-notifiable": _of(incidents.LowerNotifiability, reason="reason"),
    "clients": _of(incidents.NameClients, clients="clients", loans="loans", reason="reason"),
    "lessons": _of(incidents.RecordLessons, lessons="text", actions="actions"),
}
"""Act → the command it means."""


@router.post("/incidents/{incident_id}/acts", tags=["incidents"], summary="Act on an incident")
def post_act(container: TheContainer, session: TheSession, incident_id: str, body: Act) -> dict[str, Any]:
    """Perform one act of triage and give the incident as it is then."""
    build = ACTS[body.act]
    require(name_of(build.kind), session.person)
    container.dispatch(build(incident_id, body), by=session.person)
    return get_incident(container, session, incident_id) if _reads(session) else {"id": incident_id}


@router.post(
    "/incidents", tags=["incidents"], summary="Enter an incident that people told of", status_code=201,
    dependencies=[Depends(admitted("report-incident"))],
)  # fmt: skip
def enter_incident(container: TheContainer, session: TheSession, body: Report) -> dict[str, Any]:
    """Open an incident by hand: its duties count from the moment of the telling."""
    made = container.dispatch(checked(incidents.ReportIncident, **dict(body)), by=session.person)
    shown = _reads(session) and _sees(container, made.id)
    return get_incident(container, session, made.id) if shown else {"id": made.id}


def _reads(session: Session) -> bool:
    """Say whether the answer may show what is there: a program's token that is for acts alone reads nothing."""
    return session.person.scope is None or READ in session.person.scope


def _sees(container: Container, incident_id: str) -> bool:
    """Say whether the incident that somebody told of is one of those that he works on."""
    return rows_of_incidents.named(container.database, incident_id) is not None


@router.post("/incidents/bulk", tags=["incidents"], summary="One act on many incidents")
def post_bulk(container: TheContainer, session: TheSession, body: Many) -> list[dict[str, Any]]:
    """Do an act on each by itself and say what became of each."""
    return in_bulk(container.dispatcher, body.ids, body.act, body.values, by=session.person)


class Approval(_Body):
    """What goes with an approval."""

    signature: str = Field(default="", max_length=MOST_SIGNATURE)
    """Your detached CMS in base64 over exactly ``GET /notices/{notice_id}/to-sign``, where the house asks for one."""
    version: int | None = None
    """The version that you saw; another one is refused."""
    list_sha256: str = Field(default="", max_length=64)


@router.post(
    "/notices/{notice_id}/approve", tags=["notices"], summary="Approve a notice for sending",
    dependencies=[Depends(admitted("approve-notice"))],
)  # fmt: skip
def approve(
    container: TheContainer, session: TheSession, notice_id: str, body: Approval | None = None
) -> dict[str, Any]:
    """Approve as a compliance officer who neither works the incident nor edited the text.

    ``missing`` names the settings without which it does not go out by itself.
    """
    given = dict(body) if body is not None else {}
    done = container.dispatch(checked(ApproveNotice, notice_id=notice_id, **given), by=session.person)
    return {**get_notice(container, session, notice_id), "missing": list(done.missing)}


@router.post(
    "/acts", tags=["protection"], summary="Enter a law-enforcement act", status_code=201,
    dependencies=[Depends(admitted("enter-act"))],
)  # fmt: skip
def enter_act(container: TheContainer, session: TheSession, body: NewAct) -> dict[str, Any]:
    """Enter an act: the three-day clocks start and the orders go out."""
    command = checked(EnterAct, **{**dict(body), "bureaus": body.bureaus or ()})
    return {"protection_id": container.dispatch(command, by=session.person).id}
