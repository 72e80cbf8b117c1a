"""The console's page of retention: terms, legal holds, destruction by two persons."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from infra.read.rows.protections import retained_with_term
from infra.web.console.forms import RETENTION, answered
from infra.web.context import CheckedForm, TheContainer, TheSession, page
from reports.messages import say

router = APIRouter()


@router.get("/retention")
def show_retention(request: Request, container: TheContainer, session: TheSession) -> Response:
    """Every client whose term runs or is over, or who is under hold; not those whose obligations last."""
    rows = retained_with_term(container.database)
    today = container.calendar.local(container.clock.now()).date()
    return page(request, "retention.html", session, rows=rows, today=today, title=say("Retention"))


@router.post("/retention/{act}")
def act_on(request: Request, container: TheContainer, session: TheSession, form: CheckedForm, act: str) -> Response:
    """One act on the data of a client."""
    return answered(request, container, session, RETENTION.get(act), "/retention", form)
