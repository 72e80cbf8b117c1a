"""``qorgau permissions``."""

from __future__ import annotations

import json

import click

from engine.permissions.printed import markdown, rows
from infra.cli import common


@click.command()
@click.option("--markdown", "as_page", is_flag=True, help="Print the page of the documentation.")
@common.as_json
def permissions(as_page: bool, as_json: bool) -> None:
    """Print who may do and read what: every command with its roles and its second person."""
    table = rows()
    if as_page:
        click.echo(markdown(), nl=False)
        return
    if as_json:
        click.echo(json.dumps(table, ensure_ascii=False))
        return
    shown = [{**row, "roles": ", ".join(row["roles"]), "needs": ", ".join(row["needs"])} for row in table["commands"]]
    common.show(shown, ("subject", "command", "roles", "needs", "second_person"), False)
    click.echo()
    read = [{**row, "roles": ", ".join(row["roles"])} for row in table["reading"]]
    common.show(read, ("name", "roles", "title"), False)
