"""Compares a canonical text with the recorded one, or records it: ``QORGAU_GOLDEN=write``.

A file holds many cases: a line ``== name``, a line of JSON for each fact, and at the end the long texts that the facts
refer to by hash (``=1a2b3c4d text``), each once. Workers of pytest-xdist may write into one file: it is locked.
"""

from __future__ import annotations

import difflib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.golden.canonical import Text

FILES = Path(__file__).parent / "logs"
WRITE = os.environ.get("QORGAU_GOLDEN") == "write"
"""Read at import: the fixtures of the tests take every variable of the product away."""
SHOWN = 160
_REFERENCE = re.compile(r"=[0-9a-f]{8}\b")


@dataclass
class File:
    """What a file holds."""

    cases: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> File:
        found, lines = cls(), None
        for line in text.splitlines():
            if line.startswith("== "):
                lines = found.cases.setdefault(line[3:], [])
            elif line.startswith("="):
                found.texts[line[:9]] = _plain(line[10:])
            elif lines is not None and line:
                lines.append(line)
        return found

    def written(self) -> str:
        """The whole file; cases and texts in the order of their names, texts nobody refers to left out."""
        used = references("\n".join(line for lines in self.cases.values() for line in lines), self.texts)
        cases = [part for name in sorted(self.cases) for part in (f"== {name}", *self.cases[name], "")]
        return "\n".join([*cases, *(f"{key} {_on_one_line(self.texts[key])}" for key in sorted(used)), ""])


def references(text: str, texts: dict[str, str]) -> set[str]:
    """Every text that a text refers to, and what those refer to."""
    found: set[str] = set()
    waiting = [text]
    while waiting:
        new = {key for key in _REFERENCE.findall(waiting.pop()) if key in texts} - found
        found |= new
        waiting += [texts[key] for key in new]
    return found


def check(file: str, case: str, text: Text) -> str:
    """Compare with what is recorded, or record it; return what to tell, nothing when they are the same."""
    path = FILES / f"{file}.log"
    if WRITE:
        with _locked(path):
            held = File.of(path.read_text(encoding="utf8") if path.exists() else "")
            held.cases[case] = text.lines
            held.texts |= text.texts
            path.write_text(held.written(), encoding="utf8")
        return ""
    held = File.of(path.read_text(encoding="utf8") if path.exists() else "")
    if held.cases.get(case) == text.lines:
        return ""
    return _told(path, case, held, text)


def _told(path: Path, case: str, held: File, text: Text) -> str:
    before, after = held.cases.get(case), text.lines
    shown = os.path.relpath(path)
    how = (
        "If the decisions were meant to change, record them with QORGAU_GOLDEN=write (the same command), read the "
        f"difference with `git diff {shown}`, and commit it with the change."
    )
    if before is None:
        return f"{shown} has no log of {case}.\n{how}"
    diff = list(
        difflib.unified_diff(
            _with_texts(before, held.texts, text.texts),
            _with_texts(after, text.texts, held.texts),
            "recorded", "decided now", n=1, lineterm="",
        )
    )  # fmt: skip
    more = [f"... and {len(diff) - SHOWN} lines more"] if len(diff) > SHOWN else []
    return "\n".join([f"What was decided in {case} is not what {shown} holds.", how, *diff[:SHOWN], *more])


def _with_texts(lines: list[str], own: dict[str, str], other: dict[str, str]) -> list[str]:
    """The lines, each followed by the texts that only this side has."""
    found = []
    for line in lines:
        found.append(line)
        for key in sorted(references(line, own) - other.keys()):
            found += [f"    {key} {part}" for part in own[key].splitlines()]
    return found


def _on_one_line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
