"""Every SELECT over a read model stands in ``infra.read`` or ``infra.store``; the rest is listed, and only shrinks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from infra.store.sql.view_tables import NAMES

ROOT = Path(__file__).parents[2]
TABLES = (*NAMES, "tally", "outbox", "dead_letters", "expected_sources")
NAMING = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)\s+({'|'.join(TABLES)})\b")
HOME = ("infra/read/", "infra/store/")
ALLOWED: dict[str, int] = {
    "infra/cli/running/webhooks.py": 1,
    "infra/commands/handlers/notices.py": 1,
    "infra/lab/bench/quality.py": 1,
    "infra/lab/bench/stream.py": 3,
    "infra/lab/simulate/invariants.py": 14,
    "infra/lab/simulate/rounds.py": 1,
    "infra/lab/simulate/staff.py": 5,
    "infra/lab/simulate/year.py": 10,
    "infra/processes/outbox.py": 5,
    "infra/processes/silence.py": 5,
    "infra/processes/sweep.py": 2,
    "infra/processes/tally.py": 2,
    "infra/search/documents.py": 2,
}
"""File → how many literals still name a read model there."""


def literals(path: Path) -> int:
    """How many texts of a module name a read model in SQL; the pieces of one text count once."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMING.search(node.value):
            found.add(node.lineno)
    return len(found)


def test_no_sql_names_a_read_model_outside_the_read_side() -> None:
    found = {}
    for room in ("engine", "rules", "playbooks", "reports", "infra"):
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(HOME) and (count := literals(path)):
                found[name] = count
    assert found == ALLOWED, "ask infra.read; a file that has fewer now gets its new number here"
