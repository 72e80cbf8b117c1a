"""Pages of clocks: the board of duties, what is due this week, the calendar feed, and what may be done with a clock."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine.duties.facts import ClockStarted
from engine.governance.governance import duty_id, duty_specs
from engine.governance.register import builtin_register
from engine.kernel.errors import NotFound
from engine.permissions import READS
from infra.app.container import Container
from infra.read.people.looking import looking
from infra.read.rows import clock_lines, clocks
from infra.read.upcoming_terms import YEAR, as_calendar, by_day, lines_within
from infra.store.models.duties import ClockRow
from infra.web.console.forms import CLOCKS, CONFIRM_TIME, FEED, answered
from infra.web.context import CheckedForm, TheContainer, TheSession, page, safe_path
from reports.messages import say, speak, word

router = APIRouter(include_in_schema=False)
STATES = ("running", "week", "breached", "all")
SHOWN = 40
"""Clocks of a kind on a page."""


@router.get("/clocks")
def show_clocks(
    request: Request, container: TheContainer, session: TheSession, state: str = "running", after: str = ""
) -> Response:
    """The board of duties: a line for each kind of each incident or act."""
    state = state if state in STATES else "running"
    if state == "week":
        due, following = lines_within(container, after=after)
        return page(
            request, "week.html", session, days=by_day(due), state=state, states=STATES, after=after, next=following,
            title=say("Due this week"), now_iso=container.clock.now().isoformat(),
        )  # fmt: skip
    rows, following = clock_lines.lines(container.database, state, container.clock.now(), after)
    return page(
        request, "clocks.html", session, rows=rows, state=state, clauses=_clauses(container), after=after,
        duties={duty_id(key): spec for key, spec in duty_specs().items()}, next=following, states=STATES,
        title=say("Legal clocks"),
    )  # fmt: skip


def _clauses(container: Container) -> dict[str, list[str]]:
    """Kind of clock → the clauses it serves."""
    register = builtin_register()
    return {
        duty.id: [register.citation(o) for o in duty.obligations if o in register] or [duty.clause]
        for duty in container.settings.clock_policy.known
    }


@router.get("/clocks/of/{owner}/{kind}")
def show_kind(
    request: Request, container: TheContainer, session: TheSession, owner: str, kind: str, state: str = "all",
    after: str = "",
) -> Response:  # fmt: skip
    """The clocks of a kind of one incident or act, a page of them, with what may be done with each."""
    state = state if state in clock_lines.STATES else "all"
    now, database = container.clock.now(), container.database
    line = clock_lines.line(database, owner, kind, now)
    if line is None:
        raise NotFound("there is no such clock")
    rows, following = clock_lines.of_kind(database, owner, kind, state, after, SHOWN)
    return page(
        request, "clocks_of_kind.html", session, line=line, clocks=clocks.with_share(rows, now), state=state,
        after=after, next=following, states=tuple(clock_lines.STATES), started=started(container, rows),
        title=word(kind),
    )  # fmt: skip


def started(container: Container, rows: Sequence[ClockRow]) -> dict[str, ClockStarted]:
    """How each of some clocks was counted."""
    found = container.decisions.of_topic([row.id for row in rows], ClockStarted.topic)
    return {it.fact.clock_id: it.fact for it in found if isinstance(it.fact, ClockStarted)}


@router.post("/clocks/feed")
def make_feed(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Make the address of a calendar feed; the one made before stops working."""
    return answered(
        request, container, session, FEED, "/clocks?state=week", form, base=str(request.base_url)
    )  # fmt: skip


@router.post("/clocks/confirm-time")
def confirm_time(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Believe the clock of the machine again."""
    return answered(request, container, session, CONFIRM_TIME, safe_path(form.get("back")), form)


@router.get("/calendar/{token}.ics")
def feed(request: Request, container: TheContainer, token: str) -> Response:
    """The feed: open terms without names of clients, for whoever holds the address."""
    owner = container.accounts.feed_owner(token)
    person = next((it for it in container.accounts.people() if it.id == owner), None)
    if owner is None or person is None or not person.may(*READS["clocks"].roles):
        raise NotFound("there is no such calendar")
    if (now := looking()) is not None:
        now.by(person)
    with speak(container.accounts.language(owner) or container.settings.language):
        body = as_calendar(container, lines_within(container, YEAR)[0], str(request.base_url).rstrip("/"))
    return Response(body, media_type="text/calendar; charset=utf-8")


@router.post("/clocks/{clock_id}/{act}")
def act_on(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, clock_id: str, act: str
) -> Response:
    """One act on a clock."""
    return answered(request, container, session, CLOCKS.get(act), safe_path(form.get("back")), form, clock=clock_id)
