"""Pages of incidents: the queue, one incident with everything about it, and what may be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from engine.governance.register import builtin_register
from engine.incidents import casework, triage
from engine.incidents.facts import DISPOSITIONS, RELATIONS
from engine.incidents.incident import Incident
from engine.incidents.owing import NOTIFIABLE_CLASSES
from engine.kernel.commands import Made
from engine.kernel.errors import NotAllowed
from engine.kernel.facts import SEVERITIES, FindingRaised
from engine.permissions import may
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.commands.bulk import admit_many, in_bulk
from infra.read import queries, timeline
from infra.read.finders import load_incident
from infra.read.incident_graph import graph, similar
from infra.read.metrics import metrics_of
from infra.read.rows import clock_lines, clocks, incidents, notices, protections
from infra.store.models.incidents import IncidentRow
from infra.web.console.clocks import started
from infra.web.console.fields import Sent
from infra.web.console.forms import INCIDENTS, REPORT, admit, answered, send
from infra.web.console.protections import AnUpload
from infra.web.context import SECOND_FACTOR, CheckedForm, TheContainer, TheSession, do, page, safe_path, same
from playbooks.run import Run, TaskOpened
from reports.messages import say
from reports.phrases import instruction, titled

router = APIRouter(include_in_schema=False)
FINDINGS = 20
NAMED = 12
"""Findings, and values of a kind, that the page of an incident shows."""


@router.get("/")
def show_queue(
    request: Request, container: TheContainer, session: TheSession, view: str = "open", q: str = "",
    age: str = "", below: str = "",
) -> Response:  # fmt: skip
    """The queue of incidents, those nearest to a breach first; or all of them by age, a page at a time."""
    view = view if view in incidents.VIEWS else "open"
    asked = container.database, view, session.person.id, q[:100], container.clock.now()
    rows = incidents.by_age(*asked, below[:100]) if age == "yes" else incidents.queue(*asked)
    return page(
        request, "queue.html", session, rows=rows, view=view, q=q[:100], views=incidents.VIEWS, title=say("Incidents"),
        age=age == "yes", below=below[:100], full=len(rows) == incidents.PAGE,
        stats=queries.stats(container), severities=SEVERITIES, dispositions=DISPOSITIONS,
        works=may("close-incident", session.person),
    )  # fmt: skip


@router.get("/incidents/new")
def new_incident(request: Request, container: TheContainer, session: TheSession) -> Response:
    """The form for an incident that people told of."""
    return _form(request, container, session, {}, [])


def _form(
    request: Request, container: Container, session: Session, form: dict[str, str], likely: Sequence[IncidentRow]
) -> Response:
    local_now = container.calendar.local(container.clock.now()).strftime("%Y-%m-%dT%H:%M")
    return page(
        request, "incident_new.html", session, form=form, likely=likely, classes=casework.CLASSES,
        notifiable=NOTIFIABLE_CLASSES, severities=SEVERITIES, channels=casework.CHANNELS,
        local_now=local_now, title=say("Enter an incident"),
    )  # fmt: skip


@router.post("/incidents")
def enter_incident(request: Request, container: TheContainer, session: TheSession, form: CheckedForm) -> Response:
    """Open an incident by hand; one that looks the same is shown first."""
    admit(REPORT, session.person)
    clients = tuple(form.get("clients", "").replace(",", " ").split())
    likely = incidents.likely_same(container.database, form.get("incident_class", ""), clients)
    if likely and form.get("anyway") != "yes":
        return _form(request, container, session, form, likely)
    sent, back = Sent(container, session.person, {}, form), ["/incidents/new"]

    def perform() -> str:
        outcome, said = send(REPORT, sent)
        assert isinstance(outcome, Made)
        back[0] = f"/incidents/{outcome.id}"
        return said

    response = do(request, perform, back[0])
    response.headers["location"] = back[0]
    return response


@router.post("/incidents/bulk")
async def act_on_many(request: Request, container: TheContainer, session: TheSession) -> Response:
    """One act on many incidents; the page says what became of each."""
    form = await request.form(max_files=0, max_fields=500)
    if not same(str(form.get("csrf", "")), session.csrf):
        raise NotAllowed("this form does not belong to your session; load the page again", code="web.csrf")
    ids = [str(value) for value in form.getlist("id")]
    values = {key: str(value) for key, value in form.items() if key not in ("id", "csrf", SECOND_FACTOR)}
    admit_many(values.get("act", ""), session.person)

    def perform() -> str:
        results = in_bulk(container.dispatcher, ids, values.get("act", ""), values, by=session.person)
        done = sum(result["result"] != "refused" for result in results)
        said = [say("{done} of {all} done.", done=done, all=len(results))]
        for result in results:
            if result["result"] == "refused":
                number = incidents.number_of(container.database, result["id"])
                said.append(f"{number or result['id'][:8]}: {result['reason']}.")
        return " ".join(said)

    return await run_in_threadpool(do, request, perform, safe_path(str(form.get("back") or "/")))


@router.get("/incidents/{incident_id}")
def show_incident(request: Request, container: TheContainer, session: TheSession, incident_id: str) -> Response:
    """One incident."""
    incident = load_incident(container, incident_id)
    people = [person for person in container.accounts.people() if person.may(*triage.TRIAGE)]
    terms, lines = clock_lines.of_owner(container.database, incident.id, container.clock.now())
    main = len(incident.entities.clients) > timeline.MANY
    return page(
        request,
        "incident.html",
        session,
        incident=incident,
        clocks=clocks.with_share(terms, container.clock.now()),
        lines=lines,
        started=started(container, terms),
        notices=notices.texts_of_incident(container.database, incident.id),
        runs=_runs(container, incident.id),
        contained=protections.contained(container.database, incident.id),
        playbooks=container.playbooks,
        timeline=timeline.page(container, incident.id, main=main),
        main=main,
        findings=findings_of(container, incident.findings[-FINDINGS:]),
        touched=_touched(incident),
        similar=similar(container, incident.id),
        graph=graph(container, incident.id),
        linked=_linked(container, incident),
        metrics=metrics_of(container, incident),
        startable=[kind for kind, spec in container.settings.clock_policy.specs.items() if spec.owner == "incident"],
        relations=RELATIONS,
        local_now=container.calendar.local(container.clock.now()).strftime("%Y-%m-%dT%H:%M"),
        citations=[builtin_register().citation(o) for o in incident.obligations if o in builtin_register()],
        people=people,
        severities=SEVERITIES,
        dispositions=DISPOSITIONS,
        phases=("new", "triaged", "contained", "recovered", "closed"),
        title=f"{incident.number} {titled(incident.title, container.rules.titles)}",
    )


class _Linked(NamedTuple):
    id: str
    number: str
    title: str
    phase: str
    relation: str


@dataclass(frozen=True, slots=True)
class _Step:
    id: str
    name: str
    state: str
    task: TaskOpened | None
    instruction: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A run of a playbook: its steps in the order they were entered, and the names of those that lie ahead."""

    run: Run
    steps: list[_Step]
    ahead: list[str]


def _linked(container: Container, incident: Incident) -> list[_Linked]:
    found = []
    for key, relation in incident.links.items():
        row = incidents.incident(container.database, key)
        if row is not None:
            found.append(_Linked(row.id, row.number, row.title, row.phase, relation))
    return found


def _runs(container: Container, incident_id: str) -> list[_Shown]:
    """The playbooks of an incident."""
    shown = []
    by_digest = {playbook.digest: playbook for playbook in container.playbooks.values()}
    for row in protections.runs_of(container.database, incident_id):
        run = container.decisions.load(Run, row.id)
        playbook = by_digest.get(run.digest)
        steps = []
        for step_id in run.entered:
            step = playbook.step(step_id) if playbook and step_id in playbook.workflow else {}
            if step.get("type") in ("start", "end"):
                continue
            task = run.waiting.get(step_id)
            state = run.done.get(step_id) or ("waiting" if task or step_id in run.requested else "running")
            asked = instruction(step.get("description", ""), task.instruction, run.variables) if task else ""
            steps.append(_Step(step_id, step.get("name", step_id), state, task, asked))
        workflow = playbook.workflow if playbook else {}
        spare = {step.get("on_failure") for step in workflow.values()}
        ahead = [
            step["name"]
            for step_id, step in workflow.items()
            if step_id not in run.entered and step["type"] == "action" and step_id not in spare
        ]
        shown.append(_Shown(run, steps, ahead))
    return shown


def findings_of(container: Container, keys: Sequence[str]) -> list[FindingRaised]:
    """Some findings, the last first."""
    found = {it.originator: it.fact for it in container.decisions.of_topic(keys, FindingRaised.topic)}
    facts = [found.get(key) for key in reversed(keys)]
    return [fact for fact in facts if isinstance(fact, FindingRaised)]


def _touched(incident: Incident) -> list[tuple[str, Sequence[str], int]]:
    """What an incident touches: kind, the first values, how many there are."""
    entities = incident.entities
    held = [(kind, getattr(entities, kind)) for kind in type(entities).model_fields]
    return [(kind, values[:NAMED], len(values)) for kind, values in held if values]


@router.post("/incidents/{incident_id}/client-list")
def name_client_list(
    request: Request, container: TheContainer, session: TheSession, upload: AnUpload, incident_id: str
) -> Response:
    """Name the clients of a list that is a file."""
    back = f"/incidents/{incident_id}"
    return answered(
        request, container, session, INCIDENTS["client-list"], back, upload.fields, upload.attachment,
        incident=incident_id,
    )  # fmt: skip


@router.post("/incidents/{incident_id}/{act}")
def act_on(
    request: Request, container: TheContainer, session: TheSession, form: CheckedForm, incident_id: str, act: str
) -> Response:
    """One act of triage."""
    back = f"/incidents/{incident_id}"
    return answered(request, container, session, INCIDENTS.get(act), back, form, incident=incident_id)
