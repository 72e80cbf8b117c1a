"""``qorgau users`` and ``qorgau sources``."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable

import click

from engine.kernel.errors import InputError
from infra.cli import common
from infra.commands import demonstration
from infra.commands.accounts import ROLES, Accounts


@click.group()
def users() -> None:
    """Accounts of people."""


@users.command()
@click.argument("user")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="May be given often.")
@click.option("--name", default="", help="Name shown in the console.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; otherwise one is made and printed.")
def add(user: str, roles: tuple[str, ...], name: str, password_stdin: bool) -> None:
    """Make an account, or give an account a new password and roles."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(12)
    with common.container() as container:
        container.accounts.add(user, name or user, roles, password, actor="command line")
    click.echo(f"{user}: {', '.join(roles)}" + ("" if password_stdin else f"\npassword: {password}"))


@users.command()
@click.argument("user")
def disable(user: str) -> None:
    """Disable an account; its sessions and its calendar address end at once."""
    _change(user, lambda it: it.set_active(user, False, actor="command line"))
    click.echo(f"{user}: disabled")


@users.command()
@click.argument("user")
def enable(user: str) -> None:
    """Enable an account that was disabled."""
    _change(user, lambda it: it.set_active(user, True, actor="command line"))
    click.echo(f"{user}: enabled")


@users.command()
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; otherwise one is made and printed.")
def password(user: str, password_stdin: bool) -> None:
    """Give an account a new password; its roles stay, its sessions and its calendar address end."""
    new = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(12)
    _change(user, lambda it: it.set_password(user, new, actor="command line"))
    click.echo(f"{user}: new password" + ("" if password_stdin else f"\npassword: {new}"))


@users.command()
@click.argument("user")
def unlock(user: str) -> None:
    """Let an account try to sign in at once, after too many wrong passwords."""
    _change(user, lambda it: it.let_try(user, actor="command line"))
    click.echo(f"{user}: may try again")


@users.command("reset-second-factor")
@click.argument("user")
@click.option("--reason", required=True, help="The reason, for the log; the owner is told at the next sign-in.")
def reset_second_factor(user: str, reason: str) -> None:
    """Take the second factor of somebody away who lost it; the sessions of the account end."""
    _change(user, lambda it: it.reset_second(user, actor="command line", reason=reason))
    click.echo(f"{user}: no second factor")


@users.command("end-sessions")
@click.argument("user")
def end_sessions(user: str) -> None:
    """End every session of an account, and its calendar address."""
    count: list[int] = []
    _change(user, lambda it: count.append(it.end_sessions(user, actor="command line")))
    click.echo(f"{user}: {count[0]} sessions ended")


def _change(user: str, act: Callable[[Accounts], object]) -> None:
    with common.container() as container:
        act(container.accounts)


@users.command("signs-as")
@click.argument("user")
@click.option("--forget", is_flag=True, help="Take back what was recorded; nothing is read then.")
def signs_as(user: str, forget: bool) -> None:
    """Record the IIN that a person's certificates name; it is asked, or read from stdin.

    Where digital signatures are required (docs/signing.md) nobody approves a notice without. Only a keyed hash and the
    last digits of it are kept.
    """
    iin = "" if forget else _secret("IIN")
    with common.container() as container:
        signers = container.dispatcher.desk.signers
        signers.set(user, iin, actor="command line")
        shown = signers.last_digits(user)
    click.echo(f"{user}: signs as …{shown}" if shown else f"{user}: signs no notices")


def _secret(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True)).strip()
    found = sys.stdin.readline().strip()
    if not found:
        raise InputError(f"the {name} is read from stdin, and nothing came")
    return found


@users.command("remove-demo")
def remove_demo() -> None:
    """Close the accounts of the demonstration, whose password everybody knows, and void its token."""
    with common.container() as container:
        found = demonstration.remove(container.accounts)
    click.echo(f"closed: {', '.join(found)}" if found else "no account has the password of the demonstration")


@users.command("list")
@common.as_json
def list_users(as_json: bool) -> None:
    """List accounts."""
    with common.reading() as container:
        signers, accounts = container.dispatcher.desk.signers, container.accounts
        rows = [
            {
                "user": person.id, "name": person.name, "roles": ", ".join(sorted(person.roles)),
                "signs_as": signers.last_digits(person.id), "state": state,
                "second_factor": "yes" if accounts.second.held(person.id) else "no",
            }
            for people, state in ((accounts.people(), "active"), (accounts.disabled(), "disabled"))
            for person in people
        ]  # fmt: skip
    common.show(rows, ("user", "name", "roles", "signs_as", "second_factor", "state"), as_json)


@click.group()
def sources() -> None:
    """Tokens of sources that send events."""


@sources.command("add")
@click.argument("source")
@click.option("--also", multiple=True, help="A further source the token may speak for (collectors).")
@click.option("--any", "anything", is_flag=True, help="The token may speak for every source.")
def add_source(source: str, also: tuple[str, ...], anything: bool) -> None:
    """Make a token; it is shown once."""
    with common.container() as container:
        token = container.accounts.new_source(source, None if anything else also)
    click.echo(token)


@sources.command("remove")
@click.argument("source")
def remove_source(source: str) -> None:
    """Make every token of a source void."""
    with common.container() as container:
        click.echo(f"{container.accounts.forget_source(source)} tokens removed")


@sources.command("list")
@common.as_json
def list_sources(as_json: bool) -> None:
    """List sources that have a token."""
    with common.reading() as container:
        rows = container.database.rows(
            "SELECT source, claims, created_at FROM source_tokens ORDER BY source, created_at"
        )
    common.show(rows, ("source", "claims", "created_at"), as_json)
