"""``qorgau rules``: test, lint, list, evaluate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from engine.catalogue import builtin_catalogue
from engine.errors import InputError
from engine.register import builtin_register
from engine.timestamps import Window
from infra.cli import common, rule_life
from infra.clock import SystemClock
from rules.context import Context
from rules.errors import RuleError
from rules.flatten import flatten
from rules.lists import lists_of
from rules.loader import RuleSet, load_rules
from rules.matcher import Matcher
from rules.pack import builtin_contexts, builtin_files, builtin_lists
from rules.testing import run_tests


@click.group()
def rules() -> None:
    """Detection rules (Sigma)."""


def _files(paths: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if not path.exists():
            raise InputError("there is no such file or folder", file=str(path))
        found = sorted([*path.rglob("*.yml"), *path.rglob("*.yaml")]) if path.is_dir() else [path]
        for file in found:
            if file.name not in ("contexts.yml", "lists.yml"):
                yield str(file), common.read_text(file)


def load(paths: tuple[Path, ...], *, tuned: bool = True) -> tuple[RuleSet, list[RuleError], tuple[Context, ...]]:
    if paths:
        ruleset, faults = load_rules(_files(paths), lists=lists_of(builtin_lists()))
        return ruleset, faults, builtin_contexts()
    parameters = common.settings().rule_parameters if tuned else {}
    lists = lists_of(builtin_lists())
    ruleset, faults = load_rules(builtin_files(), parameters=parameters, lists=lists, require_house_block=True)
    return ruleset, faults, builtin_contexts()


@rules.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@common.as_json
def test_rules(paths: tuple[Path, ...], as_json: bool) -> None:
    """Run the tests that travel with the rules (of PATHS, or of the product), with the default parameters."""
    ruleset, faults, contexts = load(paths, tuned=False)
    results = run_tests(ruleset, contexts)
    failed = [result for result in results if not result.passed]
    for fault in faults:
        click.echo(str(fault), err=True)
    if as_json:
        summary = {"rules": len(ruleset), "tests": len(results), "failed": len(failed), "faults": len(faults)}
        click.echo(json.dumps(summary))
    else:
        for result in failed:
            click.echo(f"FAILED {result.rule} ({result.kind}) {result.name}: {result.message}")
        click.echo(f"{len(ruleset)} rules, {len(results)} tests, {len(failed)} failed, {len(faults)} files with faults")
    if failed or faults:
        raise SystemExit(1)


@rules.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@common.as_json
def lint(paths: tuple[Path, ...], as_json: bool) -> None:
    """Look for faults: rules that do not load, duties and fields that do not exist, rules nothing can reach."""
    ruleset, faults, contexts = load(paths)
    findings = [str(fault) for fault in faults] + list(_lint(ruleset, contexts))
    if as_json:
        click.echo(json.dumps({"rules": len(ruleset), "findings": findings}, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(finding)
        click.echo(f"{len(ruleset)} rules, {len(findings)} findings")
    if findings:
        raise SystemExit(1)


def _lint(ruleset: RuleSet, contexts: tuple[Context, ...]) -> Iterator[str]:
    catalogue, register = builtin_catalogue(), builtin_register()
    attached = {name for context in contexts for name in context.attach}
    for rule in ruleset:
        where = f"{rule.file}:{rule.line}: rule '{rule.name}'"
        for obligation in rule.meta.obligations if rule.meta else ():
            if obligation not in register:
                yield f"{where}: the obligation '{obligation}' is not in the register"
        if rule.compiled is None or (rule.meta is None and rule.product != "mfo"):
            continue
        for field in sorted(rule.compiled.fields):
            known = field in catalogue.fields or field in attached or field.startswith(("event.", "rule.", "@"))
            if not known:
                yield f"{where}: no event of the catalogue has the field '{field}'"
        actions = rule.compiled.actions
        for action in sorted(actions):
            if action not in catalogue.events:
                yield f"{where}: no event type '{action}' is in the catalogue, so the rule can never fire"


@rules.command("list")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@common.as_json
def list_rules(paths: tuple[Path, ...], as_json: bool) -> None:
    """List the rules."""
    ruleset, faults, _ = load(paths)
    for fault in faults:
        click.echo(str(fault), err=True)
    rows = [
        {
            "name": rule.name,
            "severity": rule.severity,
            "class": rule.meta.incident_class if rule.meta else None,
            "notifiable": rule.meta.notifiable if rule.meta else None,
            "obligations": ", ".join(rule.meta.obligations) if rule.meta else "",
            "id": rule.id,
            "title": rule.title,
        }
        for rule in sorted(ruleset, key=lambda r: r.name)
        if rule.raises_findings
    ]
    common.show(rows, ("name", "severity", "class", "title"), as_json)


@rules.command("eval")
@click.option(
    "--rules", "paths", multiple=True, required=True, type=click.Path(path_type=Path), help="Files or folders."
)
@click.option("--events", "file", required=True, type=click.Path(path_type=Path), help="NDJSON, flat or nested.")
@click.option("--product", help="Logsource product of all events; by default it is told from each event.")
@click.option("--faults", is_flag=True, help="Name the rules that did not load, on stderr.")
def eval_rules(paths: tuple[Path, ...], file: Path, product: str | None, faults: bool) -> None:
    """Print for every event the ids of the rules that match it."""
    ruleset, found, contexts = load(paths)
    for fault in found if faults else ():
        click.echo(str(fault), err=True)
    if not len(ruleset):
        raise InputError("no rule could be loaded; see --faults", field="--rules")
    if found and not faults:
        click.echo(f"qorgau: {len(found)} rules did not load; --faults names them", err=True)
    matcher = Matcher(ruleset, contexts)
    index = 0
    window = Window(SystemClock().now())
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise InputError(f"not JSON: {error.msg}", file=str(file), line=number) from None
            if not isinstance(document, dict):
                raise InputError("an event is a JSON object", file=str(file), line=number)
            fields = flatten(document)
            at, _ = window.place(fields.get("@timestamp"))
            hits = matcher.match(fields, at.timestamp(), index + 1, product or product_of(fields))
            matches = sorted({hit.rule.id for hit in hits})
            click.echo(json.dumps({"index": index, "matches": matches}))
            index += 1
    for rule_id, count in sorted(matcher.failures.items()):
        click.echo(f"qorgau: rule {rule_id} raised an error on {count} events", err=True)


def product_of(fields: Mapping[str, Any]) -> str | None:
    """Tell the logsource product of a foreign event; None when it cannot be told, then every rule is tried."""
    if any(name in fields for name in ("Channel", "EventID", "Provider_Name", "winlog.channel")):
        return "windows"
    return None


for command in rule_life.COMMANDS:
    rules.add_command(command)
