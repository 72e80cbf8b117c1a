"""Every vector of the shared calendar file, in the library and on the command line."""

from __future__ import annotations

import csv
from datetime import datetime

import pytest
from click.testing import CliRunner

from engine.duties.declared import clock_spec
from engine.terms.calendar import builtin_calendar
from engine.terms.counting import count_term
from infra.cli import cli
from tests.support import DATA

with (DATA / "calendar" / "deadlines.csv").open(encoding="utf8") as file:
    VECTORS = list(csv.DictReader(file))


def test_there_are_vectors() -> None:
    assert len(VECTORS) == 32


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['clock']}-{v['started_at']}")
def test_vector(vector: dict[str, str]) -> None:
    calendar = builtin_calendar()
    term = count_term(clock_spec(vector["clock"]), datetime.fromisoformat(vector["started_at"]), calendar)
    assert calendar.local(term.due_at).isoformat() == vector["due_strict"]
    assert calendar.local(term.latest_at).isoformat() == vector["due_civil"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['clock']}-{v['started_at']}")
def test_vector_on_the_command_line(vector: dict[str, str]) -> None:
    for reading in ("strict", "civil"):
        result = CliRunner().invoke(cli, ["clock", "due", vector["clock"], vector["started_at"], "--reading", reading])
        assert result.exit_code == 0
        assert result.stdout.strip() == vector[f"due_{reading}"]
