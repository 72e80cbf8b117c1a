"""``qorgau ledger rebuild``."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import click

from engine.events.catalogue import builtin_catalogue
from engine.kernel.errors import DataError
from infra.app.container import Container
from infra.app.leader import sole_worker
from infra.app.time_source import SystemClock
from infra.app.worker import WorkedElsewhere, WorkerLock
from infra.cli import common
from infra.processes.event_counts import count_again
from infra.processes.lag import noted_followers
from infra.processes.search import Searching, behind
from infra.read.rows import figures
from infra.search.port import INDEXES
from infra.store.integrity.repairing import damage, repair
from infra.store.log.verify import LOGS, Fault, verify
from infra.store.opening import Store, open_store


@click.command()
@click.option(
    "--from",
    "backup",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A backup of this store; rows of a log on damaged pages are taken from it.",
)
@common.as_json
def rebuild(backup: Path | None, as_json: bool) -> None:
    """Fold every derived table again from the logs: read models, tally, search index.

    Safe while serve runs: each table is seen either as it was or whole. A table that was dropped or altered is made
    again. What is known of event ids is read from the ledger again by whoever asks next. Where pages of the file are
    damaged (SQLite; the engine must be stopped) a whole file is made of what can be read, and the damaged one kept.
    """
    repaired = _repair(backup)
    store = open_store(
        common.settings(), builtin_catalogue(), SystemClock()
    )  # a house reads the views when it opens; mend them first
    try:
        _warn_of_lost_places(store)
        facts = store.decisions.rebuild_views()
        with store.database.write() as cursor:
            for table in ("known_pages", "known_runs"):
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            for log in (store.ledger, store.decisions) if repaired else ():
                log.tree.tile_again(cursor, partial(log.leaves, cursor))
        if repaired:
            _refuse_other_logs(store)
    finally:
        store.close()
    with common.container() as container:
        events = count_again(container.ledger, container.decisions, container.calendar)
        _fill_search(container)
        tables = figures.sizes(container.database)
        documents = {name: container.search.count(name) for name in INDEXES}
    if as_json:
        click.echo(json.dumps({"facts": facts, "events": events, "rows": tables, "documents": documents}))
        return
    click.echo(f"{facts:,} facts folded, {events:,} events counted")
    for name, number in (*tables.items(), *((f"search of {name}", number) for name, number in documents.items())):
        click.echo(f"{name:22} {number:,}")


def _repair(backup: Path | None) -> bool:
    """Make a whole file where pages of the store are damaged; say whether it was."""
    settings = common.settings()
    path = settings.data / "qorgau.sqlite"
    if settings.database is not None or not path.is_file() or not (found := damage(path)):
        return False
    for it in found:
        click.echo(f"qorgau: {it}", err=True)
    lock = WorkerLock(settings.data)
    lock.take()
    try:
        done = repair(path, backup)
    finally:
        lock.release()
    if {it.table for it in found} & {"blind_index"}:
        click.echo("qorgau: the index of identifiers is lost: a search by one finds events from now on", err=True)
    for text in done.from_backup:
        click.echo(f"qorgau: taken from the backup: {text}", err=True)
    click.echo(f"qorgau: {done.tables} tables copied; the damaged file is kept as {done.kept}", err=True)
    return True


def _refuse_other_logs(store: Store) -> None:
    """Walk both logs after a repair. Raise DataError for rows that are not what was signed."""
    for log in LOGS:
        for step in verify(store.database, log, store.signer.verifier):
            if isinstance(step, Fault):
                raise DataError(f"the {log} is not whole after the repair: {step.text}", file=store.database.where)


def _warn_of_lost_places(store: Store) -> None:
    """Say which followers would answer the log again from its beginning. Raise DataError where their places are gone
    altogether: no log says where they stood."""
    try:
        lost = [name for name in noted_followers(store.database) if store.decisions.tracked(name) == 0]
    except Exception as error:
        raise DataError(
            f"the table of the followers' places cannot be read ({type(error).__name__}); restore it from a backup"
        ) from None
    if lost and store.decisions.head():
        click.echo(
            f"qorgau: {', '.join(lost)} have no place in the log and will answer it again from its beginning; "
            "restore a backup if they had one", err=True,
        )  # fmt: skip


def _fill_search(container: Container) -> None:
    """Empty the indexes and fill them here or, where one runs, wait for the worker."""
    for name in INDEXES:
        container.search.clear(name)
    try:
        with sole_worker(container):
            stage = Searching(
                container.search, container.ledger, container.decisions, container.catalogue, container.calendar.zone
            )
            while stage.step():
                pass
    except WorkedElsewhere:
        while sum(behind(container.search, container.ledger, container.decisions).values()):
            time.sleep(0.5)
    container.search.refresh()
