"""Puts the marks on an open store and its heads beside the keys, and says what is not as the product left it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.proofs.marks import key_of
from infra.store.integrity.facts import MarksPut
from infra.store.integrity.heads import KEYS, HeadFile, HeadKeeper, gaps_of
from infra.store.integrity.marks import Altered, Marks
from infra.store.keys.keyring import Keyring
from infra.store.keys.master import KeyFolder
from infra.store.log.decisions import Decisions
from infra.store.sql.database import Database

MOST_AT_START = 20_000
"""Rows of a marked table that are compared at a start; a larger one is left to the daily check."""


@dataclass(frozen=True)
class Guard:
    """What watches over an open store."""

    database: Database
    decisions: Decisions
    marks: Marks
    heads: HeadKeeper
    keyring: Keyring

    def begin(self) -> None:
        """Compare with the heads that were kept; put marks on the rows of a store that never had any."""
        self.heads.examine()
        if not self.heads.heads.marked:
            self._put_marks()
        if KEYS not in self.heads.heads.changes and not self.keyring.changes():
            self.keyring.put_marks()
        self.database.marks = self.marks
        self.database.committed = self.heads.committed
        if not self.heads.heads.marked:
            self.heads.keep()

    def _put_marks(self) -> None:
        """Mark a new store, or one of a version before, whose rows are taken as they stand; that is a fact."""
        self.database.marks = None
        with self.database.write() as cursor:
            if self.marks.begun(cursor):  # another process was first, or the file beside the keys is gone
                return
            count = self.marks.begin(cursor)
        if count and self.decisions.head():
            self.database.marks = self.marks
            now = self.heads.clock.now()
            with self.decisions.unit(now) as unit:
                unit.record_single(str(derive("marks", "put")), MarksPut(at=now, rows=count))

    def altered(self, *, at_start: bool = False) -> Iterator[Altered]:
        """Compare every marked row and every sum. At a start, large tables are left out."""
        most = MOST_AT_START if at_start else None
        with self.database.read() as cursor:
            if not self.marks.begun(cursor):
                if self.heads.heads.marked:
                    yield Altered("row_totals", "", "the marks of all tables are gone")
                return
            yield from self.marks.check(cursor, self.heads.heads.changes, most)
        if not at_start:
            for name, text in self.keyring.altered(self.heads.heads.changes.get(KEYS, 0)):
                yield Altered(name, "", text)

    def mark_again(self) -> None:
        """Mark every row as it stands: two persons have accepted it."""
        with self.database.write() as cursor:
            self.marks.begin(cursor, self.heads.heads.changes)
        self.keyring.put_marks(self.heads.heads.changes.get(KEYS, 0))

    def gaps(self) -> tuple[str, ...]:
        """Say where a log does not continue its head, one sentence each."""
        kept = self.heads.look()
        found = kept or gaps_of(self.database, self.heads.heads)
        return tuple(f"{gap.log}: {gap.text}" for gap in found)


def guard(database: Database, decisions: Decisions, folder: KeyFolder, keyring: Keyring, clock: TimeSource) -> Guard:
    """Return what watches over a store; nothing is compared or written yet."""
    marks = Marks(key_of(folder.signing_seed()), database.dialect)
    keeper = HeadKeeper(database, marks, HeadFile(folder.folder), keyring, clock)
    return Guard(database, decisions, marks, keeper, keyring)
