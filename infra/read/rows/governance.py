"""Duties that return, corrective actions, controls, risks."""

from __future__ import annotations

from infra.read.rows.asking import all_of
from infra.store.models.governance import ActionRow, ControlRow, DutyRow, RiskRow
from infra.store.sql.database import Readable

HIGH = 12
"""From this level on a risk is high."""


def duties(database: Readable) -> dict[str, DutyRow]:
    """Return duties and obligations with evidence, by key (``obligation:ID`` for the latter)."""
    return {row.key: row for row in all_of(database, DutyRow, "FROM duty_view")}


def duties_done(database: Readable) -> list[DutyRow]:
    """Return the duties that were done at least once, by key."""
    return all_of(database, DutyRow, "FROM duty_view WHERE last_on IS NOT NULL ORDER BY key")


def actions(database: Readable) -> list[ActionRow]:
    """Return corrective actions: the open ones first, each group by its day."""
    return all_of(database, ActionRow, "FROM action_view ORDER BY closed_at IS NOT NULL, due_on")


def actions_by_day(database: Readable) -> list[ActionRow]:
    """Return corrective actions by their day."""
    return all_of(database, ActionRow, "FROM action_view ORDER BY due_on")


def controls(database: Readable) -> dict[str, ControlRow]:
    """Return the statements of applicability by control."""
    return {row.control: row for row in all_of(database, ControlRow, "FROM control_view")}


def risks(database: Readable, book: str) -> list[RiskRow]:
    """Return the risks of a book (asset, fraud), the highest first."""
    return all_of(database, RiskRow, "FROM risk_view WHERE book = ? ORDER BY level DESC, name", book)


def risks_unaddressed(database: Readable) -> list[RiskRow]:
    """Return the risks without treatment or of a high level, the highest first."""
    rest = "FROM risk_view WHERE treatment = '' OR level >= ? ORDER BY level DESC"
    return all_of(database, RiskRow, rest, HIGH)
