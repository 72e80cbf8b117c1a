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

from reports.children.filling import COMPILED, environment, fill, freeze
from reports.children.limits import limit_to

CPU_S = 3_600
"""For all jobs together; the parent bounds each."""
MEMORY = 512 * 1024 * 1024


def limit() -> None:
    """Bound memory, forbid files beyond those open and further processes, before anything is read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    limit_to(cpu_s=CPU_S, processes=False)


def main() -> int:
    """Answer jobs until the parent closes the pipe."""
    limit()
    env = environment()

    @lru_cache(maxsize=COMPILED)
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


if __name__ == "__main__":
    raise SystemExit(main())
