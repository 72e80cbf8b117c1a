"""Which of several processes works on a PostgreSQL store: the one whose session holds an advisory lock.

A session can be lost without its holder noticing at once (a stopped machine, a cut line). So every term has a number,
kept in the store, and a write of a worker whose term is over is refused there: two never work at the same time.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from infra.app.container import Container
from infra.app.worker import WorkedElsewhere, Worker, WorkerLock
from infra.store.sql.connections import LINE
from infra.store.sql.database import StoreUnavailable
from infra.store.sql.postgres import PostgresDatabase

log = logging.getLogger("qorgau.election")
LEADER = 0x716F726C
"""The advisory lock of the worker: "qorl"."""
ASK_S = 1.0
STOP_S = 15.0
"""How long a worker whose term is over may take to end: what it still writes is refused, and a new term must begin."""
DEAD = 70
"""Exit status of a process whose election died (EX_SOFTWARE), so that whoever watches it starts it again."""


class LeaderLock:
    """One candidate for the work on a store."""

    def __init__(self, database: PostgresDatabase) -> None:
        self.database = database
        self.term = 0
        self._session: Any = None

    def acquire(self) -> bool:
        """Try to win; says whether this process works now. An unreachable store elects nobody."""
        if self._session is None:
            with suppress(psycopg.Error):
                self._session = psycopg.connect(self.database.url, autocommit=True, **LINE)
        if self._session is None:
            return False
        try:
            row = self._session.execute("SELECT pg_try_advisory_lock(%s)", (LEADER,)).fetchone()
            if row is None or not row[0]:
                return False
            self.term = self.database.begin_term()
        except (psycopg.Error, StoreUnavailable):
            self.give_up()
            return False
        return True

    def still_held(self) -> bool:
        """Ask over the session whether it still lives; a lost one has lost the lock."""
        try:
            self._session.execute("SELECT 1")
        except (psycopg.Error, AttributeError):
            self.give_up()
            return False
        return True

    def give_up(self) -> None:
        """Release the lock."""
        session, self._session, self.term = self._session, None, 0
        if session is not None:
            with suppress(psycopg.Error):  # ask for it back: a closed session ends only when the server sees it
                session.execute("SELECT pg_advisory_unlock_all()")
            session.close()

    def take(self) -> None:
        """Win or raise WorkedElsewhere: for commands that work once and end."""
        if not self.acquire():
            raise WorkedElsewhere(f"another qorgau works on {self.database.where}; stop it first")
        self.database.own_term.number = self.term

    def release(self) -> None:
        """Give back what ``take`` took."""
        self.database.own_term.number = None
        self.give_up()


class LeaderElection(threading.Thread):
    """Ask for the leader lock until it is stopped, and work while this process is the leader.

    Whatever goes wrong in a term ends the term, never the thread. Should the thread die all the same, ``on_death`` is
    called, which ends the process: a process that holds the lock and does not work would keep every other from it.
    """

    def __init__(
        self, container: Container, election: LeaderLock, on_change: Callable[[Worker | None], None],
        make: Callable[[Container, int], Worker] = Worker, on_death: Callable[[], None] = lambda: os._exit(DEAD),
    ) -> None:  # fmt: skip
        super().__init__(name="election", daemon=True)
        self.container = container
        self.election = election
        self.on_change = on_change
        self.make = make
        self.on_death = on_death
        self.stopping = threading.Event()
        self.worker: Worker | None = None
        self._said = False

    def run(self) -> None:
        """Ask once a second."""
        try:
            while not self.stopping.is_set():
                self.ask()
                self.stopping.wait(ASK_S)
            self._end()
        except BaseException:
            log.critical("the election died; the process ends so that it is started again", exc_info=True)
            self.on_death()

    def ask(self) -> None:
        """Look once who works: begin a term that was won, end one that was lost or cannot be worked in."""
        try:
            self._look()
        except Exception:
            log.exception("the term could not go on; this process resigns and stands for the work again")
            self._end()

    def _look(self) -> None:
        if self.worker is None:
            won = self.election.acquire()
            if won:
                self._begin()
            elif not self._said:
                log.info("another process works on %s; this one stands by", self.election.database.where)
            self._said = not won
        elif not self.election.still_held():
            log.warning("the session that holds the leader lock was lost; the work stops here")
            self._end()
        elif not self.worker.is_alive():
            log.error("a thread of the worker died; this process resigns")
            self._end()

    def _begin(self) -> None:
        log.info("this process works on %s (term %s)", self.election.database.where, self.election.term)
        self.worker = self.make(self.container, self.election.term)
        self.worker.start()
        self.on_change(self.worker)

    def _end(self) -> None:
        """End the term; the lock is given back whatever happens to the worker."""
        worker, self.worker = self.worker, None
        try:
            if worker is not None:
                self.on_change(None)
                worker.stop(STOP_S)
        except Exception:
            log.exception("the worker of the term that ended did not stop in order; the store refuses what it writes")
        finally:
            self.election.give_up()


@contextmanager
def sole_worker(container: Container) -> Iterator[None]:
    """Work alone for the length of a command. Raises WorkedElsewhere when another process works."""
    database = container.database
    lock = LeaderLock(database) if isinstance(database, PostgresDatabase) else WorkerLock(container.settings.data)
    lock.take()
    try:
        yield
    finally:
        lock.release()
