"""An incident as a report for people, in the language spoken here."""

from __future__ import annotations

from datetime import datetime

from engine.incidents.incident import Incident
from infra.read.metrics import STEPS, metrics_of
from infra.read.metrics import say as length
from infra.read.notice_documents import log_head
from infra.read.reading import Reading
from infra.read.rows import clocks, notices
from infra.read.timeline import entries
from reports.messages import moment, say, spoken, word
from reports.phrases import titled
from reports.report import Block, Report, Table


def summary(container: Reading, incident: Incident, at: datetime, events: int, decisions: int) -> Report:
    """Return the incident as a report for people."""
    terms = clocks.of_owner_by_subject(container.database, incident.id)
    told = notices.of_incident_by_age(container.database, incident.id)
    story = entries(container, incident.id)[::-1]
    spans = metrics_of(container, incident).spans

    def when(at: datetime | None) -> str:
        return moment(at, container.calendar.zone, seconds=False) if at else "—"

    facts = [
        (say("Incident"), f"{incident.number}: {titled(incident.title, container.rules.titles)}"),
        (say("Class, severity"), f"{word(incident.incident_class)}, {word(incident.severity)}"),
        (say("Phase"), f"{word(incident.phase)} (ISO/IEC 27035: {word(incident.stage)})"),
        (say("Detected"), when(incident.detected_at)),
        (say("Duties of the law"), say("hold") if incident.notifiable else say("do not hold")),
        (say("Closed as"), word(incident.disposition) if incident.disposition else say("open")),
        (say("Clients, loans"), f"{len(incident.entities.clients)}, {len(incident.entities.loans)}"),
        (say("Evidence"), say("{events} events, {decisions} decisions", events=events, decisions=decisions)),
    ]
    return Report(
        name="incident",
        title=say("Incident {number}", number=incident.number),
        organisation=container.settings.sender.name(spoken()),
        language=spoken(),
        period=say("detected {detected_at}", detected_at=when(incident.detected_at)),
        made_at=when(at),
        log_head=log_head(container.decisions, at) or "",
        blocks=(
            Block(heading=say("The incident"), table=Table(columns=("", ""), rows=tuple(facts))),
            Block(
                heading=say("How long it took"),
                table=Table(
                    columns=(say("Step"), say("Length")),
                    rows=tuple((word(step), length(spans[step], say)) for step in STEPS),
                ),
            ),
            Block(
                heading=say("Legal clocks"),
                table=Table(
                    columns=(say("Duty"), say("For"), say("Since"), say("Due"), say("Done"), say("State")),
                    rows=tuple(
                        (word(r.kind), r.subject or "—", when(r.anchor_at), when(r.due_at), when(r.satisfied_at),
                         word(r.state))
                        for r in terms
                    ),
                ),
            ),
            Block(
                heading=say("Notices"),
                table=Table(
                    columns=(
                        say("Kind"), say("Stage"), say("For"), say("Approved by"), say("Sent"), say("Reference"),
                        say("State"),
                    ),
                    rows=tuple(
                        (word(r.kind), word(r.stage), r.subject or "—", r.approved_by or "—",
                         when(r.sent_at), r.transport_ref or "—", word(r.state)) for r in told
                    ),
                ),
            ),
            Block(
                heading=say("What happened, in order"),
                table=Table(
                    columns=(say("When"), say("Who"), say("What")),
                    rows=tuple(
                        (moment(e.at, container.calendar.zone), e.actor,
                         e.text + (f" — {e.reason}" if e.reason else "")) for e in story
                    ),
                ),
            ),
        ),
    )  # fmt: skip
