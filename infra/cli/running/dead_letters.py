"""``qorgau dead-letters [read-again]``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from engine.kernel.errors import InputError
from infra.cli import common
from infra.cli.running.syslog import cef_of
from infra.inbound.rereading import read_again
from infra.read import queries
from infra.read.rows import effects


@click.group("dead-letters", invoke_without_command=True)
@common.as_json
@click.pass_context
def dead_letters(context: click.Context, as_json: bool) -> None:
    """List the newest lines that could not be read: why, how often or how many, and their outline without values."""
    if context.invoked_subcommand is not None:
        return
    with common.reading() as container:
        rows = [asdict(row) for row in queries.dead_letters(container)]
    common.show(rows, ("id", "received_at", "source", "line", "code", "times", "size", "reason", "head"), as_json)


@dead_letters.command("read-again")
@click.argument("letters", nargs=-1, type=int)
@click.option("--source", help="All kept letters of a source instead of named ones.")
@common.as_json
def again(letters: tuple[int, ...], source: str | None, as_json: bool) -> None:
    """Read LETTERS (ids of the list) again by today's rules of the door.

    What is understood now becomes an event, received now, and its letter is removed; the rest stays.
    """
    if bool(letters) == (source is not None):
        raise InputError("name the letters, or a source with --source", field="letters")
    total = {"accepted": 0, "duplicate": 0, "rejected": 0, "flagged": 0}
    with common.container() as container:
        ids = letters or tuple(effects.letters_of(container.database, source or ""))
        table = cef_of(container.settings, container.catalogue)
        for letter in ids:
            taken = read_again(container.intake, letter, table)
            total = {name: number + getattr(taken, name) for name, number in total.items()}
    if as_json:
        click.echo(json.dumps(total))
    else:
        click.echo(
            f"{total['accepted']} accepted ({total['flagged']} flagged), {total['duplicate']} known already, "
            f"{total['rejected']} still cannot be read"
        )
