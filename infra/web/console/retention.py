"""The console's page of retention: terms, legal holds, destruction by two persons."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from engine.retention.retention import Retention
from infra.read.rows.protections import retained_with_term
from infra.web.console.forms import RETENTION, answered
from infra.web.console.protections import AnUpload
from infra.web.context import TheContainer, TheSession, page
from reports.messages import say

router = APIRouter()


@router.get("/retention")
def show_retention(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Every client whose term runs or is over, or who is under hold; not those whose obligations last."""
    rows = retained_with_term(container.database)
    waiting = {
        row.client: container.decisions.load(Retention, row.id) for row in rows if row.state in ("proposed", "held")
    }
    proposed = [client for client, it in waiting.items() if it.proposed_by]
    documents = {client: len(list(container.archive.documents(client))) for client in proposed}
    today = container.calendar.local(container.clock.now()).date()
    return page(
        request, "retention.html", session, rows=rows, today=today, waiting=waiting, documents=documents,
        title=say("Retention"),
    )  # fmt: skip


@router.post("/retention/{act}")
def act_on(request: Request, container: TheContainer, session: TheSession, upload: AnUpload, act: str) -> Response:
    """One act on the data of a client."""
    form = RETENTION.get(act)
    return answered(request, container, session, form, "/retention", upload.fields, upload.attachment)
