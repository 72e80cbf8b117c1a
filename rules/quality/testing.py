"""Running the tests that travel with the rules: their events through the real detector, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.kernel.errors import InputError
from rules.detection.context import Shown
from rules.detection.loader import RuleSet
from rules.detection.matcher import Matcher
from rules.language.model import InlineTest, Rule

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class TestResult(BaseModel):
    """One inline test and whether it held."""

    __test__ = False
    model_config = ConfigDict(frozen=True)
    rule: str
    kind: str
    name: str
    passed: bool
    message: str = ""


def run_tests(ruleset: RuleSet, contexts: tuple[Shown, ...], only: str | None = None) -> list[TestResult]:
    """Run every inline test of every rule, or of one, each among the whole set and with nothing remembered."""
    results = []
    matcher = Matcher(ruleset, contexts)
    for rule in ruleset:
        tests = rule.meta.tests if rule.meta else None
        if tests is None or only not in (None, rule.name):
            continue
        for test in tests.positive:
            results.append(_run(matcher, rule, test, expected=True))
        for test in tests.negative:
            results.append(_run(matcher, rule, test, expected=False))
    return results


def _run(matcher: Matcher, rule: Rule, test: InlineTest, *, expected: bool) -> TestResult:
    ruleset = matcher.ruleset
    held = {view.name: (view.entries, view.version) for view in ruleset.lists}
    for name, entries in test.lists.items():
        ruleset.lists.replace(name, entries)
    try:
        return _judge(matcher, rule, test, expected=expected)
    finally:
        for name, (kept, version) in held.items():
            ruleset.lists.replace(name, kept, version)


def _judge(matcher: Matcher, rule: Rule, test: InlineTest, *, expected: bool) -> TestResult:
    kind = "positive" if expected else "negative"
    matcher.forget()
    fired = False
    try:
        for position, event in enumerate(test.events, 1):
            at, fields = _place(event)
            hits = matcher.match(fields, at.timestamp(), position)
            fired = fired or any(hit.rule.id == rule.id for hit in hits)
    except InputError as error:
        return TestResult(rule=rule.name, kind=kind, name=test.name, passed=False, message=error.message)
    if matcher.failures.get(rule.id):
        return TestResult(rule=rule.name, kind=kind, name=test.name, passed=False, message="the rule raised an error")
    message = "" if fired == expected else ("the rule did not fire" if expected else "the rule fired")
    return TestResult(rule=rule.name, kind=kind, name=test.name, passed=fired == expected, message=message)


def _place(event: Mapping[str, Any]) -> tuple[datetime, dict[str, Any]]:
    fields = {key: value for key, value in event.items() if key != "at"}
    return START + offset(str(event.get("at", "+0s"))), fields


def offset(text: str) -> timedelta:
    """Read an offset such as ``+90s``, ``+15m``, ``+2h`` or ``+1d``."""
    body, unit = text.lstrip("+")[:-1], text[-1:]
    if unit not in _UNITS or not body.replace(".", "", 1).isdigit():
        raise InputError(f"'{text}' is not an offset such as +90s, +15m, +2h or +1d", field="at")
    return timedelta(seconds=float(body) * _UNITS[unit])
