"""``qorgau report``."""

from __future__ import annotations

import json

import click

from engine.deadlines import clock_specs
from engine.register import builtin_register
from infra.cli import common
from rules.pack import builtin_rules


@click.group()
def report() -> None:
    """Reports."""


@report.command()
@common.as_json
def coverage(as_json: bool) -> None:
    """Say for every obligation of the register what answers it: a rule, a clock, or nothing yet."""
    rules: dict[str, list[str]] = {}
    for rule in builtin_rules():
        for obligation in rule.meta.obligations if rule.meta else ():
            rules.setdefault(obligation, []).append(rule.name)
    clocks: dict[str, list[str]] = {}
    for spec in clock_specs().values():
        for obligation in spec.obligations:
            clocks.setdefault(obligation, []).append(spec.kind)
    rows = []
    for entry in builtin_register().obligations.values():
        rows.append(
            {
                "obligation": entry.id,
                "clause": f"{entry.org} {entry.clause}",
                "kinds": ", ".join(entry.kind),
                "rules": ", ".join(rules.get(entry.id, [])),
                "clocks": ", ".join(clocks.get(entry.id, [])),
            }
        )
    answered = sum(1 for row in rows if row["rules"] or row["clocks"])
    if as_json:
        click.echo(json.dumps({"obligations": len(rows), "answered": answered, "rows": rows}, ensure_ascii=False))
    else:
        common.show(rows, ("obligation", "clause", "kinds", "rules", "clocks"), False)
        click.echo(f"{answered} of {len(rows)} obligations are answered by a rule or a clock")
