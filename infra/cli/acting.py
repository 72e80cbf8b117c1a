"""Acting as a person from the command line: the account is named, its password asked."""

from __future__ import annotations

import sys

import click

from engine.kernel.errors import NotAllowed
from engine.kernel.facts import Person
from infra.app.container import Container

who = click.option("--as", "user", required=True, help="Your account; the password is asked, or read from stdin.")
who_or_user = click.option(
    "--as", "--user", "user", required=True,
    help="Your account; the password is asked, or read from stdin. --user is an older name of the same.",
)  # fmt: skip
why = click.option("--reason", required=True, help="The reason, for the log.")


def person(container: Container, user: str) -> Person:
    """Sign in for one act."""
    password = click.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    token = container.accounts.sign_in(user, password)
    session = container.accounts.session(token)
    if session is None:
        raise NotAllowed("that account and password do not go together, or the account is locked")
    container.accounts.sign_out(token or "")
    return session.person
