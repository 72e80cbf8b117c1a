"""``qorgau search find|status|rebuild``."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from infra.app.container import Container
from infra.app.leader import sole_worker
from infra.app.worker import WorkedElsewhere
from infra.cli import common
from infra.cli import reading as reader
from infra.processes.search import Searching, behind
from infra.read import queries
from infra.search.port import INDEXES

COLUMNS = {
    "events": ("position", "at", "action", "source", "entities"),
    "incidents": ("number", "at", "severity", "phase", "title"),
    "notices": ("number", "at", "kind", "stage", "state"),
}


@click.group()
def search() -> None:
    """Find events, incidents and notices."""


@search.command()
@click.argument("question", default="")
@click.option("--of", "index", type=click.Choice(INDEXES), default="events", show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@common.as_json
@reader.by_somebody
def find(user: str, reason: str, question: str, index: str, limit: int, as_json: bool) -> None:
    """Ask in the Lucene query language; the newest come first. 'client:c-17 -action:portal.*'"""
    with reader.reading(user, reason, "search find", "events") as (container, _):
        found = queries.search(container, question, index, limit=limit)
    common.show([asdict(hit) for hit in found], COLUMNS[index], as_json)


@search.command()
@common.as_json
def status(as_json: bool) -> None:
    """Show how many documents each index holds and how far it is behind. Exit status 1 when events are missing."""
    with common.container() as container:
        lag = behind(container.search, container.ledger, container.decisions)
        container.search.refresh()
        counted = {name: (container.search.count(name), container.search.marks.get(name)) for name in INDEXES}
    rows = [
        {"index": name, "documents": documents, "read": read, "behind": lag[name]}
        for name, (documents, read) in counted.items()
    ]
    common.show(rows, ("index", "documents", "read", "behind"), as_json)
    documents, read = counted["events"]
    missing = read - documents
    if missing > 0:
        click.echo(f"{missing} events are not in the index; 'qorgau search rebuild' fills it again", err=True)
        raise SystemExit(1)


@search.command()
@click.option("--of", "index", type=click.Choice(INDEXES), multiple=True, help="Which; all when none is named.")
def rebuild(index: tuple[str, ...]) -> None:
    """Empty the indexes and fill them from the event store, here or, where one runs, in the worker."""
    with common.container() as container:
        for name in index or INDEXES:
            container.search.clear(name)
        try:
            with sole_worker(container):
                _fill(container)
        except WorkedElsewhere:
            _watch(container)


def _fill(container: Container) -> None:
    stage = Searching(
        container.search, container.ledger, container.decisions, container.catalogue, container.calendar.zone
    )
    begun = sum(behind(container.search, container.ledger, container.decisions).values())
    with click.progressbar(length=begun, label="records read") as bar:
        left = begun
        while stage.step():
            now = sum(behind(container.search, container.ledger, container.decisions).values())
            bar.update(left - now)
            left = now
    container.search.refresh()


def _watch(container: Container) -> None:
    click.echo("a worker runs and fills them", err=True)
    while left := sum(behind(container.search, container.ledger, container.decisions).values()):
        click.echo(f"{left} records to read", err=True)
        time.sleep(2)
