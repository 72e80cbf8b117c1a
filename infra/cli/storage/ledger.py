"""``qorgau ledger``: figures, verification, proofs, export, backup."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from engine.kernel.errors import InputError
from engine.proofs.notes import Signer
from infra.app.container import Container
from infra.cli import acting, common
from infra.cli import reading as reader
from infra.cli.storage import proofs
from infra.cli.storage.rebuild import rebuild
from infra.cli.storage.verifying import verify_command
from infra.processes.integrity.accepting import accept
from infra.read.queries import stats as figures
from infra.read.rows import effects
from infra.store.backup import Copy, back_up
from infra.store.backup import restore as restore_copy
from infra.store.keys.master import KeyFolder
from infra.store.opening import open_database
from infra.store.reads.access_log import FILE as READS
from infra.store.sql.sqlite import SqliteDatabase

SEGMENT = 100_000


@click.group()
def ledger() -> None:
    """The store of security events."""


@ledger.command()
@common.as_json
def stats(as_json: bool) -> None:
    """Count what is stored."""
    with common.reading() as container:
        found = figures(container)
        found["waiting_intake"] = container.database.scalar("SELECT COUNT(*) FROM intake")
        found["waiting_effects"] = effects.waiting(container.database)
        found.update(container.store.keyring.stats())
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, value in found.items():
            click.echo(f"{name.replace('_', ' '):16} {value:,}")


@ledger.command()
def migrate() -> None:
    """Bring the tables and the stored data to this version (``qorgau serve`` does the same at its start)."""
    settings = common.settings()
    database = open_database(settings)
    try:
        version = database.plan.version
    finally:
        database.close()
    with common.container() as container:
        click.echo(f"{container.database.where}: schema {version}, {container.ledger.head():,} events")


@ledger.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write each as LOG-SIZE.note and .tsr into this folder.")
@common.as_json
def timestamps(out: Path | None, as_json: bool) -> None:
    """List the time stamps (RFC 3161) over heads of the logs; ``openssl ts -verify`` checks what --out writes."""
    with common.reading() as container:
        rows = container.database.rows("SELECT * FROM timestamps ORDER BY log, size")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for row in rows:
            (out / f"{row['log']}-{row['size']}.note").write_bytes(row["note"].encode())
            (out / f"{row['log']}-{row['size']}.tsr").write_bytes(bytes(row["token"]))
    shown = [{name: row[name] for name in ("log", "size", "stamped_at", "authority")} for row in rows]
    common.show(shown, ("log", "size", "stamped_at", "authority"), as_json)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path))
@common.as_json
def backup(file: Path, as_json: bool) -> None:
    """Copy the store to FILE while it runs; the copy is verified before it gets its name. The access log goes to
    FILE.reads.

    The keys are not in it: ``qorgau keys backup`` copies those, to another place.
    """
    with common.container() as container:
        if not isinstance(container.database, SqliteDatabase):
            raise InputError("a PostgreSQL store is backed up with its own tools; see docs/operations.md")
        beside = _reads_of(file)
        if beside.exists():
            raise InputError("exists already", file=str(beside))
        _say(back_up(container.database, file, container.store.signer.verifier), as_json)
        container.store.access.copy_to(beside)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--accept-gap", is_flag=True, help="Accept that the store here is older than the head beside the keys.")
@click.option("--as", "user", help="With --accept-gap: your account; the password is asked, or read from stdin.")
@click.option("--agreed-by", help="With --accept-gap: the account of a second person of another role, likewise.")
@click.option("--reason", help="With --accept-gap: the reason, for the log.")
@common.as_json
def restore(
    file: Path | None, accept_gap: bool, user: str | None, agreed_by: str | None, reason: str | None, as_json: bool
) -> None:
    """Put a backup into an empty data directory; it is verified first. The keys must be in their place already.

    A backup is older than the head kept beside the keys. Until two persons of different roles accept the gap
    (--accept-gap, with FILE or afterwards without), the engine takes events in and does nothing else.
    """
    settings = common.settings()
    if accept_gap and not (user and agreed_by and reason):
        raise InputError("--accept-gap takes --as, --agreed-by and --reason")
    if file is None and not accept_gap:
        raise InputError("name the backup, or --accept-gap", field="FILE")
    if not (settings.keys_folder / "checkpoint.key").exists():
        raise InputError(
            "the keys are not there; put them back first ('qorgau keys restore')", file=str(settings.keys_folder)
        )
    if file is not None:
        signer = Signer(settings.log_name, KeyFolder(settings.keys_folder).signing_seed())
        _say(restore_copy(file, settings.data, signer.verifier), as_json)
        beside, readings = _reads_of(file), settings.data / READS
        if beside.is_file() and not readings.exists():
            shutil.copyfile(beside, readings)
    if user and agreed_by and reason and accept_gap:
        _accept(user, agreed_by, reason, as_json)


def _reads_of(file: Path) -> Path:
    """Return where the access log lies beside a backup."""
    return file.with_name(file.name + ".reads")


def _accept(user: str, agreed_by: str, reason: str, as_json: bool) -> None:
    with common.container() as container:
        first, second = acting.person(container, user), acting.person(container, agreed_by)
        done = accept(container.store.guard, container.clock, first, second, reason)
    if as_json:
        click.echo(json.dumps(done._asdict()))
        return
    click.echo(
        f"accepted: {done.gaps} logs shorter than their heads, {done.altered} altered rows; {done.to_ask} messages may "
        "have gone out already and wait for a person"
    )


def _say(copy: Copy, as_json: bool) -> None:
    if as_json:
        click.echo(copy.model_dump_json())
    else:
        click.echo(f"{copy.file}: {copy.ledger:,} events, {copy.decisions:,} decisions, whole; sha256 {copy.sha256}")


@ledger.command()
@click.option("--after", type=int, default=0, help="Begin after this position.")
@click.option("--until", type=int, help="End with this position.")
@click.option("--format", "kind", type=click.Choice(["ndjson", "parquet"]), default="ndjson", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file (for parquet it must be given).")
@reader.by_somebody
def export(user: str, reason: str, after: int, until: int | None, kind: str, output: Path | None) -> None:
    """Write the events in the order of the ledger.

    ndjson gives the bytes as they came, decrypted, to who names himself with --as and --reason; without, personal
    fields are masked. parquet gives the stored records with positions and hashes, and
    columns of what is not personal; what is personal stays encrypted in it.
    """
    with reader.reading(user, reason, "ledger export", "original-documents") as (container, it):
        last = min(until, container.ledger.head()) if until is not None else container.ledger.head()
        if kind == "parquet":
            if output is None:
                raise InputError("name the file to write", field="--output")
            if output.exists():
                raise InputError("exists already", file=str(output))
            _export_parquet(container, after, last, output)
            return
        it.note("event", f"{after + 1}-{last}")
        reader.record(container, it)
        if not user:
            reader.say_masked()
        with output.open("xb") if output else nullcontext(sys.stdout.buffer) as out:
            for events in container.ledger.replay(after, last):
                lines = (event.raw if user else reader.masked(event, container.catalogue) for event in events)
                out.writelines(line.replace(b"\n", b" ") + b"\n" for line in lines)
            out.flush()


def _export_parquet(container: Container, after: int, last: int, output: Path) -> None:
    from infra.store.log import segments

    columns = segments.columns_for(tuple(container.rules.fields()), container.catalogue)
    rows = next(segments.ranges(container.database, after, last, max(last - after, 1)), None)
    if rows is None:
        raise InputError("there is nothing to export")
    written = segments.write_segment(output, rows, columns, segments.checkpoint_after(container.database, last))
    click.echo(f"{output}: positions {written.first:,} to {written.last:,}")


@ledger.command("segments")
@click.option("--size", default=SEGMENT, show_default=True, type=click.IntRange(1), help="Events in a segment.")
@click.option("--check", is_flag=True, help="Hold the segments that are there against the ledger.")
def segments_command(size: int, check: bool) -> None:
    """Write every full range of the ledger that has none yet as a Parquet segment (the worker does it by itself)."""
    from infra.store.log import segments

    with common.container() as container:
        if check:
            held = segments.listed(container.segments_folder)
            for segment in held:
                segments.check(segment, container.database)
            click.echo(f"{len(held)} segments hold what the ledger holds")
            return
        for written in container.close_segments(size):
            click.echo(f"{written.path.name}: positions {written.first:,} to {written.last:,}")


for _command in (
    verify_command,
    proofs.checkpoint,
    proofs.prove,
    proofs.prove_growth,
    proofs.check_proof,
    proofs.find,
    rebuild,
):
    ledger.add_command(_command)
