"""``qorgau check``."""

from __future__ import annotations

import json

import click

from infra.cli import common
from infra.settings.settings import PREFIX


@click.command()
@common.as_json
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Say what is not set that notices need to reach anybody. Exit status 1 when something is missing."""
    found = common.settings().lacking()
    if as_json:
        rows = [{"setting": f"{PREFIX}{it.setting.upper()}", "message": it.message} for it in found]
        click.echo(json.dumps({"status": "degraded" if found else "ok", "missing": rows}))
    for it in found if not as_json else ():
        click.echo(f"{PREFIX}{it.setting.upper()}: {it.message}")
    if not found and not as_json:
        click.echo("ok: notices have a way out to whom they are for")
    ctx.exit(1 if found else 0)
