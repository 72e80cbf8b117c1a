"""The table of the audit (``law.md``, section B): its own events through the real intake, and the case that is right.

``tests/data/obligations/audit-rows.ndjson`` are the auditor's events (``event.id`` begins with the row); the cases that
fulfil stand in ``tests/data/obligations/rows.yml``, each with what must be found of the row itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from infra.store.models.governance import RiskRow
from tests.obligations.house import House
from tests.support import DATA

ROWS: dict[str, Any] = yaml.safe_load((DATA / "obligations" / "rows.yml").read_text(encoding="utf8"))


def lines_of(row: str) -> list[bytes]:
    """The auditor's events of a row."""
    lines = (DATA / "obligations" / "audit-rows.ndjson").read_bytes().splitlines()
    return [line for line in lines if orjson.loads(line)["event.id"].startswith(f"{row}-")]


def found_in(house: House, expected: str) -> bool:
    kind, name = expected.split(" ", 1)
    if kind == "rule":
        return name in house.rules()
    return any(row.breached_at is not None for row in house.clocks(name))


def test_every_row_of_the_audit_is_here() -> None:
    assert sorted(ROWS) == [f"h{n:02d}" for n in range(1, 46)]


@pytest.mark.parametrize("row", [row for row, it in ROWS.items() if "found" in it])
def test_what_the_auditor_sent_is_found(row: str, tmp_path: Path) -> None:
    house = House(tmp_path)
    house.raw(lines_of(row))
    house.wait(ROWS[row].get("wait", "+1m"))
    assert found_in(house, ROWS[row]["found"]), house.rules()


def test_a_risk_that_another_system_tells_of_stands_in_the_register(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.raw(lines_of("h40"))
    (risk,) = house.world.held(RiskRow)
    assert (risk.book, risk.name, risk.threat, risk.likelihood, risk.level) == ("fraud", "h40R", "SIM swap", 4, 20)


@pytest.mark.parametrize("row", [row for row, it in ROWS.items() if "right" in it])
def test_what_is_right_is_not_found(row: str, tmp_path: Path) -> None:
    it = ROWS[row]
    house = House(tmp_path)
    if it["right"] == "row":
        house.raw(lines_of(row))
    else:
        house.send(it["right"], row)
    house.wait(it.get("wait", "+1m"))
    house.send([{"event.action": "portal.control.probe", "at": "+3d", "mfo.outcome": "passed"}], "later")
    expected = it.get("found") or it["not_found"]
    assert not found_in(house, expected), (house.rules(), it)
    if expected.startswith("clock"):  # it ran, and something answered it
        assert any(row.satisfied_at is not None for row in house.clocks(expected.split(" ", 1)[1]))
