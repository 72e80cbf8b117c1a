"""Conditions of CACAO steps: comparisons of the STIX patterning grammar over declared variables, without eval.

Supported: ``__name__:value`` compared by =, !=, <, <=, >, >=, IN (a, b), and AND, OR, NOT, parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.kernel.errors import InputError

Variables = Mapping[str, Any]
Test = Callable[[Variables], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<name>__[A-Za-z0-9_-]+__(?::value)?)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<op><=|>=|!=|<>|=|<|>|\(|\)|,)|(?P<word>AND|OR|NOT|IN|true|false)\b)"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
MAX_LENGTH = 2_000
MAX_DEPTH = 50


def parse(text: str) -> tuple[Test, frozenset[str]]:
    """Return the test and the names of the variables it reads; raises InputError for what is not understood."""
    if len(text) > MAX_LENGTH:
        raise InputError(f"a condition has at most {MAX_LENGTH} characters", field="condition")
    parser = _Parser(_tokens(text))
    test = parser.either(0)
    if parser.tokens:
        raise InputError(f"unexpected '{parser.tokens[0][1]}' in the condition", field="condition")
    return test, frozenset(parser.names)


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise InputError(
                f"the condition is not understood at '{text[place : place + 20].strip()}'", field="condition"
            )
        assert match.lastgroup is not None
        found.append((match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.names: set[str] = set()

    def _take(self, *wanted: str) -> str | None:
        if self.tokens and self.tokens[0][1] in wanted:
            return self.tokens.pop(0)[1]
        return None

    def either(self, depth: int) -> Test:
        left = self.both(depth)
        while self._take("OR"):
            left = _any(left, self.both(depth))
        return left

    def both(self, depth: int) -> Test:
        left = self.single(depth)
        while self._take("AND"):
            left = _all(left, self.single(depth))
        return left

    def single(self, depth: int) -> Test:
        if depth > MAX_DEPTH:
            raise InputError("the condition is nested too deeply", field="condition")
        if self._take("NOT"):
            inner = self.single(depth + 1)
            return lambda variables: not inner(variables)
        if self._take("("):
            inner = self.either(depth + 1)
            if not self._take(")"):
                raise InputError("a parenthesis is not closed", field="condition")
            return inner
        return self.comparison()

    def comparison(self) -> Test:
        if not self.tokens or self.tokens[0][0] != "name":
            raise InputError("a comparison begins with a variable such as __name__:value", field="condition")
        name = self.tokens.pop(0)[1].removesuffix(":value")
        self.names.add(name)
        if self._take("IN"):
            options = self._options()
            return lambda variables: variables.get(name) in options
        operator = self._take(*_COMPARE)
        if operator is None:
            return lambda variables: variables.get(name) is True
        value = self._literal()
        return _comparison(name, operator, value)

    def _options(self) -> list[Any]:
        if not self._take("("):
            raise InputError("IN is followed by a list in parentheses", field="condition")
        options = [self._literal()]
        while self._take(","):
            options.append(self._literal())
        if not self._take(")"):
            raise InputError("the list after IN is not closed", field="condition")
        return options

    def _literal(self) -> Any:
        if not self.tokens:
            raise InputError("a value is missing at the end of the condition", field="condition")
        kind, text = self.tokens.pop(0)
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return float(text) if "." in text else int(text)
        if text in ("true", "false"):
            return text == "true"
        raise InputError(f"'{text}' is not a value", field="condition")


def _comparison(name: str, operator: str, wanted: Any) -> Test:
    def test(variables: Variables) -> bool:
        value = variables.get(name)
        if isinstance(value, bool) != isinstance(wanted, bool) or isinstance(value, str) != isinstance(wanted, str):
            return operator in ("!=", "<>")
        return value is not None and _COMPARE[operator](value, wanted)

    return test


def _any(left: Test, right: Test) -> Test:
    return lambda variables: left(variables) or right(variables)


def _all(left: Test, right: Test) -> Test:
    return lambda variables: left(variables) and right(variables)
