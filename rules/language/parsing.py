"""One Sigma document, read and validated by pySigma, becomes a rule, a correlation or a filter of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaCorrelationTimespan,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.filters import SigmaFilter
from sigma.modifiers import SigmaWideModifier, modifier_mapping
from sigma.rule import SigmaRule
from sigma.types import Placeholder, SigmaString

from rules.detection.lists import ListReference, Lists
from rules.language.compiler import compile_rule
from rules.language.errors import RuleError
from rules.language.model import DEFAULT_LATENESS_S, Correlation, HouseMeta, Rule

modifier_mapping.setdefault("utf16le", SigmaWideModifier)
"""The specification has the name, pySigma only its alias ``wide``."""


@dataclass(frozen=True)
class Filter:
    """A Sigma filter: an exception laid over rules from outside."""

    sigma: SigmaFilter
    title: str
    digest: str
    file: str
    line: int

    def unused(self, rules: Sequence[Rule]) -> list[str]:
        """Return the rules it names that are not there."""
        named = self.sigma.filter.rules
        if isinstance(named, str):
            return []
        known = {rule.id for rule in rules} | {rule.name for rule in rules}
        return [reference.reference for reference in named if reference.reference not in known]


def digest(body: Any) -> str:
    """Return the version of what a rule says: the same for the same logic."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()[:12]


def parse_filter(document: dict[str, Any], lists: Lists, file: str, line: int) -> Filter:
    """Read a Sigma filter. Raises what pySigma raises."""
    sigma = SigmaFilter.from_dict(document)
    _expand_lists(sigma.filter.detections.values(), lists)
    return Filter(sigma, sigma.title, digest(document), file, line)


def parse_rule(
    body: dict[str, Any], name: str, meta: HouseMeta | None, lists: Lists, filters: Sequence[Filter]
) -> Rule:
    """Read a rule or a correlation. Raise RuleError, or what pySigma raises."""
    common: dict[str, Any] = {"name": name, "version": digest(body), "meta": meta, "file": "", "line": 0}
    if "correlation" in body:
        return _parse_correlation(body, common, meta)
    rule = SigmaRule.from_dict(body)
    _expand_lists(rule.detection.detections.values(), lists)
    applied = [held for held in filters if held.sigma._should_apply_on_rule(rule)]
    for held in applied:
        held.sigma.apply_on_rule(rule)
    if applied:
        common["version"] = digest([common["version"], *(held.digest for held in applied)])
    return Rule(
        **common, **_identity(rule), product=rule.logsource.product, compiled=compile_rule(rule),
        filters=tuple(held.title for held in applied),
    )  # fmt: skip


def _identity(rule: Any) -> dict[str, Any]:
    return {
        "id": str(rule.id) if rule.id else str(rule.name or rule.title),
        "title": rule.title,
        "level": rule.level.name.lower() if rule.level else "informational",
        "description": rule.description or "",
        "tags": tuple(str(tag) for tag in rule.tags),
        "falsepositives": tuple(rule.falsepositives or ()),
    }


def _parse_correlation(body: dict[str, Any], common: dict[str, Any], meta: HouseMeta | None) -> Rule:
    rule = SigmaCorrelationRule.from_dict(body)
    asked = _condition(rule, explicit="condition" in body["correlation"])
    if meta and meta.share:
        if rule.type.name != "VALUE_AVG" or asked["op"] not in ("gt", "gte"):
            raise RuleError("'share' is for a value_avg that is compared by gt or gte")
        asked |= {"closing": True, "share": meta.share}
    correlation = Correlation(
        **asked,
        type=rule.type.name.lower(),
        group_by=tuple(rule.group_by or ()),
        window_s=float(rule.timespan.seconds),
        generate=bool(rule.generate),
        aliases={
            alias.alias: {reference.reference: field for reference, field in alias.mapping.items()}
            for alias in rule.aliases
        },
        lateness_s=_span(meta.lateness) if meta and meta.lateness else DEFAULT_LATENESS_S,
        suppress_s=_span(meta.suppress) if meta and meta.suppress else 0.0,
    )
    return Rule(**common, **_identity(rule), correlation=correlation)


def _span(text: str) -> float:
    return float(SigmaCorrelationTimespan(text).seconds)


def _condition(rule: SigmaCorrelationRule, *, explicit: bool) -> dict[str, Any]:
    references = tuple(reference.reference for reference in rule.rules or ())
    temporal = rule.type.name.startswith("TEMPORAL")
    condition = rule.condition
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        return _extended(rule, condition, references)
    if temporal:
        return {"rules": references, **_least(condition, len(references), explicit=explicit)}
    fieldref = condition.fieldref
    fields = tuple(fieldref) if isinstance(fieldref, list) else (fieldref,) if fieldref else ()
    if len(fields) > 1 and rule.type.name != "VALUE_COUNT":
        raise RuleError("several fields can only be counted (value_count)")
    if condition.percentile is not None and not 0 <= condition.percentile <= 100:
        raise RuleError(f"percentile {condition.percentile} does not lie in 0 to 100")
    op = condition.op.name.lower()
    return {
        "rules": references,
        "op": op,
        "count": condition.count,
        "fields": fields,
        "percentile": condition.percentile,
        "closing": op in ("lt", "lte", "neq"),
    }


def _least(condition: SigmaCorrelationCondition, count: int, *, explicit: bool) -> dict[str, Any]:
    """All rules must be seen, unless the condition says that fewer will do."""
    if not explicit:
        return {"least": count}
    op, wanted = condition.op.name.lower(), condition.count
    if op not in ("gte", "gt", "eq"):
        raise RuleError(f"a temporal correlation cannot be judged by '{op}'; say 'not' in an extended condition")
    least = int(wanted) + (1 if op == "gt" else 0)
    if not 1 <= least <= count:
        raise RuleError(f"{least} of {count} rules can never be seen")
    return {"least": least}


def _extended(
    rule: SigmaCorrelationRule, condition: SigmaExtendedCorrelationCondition, references: tuple[str, ...]
) -> dict[str, Any]:
    references = references or tuple(condition.get_referenced_rules())
    expression = _tree(condition.parsed, references)
    plain = isinstance(condition.parsed, CorrelationConditionAND) and all(
        isinstance(arg, int) for arg in expression[1:]
    )
    if rule.type.name == "TEMPORAL_ORDERED":
        if not plain:
            raise RuleError("in a temporal_ordered correlation the condition can only join rules with 'and'")
        order = tuple(references[index] for index in expression[1:])
        return {"rules": order, "least": len(order)}
    return {"rules": references, "expression": expression, "closing": _negates(expression)}


def _tree(node: Any, references: tuple[str, ...]) -> Any:
    match node:
        case SigmaRuleReference():
            return references.index(node.reference)
        case CorrelationConditionAND():
            return ("and", *(_tree(arg, references) for arg in node.args))
        case CorrelationConditionOR():
            return ("or", *(_tree(arg, references) for arg in node.args))
        case CorrelationConditionNOT():
            return ("not", _tree(node.args[0], references))
    raise RuleError(f"correlation condition element {type(node).__name__} is not supported")


def _negates(expression: Any) -> bool:
    return isinstance(expression, tuple) and (expression[0] == "not" or any(map(_negates, expression[1:])))


def _expand_lists(detections: Any, lists: Lists) -> None:
    """Replace ``%name%`` of the expand modifier: a whole value by the list itself, a part of one by its entries."""

    def walk(detection: Any) -> None:
        for item in detection.detection_items:
            if hasattr(item, "detection_items"):
                walk(item)
            else:
                item.value = [new for value in item.value for new in _expanded(value, lists)]

    for detection in detections:
        walk(detection)


def _expanded(value: Any, lists: Lists) -> list[Any]:
    if not isinstance(value, SigmaString) or not value.contains_placeholder():
        return [value]
    views = lists.views
    names = [part.name for part in value.s if isinstance(part, Placeholder)]
    lists.declare(*names)
    if len(value.s) == 1:
        return [ListReference(views[names[0]])]
    return list(value.replace_placeholders(lambda part: iter(sorted(views[part.name].entries))))
