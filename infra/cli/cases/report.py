"""``qorgau report``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from engine.governance.register import builtin_register
from infra.cli import common
from infra.read.coverage import Coverage, totals
from infra.read.report_tables import serving
from infra.read.reporting import Reports
from reports.messages import LANGUAGES
from reports.render import REPORT_FORMATS, ReportFormat, render_report

Command = Callable[..., None]


@click.group()
def report() -> None:
    """Reports: every figure is counted from what was recorded."""


def _options(command: Command) -> Command:
    for option in (
        click.option("--output", type=click.Path(path_type=Path, allow_dash=True), default=Path("-"),
                     help="File, or - for stdout (default)."),
        click.option("--format", "kind", type=click.Choice(REPORT_FORMATS), default="txt", show_default=True),
        click.option("--language", type=click.Choice(LANGUAGES), help="Its language (default: the setting LANGUAGE)."),
        click.option("--period", default="", help="A month or a year, such as 2026-11 or 2026 (default: this month)."),
    ):  # fmt: skip
        command = option(command)
    return command


def _write(name: str, period: str, kind: ReportFormat, output: Path, language: str | None) -> None:
    with common.container() as container:
        made = Reports(container, language or container.settings.language).build(name, period)
    body = render_report(made, kind)
    if str(output) == "-":
        sys.stdout.buffer.write(body)
    else:
        output.write_bytes(body)


def _command(name: str, text: str) -> None:
    @report.command(name, help=text)
    @_options
    def write(period: str, kind: ReportFormat, output: Path, language: str | None) -> None:
        _write(name, period, kind, output, language)


_command("security", "Security report of a month or a year: incidents, handling, terms, notices.")
_command("sla", "How each term of the law was kept, with every breach.")
_command("management-review", "Input of the management review (KMG 7.2).")
_command("review-outputs", "Record of the outputs of reviews (KMG 7.3).")
_command("soa", "Statement of applicability, ISO/IEC 27001:2022 Annex A, with live evidence.")
_command("fraud-risks", "Register of fraud risks.")
_command("asset-risks", "Register of risks to information assets.")


@report.command()
@click.option("--format", "kind", type=click.Choice(REPORT_FORMATS), help="Write it as a report in this format.")
@click.option("--output", type=click.Path(path_type=Path, allow_dash=True), default=Path("-"))
@click.option("--language", type=click.Choice(LANGUAGES), help="Its language (default: the setting LANGUAGE).")
@click.option("--missing", is_flag=True, help="Only those that nothing serves.")
@common.as_json
def coverage(kind: ReportFormat | None, output: Path, language: str | None, missing: bool, as_json: bool) -> None:
    """Say for every obligation of the register what serves it, and its latest evidence; or that nothing does."""
    if kind is not None:
        _write("coverage", "", kind, output, language)
        return
    with common.reading() as container:
        rows = Coverage(container).rows()
    found = totals(rows)
    assert found["obligations"] == len(builtin_register().obligations)
    shown = [row for row in rows if not (missing and (row.served or row.by_hand))]
    if as_json:
        click.echo(json.dumps({**found, "rows": [asdict(row) for row in shown]}, ensure_ascii=False, default=str))
        return
    lines = [
        {"obligation": row.obligation, "clause": row.clause, "kinds": row.kinds, "served_by": serving(row),
         "latest": f"{row.evidence_at[:10]} {row.evidence}" if row.evidence_at else "none",
         "violation": f"{row.violation_at[:10]} {row.violation}" if row.violation_at else ""}
        for row in shown
    ]  # fmt: skip
    common.show(lines, ("obligation", "clause", "kinds", "served_by", "latest", "violation"), False)
    click.echo(
        f"{found['served']} of {found['obligations']} obligations are served by something here, "
        f"{found['with_evidence']} have evidence, {found['violated']} have violations, "
        f"{found['by_nothing']} are served by nothing"
    )
