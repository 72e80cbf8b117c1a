"""What has begun and waits for its next step: a sign-in whose password was right, the challenge of a passkey.

None of these is a session: they lie in a table of their own that no page asks for who somebody is.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import orjson

from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from infra.commands.people.tokens import digest_of
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Database

Kind = Literal["second", "enrol", "passkey", "passkey-new"]
LASTS = timedelta(minutes=10)
"""How long a step may wait for the next."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One step that waits."""

    digest: str
    kind: Kind
    user_id: str
    data: dict[str, Any]


class PendingSteps:
    """The steps in the store, by hashes of tokens that only the browser has."""

    def __init__(self, database: Database, clock: TimeSource) -> None:
        self.database = database
        self.clock = clock

    def begin(self, cursor: Cursor, kind: Kind, user_id: str = "", **data: Any) -> str:
        """Keep a step in a write transaction; return the token that leads on. Old steps are forgotten."""
        token, now = secrets.token_urlsafe(32), self.clock.now()
        cursor.execute("DELETE FROM pending_steps WHERE created_at < ?", (iso(now - LASTS),))
        cursor.execute(
            "INSERT INTO pending_steps VALUES (?, ?, ?, ?, ?)",
            (digest_of(token), kind, user_id, orjson.dumps(data).decode(), iso(now)),
        )
        return token

    def of(self, token: str, *kinds: Kind) -> Pending | None:
        """Return the step of a token, None when there is none of these kinds, or it waited too long."""
        if not token:
            return None
        row = self.database.row("SELECT * FROM pending_steps WHERE digest = ?", digest_of(token))
        if row is None or row["kind"] not in kinds or row["created_at"] < iso(self.clock.now() - LASTS):
            return None
        return Pending(row["digest"], row["kind"], row["user_id"], orjson.loads(row["data"]))

    def take(self, cursor: Cursor, step: Pending) -> bool:
        """Take a step away in a write transaction; False when somebody else did already: each leads on once."""
        cursor.execute("DELETE FROM pending_steps WHERE digest = ?", (step.digest,))
        return bool(cursor.rowcount == 1)
