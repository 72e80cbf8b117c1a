"""``qorgau rules draft|tune|try|propose|approve|activate|retire|rollback|life``, and ``qorgau lists``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.kernel.checked import checked
from engine.kernel.errors import InputError
from engine.kernel.yaml_text import read_value
from engine.rule_life import commands
from infra.cli import common
from infra.cli.acting import person, who, why
from infra.read.rows import rules
from infra.store.models.record import stored

version_argument = click.argument("version")
name_argument = click.argument("name")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@who
@why
def draft(file: Path, user: str, reason: str) -> None:
    """Write a version of a rule from FILE (one Sigma rule with its 'qorgau' block); prints its name and version."""
    text = common.read_text(file)
    with common.container() as container:
        made = container.dispatch(checked(commands.DraftRule, text=text, reason=reason), by=person(container, user))
    click.echo(f"{made.name} {made.version}")


@click.command()
@name_argument
@click.argument("values", nargs=-1, required=True, metavar="PARAMETER=VALUE...")
@who
@why
def tune(name: str, values: tuple[str, ...], user: str, reason: str) -> None:
    """Write a version of a rule with other parameters, within their bounds; prints its name and version."""
    chosen: dict[str, Any] = {}
    for value in values:
        key, sign, given = value.partition("=")
        if not sign:
            raise InputError(f"'{value}' is not PARAMETER=VALUE", field="PARAMETER=VALUE")
        chosen[key] = read_value(given, key)
    with common.container() as container:
        command = checked(commands.TuneRule, rule=name, values=chosen, reason=reason)
        made = container.dispatch(command, by=person(container, user))
    click.echo(f"{made.name} {made.version}")


@click.command("try")
@name_argument
@version_argument
@who
def try_version(name: str, version: str, user: str) -> None:
    """Run the tests that travel with a version, among all rules in force, and record how they went."""
    with common.container() as container:
        tried = container.dispatch(commands.TryRule(rule=name, version=version), by=person(container, user))
    results, failed = tried.results, tried.failed
    for result in failed:
        click.echo(f"FAILED ({result.kind}) {result.name}: {result.message}")
    click.echo(f"{len(results)} tests, {len(failed)} failed")
    if failed or not results:
        raise SystemExit(1)


@click.command()
@name_argument
@version_argument
@who
@why
def propose(name: str, version: str, user: str, reason: str) -> None:
    """Ask that a tested version come into force."""
    with common.container() as container:
        command = checked(commands.ProposeRule, rule=name, version=version, reason=reason)
        container.dispatch(command, by=person(container, user))


@click.command()
@name_argument
@version_argument
@who
@why
def approve(name: str, version: str, user: str, reason: str) -> None:
    """Agree to a proposed version; not as who wrote or proposed it."""
    with common.container() as container:
        command = checked(commands.ApproveRule, rule=name, version=version, reason=reason)
        container.dispatch(command, by=person(container, user))


@click.command()
@name_argument
@version_argument
@click.option("--shadow", is_flag=True, help="Beside the version in force; its findings are kept and open nothing.")
@who
@why
def activate(name: str, version: str, shadow: bool, user: str, reason: str) -> None:
    """Let an approved version run; a running worker takes it with its next events, without a restart."""
    with common.container() as container:
        mode = "shadow" if shadow else "active"
        command = checked(commands.ActivateRule, rule=name, version=version, mode=mode, reason=reason)
        done = container.dispatch(command, by=person(container, user))
    if not done.decided:
        click.echo("asked for: it may detect less, so another person of another role must say the same")


@click.command()
@name_argument
@who
@why
def retire(name: str, user: str, reason: str) -> None:
    """Take a rule out of force: the first person asks, a second one who says the same does it."""
    with common.container() as container:
        done = container.dispatch(checked(commands.RetireRule, rule=name, reason=reason), by=person(container, user))
    click.echo("out of force" if done.decided else "proposed; another person must decide it")


@click.command()
@name_argument
@who
@why
def rollback(name: str, user: str, reason: str) -> None:
    """Put what was in force before into force again: at once, but for what may detect less, which takes two persons."""
    with common.container() as container:
        made = container.dispatch(checked(commands.RollBackRule, rule=name, reason=reason), by=person(container, user))
    if not made.decided:
        click.echo("asked for: it may detect less, so another person of another role must say the same")
    click.echo(f"{name} {made.version}")


@click.command()
@common.as_json
def life(as_json: bool) -> None:
    """Show every version of a rule that was made here and where it stands."""
    with common.reading() as container:
        rows = [stored(row) for row in rules.versions(container.database)]
    common.show(rows, ("name", "version", "stage", "runs", "written_by", "proposed_by"), as_json)


COMMANDS = (draft, tune, try_version, propose, approve, activate, retire, rollback, life)


@click.group()
def lists() -> None:
    """The lists that rules name: allowed and denied accounts, the Anti-Fraud Centre's, vocabulary."""


@lists.command("list")
@common.as_json
def show_lists(as_json: bool) -> None:
    """Show every list, its version in force and what waits for a second person."""
    with common.reading() as container:
        held = rules.lists(container.database)
        rows = [
            {
                "name": it.name,
                "kind": it.kind,
                "version": held[it.name].in_force if it.name in held else 0,
                "entries": held[it.name].count if it.name in held and held[it.name].in_force else len(it.entries),
                "waiting": held[it.name].waiting if it.name in held else 0,
                "description": it.description,
            }
            for it in container.rulebook.definitions.values()
        ]
    common.show(rows, ("name", "kind", "version", "entries", "waiting", "description"), as_json)


@lists.command("change")
@name_argument
@click.option("--add", "adds", multiple=True, help="An entry; may be repeated.")
@click.option("--remove", "removes", multiple=True, help="An entry; may be repeated.")
@click.option("--add-file", type=click.Path(path_type=Path), help="Entries, one a line.")
@who
@why
def change_list(
    name: str, adds: tuple[str, ...], removes: tuple[str, ...], add_file: Path | None, user: str, reason: str
) -> None:
    """Add or remove entries. What weakens detection waits for a second person; the rest is in force at once."""
    added = [*adds, *(common.read_text(add_file, 64 * 1024 * 1024).splitlines() if add_file else ())]
    with common.container() as container:
        command = checked(commands.ChangeList, list=name, add=tuple(added), remove=removes, reason=reason)
        done = container.dispatch(command, by=person(container, user))
    click.echo("in force" if done.decided else "proposed; another person must approve it")


@lists.command("approve")
@name_argument
@click.option("--refuse", is_flag=True, help="Do not agree.")
@who
@why
def decide_list(name: str, refuse: bool, user: str, reason: str) -> None:
    """Agree to the change of a list that waits, as another person than who proposed it."""
    with common.container() as container:
        command = checked(commands.DecideList, list=name, agreed=not refuse, reason=reason)
        container.dispatch(command, by=person(container, user))
