"""All obligations of the register: a violating and a fulfilling case each, or the written reason why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.governance.register import builtin_register
from infra.read.coverage import Coverage
from infra.store.models.governance import DutyRow
from tests.obligations.house import House
from tests.obligations.test_audit_rows import ROWS, lines_of
from tests.support import CISO, DATA

CASES: dict[str, Any] = yaml.safe_load((DATA / "obligations" / "register.yml").read_text(encoding="utf8"))
FOUND = [key for key, it in CASES.items() if not {"reason", "duty", "proof", "by_hand"} & it.keys()]
DUTIES = [key for key, it in CASES.items() if "duty" in it]
BY_HAND = [key for key, it in CASES.items() if "by_hand" in it]
PROOFS = [key for key, it in CASES.items() if "proof" in it]


def violate(house: House, it: dict[str, Any]) -> None:
    if "row" in it:
        house.raw(lines_of(it["row"]))
        house.wait(ROWS[it["row"]].get("wait", "+1m"))
    else:
        house.send(it["violating"], "bad")
        house.wait(it.get("wait", "+1m"))


def fulfil(house: House, it: dict[str, Any]) -> None:
    if "row" in it:
        house.send(ROWS[it["row"]]["right"], "good")
        house.wait(ROWS[it["row"]].get("wait", "+1m"))
    else:
        house.send(it["fulfilling"], "good")
        house.wait(it.get("wait", "+1m"))


def evidence(house: House, obligation: str) -> str:
    (row,) = [row for row in Coverage(house.world.container).rows() if row.obligation == obligation]
    return row.evidence if row.evidence_at else ""


def test_every_obligation_has_its_cases_or_a_reason() -> None:
    assert list(CASES) == list(builtin_register().obligations)
    reasons = [key for key, it in CASES.items() if "reason" in it]
    assert all(CASES[key]["reason"] for key in reasons)
    assert len(reasons) <= 15


@pytest.mark.parametrize("obligation", FOUND)
def test_a_violation_is_found_and_what_fulfils_is_not(obligation: str, tmp_path: Path) -> None:
    right = House(tmp_path / "right")
    fulfil(right, CASES[obligation])
    assert right.violations(obligation) == set()
    wrong = House(tmp_path / "wrong")
    violate(wrong, CASES[obligation])
    assert wrong.violations(obligation), wrong.rules()


@pytest.mark.parametrize("obligation", DUTIES)
def test_a_returning_duty_is_done_by_the_whole_of_it_only(obligation: str, tmp_path: Path) -> None:
    it = CASES[obligation]
    for name, done in (("violating", False), ("fulfilling", True)):
        house = House(tmp_path / name)
        house.send(it[name], name)
        assert any(row.last_on is not None for row in house.world.held(DutyRow, key=it["duty"])) is done
        (row,) = [row for row in Coverage(house.world.container).rows() if row.obligation == obligation]
        assert bool(row.evidence_at) is done, row.evidence


@pytest.mark.parametrize("obligation", PROOFS)
def test_only_what_says_enough_is_evidence(obligation: str, tmp_path: Path) -> None:
    it = CASES[obligation]
    for name, proven in (("violating", False), ("fulfilling", True)):
        house = House(tmp_path / name)
        house.send(it[name], name)
        (row,) = [row for row in Coverage(house.world.container).rows() if row.obligation == obligation]
        assert bool(row.evidence_at) is proven, row.evidence


@pytest.mark.parametrize("obligation", BY_HAND)
def test_what_nothing_serves_is_proven_by_a_person_only(obligation: str, tmp_path: Path) -> None:
    it, house = CASES[obligation], House(tmp_path)
    house.send(it["violating"], "event")
    assert evidence(house, obligation) == ""
    house.world.container.acts.record_evidence(obligation, it["by_hand"], by=CISO)
    house.world.work()
    assert it["by_hand"] in evidence(house, obligation)
