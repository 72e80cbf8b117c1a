"""``qorgau check``."""

from __future__ import annotations

import json

import click

from engine.notices.completeness import ALL_SET, NO_IIN, TWO_SIDED
from engine.permissions import may
from infra.cli import common
from infra.commands.accounts import two_sided
from infra.settings.settings import PREFIX, Settings
from reports.messages import say, speak


@click.command()
@common.as_json
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Say what is not set that notices need to reach anybody, and which accounts stand on both sides of the four eyes.
    Exit status 1 when something is missing."""
    settings = common.settings()
    with speak(settings.language):
        rows = [
            {"setting": f"{PREFIX}{it.setting.upper()}", "message": it.message, "said": say(it.message)}
            for it in settings.lacking()
        ]
        rows += [
            {"setting": f"qorgau users signs-as {person}", "message": NO_IIN.format(person=person),
             "said": say(NO_IIN, person=person)}
            for person in _without_iin(settings)
        ]  # fmt: skip
        both = _two_sided(settings)
        if as_json:
            missing = [{name: row[name] for name in ("setting", "message")} for row in rows]
            told = {"status": "degraded" if rows else "ok", "missing": missing}
            click.echo(json.dumps({**told, "two_sided_accounts": both} if both else told))
        for row in rows if not as_json else ():
            click.echo(f"{row['setting']}: {row['said']}")
        for user in both if not as_json else ():
            click.echo(say(TWO_SIDED, user=user))
        if not rows and not as_json:
            click.echo(say(ALL_SET))
    ctx.exit(1 if rows else 0)


def _two_sided(settings: Settings) -> list[str]:
    """The accounts that work on incidents and approve their notices."""
    if not _made(settings):
        return []
    with common.container() as container:
        return [person.id for person in container.accounts.people() if two_sided(person.roles)]


def _made(settings: Settings) -> bool:
    """Say whether there is a store."""
    return bool(settings.database) or (settings.data / "qorgau.sqlite").is_file()


def _without_iin(settings: Settings) -> list[str]:
    """The approvers who cannot sign, where signatures are required: nobody recorded the IIN of their certificates."""
    if settings.notice_signature != "required" or not _made(settings):
        return []
    with common.container() as container:
        signers = container.dispatcher.desk.signers
        people = [it for it in container.accounts.people() if may("approve-notice", it)]
        return [it.id for it in people if not signers.last_digits(it.id)]
