"""The records of the access log, the newest first, by what somebody looks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from infra.store.reads.access_log import AccessLog

FEWEST = 200
"""Records of a page."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """One reading. ``ids``: kind → identifiers as they are kept; ``count``: of how many it was."""

    position: int
    at: datetime
    who: str
    way: str
    route: str
    case: str
    reason: str
    address: str
    by_itself: bool
    count: int
    ids: dict[str, list[str]]


def readings(
    log: AccessLog, *, who: str = "", of: str = "", since: str = "", until: str = "", kind: str = "", below: int = 0,
    most: int = FEWEST,
) -> list[ReadLine]:  # fmt: skip
    """Return records below a position (0: the newest): of a person, of whom (a client, a loan, or an id of an incident,
    notice or protection), since and until an instant or day, and by a part of the route."""
    where, values = ["r.position < ?"], [below or 2**62]
    source = "reads r"
    if of:
        named = (of, log.pseudonym(of))
        source += " JOIN (SELECT DISTINCT position FROM read_ids WHERE id IN (?, ?)) n ON n.position = r.position"
        values = [*named, *values]  # type: ignore[list-item]
    for column, sign, value in (("who", "=", who), ("at", ">=", since), ("at", "<", until)):
        if value:
            where.append(f"r.{column} {sign} ?")
            values.append(value)  # type: ignore[arg-type]
    if kind:
        where.append("instr(CAST(r.entry AS TEXT), ?) > 0")
        values.append(f'"route":"{kind}"')  # type: ignore[arg-type]
    sql = f"SELECT r.position, r.entry FROM {source} WHERE {' AND '.join(where)} ORDER BY r.position DESC LIMIT ?"  # noqa: S608
    with log.reading() as connection:
        if connection is None:
            return []
        return [_line(row) for row in connection.execute(sql, (*values, most))]


def _line(row: Any) -> ReadLine:
    told = orjson.loads(row["entry"])
    return ReadLine(
        row["position"], datetime.fromisoformat(told["at"]), told["who"], told["way"], told["route"], told["case"],
        told["reason"], told["address"], told["by_itself"],
        sum(len(held) for held in told["ids"].values()) + told["further"], told["ids"],
    )  # fmt: skip
