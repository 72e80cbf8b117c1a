"""The connections to PostgreSQL: how long each asker waits for a server that is away."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from infra.store.sql.database import StoreUnavailable

RECOVERY_S = 30.0
REQUEST_S = 1.0
"""How long a request of people waits for a connection before it is asked whether the server is there at all."""
ANSWERS_S = 0.5
AWAY_S = 1.0
ASK_ANEW_S = 3.0
ALIVE_S = 0.5
RECONNECT_S = 2.0
"""How long the pool tries by itself; its pauses double, so after a long outage it would be away as long again. Whoever
asks for a connection makes it try anew."""
LINE: dict[str, Any] = {
    "keepalives": 1, "keepalives_idle": 3, "keepalives_interval": 1, "keepalives_count": 3,
    "tcp_user_timeout": 6000, "connect_timeout": 5,
}  # fmt: skip
"""A line that was cut without a word is noticed within seconds, with a question under way (milliseconds) or without."""


class _Connection(psycopg.Connection[Any]):
    """A connection that knows when it was last seen alive."""

    seen_at = 0.0


def _alive(connection: _Connection) -> None:
    """Ask a connection whether it lives before it is used, at most once in so many seconds: what is lost in between
    fails once and is made again."""
    now = time.monotonic()
    if now - connection.seen_at > ALIVE_S:
        ConnectionPool.check_connection(connection)
        connection.seen_at = now


def _configure(connection: Any) -> None:
    connection.execute("SET lock_timeout = '60s'")
    connection.execute("SET idle_in_transaction_session_timeout = '120s'")


class Connections(ConnectionPool[Any]):
    """The pool of one database; ``where`` names it in messages. Not opened yet."""

    def __init__(self, url: str, where: str, size: int, rows: Callable[[Any], Any]) -> None:
        super().__init__(
            url, min_size=1, max_size=size, open=False, configure=_configure, timeout=RECOVERY_S,
            kwargs={"row_factory": rows, "autocommit": True, **LINE}, connection_class=_Connection, check=_alive,
            reconnect_timeout=RECONNECT_S,
        )  # fmt: skip
        self.where = where
        self.patience_s = RECOVERY_S
        self._server = urlsplit(url)
        self._away_until = 0.0

    @contextmanager
    def take(self) -> Iterator[Any]:
        """Take a connection, and give it back. Raise StoreUnavailable when there is none in time.

        A process that serves people waits only for a pool that is busy: once the server was found away they are told at
        once, and one a second looks again. Its worker does not wait longer: people who write wait behind it.
        """
        patient = self.patience_s >= RECOVERY_S
        if not patient and time.monotonic() < self._away_until:
            raise self._away()
        with ExitStack() as held:
            yield self._wait(held, patient)

    def _wait(self, held: ExitStack, patient: bool) -> Any:
        ends = time.monotonic() + (RECOVERY_S if patient else self.patience_s)
        while True:
            left = max(ends - time.monotonic(), 0.1)
            try:
                connection = held.enter_context(self.connection(timeout=min(left, ASK_ANEW_S)))
            except PoolTimeout:
                if time.monotonic() < ends:
                    continue
                if not patient and self._answers():  # it is there, and many ask
                    ends, patient = ends + RECOVERY_S, True
                    continue
                self._away_until = time.monotonic() + AWAY_S
                raise self._away() from None
            self._away_until = 0.0
            return connection

    def _away(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self.where} does not answer")

    def _answers(self) -> bool:
        """Say whether the server takes a connection now; one behind a socket file is asked by the pool alone."""
        if not self._server.hostname:
            return False
        try:
            with closing(socket.create_connection((self._server.hostname, self._server.port or 5432), ANSWERS_S)):
                return True
        except OSError:
            return False
