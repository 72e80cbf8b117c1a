"""The facts of each aggregate are a closed set: none passes by the state that it belongs to unseen."""

from __future__ import annotations

import ast
import inspect
import sys

import pytest

from infra.store.log.aggregates import _ALL

WITHOUT_A_CASE = {"NoteAdded": "a note changes nothing but the timeline", "ControlStated": "taken by isinstance"}


def matched(source: str) -> set[str]:
    """The classes that a module's match statements name."""
    nodes = [node.cls for node in ast.walk(ast.parse(source)) if isinstance(node, ast.MatchClass)]
    return {cls.attr if isinstance(cls, ast.Attribute) else getattr(cls, "id", "") for cls in nodes}


@pytest.mark.parametrize("name", [name for _, name, _ in _ALL])
def test_a_state_takes_every_fact_of_its_kind(name: str) -> None:
    kind, facts = next((kind, facts) for kind, it, facts in _ALL if it == name)
    taken = matched(inspect.getsource(sys.modules[kind.__module__]))
    assert {fact.__name__ for fact in facts} - taken - WITHOUT_A_CASE.keys() == set()


def test_a_fact_belongs_to_one_kind() -> None:
    facts = [fact for _, _, facts in _ALL for fact in facts]
    assert len(facts) == len({fact.topic for fact in facts})
