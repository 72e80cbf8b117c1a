"""``qorgau users`` and ``qorgau sources``."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from dataclasses import asdict

import click

from engine.kernel.errors import InputError
from infra.cli import common
from infra.cli.acting import person, who
from infra.commands import demonstration
from infra.commands.accounts import ROLES, Accounts
from infra.commands.people.personal_tokens import MOST_DAYS


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


@users.group("token")
def tokens() -> None:
    """Tokens by which programs act for a person over the API."""


@tokens.command("add")
@click.argument("name")
@who
@click.option("--scope", multiple=True, required=True, help="read, or the name of a command; often.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), required=True, help="How long it stands, at most a year.")
def add_token(name: str, user: str, scope: tuple[str, ...], days: int) -> None:
    """Make a token of your own; it is shown once. Approvals it is never for."""
    with common.container() as container:
        token = container.accounts.tokens.make(person(container, user), name, scope, days)
    click.echo(token)


@tokens.command("list")
@click.argument("user")
@common.as_json
def list_tokens(user: str, as_json: bool) -> None:
    """List the tokens of an account."""
    with common.reading() as container:
        rows = [
            {**asdict(it), "scope": ", ".join(it.scope), "used_at": it.used_at or None}
            for it in container.accounts.tokens.of(user)
        ]
    common.show(rows, ("id", "name", "scope", "created_at", "expires_at", "used_at"), as_json)


@tokens.command("revoke")
@click.argument("user")
@click.argument("token_id")
def revoke_token(user: str, token_id: str) -> None:
    """Make a token of an account void."""
    _change(user, lambda it: it.tokens.revoke(user, token_id, actor="command line"))
    click.echo(f"{user}: {token_id} is void")


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
@click.option("--days", type=int, help="How long it stands; for ever where not said.")
@click.option("--from", "networks", multiple=True, help="From where alone it is taken, as 10.0.0.0/8.")
def add_source(
    source: str, also: tuple[str, ...], anything: bool, days: int | None, networks: tuple[str, ...]
) -> None:  # fmt: skip
    """Make a token; it is shown once."""
    with common.container() as container:
        claims = None if anything else also
        token = container.accounts.new_source(source, claims, days=days, networks=networks)
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
        rows = container.accounts.source_tokens()
    common.show(rows, ("source", "claims", "created_at", "expires_at", "networks", "used_at"), as_json)
