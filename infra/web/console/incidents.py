"""Pages of incidents: the queue, one incident with everything about it, and what may be done with it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from engine.duties.facts import ClockStarted
from engine.governance.register import builtin_register
from engine.incidents import casework, triage
from engine.incidents.facts import DISPOSITIONS, RELATIONS
from engine.incidents.incident import Incident
from engine.kernel.commands import Made
from engine.kernel.errors import NotAllowed
from engine.kernel.facts import SEVERITIES, FindingRaised
from engine.permissions import may
from infra.app.container import House
from infra.commands.accounts import Session
from infra.commands.bulk import in_bulk
from infra.read import queries, timeline
from infra.read.finders import load_incident
from infra.read.metrics import metrics_of
from infra.read.related import graph, similar
from infra.web.console.fields import Sent
from infra.web.console.forms import INCIDENTS, REPORT, answered, send
from infra.web.context import CheckedForm, TheHouse, TheSession, do, page, safe_path
from playbooks.run import Run
from reports.messages import say

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_queue(request: Request, house: TheHouse, session: TheSession, view: str = "open", q: str = "") -> Response:
    """The queue of incidents, those nearest to a breach first."""
    view = view if view in queries.VIEWS else "open"
    rows = queries.queue(house, view, session.person.id, q[:100])
    return page(
        request, "queue.html", session, rows=rows, view=view, q=q[:100], views=queries.VIEWS, title=say("Incidents"),
        stats=queries.stats(house), severities=SEVERITIES, dispositions=DISPOSITIONS,
        works=may("close-incident", session.person),
    )  # fmt: skip


@router.get("/incidents/new")
def new_incident(request: Request, house: TheHouse, session: TheSession) -> Response:
    """The form for an incident that people told of."""
    return _form(request, house, session, {}, [])


def _form(
    request: Request, house: House, session: Session, form: dict[str, str], likely: list[dict[str, Any]]
) -> Response:
    local_now = house.calendar.local(house.clock.now()).strftime("%Y-%m-%dT%H:%M")
    return page(
        request, "incident_new.html", session, form=form, likely=likely, classes=casework.CLASSES,
        notifiable=casework.NOTIFIABLE_CLASSES, severities=SEVERITIES, channels=casework.CHANNELS,
        local_now=local_now, title=say("Enter an incident"),
    )  # fmt: skip


@router.post("/incidents")
def enter_incident(request: Request, house: TheHouse, session: TheSession, form: CheckedForm) -> Response:
    """Open an incident by hand; one that looks the same is shown first."""
    clients = tuple(form.get("clients", "").replace(",", " ").split())
    likely = likely_same(house, form.get("incident_class", ""), clients)
    if likely and form.get("anyway") != "yes":
        return _form(request, house, session, form, likely)
    sent, back = Sent(house, session.person, {}, form), ["/incidents/new"]

    def perform() -> str:
        outcome, said = send(REPORT, sent)
        assert isinstance(outcome, Made)
        back[0] = f"/incidents/{outcome.id}"
        return said

    response = do(request, perform, back[0])
    response.headers["location"] = back[0]
    return response


def likely_same(house: House, incident_class: str, clients: tuple[str, ...]) -> list[dict[str, Any]]:
    """Give open incidents of the same class that touch one of these clients."""
    marks = ",".join("?" * len(clients))
    if not clients:
        return []
    return house.database.rows(
        "SELECT DISTINCT i.id, i.number, i.title FROM incident_view i JOIN incident_entity e ON e.incident_id = i.id "  # noqa: S608
        f"WHERE i.is_open = 1 AND i.class = ? AND e.kind = 'clients' AND e.value IN ({marks}) LIMIT 5",
        incident_class,
        *clients,
    )


@router.post("/incidents/bulk")
async def act_on_many(request: Request, house: TheHouse, session: TheSession) -> Response:
    """One act on many incidents; the page says what became of each."""
    form = await request.form(max_files=0, max_fields=500)
    if form.get("csrf") != session.csrf:
        raise NotAllowed("this form does not belong to your session; load the page again", code="web.csrf")
    ids = [str(value) for value in form.getlist("id")]
    values = {key: str(value) for key, value in form.items() if key not in ("id", "csrf")}

    def perform() -> str:
        results = in_bulk(house.dispatcher, ids, values.get("act", ""), values, by=session.person)
        done = sum(result["result"] != "refused" for result in results)
        said = [say("{done} of {all} done.", done=done, all=len(results))]
        for result in results:
            if result["result"] == "refused":
                row = house.database.row("SELECT number FROM incident_view WHERE id = ?", result["id"])
                said.append(f"{row['number'] if row else result['id'][:8]}: {result['reason']}.")
        return " ".join(said)

    return await run_in_threadpool(do, request, perform, safe_path(str(form.get("back") or "/")))


@router.get("/incidents/{incident_id}")
def show_incident(request: Request, house: TheHouse, session: TheSession, incident_id: str) -> Response:
    """One incident."""
    incident = load_incident(house, incident_id)
    people = [person for person in house.accounts.people() if person.may(*triage.TRIAGE)]
    rows = house.database.rows("SELECT * FROM clock_view WHERE owner_id = ? ORDER BY due_at, subject", incident.id)
    clocks = queries.with_share(house, rows)
    return page(
        request,
        "incident.html",
        session,
        incident=incident,
        clocks=clocks,
        started=_started(house, incident.id),
        notices=house.database.rows("SELECT * FROM notice_view WHERE incident_id = ? ORDER BY kind DESC", incident.id),
        runs=_runs(house, incident.id),
        playbooks=house.playbooks,
        timeline=timeline.entries(house, incident.id),
        findings=_findings(house, incident),
        similar=similar(house, incident.id),
        graph=graph(house, incident.id),
        linked=_linked(house, incident),
        metrics=metrics_of(house, incident),
        startable=[kind for kind, spec in house.settings.clock_policy.specs.items() if spec.owner == "incident"],
        relations=RELATIONS,
        local_now=house.calendar.local(house.clock.now()).strftime("%Y-%m-%dT%H:%M"),
        citations=[builtin_register().citation(o) for o in incident.obligations if o in builtin_register()],
        people=people,
        severities=SEVERITIES,
        dispositions=DISPOSITIONS,
        phases=("new", "triaged", "contained", "recovered", "closed"),
        title=f"{incident.number} {incident.title}",
    )


def _linked(house: House, incident: Incident) -> list[dict[str, Any]]:
    found = []
    for key, relation in incident.links.items():
        row = house.database.row("SELECT id, number, title, phase FROM incident_view WHERE id = ?", key)
        if row is not None:
            found.append({**row, "relation": relation})
    return found


def _started(house: House, incident_id: str) -> dict[str, ClockStarted]:
    """How each clock was counted."""
    facts = (it.fact for it in house.decisions.timeline(incident_id))
    return {fact.clock_id: fact for fact in facts if isinstance(fact, ClockStarted)}


def _runs(house: House, incident_id: str) -> list[dict[str, Any]]:
    """The playbooks of an incident as lists of steps in the order they were entered."""
    shown = []
    by_digest = {playbook.digest: playbook for playbook in house.playbooks.values()}
    for row in house.database.rows("SELECT id FROM run_view WHERE incident_id = ?", incident_id):
        run = house.decisions.load(Run, str(row["id"]))
        playbook = by_digest.get(run.digest)
        steps = []
        for step_id in run.entered:
            step = playbook.step(step_id) if playbook and step_id in playbook.workflow else {}
            if step.get("type") in ("start", "end"):
                continue
            task = run.waiting.get(step_id)
            state = run.done.get(step_id) or ("waiting" if task or step_id in run.requested else "running")
            steps.append({"id": step_id, "name": step.get("name", step_id), "state": state, "task": task})
        workflow = playbook.workflow if playbook else {}
        spare = {step.get("on_failure") for step in workflow.values()}
        ahead = [
            step["name"]
            for step_id, step in workflow.items()
            if step_id not in run.entered and step["type"] == "action" and step_id not in spare
        ]
        shown.append({"run": run, "steps": steps, "ahead": ahead})
    return shown


def _findings(house: House, incident: Incident) -> list[FindingRaised]:
    """The newest findings of an incident."""
    found = []
    for finding_id in incident.findings[-20:]:
        facts = house.decisions.timeline(finding_id)
        found += [it.fact for it in facts if isinstance(it.fact, FindingRaised)]
    return found[::-1]


@router.post("/incidents/{incident_id}/{act}")
def act_on(
    request: Request, house: TheHouse, session: TheSession, form: CheckedForm, incident_id: str, act: str
) -> Response:
    """One act of triage."""
    back = f"/incidents/{incident_id}"
    return answered(request, house, session, INCIDENTS.get(act), back, form, incident=incident_id)
