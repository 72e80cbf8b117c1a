"""Rules, lists and wordings that were changed here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.rule_life.rules import Mode, RuleStage
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
    stage: RuleStage
    written_by: str
    proposed_by: str
    runs: Mode | Literal[""] = field(metadata=column(of=_RUNS))


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


@dataclass(frozen=True, slots=True)
class InForceRow(Record):
    """What the organisation put in the place of the product's rule; ``shadow`` runs beside it."""

    id: str
    name: str
    in_force: str
    shadow: str


@dataclass(frozen=True, slots=True)
class ListInForceRow(Record):
    """The version of a list that the organisation put into force."""

    name: str
    in_force: int


@dataclass(frozen=True, slots=True)
class WordingRow(Record):
    """An own wording that is in force."""

    id: str
    kind: str
    language: str
    in_force: str


def in_force(database: Readable, product: str) -> list[InForceRow]:
    """Return the rules of which another version than the ``product``'s is in force or in shadow, by name."""
    return all_of(database, InForceRow, "FROM rule_view WHERE in_force <> ? OR shadow <> '' ORDER BY name", product)


def lists_in_force(database: Readable) -> list[ListInForceRow]:
    """Return the lists of which an own version is in force, by name."""
    return all_of(database, ListInForceRow, "FROM list_view WHERE in_force > 0 ORDER BY name")


def wordings_in_force(database: Readable) -> list[WordingRow]:
    """Return the own wordings that are in force, by id."""
    return all_of(database, WordingRow, "FROM template_view WHERE in_force <> '' ORDER BY id")
