"""The Merkle tree of RFC 6962, section 2.1: roots, inclusion proofs and consistency proofs over a growing log.

Leaves are hashed with a 0x00 prefix, nodes with 0x01; an odd node at the right edge is carried up, never doubled.
Hashes are 32 bytes of SHA-256. Sizes count leaves, indices count from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

TILE = 256
"""Leaves in a tile: the roots of full tiles are all of the tree that is stored besides the leaves."""

EMPTY_ROOT = sha256(b"").digest()
Hashes = Callable[[int, int], list[bytes]]
"""Return the leaf hashes of a range [start, end)."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf (RFC 6962, 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    row = list(leaves)
    while len(row) > 1:
        row = _pairs(row)
    return row[0]


def _pairs(row: list[bytes]) -> list[bytes]:
    """Return the next level up; an odd last node is carried."""
    even = len(row) & ~1
    up = [sha256(b"\x01" + a + b).digest() for a, b in zip(row[0:even:2], row[1:even:2], strict=True)]
    if len(row) & 1:
        up.append(row[-1])
    return up


def split(size: int) -> int:
    """Return the largest power of two below ``size`` (size at least 2): where RFC 6962 cuts a tree in two."""
    return 1 << ((size - 1).bit_length() - 1)


class Frontier:
    """The right edge of a tree: what is needed to add leaves and to tell the root, in the order of 32 log2(size).

    ``edge`` holds the roots of the full subtrees the size is made of, largest first.
    """

    __slots__ = ("edge", "size", "tiles")

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        if len(edge) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} full subtrees, not {len(edge)}")
        self.size = size
        self.edge = list(edge)
        self.tiles: list[bytes] = []
        """Roots of the tiles completed since the list was last taken."""

    def add(self, leaves: Sequence[bytes]) -> None:
        """Append leaf hashes."""
        start = 0
        while start < len(leaves):
            room = TILE - self.size % TILE
            part = leaves[start : start + room]
            start += len(part)
            self._add_within_tile(list(part))

    def _add_within_tile(self, part: list[bytes]) -> None:
        """Add leaves that do not cross the end of a tile, level by level."""
        level, size = 0, self.size
        low = (size % TILE).bit_count()
        pending = self.edge[len(self.edge) - low :] if low else []
        edge = self.edge[: len(self.edge) - low] if low else self.edge
        kept: list[bytes] = []
        row, index = part, size % TILE
        while True:
            if index & 1:
                row = [pending.pop(), *row]
                index -= 1
            if len(row) & 1:
                kept.append(row[-1])
                row = row[:-1]
            if not row:
                break
            row = [sha256(b"\x01" + a + b).digest() for a, b in zip(row[0::2], row[1::2], strict=True)]
            index >>= 1
            level += 1
            if level == TILE.bit_length() - 1:
                kept.append(row[0])
                row = []
                break
        self.size += len(part)
        if self.size % TILE == 0:
            tile = kept[-1]
            self.tiles.append(tile)
            self.edge = edge
            self._carry(tile)
            return
        self.edge = edge + pending + kept[::-1]

    def _carry(self, tile: bytes) -> None:
        """Add the root of a full tile to the subtrees of whole tiles."""
        count = self.size // TILE
        while count & 1 == 0:
            tile = node_hash(self.edge.pop(), tile)
            count >>= 1
        self.edge.append(tile)

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        if not self.edge:
            return EMPTY_ROOT
        root = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            root = node_hash(left, root)
        return root

    def take_tiles(self) -> list[bytes]:
        """Return the roots of tiles completed since the last call."""
        tiles, self.tiles = self.tiles, []
        return tiles


@dataclass(frozen=True, slots=True)
class Tree:
    """A stored tree: leaf hashes on demand, and the roots of its full tiles."""

    leaves: Hashes
    tiles: Sequence[bytes]

    def root(self, start: int, end: int) -> bytes:
        """Return the root over the leaves [start, end); both must be cuts that RFC 6962 makes."""
        size = end - start
        if size == 0:
            return EMPTY_ROOT
        if start % TILE == 0 and size >= TILE:
            whole = size // TILE
            row: list[bytes] = list(self.tiles[start // TILE : start // TILE + whole])
            if len(row) != whole:
                raise ValueError("the tree is larger than what is stored of it")
            if size % TILE:
                row.append(root_of(self.leaves(start + whole * TILE, end)))
            return root_of(row)
        return root_of(self.leaves(start, end))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the audit path of a leaf in the tree of ``size`` leaves (RFC 6962, 2.1.1), lowest node first."""
        if not 0 <= index < size:
            raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            cut = start + split(end - start)
            if index < cut:
                path.append(self.root(cut, end))
                end = cut
            else:
                path.append(self.root(start, cut))
                start = cut
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the tree of ``old`` leaves is a prefix of that of ``new`` (RFC 6962, 2.1.2)."""
        if not 0 < old <= new:
            raise ValueError(f"a tree of {old} leaves cannot come before one of {new}")
        path: list[bytes] = []
        start, end, whole = 0, new, True
        while old != end:
            cut = start + split(end - start)
            if old <= cut:
                path.append(self.root(cut, end))
                end = cut
            else:
                path.append(self.root(start, cut))
                start, whole = cut, False
        if not whole:
            path.append(self.root(start, end))
        return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Check an audit path (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, at = leaf, size - 1, index
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and node == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Check a consistency proof (RFC 9162, section 2.1.4.2)."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    nodes = list(path)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    first = second = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        at >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == new_root
