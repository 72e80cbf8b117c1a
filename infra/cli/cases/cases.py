"""``qorgau clock``, ``incidents``, ``notices`` and ``protections``."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import click

from engine.duties.commands import ConfirmTime, CorrectBreach
from engine.duties.declared import clock_spec, clock_specs
from engine.kernel.checked import checked
from engine.kernel.errors import InputError
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.terms.counting import count_term
from infra.app.container import calendar_of, calendars_of
from infra.cli import common
from infra.cli import reading as reader
from infra.cli.acting import person, who, why
from infra.cli.cases import case_acts, notice_acts
from infra.read import exchange, timeline
from infra.read.finders import load_incident, load_notice
from infra.read.notices.documents import notice_document
from infra.read.rows import incidents as read_incidents
from infra.read.rows import notices as read_notices
from infra.read.rows.clocks import first_of_owner, how_many_of
from infra.read.rows.protections import every
from infra.read.upcoming_terms import as_calendar, lines_within
from infra.store.models.record import stored
from reports.messages import speak
from reports.render import FORMATS, render

SHOWN = 500
"""Rows of each list of an incident."""


@click.group()
def clock() -> None:
    """Legal clocks."""


@clock.command()
@click.argument("kind", metavar="CLOCK")
@click.argument("started_at")
@click.option("--reading", type=click.Choice(["strict", "civil"]), default="strict", show_default=True)
@click.option("--explain", is_flag=True, help="Also print how the term was counted, on stderr.")
@common.as_json
def due(kind: str, started_at: str, reading: str, explain: bool, as_json: bool) -> None:
    """Print when a duty is due that began at STARTED_AT (RFC 3339, with its offset)."""
    try:
        start = parse_rfc3339(started_at)
    except NotAnInstant:
        raise InputError(
            "an instant with its offset is needed, such as 2026-11-23T10:00:00+05:00", field="STARTED_AT"
        ) from None
    settings = common.settings()
    calendar = calendars_of(settings, calendar_of(settings))[clock_spec(kind).jurisdiction]
    spec = clock_spec(kind, calendar.local(start).date())
    term = count_term(spec, start, calendar)
    at = calendar.local(term.due_at if reading == "strict" else term.latest_at)
    if explain:
        click.echo(f"{spec.n} {spec.unit}, {reading} reading, calendar {calendar.version}", err=True)
        for day in term.skipped:
            click.echo(f"  skipped {day}", err=True)
        for unconfirmed in term.unconfirmed[:5]:
            click.echo(f"  {unconfirmed} may still change", err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "clock": kind,
                    "due_at": calendar.local(term.due_at).isoformat(),
                    "latest_at": calendar.local(term.latest_at).isoformat(),
                    "skipped": term.skipped,
                    "unconfirmed": [day.isoformat() for day in term.unconfirmed],
                }
            )
        )
    else:
        click.echo(at.isoformat())


@clock.command()
@click.option("--days", type=click.IntRange(0, 400), default=7, show_default=True)
@click.option("--ics", is_flag=True, help="Write an iCalendar file (RFC 5545) on stdout.")
@common.as_json
@reader.by_somebody
def week(user: str, reason: str, days: int, ics: bool, as_json: bool) -> None:
    """List what is due in the coming days, and what is overdue."""
    with reader.reading(user, reason, "clock week", "clocks") as (container, _):
        if ics:
            with speak(container.settings.language):
                sys.stdout.buffer.write(as_calendar(container, lines_within(container, days)[0]))
            return
        rows = lines_within(container, days)[0]
        shown = [stored(row) for row in rows]
        for row in shown:
            row["due"] = container.calendar.local(datetime.fromisoformat(row["due_at"])).strftime("%Y-%m-%d %H:%M")
    common.show(shown, ("due", "what", "n", "of", "state", "who"), as_json)


@clock.command("confirm-time")
@who
@why
def confirm_time(user: str, reason: str) -> None:
    """Say that the clock of this machine is right again, after it made a step."""
    with common.container() as container:
        container.dispatch(checked(ConfirmTime, reason=reason), by=person(container, user))


@clock.command("correct")
@click.argument("clock_id", metavar="ID")
@who
@why
def correct_breach(clock_id: str, user: str, reason: str) -> None:
    """Take the breach of a clock back that was recorded before its term had passed; two persons say so."""
    with common.container() as container:
        command = checked(CorrectBreach, clock_id=clock_id, reason=reason)
        done = container.dispatch(command, by=person(container, user))
    click.echo("the breach is taken back" if done.decided else "recorded; a second person must say the same")


@clock.command("list")
@common.as_json
def list_clocks(as_json: bool) -> None:
    """List the kinds of clocks with their terms and duties."""
    rows = [
        {"clock": s.kind, "term": f"{s.n} {s.unit}", "direction": s.direction, "obligations": ", ".join(s.obligations)}
        for name in common.settings().jurisdictions
        for s in clock_specs(name).values()
    ]
    common.show(rows, ("clock", "term", "direction", "obligations"), as_json)


@click.group()
def incidents() -> None:
    """Incidents."""


@incidents.command("list")
@click.option(
    "--view", type=click.Choice([v for v in read_incidents.VIEWS if v != "mine"]), default="open", show_default=True
)
@common.as_json
@reader.by_somebody
def list_incidents(user: str, reason: str, view: str, as_json: bool) -> None:
    """List incidents, those nearest to a breach first."""
    with reader.reading(user, reason, "incidents list", "incidents") as (container, _):
        rows = [
            stored(row) for row in read_incidents.queue(container.database, view, "", "", container.clock.now(), 20)
        ]
    for row in rows:
        nearest = row.pop("nearest")
        row["next_duty"] = nearest["kind"] if nearest else None
        row["due_at"] = nearest["due_at"] if nearest else None
    common.show(rows, ("number", "severity", "phase", "assignee", "next_duty", "due_at", "title"), as_json)


@incidents.command("show")
@click.argument("number")
@common.as_json
@reader.by_somebody
def show_incident(user: str, reason: str, number: str, as_json: bool) -> None:
    """Show one incident, by number or id, with its clocks, notices and timeline.

    Of an incident with many clients these are the first 500 clocks and notices and the newest of the timeline without
    single clients; 'incidents export' and 'evidence bundle' write everything.
    """
    with reader.reading(user, reason, "incidents show", "incidents") as (container, _):
        incident = load_incident(container, number)
        row = read_incidents.incident(container.database, incident.id)
        clocks = [stored(it) for it in first_of_owner(container.database, incident.id, SHOWN)]
        notices = [stored(it) for it in read_notices.after(container.database, incident.id, "", SHOWN)]
        told = timeline.page(container, incident.id, most=SHOWN, main=len(incident.entities.clients) > timeline.MANY)
        counts = {
            "clock_count": how_many_of(container.database, incident.id),
            "notice_count": read_notices.how_many_of(container.database, incident.id),
            "timeline_next": told.next or None,
        }
        entries = told.entries[::-1]
    if as_json:
        shown = [it._asdict() for it in entries]
        listed = {"clocks": clocks, "notices": notices, "timeline": shown}
        document = {**(stored(row) if row else {}), **listed, **counts}
        click.echo(json.dumps(document, ensure_ascii=False, default=str))
        return
    click.echo(f"{incident.number}  {incident.title}")
    click.echo(
        f"{incident.severity}, {incident.phase}, owner {incident.assignee or '-'}, detected {incident.detected_at}"
    )
    click.echo()
    common.show(clocks, ("kind", "subject", "state", "due_at", "latest_at"), False)
    click.echo()
    common.show(notices, ("kind", "subject", "state", "id"), False)
    click.echo()
    for entry in entries:
        click.echo(f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.actor:14} {entry.text}")


@incidents.command("export")
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every incident there is, in the order of their numbers.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["facts", *exchange.FORMATS]),
    default="facts",
    show_default=True,
    help="facts: all that was recorded; ocsf: Incident Finding 1.7.0; stix: STIX 2.1. The last two name no client.",
)
@reader.by_somebody
def export_incident(user: str, reason: str, numbers: tuple[str, ...], everything: bool, form: str) -> None:
    """Write incidents, by number or id, as NDJSON: a line for each fact, or for each incident in a standard format."""
    if bool(numbers) == everything:
        raise InputError("name incidents, or ask for --all", field="NUMBER")
    with reader.reading(user, reason, "incidents export", "incident-export") as (container, _):
        named = read_incidents.all_ids(container.database) if everything else numbers
        for number in named:
            incident = load_incident(container, number)
            if form != "facts":
                click.echo(exchange.written(container, incident, form))
                continue
            for it in container.decisions.timeline(incident.id):
                body = {"position": it.position, "topic": it.fact.topic, **it.fact.model_dump(mode="json")}
                click.echo(json.dumps(body, ensure_ascii=False))


@click.group()
def notices() -> None:
    """Notices."""


@notices.command("list")
@click.option("--state", type=click.Choice(["open", "sent", "all"]), default="open", show_default=True)
@common.as_json
@reader.by_somebody
def list_notices(user: str, reason: str, state: str, as_json: bool) -> None:
    """List notices, those due first at the top."""
    with reader.reading(user, reason, "notices list", "notices") as (container, _):
        rows = [stored(row) for row in read_notices.listed(container.database, state)]
    common.show(rows, ("id", "kind", "number", "subject", "state", "due_at"), as_json)


@notices.command("show")
@click.argument("notice_id")
@common.as_json
@reader.by_somebody
def show_notice(user: str, reason: str, notice_id: str, as_json: bool) -> None:
    """Show the text of a notice."""
    with reader.reading(user, reason, "notices show", "notices") as (container, _):
        notice = load_notice(container, notice_id)
        made, _ = notice_document(container.decisions, notice, container.settings.language)
    if as_json:
        click.echo(json.dumps({"id": notice.id, "state": notice.state, "content": notice.content}, ensure_ascii=False))
    else:
        click.echo(render(made, "txt").decode())


@notices.command("render")
@click.argument("notice_id")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="pdf", show_default=True)
@click.option(
    "--output", type=click.Path(path_type=Path, allow_dash=True), required=True, help="File, or - for stdout."
)
@reader.by_somebody
def render_notice(user: str, reason: str, notice_id: str, kind: str, output: Path) -> None:
    """Render a notice as HTML, text, PDF or DOCX."""
    with reader.reading(user, reason, "notices render", "notices") as (container, _):
        notice = load_notice(container, notice_id)
        made, _ = notice_document(container.decisions, notice, container.settings.language)
    body = render(made, kind)  # type: ignore[arg-type]
    if str(output) == "-":
        sys.stdout.buffer.write(body)
    else:
        output.write_bytes(body)


@click.group()
def protections() -> None:
    """Borrowers under protection."""


@protections.command("list")
@common.as_json
@reader.by_somebody
def list_protections(user: str, reason: str, as_json: bool) -> None:
    """List law-enforcement acts and how far their orders are."""
    with reader.reading(user, reason, "protections list", "protections") as (container, _):
        rows = [stored(row) for row in every(container.database)]
    common.show(rows, ("number", "issuer", "client", "received_at", "orders", "acknowledged"), as_json)


for _command in (case_acts.report_incident, case_acts.split_incident, case_acts.name_clients):
    incidents.add_command(_command)
for _command in (
    case_acts.mail_in, notice_acts.gateway_in, notice_acts.list_clients, notice_acts.resend_failures, case_acts.receipt,
    notice_acts.to_sign, notice_acts.seal, notice_acts.approve,
):  # fmt: skip
    notices.add_command(_command)
protections.add_command(case_acts.enter_act)
