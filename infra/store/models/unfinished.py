"""Where the loops of an answer ended that goes on in another unit of work."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Readable


def suspend(cursor: Cursor, follower: str, position: int, left: Mapping[str, str | None]) -> None:
    """Store the last key of each loop, None for one that is finished, of the answer to the fact at a position."""
    cursor.execute(
        "INSERT INTO unfinished (follower, position, parts) VALUES (?, ?, ?) "
        "ON CONFLICT (follower) DO UPDATE SET position = excluded.position, parts = excluded.parts",
        (follower, position, orjson.dumps(dict(left)).decode()),
    )


def finish(cursor: Cursor, follower: str) -> None:
    """Forget the answer that is complete."""
    cursor.execute("DELETE FROM unfinished WHERE follower = ?", (follower,))


def unfinished(database: Readable, follower: str) -> tuple[int, dict[str, str | None]] | None:
    """Return the position that a follower has begun to answer and where its loops ended; None for none."""
    row = database.row("SELECT position, parts FROM unfinished WHERE follower = ?", follower)
    return (int(row["position"]), orjson.loads(row["parts"])) if row else None
