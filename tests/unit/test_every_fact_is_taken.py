"""The facts of each aggregate are a closed set: none passes by the state that it belongs to unseen."""

from __future__ import annotations

import ast
import inspect
import sys

import pytest

from infra.store.log.aggregates import _ALL

WITHOUT_A_CASE = {"ControlStated": "taken by isinstance"}


def matched(source: str) -> set[str]:
    """The classes that a module's match statements name."""
    nodes = [node.cls for node in ast.walk(ast.parse(source)) if isinstance(node, ast.MatchClass)]
    return {cls.attr if isinstance(cls, ast.Attribute) else getattr(cls, "id", "") for cls in nodes}


@pytest.mark.parametrize("name", [name for _, name, _ in _ALL])
def test_a_state_takes_every_fact_of_its_kind(name: str) -> None:
    kind, facts = next((kind, facts) for kind, it, facts in _ALL if it == name)
    taken = matched(inspect.getsource(sys.modules[kind.__module__]))
    assert {fact.__name__ for fact in facts} - taken - WITHOUT_A_CASE.keys() == set()


def test_a_fold_tells_the_type_checker_that_it_leaves_none_out() -> None:
    """``foreign`` takes ``Never``: a fact of the closed set without a case is an error of types."""
    for kind, name, facts in _ALL:
        source = inspect.getsource(kind)
        assert len(facts) == 1 or "case _:\n                foreign(fact)" in source, name


def test_a_fact_of_another_kind_passes_by() -> None:
    for kind, _, facts in _ALL:
        for _, _, others in _ALL:
            if others is not facts:
                it = kind()
                it.apply(others[0].model_construct())
                assert it.id == ""


def test_a_fact_belongs_to_one_kind() -> None:
    facts = [fact for _, _, facts in _ALL for fact in facts]
    assert len(facts) == len({fact.topic for fact in facts})
