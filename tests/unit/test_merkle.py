"""The tree of RFC 6962 against an implementation written straight from the text, and published vectors."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.proofs.merkle import (
    EMPTY_ROOT,
    TILE,
    Frontier,
    Tree,
    leaf_hash,
    root_of,
    split,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that certificate-transparency implementations test against.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def some(size: int) -> list[bytes]:
    return [leaf_hash(i.to_bytes(8, "big")) for i in range(size)]


def tree_of(leaves: list[bytes]) -> Tree:
    frontier = Frontier()
    frontier.add(leaves)
    return Tree(lambda start, end: leaves[start:end], frontier.take_tiles())


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(text)) for text in INPUTS[:size]]
    frontier = Frontier()
    frontier.add(leaves)
    assert root_of(leaves).hex() == frontier.root().hex() == ROOTS[size - 1]


@given(st.lists(st.integers(0, 700), max_size=6))
def test_however_leaves_arrive_the_root_is_that_of_the_text(parts: list[int]) -> None:
    leaves = some(sum(parts))
    frontier, at = Frontier(), 0
    for part in parts:
        frontier.add(leaves[at : at + part])
        at += part
        frontier = _again(frontier)
    assert frontier.root() == naive(leaves) == root_of(leaves)


def _again(frontier: Frontier) -> Frontier:
    """As after a restart: from what is stored."""
    return Frontier(frontier.size, frontier.edge)


@given(st.integers(1, 3 * TILE + 9), st.data())
def test_every_leaf_can_be_proved_and_no_other(size: int, data: st.DataObject) -> None:
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    path, root = tree_of(leaves).inclusion(index, size), naive(leaves)
    assert verify_inclusion(leaves[index], index, size, path, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, path, root)
    if size > 1:
        assert not verify_inclusion(leaves[index], (index + 1) % size, size, path, root)
        assert not verify_inclusion(leaves[index], index, size, path[:-1], root)


@given(st.integers(1, 3 * TILE + 9), st.data())
def test_a_longer_log_proves_that_it_grew_from_the_shorter(new: int, data: st.DataObject) -> None:
    leaves = some(new)
    old = data.draw(st.integers(1, new))
    path = tree_of(leaves).consistency(old, new)
    before, after = naive(leaves[:old]), naive(leaves)
    assert verify_consistency(old, new, before, after, path)
    changed = [leaf_hash(b"rewritten"), *leaves[1:]]
    assert not verify_consistency(old, new, before, naive(changed), tree_of(changed).consistency(old, new))


def test_the_empty_tree_and_what_makes_no_sense() -> None:
    assert Frontier().root() == EMPTY_ROOT == root_of([])
    with pytest.raises(ValueError, match="full subtrees"):
        Frontier(3, [b""])
    with pytest.raises(ValueError, match="not in a tree"):
        tree_of(some(3)).inclusion(3, 3)
    with pytest.raises(ValueError, match="cannot come before"):
        tree_of(some(3)).consistency(4, 3)


def test_a_tree_that_is_larger_than_what_is_stored_says_so() -> None:
    leaves = some(2 * TILE)
    frontier = Frontier()
    frontier.add(leaves)
    short = Tree(lambda start, end: leaves[start:end], frontier.take_tiles()[:1])
    assert short.root(5, 5) == EMPTY_ROOT
    with pytest.raises(ValueError, match="larger than what is stored"):
        short.root(0, 2 * TILE)


@pytest.mark.parametrize(
    ("index", "size", "path"), [(0, 0, []), (-1, 3, []), (3, 3, []), (0, 1, [b"x" * 32]), (0, 2, [b"x" * 32] * 2)]
)
def test_a_path_of_the_wrong_length_or_place_proves_nothing(index: int, size: int, path: list[bytes]) -> None:
    assert not verify_inclusion(some(1)[0], index, size, path, root_of(some(max(size, 1))))


def test_a_tree_grew_from_itself_without_a_path() -> None:
    root = root_of(some(5))
    assert verify_consistency(5, 5, root, root, [])
    assert not verify_consistency(5, 5, root, root, [root])
    assert not verify_consistency(5, 5, root, EMPTY_ROOT, [])


@pytest.mark.parametrize(("old", "new", "extra"), [(0, 5, 0), (6, 5, 0), (3, 5, -9), (3, 5, 1), (4, 5, 1), (1, 2, 1)])
def test_a_consistency_path_of_the_wrong_length_proves_nothing(old: int, new: int, extra: int) -> None:
    leaves = some(new)
    path = tree_of(leaves).consistency(min(max(old, 1), new), new)
    path = path[:extra] if extra < 0 else path + [path[0] if path else EMPTY_ROOT] * extra
    assert not verify_consistency(old, new, root_of(leaves[:old]), root_of(leaves), path)
