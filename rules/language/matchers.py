"""One test of one value: every Sigma value type becomes a Python expression over the name ``v``.

Semantics (as SigmaHQ's reference data): strings match without regard to case except for ``cased`` and ``re``; an
absent field is null; numbers and numeric strings compare equal; a field with several values matches if one does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime
from typing import Any

import re2
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
    TimestampPart,
)

from rules.language.errors import RuleError

Test = Callable[[Any], bool]
REGEX_OPTIONS = re2.Options()
REGEX_OPTIONS.max_mem = 64 << 20
REGEX_OPTIONS.log_errors = False


_PLAIN = frozenset({str, int, float, bool})
OBJECT = "{}"
"""Stands for a value that is no plain value: an object nested deeper than events are flattened."""


def norm(value: Any) -> Any:
    """Bring an event value to the form that case-blind tests see: lower-case text, or a tuple of it, or None."""
    kind = value.__class__
    if kind is str:
        return value.lower()
    if value is None:
        return None
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if kind is list or kind is tuple:
        try:
            return tuple([part.lower() for part in value])
        except AttributeError:
            pass
        return tuple([text for part in value if part.__class__ in _PLAIN and (text := norm(part)) is not None])
    return str(value).lower() if isinstance(value, str) else OBJECT


def number_of(value: Any) -> float | None:
    """Return the number a value is or spells, or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else None
    if isinstance(value, str):
        try:
            return float(value) if value.strip() and "_" not in value else None
        except ValueError:
            return None
    return None


def compile_regex(pattern: str, flags: str = "") -> Any:
    """Compile with RE2, which cannot run away. Raise RuleError for what RE2 refuses (look-around, back-reference)."""
    if _ascii_class_beside_letters(pattern):
        raise RuleError(
            r"\w, \d and \b see only ASCII in RE2, so beside Cyrillic letters the rule would never fire; "
            r"write \p{L}, \p{N} or \p{Cyrillic}"
        )
    try:
        return re2.compile(f"(?{flags}){pattern}" if flags else pattern, REGEX_OPTIONS)
    except re2.error as error:
        reason = str(error.args[0] if error.args else error)
        raise RuleError(f"the regular expression is refused by RE2: {reason[:120]}") from None


def _ascii_class_beside_letters(pattern: str) -> bool:
    has_class = any(token in pattern for token in (r"\w", r"\b", r"\W", r"\B"))
    return has_class and any(ord(ch) > 127 and ch.isalpha() for ch in pattern)


def string_expression(value: SigmaString, bind: Callable[[Any], str], *, unbound: bool = False) -> str:
    """Return an expression over ``v`` (normalised text) for a Sigma string with its wildcards."""
    parts = list(value.s)
    star = SpecialChars.WILDCARD_MULTI
    texts = [part.lower() for part in parts if isinstance(part, str)]
    if unbound and all(isinstance(part, str) for part in parts):
        return f"{bind(''.join(texts))} in v"
    if all(isinstance(part, str) for part in parts):
        return f"v == {bind(''.join(texts))}"
    if len(parts) == 1 and parts[0] is star:
        return "True"
    if len(texts) == 1 and all(part is star or isinstance(part, str) for part in parts):
        text = bind(texts[0])
        if len(parts) == 3:
            return f"{text} in v"
        return f"v.endswith({text})" if parts[0] is star else f"v.startswith({text})"
    body = glob_pattern(value, lower=True)
    pattern = compile_regex(body if unbound else f"^(?:{body})$", "s")
    return f"{bind(pattern.search)}(v) is not None"


def glob_pattern(value: SigmaString, *, lower: bool) -> str:
    """Write a Sigma string as a regular expression body."""
    out = []
    for part in value.s:
        if part is SpecialChars.WILDCARD_MULTI:
            out.append(".*")
        elif part is SpecialChars.WILDCARD_SINGLE:
            out.append(".")
        elif isinstance(part, str):
            out.append(re2.escape(part.lower() if lower else part))
        else:
            raise RuleError(f"placeholder '%{part.name}%' has no list; give one under 'lists' or remove 'expand'")
    return "".join(out)


def raw_test(value: Any) -> Test | None:
    """Return a test of the value as it came, or None for value types that are tested in normalised form."""
    match value:
        case SigmaCasedString():
            return _cased(value)
        case SigmaRegularExpression():
            return _regex(value)
        case SigmaCIDRExpression():
            return _cidr(value)
        case SigmaCompareExpression():
            return _compare(value)
        case SigmaTimestampPart():
            return _timestamp_part(value)
        case SigmaNumber():
            return _number(value)
        case SigmaBool():
            wanted = bool(value)
            return lambda v: v is wanted or (isinstance(v, str) and v.lower() == str(wanted).lower())
    return None


def _cased(value: SigmaCasedString) -> Test:
    if all(isinstance(part, str) for part in value.s):
        text = "".join(part for part in value.s if isinstance(part, str))
        return lambda v: (v if isinstance(v, str) else str(v)) == text
    search = compile_regex(f"^(?:{glob_pattern(value, lower=False)})$", "s").search
    return lambda v: search(regex_text(v)) is not None


_LETTERS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


def regex_source(value: SigmaRegularExpression) -> str:
    """Return the expression with its flags in front, as RE2 reads it."""
    source = value.regexp if isinstance(value.regexp, str) else value.regexp.to_plain(regex=True)
    letters = "".join(sorted(_LETTERS[flag] for flag in value.flags))
    return f"(?{letters}){source}" if letters else source


def _regex(value: SigmaRegularExpression) -> Test:
    search = compile_regex(regex_source(value)).search
    return lambda v: search(regex_text(v)) is not None


def regex_text(value: Any) -> str:
    """Return a value as text that RE2 takes."""
    text = value if isinstance(value, str) else ("" if value is None else norm(value))
    return text.encode("utf8", "replace").decode("utf8") if isinstance(text, str) else str(text)


def _cidr(value: SigmaCIDRExpression) -> Test:
    network = ipaddress.ip_network(value.cidr, strict=False)

    def test(v: Any) -> bool:
        try:
            address = ipaddress.ip_address(v)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address) in network

    return test


INLINE_COMPARE = {
    CompareOperators.LT: "<",
    CompareOperators.LTE: "<=",
    CompareOperators.GT: ">",
    CompareOperators.GTE: ">=",
    CompareOperators.NEQ: "!=",
}
_COMPARE: dict[CompareOperators, Callable[[float, float], bool]] = {
    CompareOperators.LT: lambda a, b: a < b,
    CompareOperators.LTE: lambda a, b: a <= b,
    CompareOperators.GT: lambda a, b: a > b,
    CompareOperators.GTE: lambda a, b: a >= b,
    CompareOperators.NEQ: lambda a, b: a != b,
}


def _compare(value: SigmaCompareExpression) -> Test:
    operator = _COMPARE[value.op]
    bound = float(value.number.number)

    def test(v: Any) -> bool:
        number = number_of(v)
        return number is not None and operator(number, bound)

    return test


def _number(value: SigmaNumber) -> Test:
    wanted = float(value.number)
    text = str(value.number)

    def test(v: Any) -> bool:
        return v == text or number_of(v) == wanted

    return test


_PARTS: dict[TimestampPart, Callable[[datetime], int]] = {
    TimestampPart.MINUTE: lambda t: t.minute,
    TimestampPart.HOUR: lambda t: t.hour,
    TimestampPart.DAY: lambda t: t.day,
    TimestampPart.WEEK: lambda t: t.isocalendar().week,
    TimestampPart.MONTH: lambda t: t.month,
    TimestampPart.YEAR: lambda t: t.year,
}


def _timestamp_part(value: SigmaTimestampPart) -> Test:
    part = _PARTS[value.timestamp_part]
    wanted = int(value.number)

    def test(v: Any) -> bool:
        try:
            return part(datetime.fromisoformat(v)) == wanted
        except (TypeError, ValueError):
            return False

    return test
