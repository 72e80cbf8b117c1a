"""The command line ``qorgau``. Exit status: 0 done, 1 a check failed, 2 bad usage or input.

A command is imported when it is called for: every one stands on other packages, and a clerk who asks for the clocks
need not wait for the console's or the benches'.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from difflib import get_close_matches
from importlib import import_module

import click

from engine.kernel.errors import DecisionRefused, NotFound, QorgauError
from reports.messages import chosen, refusal

VERSION = "0.1.0"
WHERE = {
    "archive": "infra.cli.storage.retention",
    "bench": "infra.lab.bench.commands",
    "catch-up": "infra.cli.running.serve",
    "check": "infra.cli.running.check",
    "clock": "infra.cli.cases.cases",
    "dead-letters": "infra.cli.running.dead_letters",
    "evidence": "infra.cli.cases.evidence",
    "incidents": "infra.cli.cases.cases",
    "ingest": "infra.cli.running.ingest",
    "keys": "infra.cli.storage.keys",
    "ledger": "infra.cli.storage.ledger",
    "lists": "infra.cli.detection.rule_life",
    "notices": "infra.cli.cases.cases",
    "permissions": "infra.cli.running.permissions",
    "playbooks": "infra.cli.cases.playbooks",
    "protections": "infra.cli.cases.cases",
    "reference-systems": "infra.lab.reference.command",
    "reads": "infra.cli.running.reads",
    "report": "infra.cli.cases.report",
    "retention": "infra.cli.storage.retention",
    "rules": "infra.cli.detection.rules",
    "search": "infra.cli.storage.search",
    "serve": "infra.cli.running.serve",
    "simulate": "infra.lab.simulate_command",
    "sources": "infra.cli.running.users",
    "probe": "infra.cli.running.probe",
    "stream": "infra.cli.running.stream",
    "syslog": "infra.cli.running.syslog",
    "users": "infra.cli.running.users",
    "watchdog": "infra.cli.running.watchdog",
    "webhooks": "infra.cli.running.webhooks",
    "witness": "infra.cli.storage.witness",
}
"""Command → the module that has it, under the command's name."""


class Commands(click.Group):
    """Commands that are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return list(WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command, None when there is none of this name."""
        if cmd_name not in WHERE:
            return None
        command = getattr(import_module(WHERE[cmd_name]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a mistyped one is answered with the near ones."""
        name = args[0] if args else ""
        if name not in WHERE and not name.startswith("-"):
            near = get_close_matches(name, WHERE, n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"No such command '{name}'.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="qorgau")
def cli() -> None:
    """Compliance and incident response for microfinance organisations.

    Settings come from QORGAU_* variables and qorgau.toml; QORGAU_DATA names the data directory (default ./var).
    """


def main() -> None:
    """Run the command line; every error is one line on stderr."""
    os.umask(0o077)  # store, letters, documents, backups: nobody else on the machine reads them
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("stopped")
        code = 130
    except click.ClickException as error:
        _fail(error.format_message())
        code = 2
    except (DecisionRefused, NotFound) as error:
        _fail(refusal(error, _language()))
        code = 2
    except QorgauError as error:
        _fail(refusal(error, _language()))
        code = 2
    except BrokenPipeError:
        # The reader went away (``qorgau simulate | head``); that is its right.
        sys.stderr.close()
        code = 0
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        code = 2
    except Exception as error:
        if not _of_the_store(error):
            raise
        _fail(
            f"the store cannot be read or written: {error}; 'qorgau ledger verify' checks both logs, and what they do "
            "not hold is in a backup"
        )
        code = 2
    raise SystemExit(code if isinstance(code, int) else 0)


def _of_the_store(error: Exception) -> bool:
    """Say whether SQLite, or the event-sourcing library over a store, could not do what it was asked."""
    return isinstance(error, sqlite3.DatabaseError) or type(error).__module__ == "eventsourcing.persistence"


def _language() -> str:
    """What the person at the terminal reads: QORGAU_LANGUAGE, else the locale."""
    return chosen(*(os.environ.get(name) for name in ("QORGAU_LANGUAGE", "LC_ALL", "LANG")))


def _fail(message: str) -> None:
    click.echo(f"qorgau: {' '.join(message.split())}", err=True)
