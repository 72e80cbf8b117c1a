"""``qorgau retention`` and ``qorgau archive``."""

from __future__ import annotations

import json
import mimetypes
from datetime import date
from pathlib import Path

import click

from engine.kernel.checked import checked
from engine.kernel.commands import Attachment, Decided
from engine.kernel.errors import InputError, NotFound
from engine.retention.commands import ApproveErasure, EndObligations, LiftHold, PlaceHold, ProposeErasure
from engine.retention.facts import ErasureDone
from engine.retention.retention import retention_id
from infra.cli import common
from infra.cli import reading as reader
from infra.cli.acting import person, who, why
from infra.read.people.looking import note
from infra.read.rows.protections import retained
from infra.store.models.record import stored


@click.group()
def retention() -> None:
    """How long what is kept of a client must be kept, and its destruction by two persons."""


@retention.command("list")
@common.as_json
@reader.by_somebody
def list_command(user: str, reason: str, as_json: bool) -> None:
    """Show every client whose term is known or who is under legal hold."""
    with reader.reading(user, reason, "retention list", "retention") as (container, _):
        rows = [stored(row) for row in retained(container.database)]
    common.show(rows, ("client", "state", "ended_on", "free_from", "held", "proposed_by", "erased_at"), as_json)


@retention.command()
@click.argument("client")
@click.argument("day", metavar="ENDED_ON")
@click.option("--loan", default="", help="The loan that ended; without it, all that is owed ended.")
@click.option(
    "--document",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What a day long past rests on; a second person then says the same.",
)
@who
@why
def ended(client: str, day: str, loan: str, document: Path | None, user: str, reason: str) -> None:
    """Record that the obligations with CLIENT ended on a day (YYYY-MM-DD)."""
    try:
        ended_on = date.fromisoformat(day)
    except ValueError:
        raise InputError("a day is written YYYY-MM-DD", field="ENDED_ON") from None
    paper = Attachment(data=document.read_bytes(), name=document.name) if document is not None else None
    command = checked(EndObligations, client=client, ended_on=ended_on, loan=loan, reason=reason, document=paper)
    with common.container() as container:
        _said(container.dispatch(command, by=person(container, user)))


def _said(done: Decided) -> None:
    if not done.decided:
        click.echo("asked for: another person must say the same")


@retention.command()
@click.argument("client")
@who
@why
def hold(client: str, user: str, reason: str) -> None:
    """Put CLIENT under legal hold: nothing is destroyed, whatever the term."""
    with common.container() as container:
        container.dispatch(checked(PlaceHold, client=client, reason=reason), by=person(container, user))


@retention.command()
@click.argument("client")
@who
@why
def release(client: str, user: str, reason: str) -> None:
    """End the legal hold of CLIENT; a second person says the same."""
    with common.container() as container:
        _said(container.dispatch(checked(LiftHold, client=client, reason=reason), by=person(container, user)))


@retention.command()
@click.argument("client")
@who
@why
def propose(client: str, user: str, reason: str) -> None:
    """Ask that what is kept of CLIENT be destroyed; possible after the term, without a hold."""
    with common.container() as container:
        container.dispatch(checked(ProposeErasure, client=client, reason=reason), by=person(container, user))


@retention.command()
@click.argument("client")
@who
@why
def approve(client: str, user: str, reason: str) -> None:
    """Agree, as somebody else. The engine destroys the keys at once ('qorgau catch-up' without a server)."""
    with common.container() as container:
        container.dispatch(checked(ApproveErasure, client=client, reason=reason), by=person(container, user))


@retention.command()
@click.argument("client")
def certificate(client: str) -> None:
    """Print the certificate of erasure: what was destroyed, by whom, and the proof that it is in the signed log."""
    from infra.store.log.proving import prove_inclusion

    with common.container() as container:
        for recorded in container.decisions.read_topic(ErasureDone.topic, 0, 1_000_000):
            if recorded.originator == retention_id(client):
                proof = prove_inclusion(container.decisions, recorded.position)
                fact = recorded.fact.model_dump(mode="json")
                click.echo(json.dumps({"erasure": fact, "proof": proof.model_dump()}, ensure_ascii=False, indent=1))
                return
    raise NotFound("nothing of this client was destroyed")


@click.group()
def archive() -> None:
    """Electronic documents in the format they came in."""


@archive.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--client", required=True, help="The client it belongs to; it is encrypted under this client's key.")
@click.option("--about", default="", help="What it is, such as the number of an act.")
def add(file: Path, client: str, about: str) -> None:
    """Keep FILE under its hash."""
    with common.container() as container:
        kept = container.archive.store(
            file.read_bytes(), name=file.name, media_type=mimetypes.guess_type(file.name)[0] or "", client=client,
            about=about, actor="cli", at=container.clock.now(),
        )  # fmt: skip
    click.echo(f"{kept.document_id}  sha256 {kept.sha256}")


@archive.command("list")
@click.option("--client", help="Only those of this client.")
@common.as_json
@reader.by_somebody
def list_documents(user: str, reason: str, client: str | None, as_json: bool) -> None:
    """Show what is in the archive."""
    with reader.reading(user, reason, "archive list", "retention") as (container, _):
        rows = [fact.model_dump(mode="json") for fact in container.archive.documents(client)]
        note("client", *(str(row["client"]) for row in rows))
    common.show(rows, ("document_id", "at", "client", "name", "size", "sha256", "about"), as_json)


@archive.command()
@click.argument("document")
@click.option("--output", required=True, type=click.Path(path_type=Path))
@reader.by_somebody
def get(user: str, reason: str, document: str, output: Path) -> None:
    """Write a document as it came, for somebody who names himself: nothing in a document can be masked."""
    if not user:
        raise InputError("a document cannot be masked; name yourself and say why, with --reason", field="--as")
    with reader.reading(user, reason, "archive get", "original-documents") as (container, it):
        fact, data = container.archive.read(document)
        it.note("entity", document)
        it.note("client", fact.client)
        reader.record(container, it)
    with output.open("xb") as stream:
        stream.write(data)
    click.echo(f"{output}: {fact.name}, sha256 {fact.sha256}")


@archive.command()
@common.as_json
def check(as_json: bool) -> None:
    """Count the hash of every document again; exit status 1 when one is altered or missing."""
    counts: dict[str, int] = {}
    bad = []
    with common.reading() as container:
        for found in container.archive.check():
            counts[found.state] = counts.get(found.state, 0) + 1
            if found.state in ("altered", "missing"):
                bad.append({"document": found.document.document_id, "state": found.state})
    if as_json:
        click.echo(json.dumps({**counts, "faults": bad}))
    else:
        click.echo(", ".join(f"{count} {state}" for state, count in counts.items()) or "the archive is empty")
        for one in bad:
            click.echo(f"{one['document']}: {one['state']}", err=True)
    if bad:
        raise SystemExit(1)
