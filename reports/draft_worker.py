"""The child that fills templates: limits first, then one job a line from stdin, one answer a line on stdout.

A template is text of the organisation, so it is not trusted: an immutable sandbox without globals, a short list of
filters, plain frozen data, undefined names are errors. What the sandbox cannot stop (a loop, a gigabyte of text) is
stopped by the limits of this process and by the parent, which waits only so long.
"""

from __future__ import annotations

import json
import resource
import sys
from functools import lru_cache
from typing import Any

from reports.children.limits import limit_to

CPU_S = 3_600
"""For all jobs together; the parent bounds each."""
MEMORY = 512 * 1024 * 1024
LONGEST = 20_000
BETWEEN = "\x00"
"""Between fields that are filled in one go."""
FILTERS = ("capitalize", "default", "first", "join", "last", "length", "lower", "replace", "title", "trim", "upper")


def limit() -> None:
    """Bound memory, forbid files beyond those open and further processes, before anything is read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    limit_to(cpu_s=CPU_S, processes=False)


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


def main() -> int:
    """Answer jobs until the parent closes the pipe."""
    limit()
    env = environment()

    @lru_cache(maxsize=2048)
    def compiled(text: str) -> Any:
        return env.from_string(text)

    known: dict[int, dict[str, dict[str, str]]] = {}
    for line in sys.stdin.buffer:
        job = json.loads(line)
        templates = job["templates"] if "templates" in job else known[job["number"]]
        known[job["number"]] = templates
        answer = json.dumps(fill(compiled, templates, freeze(job["values"])), ensure_ascii=False)
        sys.stdout.buffer.write(answer.encode("utf8") + b"\n")
        sys.stdout.buffer.flush()
    return 0


def fill(compiled: Any, templates: dict[str, dict[str, str]], values: dict[str, Any]) -> dict[str, Any]:
    """Fill every field of every language, or say which one cannot be filled and why."""
    content: dict[str, dict[str, str]] = {}
    for language, fields in templates.items():
        content[language] = together = _plain(compiled, fields, values[language])
        for name, text in fields.items():
            if name in together:
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


def _plain(compiled: Any, fields: dict[str, str], values: Any) -> dict[str, str]:
    """Fill the fields without statements in one go; nothing when that does not work: then each is filled alone, which
    says what is the matter with which."""
    plain = {name: text for name, text in fields.items() if "{%" not in text and "{#" not in text}
    try:
        made = compiled(BETWEEN.join(plain.values())).render(values).split(BETWEEN)
    except Exception:
        return {}
    if len(made) != len(plain) or max(map(len, made), default=0) > LONGEST:
        return {}
    return dict(zip(plain, made, strict=True))


def _fault(language: str, name: str, line: int, message: str) -> dict[str, Any]:
    return {"error": {"language": language, "field": name, "line": line, "message": message}}


if __name__ == "__main__":
    raise SystemExit(main())
