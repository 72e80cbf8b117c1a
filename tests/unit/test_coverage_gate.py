"""The gate adds branches up over a whole package, and holds for nothing that is empty or below."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.coverage_gate import check, main


def report(**files: tuple[int, int]) -> dict[str, Any]:
    summaries = {
        name.replace("__", "/") + ".py": {
            "summary": {
                "covered_branches": covered, "num_branches": of, "covered_lines": covered, "num_statements": of
            }
        }
        for name, (covered, of) in files.items()
    }  # fmt: skip
    return {"meta": {"branch_coverage": True}, "files": summaries}


@pytest.mark.parametrize(
    ("files", "floors", "holds"),
    [
        ({"engine__a": (95, 100)}, {"engine": 95}, True),
        ({"engine__a": (94, 100)}, {"engine": 95}, False),
        ({"engine__a": (1, 1), "engine__b": (0, 99)}, {"engine": 50}, False),
        ({"engine__a": (100, 100), "infra__b": (0, 100)}, {"engine": 95}, True),
        ({"engine__a": (100, 100), "infra__b": (0, 100)}, {"all": 85}, False),
        ({"rules__a": (80, 100), "playbooks__b": (100, 100)}, {"rules+playbooks": 90}, True),
        ({"rules__a": (100, 100)}, {"rules": 95, "engine": 0}, False),
        ({"engine__a": (0, 0)}, {"engine": 0}, False),
        ({"engineered__a": (9, 9)}, {"engine": 0}, False),
    ],
)
def test_a_floor_holds_over_the_sum_of_a_package(files: Any, floors: Any, holds: bool) -> None:
    told, good = check(report(**files), floors)
    assert good is holds
    assert len(told) == len(floors)


@pytest.mark.parametrize(("floor", "status"), [("90", 0), ("96", 1)])
def test_the_exit_status_tells_a_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], floor: str, status: int
) -> None:
    (tmp_path / "r.json").write_text(json.dumps(report(engine__a=(95, 100))), encoding="utf8")
    assert main([str(tmp_path / "r.json"), f"engine={floor}"]) == status
    assert "engine/a.py" in capsys.readouterr().out


def test_a_report_without_branches_holds_nothing(tmp_path: Path) -> None:
    empty = {**report(engine__a=(95, 100)), "meta": {"branch_coverage": False}}
    (tmp_path / "r.json").write_text(json.dumps(empty), encoding="utf8")
    assert main([str(tmp_path / "r.json"), "engine=0"]) == 1
