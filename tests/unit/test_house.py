"""The shape of the house: rooms of a size one can look over, arrows that point one way, sizes within bounds."""

from __future__ import annotations

import ast
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "rules", "playbooks", "reports", "infra")
MOST_MODULES = 16
LONGEST_FILE = 400


@lru_cache(maxsize=1)
def modules() -> dict[str, Path]:
    """Every module of the product, by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


@lru_cache(maxsize=1)
def imports() -> dict[str, set[str]]:
    """Module → modules it names in an import anywhere, within functions and for type checking too."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        named = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                named |= {f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in known else node.module
                          for a in node.names}  # fmt: skip
            elif isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
        found[name] = {other for other in named if other in known and other != name}
    return found


def circle() -> list[str]:
    """One circle of imports, empty when there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(imports()[name]):
            if found := walk(other, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(modules()) if (found := walk(name, []))), [])


def test_no_import_goes_in_a_circle() -> None:
    found = circle()
    assert found == [], " → ".join(found)


def test_no_folder_holds_more_modules_than_one_looks_over() -> None:
    count = Counter(path.parent for path in modules().values() if path.name != "__init__.py")
    crowded = {str(folder.relative_to(ROOT)): n for folder, n in count.items() if n > MOST_MODULES}
    assert crowded == {}


def test_no_file_is_longer_than_one_reads() -> None:
    long = {
        name: n for name, path in modules().items() if (n := len(path.read_text("utf8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_what_runs_the_core_is_no_larger_than_the_core() -> None:
    lines: Counter[str] = Counter()
    for name, path in modules().items():
        room = "lab" if name.startswith("infra.lab") else name.split(".")[0]
        lines[room] += len(path.read_text(encoding="utf8").splitlines())
    assert lines["infra"] <= lines.total() / 2, lines


def test_nothing_of_the_product_imports_the_lab() -> None:
    outside = {name: used for name, used in imports().items() if not name.startswith("infra.lab")}
    assert {name for name, used in outside.items() if any(other.startswith("infra.lab") for other in used)} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf8"))), path


def test_the_layers_of_a_circle_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for circles finds one that is there."""
    a, b = "engine.kernel.ids", "engine.kernel.errors"
    with_circle = {name: set(used) for name, used in imports().items()}
    with_circle[a].add(b)
    with_circle[b].add(a)
    monkeypatch.setattr("tests.unit.test_house.imports", lambda: with_circle)
    assert {a, b} <= {name for pair in pairwise(circle()) for name in pair}
