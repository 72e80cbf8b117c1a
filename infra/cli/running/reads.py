"""``qorgau reads``: who read what of whom."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from engine.permissions import require_reading
from infra.cli import acting, common
from infra.store.reads.access_log import Access
from infra.store.reads.listing import readings

COLUMNS = ("position", "at", "who", "way", "route", "count", "case", "reason", "address")


@click.group()
def reads() -> None:
    """Readings of personal data: the access log."""


@reads.command("list")
@acting.who
@acting.why
@click.option("--who", "account", default="", help="Of one account.")
@click.option("--of", default="", help="Of a client, a loan, or the id of an incident, notice or protection.")
@click.option("--since", default="", help="From this day or instant on.")
@click.option("--until", default="", help="Before this day or instant.")
@click.option("--kind", default="", help="By the beginning of what was read, such as 'GET /incidents'.")
@click.option("--below", type=click.IntRange(0), default=0, help="Below this position.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@common.as_json
def list_reads(
    user: str, reason: str, account: str, of: str, since: str, until: str, kind: str, below: int, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """List readings, the newest first. The CISO and the auditor may, and this reading is recorded too."""
    with common.container() as container:
        person, log = acting.person(container, user), container.store.access
        require_reading("reads", person)
        rows = readings(log, who=account, of=of, since=since, until=until, kind=kind, below=below, most=limit)
        ids = {"entity": [log.pseudonym(of)]} if of else {}
        log.write(Access(container.clock.now(), person.id, "cli", "reads list", ids, reason=reason))
    shown = [{**asdict(row), "at": row.at.isoformat()} for row in rows]
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        common.show(shown, COLUMNS, False)
