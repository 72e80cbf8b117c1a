"""Reads ``coverage json`` and holds the branch coverage of packages against floors.

    python -m tests.coverage_gate report.json engine=95 rules+playbooks=90 all=85

The share is covered branches by branches of the whole package, without a mean of files that would hide a bad one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = ("engine", "rules", "playbooks", "reports", "infra")


class Share(NamedTuple):
    """How much of something was run."""

    covered: int
    of: int

    @property
    def percent(self) -> float:
        """The share in per cent; of nothing it is 0, so that an empty report holds no floor."""
        return 100 * self.covered / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.percent:6.2f} % ({self.covered} of {self.of})" if self.of else "none"


def files_of(report: Mapping[str, Any], packages: Iterable[str]) -> dict[str, Mapping[str, int]]:
    """Return the counts of every file of some packages."""
    heads = tuple(f"{package}/" for package in packages)
    counts = {name.replace("\\", "/"): file["summary"] for name, file in report["files"].items()}
    return {name: summary for name, summary in sorted(counts.items()) if name.startswith(heads)}


def branches(files: Iterable[Mapping[str, int]]) -> Share:
    """Add up the branches."""
    counts = list(files)
    return Share(sum(it["covered_branches"] for it in counts), sum(it["num_branches"] for it in counts))


def lines(files: Iterable[Mapping[str, int]]) -> Share:
    """Add up the lines."""
    counts = list(files)
    return Share(sum(it["covered_lines"] for it in counts), sum(it["num_statements"] for it in counts))


def check(report: Mapping[str, Any], floors: Mapping[str, float]) -> tuple[list[str], bool]:
    """Return a line for each floor, and whether all hold. A package without a single branch never holds."""
    told, good = [], True
    for name, floor in floors.items():
        packages = PACKAGES if name == "all" else tuple(name.split("+"))
        share = branches(files_of(report, packages).values())
        holds = share.of > 0 and share.percent >= floor
        good = good and holds
        told.append(f"{name}: branches {share}, floor {floor:g} %: {'holds' if holds else 'BELOW THE FLOOR'}")
    return told, good


def main(arguments: list[str]) -> int:
    """Print the figures of every package, and of every module of those with a floor; return the exit status."""
    report = json.loads(Path(arguments[0]).read_text(encoding="utf8"))
    if not report["meta"]["branch_coverage"]:
        print("the report has no branches")
        return 1
    floors = {name: float(floor) for name, _, floor in (text.partition("=") for text in arguments[1:])}
    for package in PACKAGES:
        files = files_of(report, [package])
        print(f"{package:10} branches {branches(files.values())}, lines {lines(files.values())}")
        if any(package in name.split("+") for name in floors):
            for name, counts in files.items():
                print(f"    {name:34} branches {branches([counts])}, lines {lines([counts])}")
    told, good = check(report, floors)
    print("\n".join(told))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
