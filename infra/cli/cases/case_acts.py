"""Acts on cases from the command line: incidents told by people, bounced mail, receipts, acts of authorities."""

from __future__ import annotations

import mimetypes
import sys
from datetime import date, datetime
from pathlib import Path

import click

from engine.incidents import commands as incidents
from engine.incidents.casework import CHANNELS, CLASSES
from engine.kernel.checked import checked
from engine.kernel.commands import Attachment
from engine.kernel.errors import InputError
from engine.kernel.facts import SEVERITIES, Person
from engine.kernel.timestamps import NotAnInstant, parse_rfc3339
from engine.notices.commands import RecordBounce, RecordReceipt
from engine.permissions import Role
from engine.protection.commands import EnterAct
from infra.cli import common
from infra.cli.acting import person, who, why
from infra.inbound.delivery_status import read_bounce
from infra.read.finders import load_incident
from infra.read.rows.incidents import number_of

MAILBOX = Person(id="mail", roles=frozenset({Role.SOURCE}))
"""Who says that a mail came back."""


def instant(text: str, field: str) -> datetime:
    """Read an instant with its offset. Raise InputError."""
    try:
        return parse_rfc3339(text)
    except NotAnInstant:
        raise InputError(
            "an instant with its offset is needed, such as 2026-11-23T10:00:00+05:00", field=field
        ) from None


@click.command("report")
@click.argument("title")
@click.option("--class", "incident_class", type=click.Choice(CLASSES), required=True)
@click.option("--channel", type=click.Choice(CHANNELS), required=True)
@click.option("--told-at", required=True, help="When you were told (RFC 3339, with its offset).")
@click.option("--severity", type=click.Choice(SEVERITIES), default="high", show_default=True)
@click.option("--client", "clients", multiple=True)
@click.option("--loan", "loans", multiple=True)
@click.option("--reference", default="", help="Number of the call or letter.")
@click.option("--personal-data", is_flag=True, help="Personal data may have leaked.")
@who
def report_incident(
    title: str, incident_class: str, channel: str, told_at: str, severity: str, clients: tuple[str, ...],
    loans: tuple[str, ...], reference: str, personal_data: bool, user: str,
) -> None:  # fmt: skip
    """Open an incident that somebody told of; the duties of the law count from --told-at."""
    command = checked(
        incidents.ReportIncident, title=title, incident_class=incident_class, severity=severity, channel=channel,
        told_at=instant(told_at, "--told-at"), clients=clients, loans=loans, personal_data=personal_data,
        reference=reference,
    )  # fmt: skip
    with common.container() as container:
        key = container.dispatch(command, by=person(container, user)).id
        number = number_of(container.database, key)
    click.echo(number)


@click.command("split")
@click.argument("number")
@click.argument("findings", nargs=-1, required=True)
@click.option("--title", default="", help="Title of the new incident.")
@click.option("--into", help="Move to this open incident instead of a new one.")
@who
@why
def split_incident(
    number: str, findings: tuple[str, ...], title: str, into: str | None, user: str, reason: str
) -> None:
    """Move FINDINGS (ids, as 'incidents export' shows them) out of an incident; no time is lost."""
    with common.container() as container:
        incident, by = load_incident(container, number), person(container, user)
        if into:
            container.dispatch(
                checked(
                    incidents.MoveFindings, incident_id=incident.id, findings=findings, into=into, reason=reason
                ),
                by=by,
            )  # fmt: skip
            click.echo(into)
            return
        command = checked(
            incidents.SplitIncident, incident_id=incident.id, findings=findings, title=title, reason=reason
        )
        key = container.dispatch(command, by=by).id
        click.echo(number_of(container.database, key))


@click.command("clients")
@click.argument("number")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@who
@why
def name_clients(number: str, file: Path, user: str, reason: str) -> None:
    """Name the clients of a FILE (one identifier a line, or CSV with the columns client and loan) in an incident."""
    document = Attachment(data=file.read_bytes(), name=file.name, media_type="text/csv")
    with common.container() as container:
        incident, by = load_incident(container, number), person(container, user)
        command = checked(incidents.NameClientList, incident_id=incident.id, document=document, reason=reason)
        click.echo(f"{container.dispatch(command, by=by).count} new clients")


@click.command("mail-in")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True), required=True)
def mail_in(files: tuple[Path, ...]) -> None:
    """Take returned mail (RFC 3464): a notice that came back is owed again. Meant for a mailbox's pipe; - is stdin."""
    with common.container() as container:
        for file in files:
            data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
            try:
                bounces = read_bounce(data)
            except InputError as error:
                raise InputError(error.message, file=str(file)) from None
            for bounce in bounces:
                if bounce.action == "failed":
                    command = RecordBounce(
                        notice_id=bounce.notice_id, recipient=bounce.recipient, status=bounce.status,
                        detail=bounce.detail,
                    )  # fmt: skip
                    container.dispatch(command, by=MAILBOX)
                click.echo(f"{bounce.notice_id} {bounce.recipient} {bounce.action} {bounce.status}")


@click.command("receipt")
@click.argument("notice_id")
@click.argument("reference")
@click.argument("day", metavar="RECEIVED_ON")
@who
def receipt(notice_id: str, reference: str, day: str, user: str) -> None:
    """Record that the recipient has the notice: their REFERENCE and the day (YYYY-MM-DD)."""
    with common.container() as container:
        command = RecordReceipt(notice_id=notice_id, reference=reference, received_on=_day(day))
        container.dispatch(command, by=person(container, user))


@click.command("enter")
@click.option(
    "--kind", type=click.Choice(["victim_resolution", "remedial_submission", "court_decision"]), required=True
)
@click.option("--issuer", required=True)
@click.option("--number", required=True)
@click.option("--date", "act_date", required=True, help="Date of the act (YYYY-MM-DD).")
@click.option("--received-at", required=True, help="When it came in (RFC 3339, with its offset).")
@click.option("--channel", default="office", show_default=True)
@click.option("--client", required=True)
@click.option("--loan", "loans", multiple=True, required=True)
@click.option("--document", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The act itself.")
@who
def enter_act(
    kind: str, issuer: str, number: str, act_date: str, received_at: str, channel: str, client: str,
    loans: tuple[str, ...], document: Path | None, user: str,
) -> None:  # fmt: skip
    """Enter an act of law enforcement: the three-day clocks run from its receipt and the orders go out."""
    with common.container() as container:
        command = checked(
            EnterAct, kind=kind, issuer=issuer, number=number, act_date=_day(act_date),
            received_at=instant(received_at, "--received-at"), channel=channel, client=client, loans=loans,
            document=_attached(document) if document is not None else None,
        )  # fmt: skip
        click.echo(container.dispatch(command, by=person(container, user)).id)


def _attached(path: Path) -> Attachment | None:
    data = path.read_bytes()
    media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Attachment(data=data, name=path.name, media_type=media) if data else None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError("a day is written YYYY-MM-DD", field="day") from None
