"""``qorgau ledger verify``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import httpx
from cryptography.x509 import Certificate

from engine.proofs.notes import Verifier
from infra.app.container import Container
from infra.cli import common
from infra.outbound.timestamping import StampRefused, check, roots_of
from infra.settings.settings import Settings
from infra.store.integrity.comparing import Compared, compare
from infra.store.integrity.repairing import damage
from infra.store.log.verify import LOGS, Fault, verify
from infra.store.reads.verifying import verify_reads
from infra.store.sql.database import Database, Readable


@dataclass(frozen=True, slots=True)
class Beside:
    """What was found beside the two logs."""

    heads: list[str]
    altered: list[str]
    compared: Compared | None

    @property
    def whole(self) -> bool:
        """Say whether nothing was found."""
        return not self.heads and not self.altered


@click.command("verify")
@click.option("--key", help="Public key of the log (name+id+key); without it, that of the signing key here.")
@click.option("--witness", "witnesses", multiple=True, help="Public key of a witness whose stored cosignatures count.")
@click.option(
    "--seen",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint kept elsewhere; may be repeated.",
)
@click.option("--views", is_flag=True, help="Also fold every read model again and compare it with the log, row by row.")
@common.as_json
def verify_command(
    key: str | None, witnesses: tuple[str, ...], files: tuple[Path, ...], views: bool, as_json: bool
) -> None:
    """Count every hash again and name the first event or decision that is not as it was written.

    Checks each stored byte against its hash, the chain, the Merkle tree, the signed checkpoints, the heads kept beside
    the keys, and what kept checkpoints and witnesses say (those of QORGAU_WITNESSES are asked); and each row that no
    log tells (accounts, sessions, tokens, messages, keys of persons) against its mark. Exit status 1 when something was
    altered, lost, put in or moved; and the access log.
    """
    seen = [common.read_text(path, 64 * 1024) for path in files]
    settings = common.settings()
    _refuse_damaged(settings, as_json)
    with common.reading() as container:
        seen += _asked(settings.witnesses, container.store.signer.verifier.name)
        stamped, refused = stamped_notes(container.database, roots_of(settings.timestamp_roots))
        seen += stamped
        log_key = Verifier.parse(key) if key else container.store.signer.verifier
        known = [Verifier.parse(text) for text in (*witnesses, *settings.witness_keys)]
        results = {log: _walk(container.database, log, log_key, known, seen, not as_json) for log in LOGS}
        results["reads"] = _readings(container, log_key)
        beside = _beside(container, views)
    faults = [fault for _, fault in results.values() if fault is not None]
    for text in (*refused, *beside.heads, *beside.altered):
        click.echo(f"qorgau: {text}", err=True)
    if as_json:
        told = [{"log": f.log, "position": f.first, "until": f.last, "fault": f.text} for f in faults]
        counted = {log: count for log, (count, _) in results.items()}
        whole = not faults and not refused and beside.whole
        found = {"whole": whole, **counted, "faults": told, "stamps": refused}
        click.echo(json.dumps({**found, "heads": beside.heads, "altered": beside.altered}))
    else:
        _say(results, beside)
    if faults or refused or not beside.whole:
        raise SystemExit(1)


def _readings(container: Container, key: Verifier) -> tuple[int, Fault | None]:
    """Check the access log."""
    count, wrong = verify_reads(container.store.access, key)
    return count, Fault("reads", count + 1, count + 1, wrong) if wrong else None


def _refuse_damaged(settings: Settings, as_json: bool) -> None:
    """Name the tables with damaged pages and end: nothing else can be said of such a file."""
    path = settings.data / "qorgau.sqlite"
    found = [] if settings.database is not None or not path.is_file() else [str(it) for it in damage(path)]
    if not found:
        return
    for text in found:
        click.echo(f"qorgau: {text}; stop the engine and run 'qorgau ledger rebuild'", err=True)
    if as_json:
        click.echo(json.dumps({"whole": False, "faults": [], "stamps": [], "heads": [], "altered": found}))
    raise SystemExit(1)


def _say(results: dict[str, tuple[int, Fault | None]], beside: Beside) -> None:
    for log, (count, fault) in results.items():
        click.echo(f"{log}: {fault.text}" if fault else f"{log}: {count:,} whole, signed")
    if beside.heads:
        click.echo(f"heads: {len(beside.heads)} of the logs are not those whose heads were kept beside the keys")
    if beside.compared is not None:
        click.echo(f"read models: {beside.compared.rows:,} rows as the log makes them")
    if beside.altered:
        click.echo(f"rows: {len(beside.altered)} findings; see above")


def _beside(container: Container, views: bool) -> Beside:
    """Compare heads and marks and, where asked, the read models. A store of before has neither heads nor marks."""
    guard, compared = container.store.guard, None
    altered = [str(it) for it in guard.altered()]
    if views:
        for it in compare(container.database):
            if isinstance(it, Compared):
                compared = it
            else:
                altered.append(str(it))
    return Beside(list(guard.gaps()), altered, compared)


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
    database: Readable, log: str, key: Verifier, witnesses: list[Verifier], seen: list[str], tell: bool
) -> tuple[int, Fault | None]:
    position = 0
    show = tell and sys.stderr.isatty()
    for step in verify(database, log, key, witnesses, seen):
        if isinstance(step, Fault):
            return position, step
        position = step.position
        if show:
            click.echo(f"\r{log}: {position:,}", nl=False, err=True)
    if show:
        click.echo("\r", nl=False, err=True)
    return position, None
