"""The timelines of incidents, protections and duties, a page at a time: one line of words for each fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from engine.duties import facts as c
from engine.kernel.facts import Fact, StoredFact
from engine.notices import facts as n
from engine.protection import facts as p
from infra.read.people.looking import sight
from infra.read.reading import Reading
from infra.read.rows import clocks, incidents, notices
from playbooks import run as runs
from reports.messages import listed, say, word
from reports.phrases import why
from reports.told import describe

PAGE = 200
MANY = 20
"""From so many clients on, a page shows the main timeline: the clocks and notices of single clients are asked for."""
END = 2**62


class Entry(NamedTuple):
    """A fact on a timeline, in words."""

    position: int
    at: datetime
    actor: str
    topic: str
    """The first word of the topic: what it is about."""
    text: str
    reason: str


class Page(NamedTuple):
    """A page of a timeline, the newest fact first, and the position below which the next one begins; 0 after the
    last."""

    entries: list[Entry]
    next: int


def page(container: Reading, owner: str, below: int = 0, most: int = PAGE, *, main: bool = False) -> Page:
    """Return a page of the timeline of an incident or protection below a position (0: the newest); ``main`` leaves
    out the clocks and notices of single clients."""
    recorded = container.decisions.newest(owner, below or END, most, main=main)
    return Page(_told(container, recorded), recorded[-1].position if len(recorded) == most else 0)


def entries(container: Reading, owner: str) -> list[Entry]:
    """Return the whole timeline of a protection, a duty or an incident of few clients, newest first."""
    return list(story(container, container.decisions.timeline(owner)))[::-1]


def story(container: Reading, recorded: Iterator[StoredFact]) -> Iterator[Entry]:
    """Tell facts in words, in their order, without holding them all."""
    facts = iter(recorded)
    while part := list(islice(facts, PAGE)):
        yield from _told(container, part)


def _told(container: Reading, recorded: Sequence[StoredFact]) -> list[Entry]:
    recorded = _there(container, recorded)
    names = _names(container, recorded)
    return [
        Entry(
            position=it.position,
            at=it.fact.at,
            actor=it.fact.actor,
            topic=it.fact.topic.split(".")[0],
            text=describe(it.fact, names) or _run(it.fact, names) or it.fact.topic,
            reason=why(it.fact.reason),
        )
        for it in recorded
        if not _is_scaffolding(it.fact)
    ]


def _there(container: Reading, recorded: Sequence[StoredFact]) -> Sequence[StoredFact]:
    """Leave out what concerns notices that are not there for whoever looks."""
    if not sight().hidden_notices:
        return recorded
    named = _named([it for it in recorded if isinstance(it.fact, n.FACTS)], "notice_id")
    there = {row.id for row in notices.of_ids(container.database, named)}
    gone = set(named) - there
    return [it for it in recorded if getattr(it.fact, "notice_id", "") not in gone]


def _is_scaffolding(fact: Fact) -> bool:
    """Steps that only begin and end a branch tell a reader nothing."""
    kind = str(getattr(fact, "step_id", "")).split("--")[0]
    return kind in ("start", "end") and isinstance(fact, runs.StepEntered | runs.StepFinished)


def _names(container: Reading, recorded: Sequence[StoredFact]) -> dict[str, str]:
    """The words for the ids that some facts name: clocks, notices, steps, orders, other incidents."""
    database = container.database
    names = incidents.numbers(database, _named(recorded, "other", "into", "incident_id"))
    for row in clocks.of_ids(database, _named([it for it in recorded if isinstance(it.fact, c.FACTS)], "clock_id")):
        names[row.id] = word(row.kind) + (f" ({row.subject})" if row.subject else "")
    told = [it for it in recorded if isinstance(it.fact, n.FACTS)]
    for notice in notices.of_ids(database, _named(told, "notice_id")):
        stage = "" if notice.stage == "initial" else f", {word(notice.stage)}"
        names[notice.id] = word(notice.kind) + stage + (f" ({notice.subject})" if notice.subject else "")
    return names | _steps(container, recorded) | _orders(container, recorded)


def _named(recorded: Sequence[StoredFact], *fields: str) -> list[str]:
    """The ids that facts have in some fields."""
    found = (str(getattr(it.fact, field, "") or "") for it in recorded for field in fields)
    return list(dict.fromkeys(it for it in found if it))


def _steps(container: Reading, recorded: Sequence[StoredFact]) -> dict[str, str]:
    owners = list(dict.fromkeys(it.originator for it in recorded if hasattr(it.fact, "step_id")))
    digests = {getattr(it.fact, "digest", "") for it in container.decisions.of_topic(owners, "run.started.v1")}
    found: dict[str, str] = {}
    for playbook in container.playbooks.values():
        if playbook.digest in digests:
            found |= {step_id: str(step.get("name", "")) for step_id, step in playbook.workflow.items()}
    return found


def _orders(container: Reading, recorded: Sequence[StoredFact]) -> dict[str, str]:
    owners = list(dict.fromkeys(it.originator for it in recorded if hasattr(it.fact, "order_id")))
    facts = [it.fact for it in container.decisions.of_topic(owners, "order.issued.v1")]
    return {it.order_id: f"{word(it.kind)} → {it.target}" for it in facts if isinstance(it, p.OrderIssued)}


def _run(fact: Fact, names: dict[str, str]) -> str | None:
    match fact:
        case runs.RunStarted():
            return say("Playbook started: {name}", name=say(fact.playbook_name))
        case runs.StepEntered():
            return say("Playbook step: {name}", name=say(names.get(fact.step_id, fact.step_id.split("--")[0])))
        case runs.TaskOpened():
            return say("Task for {roles}: {title}", roles=listed(fact.roles), title=say(fact.title))
        case runs.CommandRequested():
            return say("Order given: {order}", order=fact.order)
        case runs.StepFinished():
            name = say(names.get(fact.step_id, fact.step_id.split("--")[0]))
            done = say("Step finished ({outcome}): {name}", outcome=word(fact.outcome), name=name)
            return done + (f" — {fact.evidence}" if fact.evidence else "")
        case runs.RunCompleted():
            return say("Playbook completed")
        case runs.RunFailed():
            return say("Playbook failed")
        case runs.RunCancelled():
            return say("Playbook stopped")
    return None
