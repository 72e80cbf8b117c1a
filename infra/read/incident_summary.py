"""An incident as a report for people, in the language spoken here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import partial

from engine.incidents.incident import Incident
from infra.read.metrics import STEPS, metrics_of
from infra.read.metrics import say as length
from infra.read.notices.documents import log_head
from infra.read.reading import Reading
from infra.read.rows import clock_lines, notices, protections
from infra.read.timeline import MANY, page
from reports.messages import moment, number, say, spoken, word
from reports.phrases import titled
from reports.report import Block, Report, Table

TOLD = 300
"""Entries of the timeline that are told, the newest; of an incident of many clients without single ones."""


def summary(container: Reading, incident: Incident, at: datetime, events: int, decisions: int) -> Report:
    """Return the incident as a report for people."""
    when = partial(_when, container.calendar.zone)
    detected = when(incident.detected_at)
    return Report(
        name="incident",
        title=say("Incident {number}", number=incident.number),
        organisation=container.settings.sender.name(spoken()),
        language=spoken(),
        period=say("detected {detected_at}", detected_at=detected),
        made_at=when(at),
        made_at_iso=container.calendar.local(at).isoformat(timespec="seconds"),
        log_head=log_head(container.decisions, at) or "",
        blocks=(
            Block(heading=say("The incident"), table=_facts(container, incident, detected, events, decisions)),
            Block(heading=say("How long it took"), table=_spans(container, incident)),
            Block(heading=say("Legal clocks"), table=_terms(container, incident, when)),
            *_blocked(container, incident, at, when),
            Block(heading=say("Notices"), table=_notices(container, incident, when)),
            Block(heading=say("What happened, in order"), table=_story(container, incident)),
        ),
    )


def _when(zone: tzinfo, at: datetime | None) -> str:
    return moment(at, zone, seconds=False) if at else "—"


def _facts(container: Reading, incident: Incident, detected: str, events: int, decisions: int) -> Table:
    rows = (
        (say("Incident"), f"{incident.number}: {titled(incident.title, container.rules.titles)}"),
        (say("Class, severity"), f"{word(incident.incident_class)}, {word(incident.severity)}"),
        (say("Phase"), f"{word(incident.phase)} (ISO/IEC 27035: {word(incident.stage)})"),
        (say("Detected"), detected),
        (say("Duties of the law"), say("hold") if incident.notifiable else say("do not hold")),
        (say("Closed as"), word(incident.disposition) if incident.disposition else say("not closed")),
        (say("Clients, loans"), f"{len(incident.entities.clients)}, {len(incident.entities.loans)}"),
        (say("Evidence"), say("{events} events, {decisions} decisions", events=events, decisions=decisions)),
    )
    return Table(columns=("", ""), rows=rows)


def _spans(container: Reading, incident: Incident) -> Table:
    spans = metrics_of(container, incident).spans
    return Table(
        columns=(say("Step"), say("Length")), rows=tuple((word(step), length(spans[step], say)) for step in STEPS)
    )


def _terms(container: Reading, incident: Incident, when: Callable[[datetime | None], str]) -> Table:
    single, lines = clock_lines.of_owner(container.database, incident.id, container.clock.now())
    many = tuple(
        (word(r.kind), say("{n} in the table of clocks", n=number(r.total)), when(r.anchor_at), when(r.due_at),
         number(r.total - r.open), say("{n} breached", n=number(r.breached)))
        for r in lines
    )  # fmt: skip
    return Table(
        columns=(say("Duty"), say("For"), say("Since"), say("Due"), say("Done"), say("State")),
        rows=tuple(
            (word(r.kind), r.subject or "—", when(r.anchor_at), when(r.due_at), when(r.satisfied_at), word(r.state))
            for r in single
        )
        + many,
    )


def _blocked(
    container: Reading, incident: Incident, at: datetime, when: Callable[[datetime | None], str]
) -> tuple[Block, ...]:
    """Who and what was blocked or held, and for how long; nothing where nobody was."""
    rows = protections.contained(container.database, incident.id)
    if not rows:
        return ()
    return (
        Block(
            heading=say("Blocked or held"),
            table=Table(
                columns=(
                    say("What"), say("Who"), say("Confirmed"), say("Released"), say("Length"), say("State"),
                ),
                rows=tuple(
                    (word(r.order_kind), r.subject, when(r.confirmed_at), when(r.released_at),
                     length(((r.released_at or at) - r.confirmed_at).total_seconds(), say) if r.confirmed_at else "—",
                     word(r.state))
                    for r in rows
                ),
            ),
        ),
    )  # fmt: skip


def _notices(container: Reading, incident: Incident, when: Callable[[datetime | None], str]) -> Table:
    return Table(
        columns=(
            say("Kind"), say("Stage"), say("For"), say("Approved by"), say("Sent at"), say("Reference"), say("State"),
        ),
        rows=tuple(
            (word(r.kind), word(r.stage), r.subject or "—", r.approved_by or "—", when(r.sent_at),
             r.transport_ref or "—", word(r.state))
            for r in notices.texts_by_age(container.database, incident.id)
        ),
    )  # fmt: skip


def _story(container: Reading, incident: Incident) -> Table:
    main = len(incident.entities.clients) > MANY
    told = page(container, incident.id, most=TOLD, main=main).entries
    return Table(
        columns=(say("When"), say("Who"), say("What")),
        rows=tuple(
            (moment(e.at, container.calendar.zone), e.actor, e.text + (f" — {e.reason}" if e.reason else ""))
            for e in told[::-1]
        ),
    )
