"""Acting as a person from the command line: the account is named, its password and second factor are asked."""

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
    """Sign in for one act: the password is asked, and the code of who has a second factor. From stdin each is a line.

    Raise NotAllowed, SecondFactorWrong.
    """
    accounts = container.accounts
    entered = accounts.enter(user, _asked("Password"))
    if entered.wanted == "enrol":
        raise NotAllowed("your role needs a second factor; sign in at the console once to enrol it")
    if entered.wanted == "second":
        entered = accounts.finish(entered.step, _asked("Code"))
    session = accounts.session(entered.token)
    if session is None:
        raise NotAllowed("that account and password do not go together, or the account is locked")
    accounts.sign_out(entered.token or "")
    return session.person


def _asked(what: str) -> str:
    return str(click.prompt(what, hide_input=True)) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
