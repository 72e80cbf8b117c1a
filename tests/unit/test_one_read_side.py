"""Every SELECT over a read model stands in ``infra.read`` or ``infra.store``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from infra.store.sql.view_tables import NAMES

ROOT = Path(__file__).parents[2]
TABLES = (*NAMES, "tally", "outbox", "dead_letters", "expected_sources")
NAMING = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)\s+({'|'.join(TABLES)})\b")
HOME = ("infra/read/", "infra/store/")


def naming(path: Path) -> list[int]:
    """The lines of a module whose texts name a read model in SQL."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMING.search(node.value)
    ]


def test_no_sql_names_a_read_model_outside_the_read_side() -> None:
    found = [
        f"{name}:{line}"
        for room in ("engine", "rules", "playbooks", "reports", "infra")
        for path in sorted((ROOT / room).rglob("*.py"))
        if not (name := path.relative_to(ROOT).as_posix()).startswith(HOME)
        for line in naming(path)
    ]
    assert found == [], "ask infra.read, or write through infra.store.models"


def test_the_read_side_answers_with_records() -> None:
    """A row is a record: no function of the read side gives dictionaries of anything."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "infra/read").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None
        if re.search(r"(dict|Mapping)\[str, (Any|object)\]", ast.unparse(node.returns))
    ]
    assert found == []
