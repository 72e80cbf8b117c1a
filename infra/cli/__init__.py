"""The command line ``qorgau``. Exit status: 0 done, 1 a check failed, 2 bad usage or input."""

from __future__ import annotations

import sys

import click

from engine.errors import DecisionRefused, NotFound, QorgauError
from infra.cli import (
    bench,
    bench_notice,
    bench_year,
    case_acts,
    cases,
    evidence,
    ingest,
    keys,
    ledger,
    playbooks,
    proofs,
    report,
    retention,
    rule_life,
    rules,
    serve,
    simulate,
    users,
    watchdog,
    witness,
)

VERSION = "0.1.0"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="qorgau")
def cli() -> None:
    """Compliance and incident response for microfinance organisations.

    Settings come from QORGAU_* variables and qorgau.toml; QORGAU_DATA names the data directory (default ./var).
    """


cli.add_command(serve.serve)
cli.add_command(serve.catch_up)
cli.add_command(ingest.ingest)
cli.add_command(simulate.simulate)
cli.add_command(ledger.ledger)
cli.add_command(keys.keys)
cli.add_command(retention.retention)
cli.add_command(retention.archive)
cli.add_command(witness.witness)
cli.add_command(rules.rules)
cli.add_command(rule_life.lists)
cli.add_command(cases.clock)
cli.add_command(cases.incidents)
cli.add_command(cases.notices)
cli.add_command(cases.protections)
cli.add_command(playbooks.playbooks)
cli.add_command(watchdog.watchdog)
cli.add_command(users.users)
cli.add_command(users.sources)
cli.add_command(evidence.evidence)
cli.add_command(report.report)
cli.add_command(bench.bench)
bench.bench.add_command(bench_year.year)
bench.bench.add_command(bench_notice.notice)


for _command in (proofs.checkpoint, proofs.prove, proofs.prove_growth, proofs.check_proof, proofs.find):
    ledger.ledger.add_command(_command)


for _command in (case_acts.report_incident, case_acts.split_incident):
    cases.incidents.add_command(_command)
for _command in (case_acts.mail_in, case_acts.receipt):
    cases.notices.add_command(_command)
cases.protections.add_command(case_acts.enter_act)


def main() -> None:
    """Run the command line; every error is one line on stderr."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("stopped")
        code = 130
    except click.ClickException as error:
        _fail(error.format_message())
        code = 2
    except (DecisionRefused, NotFound) as error:
        _fail(error.message)
        code = 2
    except QorgauError as error:
        _fail(error.message)
        code = 2
    except BrokenPipeError:
        # The reader went away (``qorgau simulate | head``); that is its right.
        sys.stderr.close()
        code = 0
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        code = 2
    raise SystemExit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    click.echo(f"qorgau: {' '.join(message.split())}", err=True)
