"""Pages of incidents: the queue, one incident with everything about it, and what may be done with it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from engine import triage
from engine.clock_facts import ClockStarted
from engine.errors import NotFound
from engine.facts import SEVERITIES, FindingRaised
from engine.incident_facts import DISPOSITIONS
from engine.incidents import Incident
from engine.register import builtin_register
from infra.bootstrap import House
from infra.web import queries, timeline
from infra.web.context import CheckedForm, TheHouse, TheSession, do, page
from playbooks.run import Run

router = APIRouter(include_in_schema=False)


@router.get("/")
def show_queue(request: Request, house: TheHouse, session: TheSession, view: str = "open", q: str = "") -> Response:
    """The queue of incidents, those nearest to a breach first."""
    view = view if view in queries.VIEWS else "open"
    rows = queries.queue(house, view, session.person.id, q[:100])
    return page(
        request, "queue.html", session, rows=rows, view=view, q=q[:100], views=queries.VIEWS, title="Incidents",
        stats=queries.stats(house),
    )  # fmt: skip


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
        citations=[builtin_register().citation(o) for o in incident.obligations if o in builtin_register()],
        people=people,
        severities=SEVERITIES,
        dispositions=DISPOSITIONS,
        phases=("new", "triaged", "contained", "recovered", "closed"),
        title=f"{incident.number} {incident.title}",
    )


def load_incident(house: House, incident_id: str) -> Incident:
    """Load an incident by id or number; raises NotFound."""
    row = house.database.row(
        "SELECT id FROM incident_view WHERE id = ? OR number = ?", incident_id, incident_id.upper()
    )
    if row is None:
        raise NotFound("there is no such incident")
    return house.decisions.load(Incident, str(row["id"]))


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
    acts, by = house.acts, session.person
    reason, text = form.get("reason", ""), form.get("text", "")

    def perform() -> str | None:
        match act:
            case "assign":
                acts.assign(incident_id, form.get("assignee", by.id), by=by)
            case "acknowledge":
                acts.acknowledge(incident_id, by=by)
            case "note":
                acts.note(incident_id, text, by=by)
            case "severity":
                acts.change_severity(incident_id, form.get("severity", ""), reason, by=by)
            case "measure":
                acts.measure(incident_id, form.get("measure", ""), text, by=by)
            case "merge":
                acts.merge(incident_id, form.get("into", ""), reason, by=by)
            case "close":
                closed = acts.close(incident_id, form.get("disposition", ""), reason, by=by)
                return "The incident is closed." if closed else "Proposed. A second person must agree to close it."
            case "reopen":
                acts.reopen(incident_id, reason, by=by)
            case "task":
                acts.complete_task(
                    form.get("run", ""), form.get("step", ""), form.get("outcome", "success"), text, by=by
                )
            case "playbook":
                playbook = house.playbooks.get(form.get("playbook", ""))
                if playbook is None:
                    raise NotFound("there is no such playbook")
                acts.start_playbook(incident_id, playbook, by=by)
            case "approve-client-notices":
                count = acts.approve_client_notices(incident_id, by=by)
                return f"{count} client notices approved."
            case _:
                raise NotFound("there is no such act")
        return None

    return do(request, perform, f"/incidents/{incident_id}")
