"""Borrowers under protection and the orders for them; playbooks of incidents; what is kept of clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from engine.kernel.timestamps import iso
from infra.read.rows.asking import all_of, by_id, count
from infra.store.models.duties import ContainmentRow, OrderRow, ProtectionRow, RetentionRow
from infra.store.models.incidents import RunRow
from infra.store.models.record import column
from infra.store.sql.database import Readable

_NOT_REVOKED = "(SELECT COUNT(*) FROM order_view o WHERE o.protection_id = p.id AND o.revoked = 0)"
_DONE = "(SELECT COUNT(*) FROM order_view o WHERE o.protection_id = p.id AND o.acknowledged_at IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class ProtectionCounts(ProtectionRow):
    """A protection with the number of its orders that were not revoked, and of those acknowledged."""

    orders: int = field(metadata=column(of=_NOT_REVOKED))
    done: int = field(metadata=column(of=_DONE))


@dataclass(frozen=True, slots=True)
class ProtectionTotals(ProtectionRow):
    """A protection with the number of all its orders, and of those acknowledged."""

    orders: int = field(metadata=column(of="(SELECT COUNT(*) FROM order_view o WHERE o.protection_id = p.id)"))
    acknowledged: int = field(metadata=column(of=_DONE))


def protection(database: Readable, key: str) -> ProtectionRow | None:
    """Return a protection, None if there is none with this id."""
    return by_id(database, ProtectionRow, key)


def holding(database: Readable, client: str) -> list[ProtectionRow]:
    """Return the protections of a client that hold."""
    return all_of(database, ProtectionRow, "FROM protection_view WHERE client = ? AND holds = 1", client)


def lying_open(database: Readable, most: int) -> list[ProtectionRow]:
    """Return at most so many protections that wait for a person, the oldest first."""
    rest = "FROM protection_view WHERE genuine IS NULL OR proposed_by IS NOT NULL ORDER BY received_at LIMIT ?"
    return all_of(database, ProtectionRow, rest, most)


def unanswered(database: Readable) -> list[OrderRow]:
    """Return the orders that are neither acknowledged nor revoked."""
    return all_of(database, OrderRow, "FROM order_view WHERE acknowledged_at IS NULL AND revoked = 0")


def acknowledged_last(database: Readable) -> list[OrderRow]:
    """Return of each kind the orders that were acknowledged last."""
    return all_of(
        database, OrderRow,
        "FROM order_view o "
        "WHERE acknowledged_at = (SELECT MAX(m.acknowledged_at) FROM order_view m WHERE m.kind = o.kind)",
        alias="o",
    )  # fmt: skip


def violations(database: Readable) -> int:
    """Return how many violations of protections were found."""
    return count(database, "SELECT SUM(violations) FROM protection_view")


def listed(database: Readable) -> list[ProtectionCounts]:
    """Return the newest 200 protections with how far their orders are."""
    rest = "FROM protection_view p ORDER BY p.received_at DESC LIMIT 200"
    return all_of(database, ProtectionCounts, rest, alias="p")


def every(database: Readable) -> list[ProtectionTotals]:
    """Return all protections, the newest first, with how far their orders are."""
    return all_of(database, ProtectionTotals, "FROM protection_view p ORDER BY p.received_at DESC", alias="p")


def orders_of(database: Readable, protection_id: str) -> list[OrderRow]:
    """Return the orders of a protection in the order of their ids."""
    return all_of(database, OrderRow, "FROM order_view WHERE protection_id = ? ORDER BY id", protection_id)


def received_between(database: Readable, start: datetime, end: datetime) -> int:
    """Return how many acts were received in [start, end)."""
    sql = "SELECT COUNT(*) FROM protection_view WHERE received_at >= ? AND received_at < ?"
    return count(database, sql, iso(start), iso(end))


def runs_of(database: Readable, incident: str) -> list[RunRow]:
    """Return the runs of playbooks of an incident in the order of their ids."""
    return all_of(database, RunRow, "FROM run_view WHERE incident_id = ? ORDER BY id", incident)


def contained(database: Readable, incident: str) -> list[ContainmentRow]:
    """Return what an incident blocks or holds, a row for each subject of each order; at most 500."""
    rest = "FROM containment_view WHERE incident_id = ? ORDER BY ordered_at, id, subject LIMIT 500"
    return all_of(database, ContainmentRow, rest, incident)


def retained(database: Readable) -> list[RetentionRow]:
    """Return every client of whom something is known about the term, the first that may be destroyed at the top."""
    return all_of(database, RetentionRow, "FROM retention_view ORDER BY free_from, client")


def retained_with_term(database: Readable) -> list[RetentionRow]:
    """Return at most 500 clients whose term runs or is over, or who are under hold; not whose obligations last."""
    rest = (
        "FROM retention_view WHERE state <> 'kept' OR free_from IS NOT NULL "
        "ORDER BY state = 'kept', free_from IS NULL, free_from, client LIMIT 500"
    )
    return all_of(database, RetentionRow, rest)
