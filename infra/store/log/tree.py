"""The signed Merkle trees over the two logs: one checkpoint at every commit, in the transaction of the commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine.kernel.errors import InputError
from engine.kernel.timestamps import iso
from engine.proofs.merkle import TILE, Frontier, Hashes, Tree
from engine.proofs.notes import Checkpoint, Signer

ROW = 256
"""Tile roots in one row of the table."""


class SignedTree:
    """The tree over one log. ``leaves`` come from the log itself; roots of full tiles and heads are stored here."""

    def __init__(self, log: str, signer: Signer) -> None:
        self.log = log
        self.signer = signer
        self.origin = f"{signer.verifier.name}/{log}"
        self._frontier = Frontier()

    def frontier(self, cursor: Any) -> Frontier:
        """Return the right edge as committed; the one in memory is used while it is the same."""
        cursor.execute(
            "SELECT size, edge FROM checkpoints WHERE log = ? ORDER BY size DESC LIMIT 1",
            (self.log,),
        )
        row = cursor.fetchone()
        size = row[0] if row else 0
        edge = bytes(row[1]) if row else b""
        if self._frontier.size != size or b"".join(self._frontier.edge) != edge:
            self._frontier = Frontier(size, [edge[i : i + 32] for i in range(0, len(edge), 32)])
        return self._frontier

    def grow(self, cursor: Any, leaves: Sequence[bytes], at: datetime | None) -> Checkpoint:
        """Append leaves and sign the new head, in the caller's transaction; ``at`` is when, as the log tells it."""
        frontier = self.frontier(cursor)
        first_tile = frontier.size // TILE
        frontier.add(leaves)
        self._store_tiles(cursor, first_tile, frontier.take_tiles())
        checkpoint = Checkpoint(self.origin, frontier.size, frontier.root())
        cursor.execute(
            "INSERT INTO checkpoints (log, size, root, edge, note, at) VALUES (?, ?, ?, ?, ?, ?)",
            (
                self.log,
                checkpoint.size,
                checkpoint.root,
                b"".join(frontier.edge),
                self.signer.sign(checkpoint),
                iso(at) if at else "",
            ),
        )
        return checkpoint

    def _store_tiles(self, cursor: Any, first: int, roots: Sequence[bytes]) -> None:
        while roots:
            row, at = divmod(first, ROW)
            part, roots = b"".join(roots[: ROW - at]), roots[ROW - at :]
            cursor.execute("SELECT roots FROM tiles WHERE log = ? AND part = ?", (self.log, row))
            held = cursor.fetchone()
            cursor.execute(
                "INSERT INTO tiles (log, part, roots) VALUES (?, ?, ?) "
                "ON CONFLICT (log, part) DO UPDATE SET roots = excluded.roots",
                (self.log, row, (bytes(held[0])[: at * 32] if held else b"") + part),
            )
            first += len(part) // 32

    def tile_again(self, cursor: Any, leaves: Hashes) -> None:
        """Write the roots of full tiles anew from the leaves of the log."""
        size, frontier = self.frontier(cursor).size, Frontier()
        cursor.execute("DELETE FROM tiles WHERE log = ?", (self.log,))
        for start in range(0, size, TILE * ROW):
            first = frontier.size // TILE
            frontier.add(leaves(start, min(start + TILE * ROW, size)))
            self._store_tiles(cursor, first, frontier.take_tiles())

    def note(self, cursor: Any, size: int | None = None) -> str:
        """Return the signed note of a size, or the newest. Raise InputError when there is none."""
        if size is None:
            cursor.execute("SELECT note FROM checkpoints WHERE log = ? ORDER BY size DESC LIMIT 1", (self.log,))
        else:
            cursor.execute("SELECT note FROM checkpoints WHERE log = ? AND size = ?", (self.log, size))
        row = cursor.fetchone()
        if row is None:
            raise InputError(f"the {self.log} has no checkpoint" + ("" if size is None else f" of size {size}"))
        return str(row[0])

    def tree(self, cursor: Any, leaves: Hashes) -> Tree:
        """Return the tree as stored, for proofs."""
        cursor.execute("SELECT roots FROM tiles WHERE log = ? ORDER BY part", (self.log,))
        stored = b"".join(bytes(row[0]) for row in cursor.fetchall())
        return Tree(leaves, [stored[i : i + 32] for i in range(0, len(stored), 32)])
