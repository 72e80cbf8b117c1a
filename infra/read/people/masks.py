"""What a person may not open is left out of every question: the tables are covered by what is left of them.

A question that names ``incident_view`` gets a common table expression of that name that holds the rows which are there
for the person; lists, counts, pages and joins follow by themselves. For who sees everything nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from engine.permissions import Sight
from infra.store.sql.database import Readable

Question = tuple[str, tuple[Any, ...]]
_NAMED = re.compile(r"\b(?:FROM|JOIN) (\w+)")


def masked(database: Readable, sql: str, parameters: Sequence[Any], sight: Sight, person: str) -> Question:
    """Return a question as it is asked for a person of limited sight."""
    if sight.whole:
        return sql, tuple(parameters)
    own = "main." if getattr(database, "dialect", "sqlite") == "sqlite" else ""
    rows = _rows_there(own, sight)
    named = [name for name in rows if name in set(_NAMED.findall(sql))]
    if not named:
        return sql, tuple(parameters)
    covers = ", ".join(
        f"{name} AS NOT MATERIALIZED (SELECT * FROM {own}{name} t WHERE {rows[name][0]})"  # noqa: S608 - our own words
        for name in named
    )
    values = [value for name in named for value in rows[name][1](person)]
    inner = f"SELECT * FROM ({sql}) w" if sql.lstrip().startswith("WITH") else sql  # noqa: S608 - ours
    return f"WITH {covers} {inner}", (*values, *parameters)


def _rows_there(own: str, sight: Sight) -> dict[str, tuple[str, Any]]:
    """Return by table the condition under which a row is there, and the parameters that it takes."""
    classes = sorted(sight.classes or ())
    marks = ",".join("?" * len(classes)) or "NULL"
    mine = f"t.class IN ({marks}) OR t.assignee = ?"
    of_mine = f"IN (SELECT s.id FROM {own}incident_view s WHERE {mine.replace('t.', 's.')})"  # noqa: S608 - marks
    hidden = sorted(sight.hidden_notices)
    kinds = f" AND t.kind NOT IN ({','.join('?' * len(hidden))})" if hidden else ""

    def person(it: str) -> tuple[Any, ...]:
        return (*classes, it)

    found: dict[str, tuple[str, Any]] = {
        "incident_view": (mine, person),
        "clock_view": (f"t.owner_kind = 'duty' OR t.owner_id {of_mine}", person),
        "notice_view": (f"t.incident_id {of_mine}{kinds}", lambda it: (*person(it), *hidden)),
        "outbox": ("1 = 0", lambda it: ()),
    }
    for name in ("incident_entity", "run_view", "containment_view", "incident_link"):
        found[name] = (f"t.incident_id {of_mine}", person)
    if not sight.notices:
        found["notice_view"] = ("1 = 0", lambda it: ())
    if not sight.protections:
        nothing = ("protection_view", "order_view", "retention_view", "loan_view")
        found |= {name: ("1 = 0", lambda it: ()) for name in nothing}
    return found
