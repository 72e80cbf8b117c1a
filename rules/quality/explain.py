"""Why a rule matched an event, or did not: every condition with its field, what was wanted and what was there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaRegularExpression,
    SigmaTimestampPart,
)

from rules.detection.lists import ListReference
from rules.language.compiler import Writer, run_source, write_trees
from rules.language.flatten import normalise
from rules.language.matchers import INLINE_COMPARE
from rules.language.model import Rule


class Reason(BaseModel):
    """One condition: what it says, whether it is true of the event, and what decided that."""

    model_config = ConfigDict(frozen=True)
    says: str
    holds: bool
    field: str = ""
    value: str = ""
    parts: tuple[Reason, ...] = ()


class Explanation(BaseModel):
    """Why a rule matched or did not. ``decided`` are the conditions that settled it, the rest made no difference."""

    model_config = ConfigDict(frozen=True)
    rule: str
    matched: bool
    condition: Reason
    decided: tuple[Reason, ...]


def explain(rule: Rule, event: Mapping[str, Any]) -> Explanation:
    """Explain a detection rule on a flat event, with what contexts know of it. Raise ValueError for a correlation."""
    if rule.compiled is None:
        raise ValueError("a correlation is explained by the rules it counts")
    trees = rule.compiled.trees
    normalised = normalise(event)
    parts = tuple(_reason(tree, event, normalised) for tree in trees)
    whole = parts[0] if len(parts) == 1 else Reason(says="one of", holds=any(p.holds for p in parts), parts=parts)
    return Explanation(rule=rule.name, matched=whole.holds, condition=whole, decided=tuple(_decided(whole)))


def _reason(node: Any, event: Mapping[str, Any], normalised: Mapping[str, Any]) -> Reason:
    match node:
        case ConditionAND():
            parts = tuple(_reason(arg, event, normalised) for arg in node.args)
            return Reason(says="all of", holds=all(part.holds for part in parts), parts=parts)
        case ConditionOR():
            parts = tuple(_reason(arg, event, normalised) for arg in node.args)
            return Reason(says="one of", holds=any(part.holds for part in parts), parts=parts)
        case ConditionNOT():
            inner = _reason(node.args[0], event, normalised)
            return Reason(says="not", holds=not inner.holds, parts=(inner,))
        case ConditionFieldEqualsValueExpression():
            value = event.get(node.field)
            shown = "(absent)" if node.field not in event else "(null)" if value is None else str(value)[:200]
            text = _wanted(node.value)
            return Reason(says=text, holds=_holds(node, event, normalised), field=node.field, value=shown)
        case ConditionValueExpression():
            return Reason(says=f"anywhere: {_wanted(node.value)}", holds=_holds(node, event, normalised))
    return Reason(says=type(node).__name__, holds=False)


def _holds(node: Any, event: Mapping[str, Any], normalised: Mapping[str, Any]) -> bool:
    writer = Writer()
    expression = write_trees([node], writer)
    names = run_source(f"def match(L, E):\n{writer.head()}    return {expression}\n", "<explain>", writer.names)
    return bool(names["match"](normalised, event))


def _wanted(value: Any) -> str:
    match value:
        case SigmaNull():
            return "is absent"
        case SigmaExists():
            return "is there" if bool(value) else "is not there"
        case SigmaFieldReference():
            return f"is the same as {value.field}"
        case SigmaExpansion():
            return "is one of " + ", ".join(_wanted(item) for item in value.values)[:200]
        case ListReference():
            return f"is on the list '{value.view.name}' (version {value.view.version})"
        case SigmaCompareExpression():
            return f"{INLINE_COMPARE[value.op]} {value.number.number}"
        case SigmaRegularExpression():
            return f"matches /{value.regexp}/"[:200]
        case SigmaCIDRExpression():
            return f"lies in {value.cidr}"
        case SigmaTimestampPart():
            return f"has {value.timestamp_part.name.lower()} {value.number}"
    return f"is {str(value)[:200]!r}"


def _decided(reason: Reason) -> list[Reason]:
    """The leaves without which the outcome would be another."""
    if not reason.parts:
        return [reason]
    if reason.says == "not":
        return _decided(reason.parts[0])
    if reason.says == "all of" and not reason.holds:
        return [leaf for part in reason.parts if not part.holds for leaf in _decided(part)]
    if reason.says == "one of" and reason.holds:
        return [leaf for part in reason.parts if part.holds for leaf in _decided(part)]
    return [leaf for part in reason.parts for leaf in _decided(part)]


def lines(reason: Reason, depth: int = 0) -> list[str]:
    """Return the tree as text, a condition a line."""
    mark = "+" if reason.holds else "-"
    about = f"{reason.field} {reason.says}; the event has {reason.value}" if reason.field else reason.says
    return [f"{'  ' * depth}{mark} {about}", *(line for part in reason.parts for line in lines(part, depth + 1))]


def bases_of(rule: Rule, by_reference: Mapping[str, Rule]) -> Sequence[Rule]:
    """Return the detection rules that a rule rests on: itself, or what its correlations count."""
    if rule.correlation is None:
        return [rule]
    found: dict[str, Rule] = {}
    for reference in rule.correlation.rules:
        for base in bases_of(by_reference[reference], by_reference):
            found[base.id] = base
    return list(found.values())
