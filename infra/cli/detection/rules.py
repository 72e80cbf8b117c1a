"""``qorgau rules``: test, lint, list, evaluate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from engine.events.catalogue import builtin_catalogue
from engine.governance.register import builtin_register
from engine.kernel.errors import InputError
from engine.kernel.timestamps import Window
from infra.app.time_source import SystemClock
from infra.cli import common
from infra.cli.detection import rule_life
from rules.detection.context import Shown
from rules.detection.lists import lists_of
from rules.detection.loader import RuleSet, load_rules
from rules.detection.matcher import Hit, Matcher
from rules.detection.pack import builtin_contexts, builtin_files, builtin_lists
from rules.language.errors import RuleError
from rules.language.flatten import flatten
from rules.quality.explain import Explanation, explain
from rules.quality.explain import lines as lines_of
from rules.quality.lint import lint as find_faults
from rules.quality.testing import run_tests


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


def load(paths: tuple[Path, ...], *, tuned: bool = True) -> tuple[RuleSet, list[RuleError], tuple[Shown, ...]]:
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
    """Look for faults: what does not load, what nothing can reach, overlaps, and duties that no rule detects."""
    ruleset, faults, contexts = load(paths)
    found = find_faults(ruleset, contexts, builtin_catalogue(), builtin_register(), builtin_lists(), whole=not paths)
    findings = [*map(str, faults), *found]
    if as_json:
        click.echo(json.dumps({"rules": len(ruleset), "findings": findings}, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(finding)
        click.echo(f"{len(ruleset)} rules, {len(findings)} findings")
    if findings:
        raise SystemExit(1)


@rules.command("list")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@common.as_json
def list_rules(paths: tuple[Path, ...], as_json: bool) -> None:
    """List the rules. Exit status 1, and a line on stderr, for one that cannot be loaded."""
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
    if faults:  # a rule that is not in the list detects nothing
        raise SystemExit(1)


@rules.command("eval")
@click.option(
    "--rules", "paths", multiple=True, required=True, type=click.Path(path_type=Path), help="Files or folders."
)
@click.option("--events", "file", required=True, type=click.Path(path_type=Path), help="NDJSON, flat or nested.")
@click.option("--product", help="Logsource product of all events; by default it is told from each event.")
@click.option("--faults", is_flag=True, help="Name the rules that did not load, on stderr.")
@click.option("--explain", "explaining", is_flag=True, help="Say why: of rules that match, and of those of --rule.")
@click.option("--rule", "asked", multiple=True, help="With --explain: id or name of a rule to explain on every event.")
@click.option("--text", "as_text", is_flag=True, help="With --explain: for people, not as JSON.")
def eval_rules(
    paths: tuple[Path, ...],
    file: Path,
    product: str | None,
    faults: bool,
    explaining: bool,
    asked: tuple[str, ...],
    as_text: bool,
) -> None:
    """Print for every event the ids of the rules that match; correlations report at the event that completes them."""
    ruleset, found, contexts = load(paths)
    for fault in found if faults else ():
        click.echo(str(fault), err=True)
    if not len(ruleset):
        raise InputError("no rule could be loaded; see --faults", field="--rules")
    if found and not faults:
        click.echo(f"qorgau: {len(found)} rules did not load; --faults names them", err=True)
    missing = [name for name in asked if name not in ruleset.by_reference]
    if missing:
        raise InputError(f"no rule '{missing[0]}' is loaded", field="--rule")
    matcher = Matcher(ruleset, contexts)
    for index, (fields, t) in enumerate(_events(file)):
        reasons = {name: matcher.explain(name, fields, t) for name in asked} if explaining else {}
        hits = matcher.match(fields, t, index + 1, product or product_of(fields))
        if explaining:
            for hit in hits:
                if hit.rule.compiled is not None:
                    reasons.setdefault(hit.rule.name, [explain(hit.rule, hit.fields)])
        line: dict[str, Any] = {"index": index, "matches": sorted({hit.rule.id for hit in hits})}
        if explaining and as_text:
            _tell(line, hits, reasons, matcher, fields)
            continue
        if explaining:
            line["explain"] = {name: [e.model_dump() for e in es] for name, es in reasons.items()}
            line["counts"] = {hit.rule.id: hit.positions for hit in hits if hit.rule.correlation}
        click.echo(json.dumps(line, ensure_ascii=False))
    for rule_id, count in sorted(matcher.failures.items()):
        click.echo(f"qorgau: rule {rule_id} raised an error on {count} events", err=True)


def _tell(
    line: dict[str, Any], hits: list[Hit], reasons: dict[str, list[Explanation]], matcher: Matcher, fields: Any
) -> None:
    """Print an explanation for people."""
    click.echo(f"event {line['index']}: {', '.join(line['matches']) or 'no rule matches'}")
    for hit in hits:
        if hit.rule.correlation is not None:
            numbers = ", ".join(str(position - 1) for position in hit.positions)
            click.echo(f"  {hit.rule.name}: complete with events {numbers}")
    for name, explanations in reasons.items():
        for explanation in explanations:
            about = "" if explanation.rule == name else f" (counted by {name})"
            click.echo(f"  {explanation.rule}{about}: {'matches' if explanation.matched else 'does not match'}")
            for text in lines_of(explanation.condition, 2):
                click.echo(text)
        for text in matcher.counted(name, fields):
            click.echo(f"    {text}")


def _events(file: Path) -> Iterator[tuple[dict[str, Any], float]]:
    """Read events as flat fields with their time in seconds."""
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
            yield fields, window.place(fields.get("@timestamp"))[0].timestamp()


def product_of(fields: Mapping[str, Any]) -> str | None:
    """Tell the logsource product of a foreign event; None when it cannot be told, then every rule is tried."""
    if any(name in fields for name in ("Channel", "EventID", "Provider_Name", "winlog.channel")):
        return "windows"
    return None


for command in rule_life.COMMANDS:
    rules.add_command(command)
