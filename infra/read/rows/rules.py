"""Rules, lists and wordings that were changed here."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.read.rows.asking import all_of
from infra.store.models.record import Record, column
from infra.store.models.rules import ListRow, RuleRow
from infra.store.sql.database import Readable

_RUNS = "CASE v.version WHEN r.in_force THEN 'active' WHEN r.shadow THEN 'shadow' ELSE '' END"


@dataclass(frozen=True, slots=True)
class VersionRow(Record):
    """A version of a rule; ``runs`` is active, shadow or empty."""

    name: str
    version: str
    stage: str
    written_by: str
    proposed_by: str
    runs: str = field(metadata=column(of=_RUNS))


def rules(database: Readable) -> dict[str, RuleRow]:
    """Return the rules that were changed here, by name."""
    return {row.name: row for row in all_of(database, RuleRow, "FROM rule_view")}


def versions(database: Readable) -> list[VersionRow]:
    """Return every version of a rule that was made here."""
    rest = "FROM rule_version_view v JOIN rule_view r ON r.name = v.name ORDER BY v.name, v.version"
    return all_of(database, VersionRow, rest, alias="v")


def lists(database: Readable) -> dict[str, ListRow]:
    """Return the lists that were changed here, by name."""
    return {row.name: row for row in all_of(database, ListRow, "FROM list_view")}
