"""Handlers of what people ask of rules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import yaml

from engine.handlers.register import handles, in_unit
from engine.kernel.commands import DONE, Decided, Outcome, Written
from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.kernel.facts import Person
from engine.rule_life import rules as rulebook
from engine.rule_life.commands import (
    ActivateRule,
    ApproveRule,
    DraftRule,
    ProposeRule,
    RetireRule,
    RollBackRule,
    RolledBack,
    TestRun,
    Tried,
    TryRule,
    TuneRule,
)
from engine.rule_life.rules import RuleChangeProposed, RuleLife
from infra.commands.desk import Desk, Work
from rules.detection.loader import Overlay, one_document
from rules.detection.pack import builtin_contexts
from rules.language.errors import RuleError
from rules.language.model import Rule
from rules.quality.testing import run_tests


@handles(DraftRule)
def draft(desk: Desk, command: DraftRule, by: Person) -> Written:
    """Write a version. A text that does not load is refused with its line."""
    return _drafted(desk, command.text, command.reason, by)


def _drafted(desk: Desk, text: str, reason: str, by: Person) -> Written:
    name = str(one_document(text, "draft").get("name") or "")
    if not name or name.endswith("~shadow"):
        raise InputError("the rule needs a 'name'", field="name")
    desk.rulebook.tried(name, text)
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    key = rulebook.rule_id(name)
    with desk.work(by) as work:
        if version in work.unit.load(RuleLife, key).drafts:
            raise DecisionRefused("version {version} of '{name}' is written already", version=version, name=name)
        work.record(RuleLife, key, rulebook.draft(name, version, text, by=by, reason=reason, at=work.at))
    return Written(name=name, version=version)


@handles(TuneRule)
def tune(desk: Desk, command: TuneRule, by: Person) -> Written:
    """Write a version of a rule in force with other parameters, within their bounds."""
    document = desk.rulebook.document(command.rule)
    known = document.get("qorgau", {}).get("parameters", {})
    for parameter, value in command.values.items():
        if parameter not in known:
            raise InputError("the rule has no parameter '{parameter}'", field=parameter, parameter=parameter)
        known[parameter]["default"] = value
    _within(desk.rulebook.current().by_reference[command.rule], command.values)
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=110)
    return _drafted(desk, text, command.reason, by)


def _within(rule: Rule, values: Mapping[str, Any]) -> None:
    """Raise InputError for a number outside the bounds of its parameter."""
    for parameter, value in values.items():
        spec = rule.meta.parameters[parameter] if rule.meta else None
        if spec is None or not isinstance(value, int | float):
            continue
        if (spec.min is not None and value < spec.min) or (spec.max is not None and value > spec.max):
            raise InputError(
                "{value} lies outside {min} to {max} {unit}",
                field=parameter,
                value=value,
                min=spec.min,
                max=spec.max,
                unit=spec.unit,
            )


@handles(TryRule)
def try_version(desk: Desk, command: TryRule, by: Person) -> Tried:
    """Run the tests that travel with a version, in its place among all rules, and record how they went."""
    name, version = command.rule, command.version
    it = _life(desk, name)
    held = it.drafts.get(version)
    if held is None:
        raise InputError("the rule has no version {version}", field="version", version=version[:40])
    results = run_tests(desk.rulebook.tried(name, held.text), builtin_contexts(), only=name)
    failed = [result.name for result in results if not result.passed] or ([] if results else ["it has no tests"])
    with desk.work(by) as work:
        it = work.unit.load(RuleLife, it.id)
        work.record(RuleLife, it.id, rulebook.tested(it, version, len(results), failed, by=by, at=work.at))
    return Tried(
        results=tuple(TestRun(kind=it.kind, name=it.name, passed=it.passed, message=it.message) for it in results)
    )


@in_unit(ProposeRule)
def propose(work: Work, command: ProposeRule) -> Outcome:
    """Ask that a tested version come into force."""
    it = work.unit.load(RuleLife, _life(work.desk, command.rule).id)
    facts = rulebook.propose(it, command.version, by=work.by, reason=command.reason, at=work.at)
    work.record(RuleLife, it.id, facts)
    return DONE


@in_unit(ApproveRule)
def approve(work: Work, command: ApproveRule) -> Outcome:
    """Agree to a proposed version, as another person."""
    it, version = work.unit.load(RuleLife, _life(work.desk, command.rule).id), command.version
    less = version in it.drafts and work.desk.rulebook.may_detect_less(it, command.rule, version)
    facts = rulebook.approve(it, version, by=work.by, reason=command.reason, at=work.at, loosens=less)
    work.record(RuleLife, it.id, facts)
    return DONE


@handles(ActivateRule)
def activate(desk: Desk, command: ActivateRule, by: Person) -> Decided:
    """Let an approved version run, for real or in shadow."""
    it, version = _life(desk, command.rule), command.version
    if version in it.drafts:
        desk.rulebook.tried(command.rule, it.drafts[version].text)
    with desk.work(by) as work:
        it = work.unit.load(RuleLife, it.id)
        less = version in it.drafts and desk.rulebook.may_detect_less(it, command.rule, version)
        facts = rulebook.activate(
            it, version, command.mode, by=by, reason=command.reason, at=work.at, loosens=less
        )  # fmt: skip
        work.record(RuleLife, it.id, facts)
        return Decided(decided=not isinstance(facts[0], RuleChangeProposed))


@handles(RetireRule)
def retire(desk: Desk, command: RetireRule, by: Person) -> Decided:
    """Ask that a rule be taken out of force, or as a second person do it."""
    name, book = command.rule, desk.rulebook
    if name not in book.current().by_reference:
        raise NotFound("there is no rule '{name}' in force", name=name)
    overlay = book.overlay()
    try:
        book.trial(Overlay({**overlay.replaced, name: None}, overlay.shadows))
    except RuleError as error:
        raise DecisionRefused("other rules need it: {why}", why=error.message) from None
    key = rulebook.rule_id(name)
    with desk.work(by) as work:
        it = work.unit.load(RuleLife, key)
        work.record(RuleLife, key, rulebook.retire(it, name, by=by, reason=command.reason, at=work.at))
        return Decided(decided=it.retired)


@in_unit(RollBackRule)
def roll_back(work: Work, command: RollBackRule) -> RolledBack:
    """Put what was in force before into force again."""
    it = work.unit.load(RuleLife, _life(work.desk, command.rule).id)
    to = it.before[-1] if it.before else ""
    less = bool(to) and work.desk.rulebook.may_detect_less(it, command.rule, to)
    facts = rulebook.roll_back(it, by=work.by, reason=command.reason, at=work.at, loosens=less)
    work.record(RuleLife, it.id, facts)
    return RolledBack(name=command.rule, version=it.in_force, decided=not isinstance(facts[0], RuleChangeProposed))


def _life(desk: Desk, name: str) -> RuleLife:
    it = desk.decisions.load(RuleLife, rulebook.rule_id(name))
    if not it.id:
        raise NotFound("nothing was ever changed of a rule '{name}'", name=name)
    return it
