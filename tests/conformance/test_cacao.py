"""The public CACAO examples: what is meant to be refused is refused, and nothing is silently skipped."""

from __future__ import annotations

import pytest

from playbooks.cacao import read
from tests.support import DATA


def findings(name: str) -> tuple[bool, str]:
    playbook, found = read((DATA / "cacao" / name).read_bytes(), name)
    return playbook is not None, "\n".join(f"{f.level} {f.pointer} {f.message}" for f in found)


@pytest.mark.parametrize("name", ["http-playbook.json", "manual-playbook.json", "openc2-playbook.json"])
def test_sound_examples_are_taken(name: str) -> None:
    valid, text = findings(name)
    assert valid, text


def test_a_command_of_another_engine_is_given_to_a_person() -> None:
    _, text = findings("openc2-playbook.json")
    assert "warning" in text
    assert "given to a person" in text


def test_the_invalid_example_is_refused() -> None:
    valid, text = findings("invalid_playbook.json")
    assert not valid
    assert "'invalid' is not one of" in text


def test_an_example_without_a_start_step_and_with_a_dangling_exception_is_refused() -> None:
    valid, text = findings("playbook.json")
    assert not valid
    assert "/workflow_start does not name a step of type start" in text
    assert "/workflow_exception names a step that does not exist" in text
