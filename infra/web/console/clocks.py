"""Pages of clocks: the board of duties, what is due this week, the calendar feed, and what may be done with a clock."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.governance.register import builtin_register
from engine.kernel.errors import NotFound
from infra.read.rows import clocks
from infra.read.upcoming_terms import YEAR, as_calendar, by_day, due_within
from infra.web.console.forms import CLOCKS, FEED, answered
from infra.web.context import CheckedForm, TheContainer, TheSession, page, safe_path
from reports.messages import say, speak

router = APIRouter(include_in_schema=False)
STATES = ("running", "week", "breached", "all")


@router.get("/clocks")
def show_clocks(request: Request, container: TheContainer, session: TheSession, state: str = "running") -> Response:
    """The board of duties."""
    state = state if state in STATES else "running"
    if state == "week":
        return page(
            request, "week.html", session, days=by_day(due_within(container)), state=state, states=STATES,
            title=say("Due this week"), now_iso=container.clock.now().isoformat(),
        )  # fmt: skip
    register = builtin_register()
    clauses = {
        duty.id: [register.citation(o) for o in duty.obligations if o in register] or [duty.clause]
        for duty in container.settings.clock_policy.known
    }
    rows = clocks.board(container.database, state, container.clock.now())
    return page(
        request, "clocks.html", session, rows=rows, state=state, clauses=clauses,
        states=STATES, title=say("Legal clocks"),
    )  # fmt: skip


@router.post("/clocks/feed")
def make_feed(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Make the address of a calendar feed; the one made before stops working."""
    return answered(
        request, container, session, FEED, "/clocks?state=week", form, base=str(request.base_url)
    )  # fmt: skip


@router.get("/calendar/{token}.ics")
def feed(request: Request, container: TheContainer, token: str) -> Response:
    """The feed: open terms without names of clients, for whoever holds the address."""
    owner = container.accounts.feed_owner(token)
    if owner is None:
        raise NotFound("there is no such calendar")
    with speak(container.accounts.language(owner) or container.settings.language):
        body = as_calendar(container, due_within(container, YEAR), str(request.base_url).rstrip("/"))
    return Response(body, media_type="text/calendar; charset=utf-8")


@router.post("/clocks/{clock_id}/{act}")
def act_on(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, clock_id: str, act: str
) -> Response:
    """One act on a clock."""
    return answered(request, container, session, CLOCKS.get(act), safe_path(form.get("back")), form, clock=clock_id)
