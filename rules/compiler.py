"""Turns one parsed Sigma rule into a Python function of an event, once, at load.

The function takes two flat dictionaries of the same event: ``L`` with normalised values (for case-blind tests) and
``E`` with the values as they came. What is not supported is refused here, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import SigmaExists, SigmaExpansion, SigmaFieldReference, SigmaNull, SigmaString

from rules.errors import RuleError
from rules.matchers import norm, raw_test, string_expression

Normalised = Mapping[str, Any]
Match = Callable[[Normalised, Mapping[str, Any]], bool]
Required = dict[str, frozenset[str]]


@dataclass(frozen=True)
class Compiled:
    """A rule as code; ``required`` maps a field to values of which one must be present for any match."""

    match: Match
    required: Required
    fields: frozenset[str]
    source: str


class _Writer:
    """Collects the constants and the fields of one rule while its expression is written."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self.fields: dict[str, str] = {}

    def bind(self, value: Any) -> str:
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name

    def read(self, field: str) -> str:
        """Give the local variable that holds the normalised value of a field."""
        return self.fields.setdefault(field, f"f{len(self.fields)}")


def compile_rule(rule: SigmaRule) -> Compiled:
    """Compile the detections of a rule; several conditions are alternatives. Raises RuleError."""
    writer = _Writer()
    trees = [condition.parsed for condition in rule.detection.parsed_condition]
    expression = " or ".join(f"({_write(tree, writer)})" for tree in trees)
    loads = "".join(f"    {var} = L.get({field!r})\n" for field, var in writer.fields.items())
    source = f"def match(L, E):\n{loads}    return {expression}\n"
    namespace: dict[str, Any] = dict(writer.names)
    exec(compile(source, f"<rule {rule.id}>", "exec"), namespace)  # noqa: S102 - our own text, constants are bound
    required = _required(trees[0]) if len(trees) == 1 else {}
    return Compiled(namespace["match"], required, frozenset(writer.fields), source)


def _write(node: Any, writer: _Writer) -> str:
    match node:
        case ConditionAND():
            return " and ".join(f"({_write(arg, writer)})" for arg in _ordered(node)) or "True"
        case ConditionOR():
            grouped = _write_or(node, writer)
            return grouped or "False"
        case ConditionNOT():
            return f"not ({_write(node.args[0], writer)})"
        case ConditionFieldEqualsValueExpression():
            return _field_test(node.field, node.value, writer)
        case ConditionValueExpression():
            return _keyword_test(node.value, writer)
    raise RuleError(f"condition element {type(node).__name__} is not supported")


def _ordered(node: ConditionItem) -> list[Any]:
    """Cheap tests first: a conjunction stops at the first false one."""
    return sorted(node.args, key=_cost)


def _cost(node: Any) -> int:
    if isinstance(node, ConditionFieldEqualsValueExpression):
        plain = isinstance(node.value, SigmaString) and not node.value.contains_special()
        return 0 if plain else 1
    if isinstance(node, ConditionItem):
        return 2 + sum(_cost(arg) for arg in node.args)
    return 5


def _write_or(node: ConditionItem, writer: _Writer) -> str:
    """Write alternatives; plain equalities on one field become one look-up in a set."""
    equal: dict[str, set[str]] = {}
    rest: list[str] = []
    for arg in sorted(node.args, key=_cost):
        text = _plain_equality(arg)
        if text is not None and isinstance(arg, ConditionFieldEqualsValueExpression):
            equal.setdefault(arg.field, set()).add(text)
        else:
            rest.append(f"({_write(arg, writer)})")
    sets = []
    for field, values in equal.items():
        name = writer.bind(frozenset(values))
        sets.append(f"({_any_value(field, f'v in {name}', writer)})")
    return " or ".join(sets + rest)


def _plain_equality(node: Any) -> str | None:
    """Give the normalised text of ``field: text`` without wildcards, else None."""
    if not isinstance(node, ConditionFieldEqualsValueExpression):
        return None
    value = node.value
    if type(value) is not SigmaString or not all(isinstance(part, str) for part in value.s):
        return None
    return "".join(part for part in value.s if isinstance(part, str)).lower()


def _any_value(field: str, expression: str, writer: _Writer) -> str:
    """Test one value, or each of several: the common case inline, the rest in a bound function."""
    variable = writer.read(field)
    inline = _rename(expression, variable)
    each = writer.bind(_function(expression, writer.names))
    return (
        f"({inline}) if {variable}.__class__ is str else "
        f"({variable}.__class__ is tuple and any(map({each}, {variable})))"
    )


def _rename(expression: str, variable: str) -> str:
    out: list[str] = []
    for index, ch in enumerate(expression):
        before = expression[index - 1] if index else " "
        after = expression[index + 1] if index + 1 < len(expression) else " "
        alone = not (before.isalnum() or before == "_") and not (after.isalnum() or after == "_")
        out.append(variable if ch == "v" and alone else ch)
    return "".join(out)


def _function(expression: str, names: dict[str, Any]) -> Callable[[Any], bool]:
    function: Callable[[Any], bool] = eval(f"lambda v: {expression}", dict(names))  # noqa: S307 - our own text
    return function


def _field_test(field: str, value: Any, writer: _Writer) -> str:
    match value:
        case SigmaNull():
            return f"{writer.read(field)} is None"
        case SigmaExists():
            return f"({field!r} in E) is {bool(value)}"
        case SigmaFieldReference():
            return _reference_test(field, value, writer)
        case SigmaExpansion():
            return " or ".join(f"({_field_test(field, item, writer)})" for item in value.values) or "False"
    test = raw_test(value)
    if test is not None:
        return f"{writer.bind(_any_raw(test))}(E.get({field!r}))"
    if isinstance(value, SigmaString):
        if value.contains_placeholder():
            return "False"
        return _any_value(field, string_expression(value, writer.bind), writer)
    raise RuleError(f"value type {type(value).__name__} is not supported")


def _any_raw(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def each(value: Any) -> bool:
        if value is None:
            return False
        if value.__class__ is list or value.__class__ is tuple:
            return any(test(part) for part in value if part is not None)
        return test(value)

    return each


def _reference_test(field: str, value: SigmaFieldReference, writer: _Writer) -> str:
    left, right = writer.read(field), writer.read(value.field)
    both = f"{left}.__class__ is str and {right}.__class__ is str"
    if value.starts_with and value.ends_with:
        return f"({both} and {right} in {left})"
    if value.starts_with:
        return f"({both} and {left}.startswith({right}))"
    if value.ends_with:
        return f"({both} and {left}.endswith({right}))"
    return f"({left} is not None and {left} == {right})"


def _keyword_test(value: Any, writer: _Writer) -> str:
    """A keyword stands in any value of the event."""
    if isinstance(value, SigmaExpansion):
        return " or ".join(f"({_keyword_test(item, writer)})" for item in value.values) or "False"
    test = raw_test(value)
    if test is not None:
        return f"any(map({writer.bind(_any_raw(test))}, E.values()))"
    if not isinstance(value, SigmaString):
        raise RuleError(f"keyword of type {type(value).__name__} is not supported")
    expression = string_expression(value, writer.bind, unbound=True)
    function = _function(expression, writer.names)

    def search(values: Any) -> bool:
        for item in values:
            if item.__class__ is str:
                if function(item):
                    return True
            elif item.__class__ is tuple and any(map(function, item)):
                return True
        return False

    return f"{writer.bind(search)}(L.values())"


def _required(node: Any) -> Required:
    """Find equalities without which the node cannot match: field → values of which one must be there."""
    match node:
        case ConditionAND():
            merged: Required = {}
            for arg in node.args:
                for field, values in _required(arg).items():
                    merged[field] = merged[field] & values if field in merged else values
            return merged
        case ConditionOR() if node.args:
            parts = [_required(arg) for arg in node.args]
            shared = set.intersection(*(set(part) for part in parts))
            return {field: frozenset().union(*(part[field] for part in parts)) for field in shared}
        case ConditionFieldEqualsValueExpression():
            text = _plain_equality(node)
            return {} if text is None else {node.field: frozenset([text])}
    return {}


def normalise(event: Mapping[str, Any]) -> dict[str, Any]:
    """Give the normalised twin of a flat event."""
    return {field: norm(value) for field, value in event.items()}


def flatten(event: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a flat or nested event to dotted names; objects inside arrays give arrays of their values."""
    if not any(isinstance(value, dict | list) for value in event.values()):
        return dict(event)
    out: dict[str, Any] = {}
    _flatten_into(event, "", out)
    return out


def _flatten_into(value: Mapping[str, Any], prefix: str, out: dict[str, Any]) -> None:
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict):
            _flatten_into(item, name + ".", out)
        elif isinstance(item, list) and any(isinstance(part, dict) for part in item):
            for part in item:
                inner: dict[str, Any] = {}
                _flatten_into(part, name + ".", inner) if isinstance(part, dict) else inner.setdefault(name, part)
                for inner_name, inner_value in inner.items():
                    out.setdefault(inner_name, []).append(inner_value)
        else:
            out[name] = item
