"""``qorgau ledger``: figures, verification, proofs, export, backup."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import click
import httpx
from cryptography.x509 import Certificate

from engine.kernel.errors import InputError
from engine.proofs.notes import Signer, Verifier
from infra.app.container import Container
from infra.cli import common
from infra.cli import reading as reader
from infra.cli.storage import proofs
from infra.cli.storage.rebuild import rebuild
from infra.outbound.timestamping import StampRefused, check, roots_of
from infra.read.queries import stats as figures
from infra.read.rows import effects
from infra.store.backup import Copy, back_up
from infra.store.backup import restore as restore_copy
from infra.store.log.verify import LOGS, Fault, verify
from infra.store.opening import open_database
from infra.store.reads.verifying import verify_reads
from infra.store.sql.database import Database
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


@ledger.command("verify")
@click.option("--key", help="Public key of the log (name+id+key); without it, that of the signing key here.")
@click.option("--witness", "witnesses", multiple=True, help="Public key of a witness whose stored cosignatures count.")
@click.option(
    "--seen",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint kept elsewhere; may be repeated.",
)
@common.as_json
def verify_command(key: str | None, witnesses: tuple[str, ...], files: tuple[Path, ...], as_json: bool) -> None:
    """Count every hash again and name the first event or decision that is not as it was written.

    Checks each stored byte against its hash, the chain, the Merkle tree, the signed checkpoints, and what kept
    checkpoints and witnesses say (those of QORGAU_WITNESSES are asked); and the access log. Exit status 1 when
    something was altered, lost, put in or moved.
    """
    seen = [common.read_text(path, 64 * 1024) for path in files]
    settings = common.settings()
    with common.reading() as container:
        seen += _asked(settings.witnesses, container.store.signer.verifier.name)
        stamped, refused = stamped_notes(container.database, roots_of(settings.timestamp_roots))
        seen += stamped
        log_key = Verifier.parse(key) if key else container.store.signer.verifier
        known = [Verifier.parse(text) for text in (*witnesses, *settings.witness_keys)]
        results = {log: _walk(container.database, log, log_key, known, seen, not as_json) for log in LOGS}
        results["reads"] = _readings(container, log_key)
    faults = [fault for _, fault in results.values() if fault is not None]
    for text in refused:
        click.echo(f"qorgau: {text}", err=True)
    if as_json:
        told = [{"log": f.log, "position": f.first, "until": f.last, "fault": f.text} for f in faults]
        counted = {log: count for log, (count, _) in results.items()}
        click.echo(json.dumps({"whole": not faults and not refused, **counted, "faults": told, "stamps": refused}))
    for log, (count, fault) in () if as_json else results.items():
        click.echo(f"{log}: {fault.text}" if fault else f"{log}: {count:,} whole, signed")
    if faults or refused:
        raise SystemExit(1)


def _readings(container: Container, key: Verifier) -> tuple[int, Fault | None]:
    """Check the access log."""
    count, wrong = verify_reads(container.store.access, key)
    return count, Fault("reads", count + 1, count + 1, wrong) if wrong else None


def stamped_notes(database: Database, roots: Sequence[Certificate]) -> tuple[list[str], list[str]]:
    """Return the heads that an authority stamped, and what is wrong with stamps that do not hold."""
    notes, refused = [], []
    for row in database.rows("SELECT log, size, note, token FROM timestamps ORDER BY log, size"):
        try:
            check(row["note"].encode(), bytes(row["token"]), roots)
        except StampRefused as error:
            refused.append(f"time stamp of the {row['log']} at {row['size']}: {error.message}")
        else:
            notes.append(row["note"])
    return notes, refused


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


def _asked(addresses: tuple[str, ...], name: str) -> list[str]:
    """Ask each witness of the settings for the last head it signed."""
    notes = []
    for address in addresses:
        for log in LOGS:
            try:
                answer = httpx.get(f"{address.rstrip('/')}/last", params={"origin": f"{name}/{log}"}, timeout=5)
            except httpx.HTTPError as error:
                click.echo(f"qorgau: the witness {address} does not answer ({type(error).__name__})", err=True)
                break
            if answer.status_code == 200:
                notes.append(answer.text)
    return notes


def _walk(
    database: object, log: str, key: Verifier, witnesses: list[Verifier], seen: list[str], tell: bool
) -> tuple[int, Fault | None]:
    position = 0
    show = tell and sys.stderr.isatty()
    for step in verify(database, log, key, witnesses, seen):  # type: ignore[arg-type]
        if isinstance(step, Fault):
            return position, step
        position = step.position
        if show:
            click.echo(f"\r{log}: {position:,}", nl=False, err=True)
    if show:
        click.echo("\r", nl=False, err=True)
    return position, None


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path))
@common.as_json
def backup(file: Path, as_json: bool) -> None:
    """Copy the store to FILE while it runs; the copy is verified before it gets its name.

    The keys are not in it: ``qorgau keys backup`` copies those, to another place.
    """
    with common.container() as container:
        if not isinstance(container.database, SqliteDatabase):
            raise InputError("a PostgreSQL store is backed up with its own tools; see docs/operations.md")
        _say(back_up(container.database, file, container.store.signer.verifier), as_json)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path))
@common.as_json
def restore(file: Path, as_json: bool) -> None:
    """Put a backup into an empty data directory; it is verified first. The keys must be in their place already."""
    settings = common.settings()
    if not (settings.keys_folder / "checkpoint.key").exists():
        raise InputError(
            "the keys are not there; put them back first ('qorgau keys restore')", file=str(settings.keys_folder)
        )
    from infra.store.keys.master import KeyFolder

    signer = Signer(settings.log_name, KeyFolder(settings.keys_folder).signing_seed())
    _say(restore_copy(file, settings.data, signer.verifier), as_json)


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


for _command in (proofs.checkpoint, proofs.prove, proofs.prove_growth, proofs.check_proof, proofs.find, rebuild):
    ledger.add_command(_command)
