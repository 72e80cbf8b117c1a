"""The console's page of retention: terms, legal holds, destruction by two persons."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request, Response

from engine.kernel.errors import InputError, NotFound
from infra.read.rows.protections import retained_with_term
from infra.web.context import CheckedForm, TheHouse, TheSession, do, page

router = APIRouter()


@router.get("/retention")
def show_retention(request: Request, house: TheHouse, session: TheSession) -> Response:
    """Every client whose term runs or is over, or who is under hold; not those whose obligations last."""
    rows = retained_with_term(house.database)
    today = house.calendar.local(house.clock.now()).date()
    return page(request, "retention.html", session, rows=rows, today=today, title="Retention")


@router.post("/retention/{act}")
def act_on(request: Request, house: TheHouse, session: TheSession, form: CheckedForm, act: str) -> Response:
    """One act on the data of a client."""
    client, reason = form.get("client", "").strip(), form.get("reason", "")

    def perform() -> str | None:
        match act:
            case "ended":
                try:
                    day = date.fromisoformat(form.get("ended_on", ""))
                except ValueError:
                    raise InputError("give the day on which the obligations ended", field="ended_on") from None
                house.acts.end_obligations(client, day, form.get("loan", "").strip(), reason, by=session.person)
            case "hold":
                house.acts.place_hold(client, reason, by=session.person)
            case "release":
                house.acts.lift_hold(client, reason, by=session.person)
            case "propose":
                house.acts.propose_erasure(client, reason, by=session.person)
            case "approve":
                house.acts.approve_erasure(client, reason, by=session.person)
                return "Approved. The keys are being destroyed."
            case _:
                raise NotFound("there is no such act")
        return None

    return do(request, perform, "/retention")
