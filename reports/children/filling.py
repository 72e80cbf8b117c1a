"""Filling templates with plain values: the environment that calls and calculates nothing, and the fields one by one.

What the product ships is filled where it is asked for (``shipped``); what a house wrote only in a limited child
(``reports.drafter``), because no environment stops a loop or a gigabyte of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

LONGEST = 20_000
BETWEEN = "\x00"
"""Between fields that are filled in one go."""
FILTERS = ("capitalize", "default", "first", "join", "last", "length", "lower", "replace", "title", "trim", "upper")
COMPILED = 2048
PLAIN = ("{%", "{#")
"""What only a template with statements holds: one such could reach into the next."""
OURS = ("{% set", "{#")
"""The same of templates that are known to end what they begin."""


def freeze(value: Any) -> Any:
    """Turn lists into tuples, so that a template holds nothing it could change."""
    if isinstance(value, dict):
        return {key: freeze(part) for key, part in value.items()}
    return tuple(freeze(part) for part in value) if isinstance(value, list) else value


def environment() -> Any:
    """Build the sandbox."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Plain(ImmutableSandboxedEnvironment):
        """Calls nothing at all: templates show values."""

        intercepted_binops = frozenset(["**", "*", "%"])

        def is_safe_callable(self, obj: Any) -> bool:
            return False

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator in ("**", "*", "%"):
                raise ValueError("a template does not calculate")
            return super().call_binop(context, operator, left, right)

    made = Plain(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in FILTERS}
    return made


@cache
def _shipped() -> Any:
    return lru_cache(maxsize=COMPILED)(environment().from_string)


def shipped(templates: Mapping[str, Mapping[str, str]], values: dict[str, Any]) -> dict[str, Any]:
    """Fill texts of the product itself, in this process; return the content, or the fault, as ``fill`` does."""
    return fill(_shipped(), templates, values, together=OURS)


def fill(
    compiled: Any, templates: Mapping[str, Mapping[str, str]], values: dict[str, Any], together: Sequence[str] = PLAIN
) -> dict[str, Any]:
    """Fill every field of every language, or say which one cannot be filled and why; fields that hold none of the marks
    in ``together`` are filled in one go."""
    content: dict[str, dict[str, str]] = {}
    for language, fields in templates.items():
        content[language] = done = _plain(compiled, fields, values[language], together)
        for name, text in fields.items():
            if name in done:
                continue
            try:
                made = compiled(text).render(values[language])
            except MemoryError:
                return _fault(language, name, 1, "the text needs too much memory")
            except Exception as error:
                return _fault(language, name, getattr(error, "lineno", None) or 1, str(error)[:300])
            if len(made) > LONGEST:
                return _fault(language, name, 1, f"the text is longer than {LONGEST} characters")
            content[language][name] = made
        content[language] = {name: content[language][name] for name in fields}
    return {"content": content}


def _plain(compiled: Any, fields: Mapping[str, str], values: Any, without: Sequence[str]) -> dict[str, str]:
    """Fill the fields without some marks in one go; nothing when that does not work: then each is filled alone, which
    says what is the matter with which."""
    plain = {name: text for name, text in fields.items() if not any(mark in text for mark in without)}
    try:
        made = compiled(BETWEEN.join(plain.values())).render(values).split(BETWEEN)
    except Exception:
        return {}
    if len(made) != len(plain) or max(map(len, made), default=0) > LONGEST:
        return {}
    return dict(zip(plain, made, strict=True))


def _fault(language: str, name: str, line: int, message: str) -> dict[str, Any]:
    return {"error": {"language": language, "field": name, "line": line, "message": message}}
