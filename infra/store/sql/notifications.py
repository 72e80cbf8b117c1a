"""The log as notifications, as the event-sourcing library reads one: by position, on either database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Notification


class ByPosition:
    """Selects as the library does, but by the key ``position``: on SQLite ``rowid`` comes back under that name, and on
    PostgreSQL the library's column has no index here, so it would read the whole table each time."""

    events_table_name: str
    query_session: Callable[[], AbstractContextManager[Any]]

    def select_notifications(
        self, start: int | None, limit: int, stop: int | None = None, topics: Sequence[str] = (), *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:  # fmt: skip
        """Return up to ``limit`` rows from ``start`` on, of the topics if any are named."""
        among = f"AND topic IN ({','.join('?' * len(topics))}) " if topics else ""
        with self.query_session() as cursor:
            cursor.execute(
                "SELECT position, originator_id, originator_version, topic, state "  # noqa: S608 - our own names
                f"FROM {self.events_table_name} WHERE position > ? AND position <= ? {among}ORDER BY position LIMIT ?",
                ((start or 0) - inclusive_of_start, stop if stop is not None else 2**62, *topics, limit),
            )
            return [
                Notification(key if isinstance(key, UUID) else UUID(key), version, topic, bytes(state), position)
                for position, key, version, topic, state in cursor.fetchall()
            ]
