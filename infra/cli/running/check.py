"""``qorgau check``."""

from __future__ import annotations

import json

import click

from infra.cli import common
from infra.commands.accounts import two_sided
from infra.settings.settings import PREFIX


@click.command()
@common.as_json
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Say what is not set that notices need to reach anybody, and which accounts stand on both sides of the four eyes.
    Exit status 1 when a setting is missing."""
    settings = common.settings()
    found, both = settings.lacking(), list[str]()
    if settings.database or (settings.data / "qorgau.sqlite").exists():
        with common.container() as container:
            both = [person.id for person in container.accounts.people() if two_sided(person.roles)]
    if as_json:
        rows = [{"setting": f"{PREFIX}{it.setting.upper()}", "message": it.message} for it in found]
        told = {"status": "degraded" if found else "ok", "missing": rows}
        click.echo(json.dumps({**told, "two_sided_accounts": both} if both else told))
        ctx.exit(1 if found else 0)
    for it in found:
        click.echo(f"{PREFIX}{it.setting.upper()}: {it.message}")
    for user in both:
        click.echo(f"account {user}: it works on incidents and approves their notices; give the person two accounts")
    if not found:
        click.echo("ok: notices have a way out to whom they are for")
    ctx.exit(1 if found else 0)
