"""Faults of rules that load: duties and fields that do not exist, what nothing can reach, what says the same twice,
duties that nothing detects, and what a rule of a house should carry but does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.events.catalogue import Catalogue
from engine.governance.register import Register
from engine.kernel.yaml_text import read_yaml
from rules.detection.context import Shown
from rules.detection.lists import ListDefinition
from rules.detection.loader import RuleSet
from rules.detection.measures import Measure
from rules.language.model import Rule

FREE_FIELDS = ("event.", "rule.", "@")
LEAST_TESTS = 2
NOT_BY_RULE: Mapping[str, str] = {
    "cia-triad-procredit": "incidents carry their class",
}
"""Duties of detection that something else than a rule serves, and what."""


def lint(
    ruleset: RuleSet,
    contexts: Iterable[Shown],
    catalogue: Catalogue,
    register: Register,
    lists: Iterable[ListDefinition],
    *,
    whole: bool,
) -> Iterator[str]:
    """Return every fault as one line. ``whole`` says that these are all rules of a house, so coverage can be judged."""
    attached = _attached(contexts)
    for rule in ruleset:
        where = f"{rule.file}:{rule.line}: rule '{rule.name}'"
        for text in (*_references(rule, register), *_reach(rule, catalogue, attached), *_carries(rule)):
            yield f"{where}: {text}"
    yield from _overlaps(ruleset)
    known = {definition.name for definition in lists}
    for view in ruleset.lists:
        if view.name not in known:
            yield f"the list '%{view.name}%' is not defined; rules that name it see an empty list"
    if whole:
        yield from uncovered(ruleset, register)


def _attached(contexts: Iterable[Shown]) -> dict[str, set[str]]:
    """Return the event types on which each field of a context can stand."""
    found: dict[str, set[str]] = {}
    for context in contexts:
        names, on = (
            ((context.name,), context.on) if isinstance(context, Measure) else (context.attach, context.attach_to)
        )
        for name in names:
            found.setdefault(name, set()).update(on)
    return found


def _references(rule: Rule, register: Register) -> Iterator[str]:
    for obligation in rule.meta.obligations if rule.meta else ():
        if obligation not in register:
            yield f"the obligation '{obligation}' is not in the register"


def _reach(rule: Rule, catalogue: Catalogue, attached: Mapping[str, set[str]]) -> Iterator[str]:
    if rule.compiled is None or (rule.meta is None and rule.product != "mfo"):
        return
    for field in sorted(rule.compiled.fields):
        if not (field in catalogue.fields or field in attached or field.startswith(FREE_FIELDS)):
            yield f"no event of the catalogue has the field '{field}'"
    actions = rule.compiled.actions
    for action in sorted(actions):
        if action not in catalogue.events:
            yield f"no event type '{action}' is in the catalogue, so the rule can never fire"
    for field in sorted(rule.compiled.fields & attached.keys()):
        if actions and not actions & attached[field]:
            yield f"'{field}' never stands on {', '.join(sorted(actions))}"


def _carries(rule: Rule) -> Iterator[str]:
    """What a rule that raises findings in a house should say of itself."""
    if rule.meta is None or not rule.raises_findings:
        return
    tests = rule.meta.tests
    if tests is not None and min(len(tests.positive), len(tests.negative)) < LEAST_TESTS:
        yield f"fewer than {LEAST_TESTS} tests of each kind"
    if not rule.meta.dedup:
        yield "no 'dedup' says which findings belong to one incident"
    if not rule.falsepositives:
        yield "no 'falsepositives' say what else may set it off"
    if not rule.tags:
        yield "no 'tags' name the technique"
    if not rule.meta.obligations:
        yield "no duty is named"
    for name, spec in rule.meta.parameters.items():
        if spec.min is None or spec.max is None or not spec.unit:
            yield f"the parameter '{name}' has no bounds or no unit"


def _overlaps(ruleset: RuleSet) -> Iterator[str]:
    """Rules of which one finds nothing that another does not find too."""
    logic = [(rule, _selection(rule)) for rule in ruleset if rule.raises_findings and rule.compiled is not None]
    for number, (rule, own) in enumerate(logic):
        if own is None:
            continue
        for other, theirs in logic[:number]:
            if theirs is None or rule.product != other.product:
                continue
            if own == theirs:
                yield f"{rule.file}:{rule.line}: rule '{rule.name}' looks for the same as '{other.name}'"
            elif own < theirs or theirs < own:
                narrow, wide = (rule, other) if theirs < own else (other, rule)
                yield f"{narrow.file}:{narrow.line}: whatever '{narrow.name}' finds, '{wide.name}' finds too"


def _selection(rule: Rule) -> frozenset[str] | None:
    """Return what a rule of one plain selection asks for, or None for any other."""
    logic = (read_yaml(rule.text) or {}).get("detection", {})
    names = [name for name in logic if name != "condition"]
    if len(names) != 1 or logic.get("condition") != names[0] or not isinstance(logic[names[0]], dict):
        return None
    return frozenset(f"{field}={_plain(value)}" for field, value in logic[names[0]].items())


def _plain(value: Any) -> str:
    return str(sorted(map(str, value))) if isinstance(value, list) else str([str(value)])


def uncovered(ruleset: RuleSet, register: Register) -> Iterator[str]:
    """Return the duties of detection that no rule serves."""
    served = {obligation for rule in ruleset if rule.meta for obligation in rule.meta.obligations}
    for entry in register.obligations.values():
        if "detect" in entry.kind and entry.id not in served and entry.id not in NOT_BY_RULE:
            yield f"no rule detects the duty '{entry.id}' ({register.citation(entry.id)})"
