"""Turns parsed Sigma conditions into Python code, once, at load.

A condition becomes one expression. In code of its own (``compile_rule``) it reads two flat dictionaries of the same
event: ``L`` with normalised values (for case-blind tests) and ``E`` with the values as they came. In a plan
(``rules.language.plans``) several rules share one function and one reading of each field. What is not supported is
refused here, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2
from ahocorasick_rs import AhoCorasick
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionItem,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaString,
    SigmaTimestampPart,
)

from rules.detection.lists import ListReference
from rules.language.errors import RuleError
from rules.language.matchers import INLINE_COMPARE, norm, raw_test, string_expression
from rules.language.necessary import Atom, affix_of, conjuncts, necessary, plain_text

Match = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
ACTION = "event.action"
_NAME = re2.compile(r"\bk\d+\b")
MANY_PARTS = 12
"""From so many texts on, an automaton looks for all of them at once."""


@dataclass(frozen=True)
class Compiled:
    """A rule as code. ``conjuncts``: sets of atoms, of each of which one is true of any event that matches.
    ``actions``: the values of ``event.action`` one of which it demands, empty when it demands none."""

    match: Match
    trees: tuple[Any, ...]
    conjuncts: tuple[tuple[Atom, ...], ...]
    actions: frozenset[str]
    fields: frozenset[str]
    source: str


class Writer:
    """Collects the constants and the fields of a function while its expression is written."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"norm": norm}
        self.fields: dict[str, str] = {}
        self.known: Mapping[str, str] = {}
        """Fields whose normalised value is certain where the function is called."""

    def bind(self, value: Any) -> str:
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name

    def read(self, field: str) -> str:
        """Return the local variable that holds the normalised value of a field."""
        return self.fields.setdefault(field, f"f{len(self.fields)}")

    def raw(self, field: str) -> str:
        """Return an expression for the value of a field as it came."""
        return f"E.get({field!r})"

    def present(self, field: str) -> str:
        """Return an expression that says whether the event has the field."""
        return f"{field!r} in E"

    def is_flag(self, field: str) -> bool:
        """Say whether the variable of a field is certain to hold true or false."""
        return False

    def all_normalised(self) -> str:
        """Return an expression for every normalised value of the event."""
        return "L.values()"

    def head(self) -> str:
        """Return the lines that fill the variables."""
        return "".join(f"    {var} = L.get({field!r})\n" for field, var in self.fields.items())


def compile_rule(rule: SigmaRule) -> Compiled:
    """Compile the detections of a rule; several conditions are alternatives. Raise RuleError."""
    trees = tuple(condition.parsed for condition in rule.detection.parsed_condition)
    writer = Writer()
    expression = write_trees(trees, writer)
    source = f"def match(L, E):\n{writer.head()}    return {expression}\n"
    namespace = run_source(source, f"<rule {rule.id}>", writer.names)
    fields: set[str] = set()
    for tree in trees:
        _fields_of(tree, fields)
    return Compiled(namespace["match"], trees, conjuncts(trees), _actions(trees), frozenset(fields), source)


def run_source(source: str, name: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Define the functions of our own text; every constant of the rule is bound by name, none is written into it."""
    namespace: dict[str, Any] = dict(names)
    exec(compile(source, name, "exec"), namespace)  # noqa: S102 - our own text, constants are bound
    return namespace


def write_trees(trees: Sequence[Any], writer: Writer) -> str:
    """Return the expression of alternative conditions."""
    return _join_or([_write(tree, writer) for tree in trees])


def _actions(trees: Sequence[Any]) -> frozenset[str]:
    found = [necessary([tree], only_field=ACTION) for tree in trees]
    if any(atoms is None for atoms in found):
        return frozenset()
    return frozenset(atom.value for atoms in found if atoms for atom in atoms)


def _fields_of(node: Any, found: set[str]) -> None:
    if isinstance(node, ConditionItem):
        for arg in node.args:
            _fields_of(arg, found)
    elif isinstance(node, ConditionFieldEqualsValueExpression):
        found.add(node.field)
        if isinstance(node.value, SigmaFieldReference):
            found.add(node.value.field)


def _write(node: Any, writer: Writer) -> str:
    match node:
        case ConditionAND():
            return _join_and([_write(arg, writer) for arg in _settled_first(node, writer)])
        case ConditionOR():
            return _write_or(node, writer)
        case ConditionNOT():
            inner = _write(node.args[0], writer)
            return {"True": "False", "False": "True"}.get(inner, f"not ({inner})")
        case ConditionFieldEqualsValueExpression():
            return _field_test(node.field, node.value, writer)
        case ConditionValueExpression():
            return _keyword_test(node.value, writer)
    raise RuleError(f"condition element {type(node).__name__} is not supported")


def _settled_first(node: ConditionItem, writer: Writer) -> list[Any]:
    """Return the parts of a conjunction, the cheap ones first; one that is known to be false is all there is to it, and
    then nothing else is even written, so that no field is read for it."""
    ordered = sorted(node.args, key=_cost)
    for arg in ordered:
        if writer.known and _settled(arg, writer) is False:
            return [arg]
    return ordered


def _settled(node: Any, writer: Writer) -> bool | None:
    """Say whether a part is true or false whatever the event, as far as equalities with what is known tell."""
    if isinstance(node, ConditionAND | ConditionOR):
        parts = [_settled(arg, writer) for arg in node.args]
        decisive = isinstance(node, ConditionOR)
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    text = plain_text(node)
    if text is None or not isinstance(node, ConditionFieldEqualsValueExpression):
        return None
    certain = writer.known.get(node.field)
    return None if certain is None else certain == text


def _join_and(parts: list[str]) -> str:
    if "False" in parts:
        return "False"
    left = [f"({part})" for part in parts if part != "True"]
    return " and ".join(left) or "True"


def _join_or(parts: list[str]) -> str:
    if "True" in parts:
        return "True"
    left = [f"({part})" for part in parts if part != "False"]
    return " or ".join(left) or "False"


def _cost(node: Any) -> int:
    """Cheap tests first: a conjunction stops at the first false one."""
    if isinstance(node, ConditionFieldEqualsValueExpression):
        plain = isinstance(node.value, SigmaString) and not node.value.contains_special()
        return 0 if plain else 1
    if isinstance(node, ConditionItem):
        return 2 + sum(_cost(arg) for arg in node.args)
    return 5


def _write_or(node: ConditionItem, writer: Writer) -> str:
    """Write alternatives; those on one field that are equalities, beginnings, ends or parts become one test each."""
    equal: dict[str, set[str]] = {}
    affixes: dict[tuple[str, str], list[str]] = {}
    rest: list[str] = []
    for arg in sorted(node.args, key=_cost):
        if writer.known and _settled(arg, writer) is False:
            continue
        text, affix = plain_text(arg), affix_of(arg)
        if text is not None and isinstance(arg, ConditionFieldEqualsValueExpression):
            equal.setdefault(arg.field, set()).add(text)
        elif affix is not None and isinstance(arg, ConditionFieldEqualsValueExpression):
            affixes.setdefault((arg.field, affix[0]), []).append(affix[1])
        else:
            rest.append(_write(arg, writer))
    tests = [_equals_any(field, values, writer) for field, values in equal.items()]
    tests += [_affix_any(field, kind, texts, writer) for (field, kind), texts in affixes.items()]
    return _join_or(tests + rest)


def _affix_any(field: str, kind: str, texts: list[str], writer: Writer) -> str:
    """Test for one of several beginnings, ends or parts."""
    if kind != "contains":
        return _any_value(field, f"v.{kind}({writer.bind(tuple(texts))})", writer)
    if len(texts) < MANY_PARTS:
        return _any_value(field, " or ".join(f"{writer.bind(text)} in v" for text in texts), writer)
    automaton = AhoCorasick(texts, store_patterns=False)

    def found(value: str) -> bool:
        clean = value if value.isascii() else value.encode("utf8", "replace").decode("utf8")
        return bool(automaton.find_matches_as_indexes(clean))

    return _any_value(field, f"{writer.bind(found)}(v)", writer)


def _equals_any(field: str, values: set[str], writer: Writer) -> str:
    certain = writer.known.get(field)
    if certain is not None:
        return str(certain in values)
    variable = writer.read(field)
    if len(values) == 1:
        wanted = writer.bind(next(iter(values)))
        return f"{variable} == {wanted} if {variable}.__class__ is not tuple else {wanted} in {variable}"
    wanted = writer.bind(frozenset(values))
    return f"{variable} in {wanted} if {variable}.__class__ is not tuple else not {wanted}.isdisjoint({variable})"


def _any_value(field: str, expression: str, writer: Writer) -> str:
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


def _function(expression: str, names: Mapping[str, Any]) -> Callable[[Any], bool]:
    """Make a function of ``v``; only the constants it names go with it."""
    used = {name: names[name] for name in _NAME.findall(expression)}
    function: Callable[[Any], bool] = eval(f"lambda v: {expression}", used)  # noqa: S307 - our own text
    return function


def _field_test(field: str, value: Any, writer: Writer) -> str:
    match value:
        case SigmaNull():
            return f"{writer.read(field)} is None"
        case SigmaExists():
            return f"({writer.present(field)}) is {bool(value)}"
        case SigmaFieldReference():
            return _reference_test(field, value, writer)
        case SigmaExpansion():
            return " or ".join(f"({_field_test(field, item, writer)})" for item in value.values) or "False"
        case ListReference():
            return _any_value(field, f"v in {writer.bind(value.view)}", writer)
    test = raw_test(value)
    if test is not None:
        return _raw_field_test(field, value, _any_raw(test), writer)
    if isinstance(value, SigmaString):
        if value.contains_placeholder():
            raise RuleError(f"'{value}' names a list that does not exist")
        plain = plain_text(ConditionFieldEqualsValueExpression(field, value))
        if plain is not None:
            return _equals_any(field, {plain}, writer)
        return _any_value(field, string_expression(value, writer.bind), writer)
    raise RuleError(f"value type {type(value).__name__} is not supported")


def _raw_field_test(field: str, value: Any, test: Callable[[Any], bool], writer: Writer) -> str:
    variable = writer.raw(field)
    slow = f"{writer.bind(test)}({variable})"
    if not variable.isidentifier():
        return slow
    if isinstance(value, SigmaBool):
        if writer.is_flag(field):
            return variable if bool(value) else f"not {variable}"
        return f"({variable} is {bool(value)}) if {variable}.__class__ is bool else ({variable} is not None and {slow})"
    if isinstance(value, SigmaNumber) and not isinstance(value, SigmaTimestampPart):
        bound = writer.bind(value.number)
        return f"({variable} == {bound}) if {variable}.__class__ is int else ({variable} is not None and {slow})"
    if isinstance(value, SigmaCompareExpression):
        bound = writer.bind(float(value.number.number))
        number = f"{variable}.__class__ is int or {variable}.__class__ is float"
        inline = f"-1e300 < {variable} < 1e300 and {variable} {INLINE_COMPARE[value.op]} {bound}"
        return f"{variable} is not None and (({inline}) if {number} else {slow})"
    return slow


def _any_raw(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def each(value: Any) -> bool:
        if value is None:
            return False
        if value.__class__ is list or value.__class__ is tuple:
            return any(test(part) for part in value if part is not None)
        return test(value)

    return each


def _reference_test(field: str, value: SigmaFieldReference, writer: Writer) -> str:
    left, right = writer.read(field), writer.read(value.field)
    both = f"{left}.__class__ is str and {right}.__class__ is str"
    if value.starts_with and value.ends_with:
        return f"({both} and {right} in {left})"
    if value.starts_with:
        return f"({both} and {left}.startswith({right}))"
    if value.ends_with:
        return f"({both} and {left}.endswith({right}))"
    return f"({left} is not None and {left} == {right})"


def _keyword_test(value: Any, writer: Writer) -> str:
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

    return f"{writer.bind(search)}({writer.all_normalised()})"
