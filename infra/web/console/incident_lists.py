"""The lists of an incident that may be long, a page at a time: timeline, findings, whom and what it touches."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.incidents.incident import Incident
from engine.kernel.errors import NotFound
from engine.kernel.facts import EntityKind
from infra.app.container import Container
from infra.read import timeline
from infra.read.rows import incidents
from infra.store.models.incidents import IncidentRow
from infra.web.console.incidents import findings_of
from infra.web.context import TheContainer, TheSession, page
from reports.messages import say, word

router = APIRouter(include_in_schema=False)
SHOWN = 200
FINDINGS_SHOWN = 50


@router.get("/incidents/{incident_id}/timeline")
def show_timeline(
    request: Request, container: TheContainer, session: TheSession, incident_id: str, below: int = 0, main: str = ""
) -> Response:
    """The timeline, the newest facts first, with or without those of single clients."""
    row, only = _row(container, incident_id), main == "yes"
    below = max(0, min(below, timeline.END))
    return page(
        request, "incident_timeline.html", session, incident=row, main=only, below=below,
        timeline=timeline.page(container, row.id, below, main=only), title=say("Timeline"),
    )  # fmt: skip


@router.get("/incidents/{incident_id}/findings")
def show_findings(
    request: Request, container: TheContainer, session: TheSession, incident_id: str, below: int = 0
) -> Response:
    """The findings that joined, the last first. ``below`` counts them from the first."""
    row = _row(container, incident_id)
    keys = container.decisions.load(Incident, row.id).findings
    end = below if 0 < below < len(keys) else len(keys)
    start = max(0, end - FINDINGS_SHOWN)
    return page(
        request, "incident_findings.html", session, incident=row, findings=findings_of(container, keys[start:end]),
        next=start, title=say("Findings"),
    )  # fmt: skip


@router.get("/incidents/{incident_id}/touched/{kind}")
def show_touched(
    request: Request, container: TheContainer, session: TheSession, incident_id: str, kind: str, after: str = ""
) -> Response:
    """The clients, loans or other things that an incident touches, by their identifiers."""
    row = _row(container, incident_id)
    if kind not in get_args(EntityKind):
        raise NotFound("there is no such page")
    values = incidents.entities_after(container.database, row.id, kind, after[:200], SHOWN)
    return page(
        request, "incident_touched.html", session, incident=row, kind=kind, values=values,
        next=values[-1] if len(values) == SHOWN else "", title=word(kind),
    )  # fmt: skip


def _row(container: Container, name: str) -> IncidentRow:
    row = incidents.named(container.database, name)
    if row is None:
        raise NotFound("there is no such incident")
    return row
