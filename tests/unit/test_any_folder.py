"""The command works from any folder: what lies there never stands in for the product."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("qorgau")


@pytest.mark.parametrize("package", [True, False])
@pytest.mark.parametrize("name", ["rules", "engine", "reports", "infra", "playbooks"])
def test_a_folder_of_the_same_name_shadows_nothing(tmp_path: Path, name: str, package: bool) -> None:
    (tmp_path / name).mkdir()
    if package:
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    env = {**os.environ, "QORGAU_DATA": str(tmp_path / "data")}
    listed = subprocess.run(
        [PROGRAM, "clock", "due", "remediation", "2026-11-23T10:00:00+05:00"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (listed.returncode, listed.stderr) == (0, "")


def test_children_of_the_product_are_started_from_there_too(tmp_path: Path) -> None:
    """The sandbox of templates is a process of its own; a folder ``reports`` beside it must not be taken for ours."""
    for name in ("reports", "infra", "engine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    fill = "T().fill({'en': {'a': 'x{{ n }}'}}, {'en': {'n': 1}})"
    code = f"from reports.drafter import TemplateSandbox as T; print({fill})"
    made = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.stdout.strip() == "{'en': {'a': 'x1'}}", made.stderr
