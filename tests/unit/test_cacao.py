"""Playbooks that cannot be run are refused, each fault with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from engine.kernel.errors import InputError
from infra.app.container import builtin_playbooks
from playbooks.cacao import MAX_BYTES, Finding, read
from playbooks.conditions import parse
from tests.support import DATA

SOUND = json.loads((DATA / "cacao" / "manual-playbook.json").read_text(encoding="utf8"))
START = SOUND["workflow_start"]
ACTION = next(key for key, step in SOUND["workflow"].items() if step["type"] == "action")
END = next(key for key, step in SOUND["workflow"].items() if step["type"] == "end")
Change = Callable[[dict[str, Any]], object]


def found(change: Change) -> list[Finding]:
    document = deepcopy(SOUND)
    change(document)
    return read(json.dumps(document))[1]


def errors(change: Change) -> str:
    return "\n".join(f"{it.pointer} {it.message}" for it in found(change) if it.level == "error")


def step(name: str, **fields: Any) -> Change:
    return lambda document: document["workflow"][name].update(fields)


def more(name: str, **fields: Any) -> Change:
    return lambda document: document["workflow"].update({name: fields})


def test_the_sound_playbook_is_read() -> None:
    playbook, findings = read(json.dumps(SOUND))
    assert playbook is not None
    assert [it for it in findings if it.level == "error"] == []
    assert (playbook.id, playbook.start, playbook.is_manual(ACTION)) == (SOUND["id"], START, True)
    assert playbook.extension(ACTION) == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d.update(workflow_start=ACTION), "/workflow_start does not name a step of type start"),
        (lambda d: d.update(workflow_start="start--x"), "/workflow_start does not name"),
        (more("start--" + "1" * 8, type="start", on_completion=END), "exactly one step of type start"),
        (lambda d: d.update(workflow_exception="x"), "/workflow_exception names a step that does not exist"),
        (lambda d: d.update(revoked=True), "/revoked the playbook is revoked"),
        (step(ACTION, type="dance"), "'dance' is not a CACAO step type"),
        (step(ACTION, type="while-condition"), "steps of type while-condition are not supported"),
        (step(ACTION, type="parallel"), "begins with 'parallel--'"),
        (step(ACTION, on_success=END), "on_completion excludes on_success and on_failure"),
        (step(ACTION, on_completion="end--x"), "/on_completion names a step that does not exist"),
        (step(ACTION, agent="x"), "/agent names an agent that is not defined"),
        (step(ACTION, targets=["x"]), "/targets/0 names a target that is not defined"),
        (step(END, on_completion=ACTION), "nothing comes after an end step"),
        (lambda d: d["workflow"][ACTION].pop("on_completion"), "the step leads nowhere"),
        (step(ACTION, on_completion=ACTION), "steps lead back to themselves"),
        (more("action--lonely", type="action", on_completion=END), "/workflow/action--lonely the step can never be"),
        (more("parallel--p", type="parallel", next_steps=[]), "a parallel step needs branches"),
        (more("parallel--p", type="parallel", next_steps=["x"]), "/next_steps/0 names a step that does not exist"),
        (more("if-condition--c", type="if-condition", condition="(", on_true=END), "/condition field 'condition'"),
        (
            more("if-condition--c", type="if-condition", condition="__n__:value = 1", on_true=END),
            "the variable __n__ is not declared",
        ),
        (lambda d: d.update(workflow=[]), "CACAO schema"),
        (lambda d: d.update(agent_definitions=[]), "CACAO schema"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(change: Change, why: str) -> None:
    assert why in errors(change)


def test_what_a_person_must_look_at_is_a_warning() -> None:
    warnings = [it.message for it in found(step(ACTION, in_args=["__x__"])) if it.level == "warning"]
    assert "the variable __x__ is not declared" in warnings


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{", "not JSON: "),
        (b"\xff", "not JSON: UnicodeDecodeError"),
        (b'{"a": 1, "a": 2}', "the same key stands twice"),
        (b"[]", "a playbook is a JSON object"),
        (b" " * (MAX_BYTES + 1), "at most"),
        (b'{"a":' * 50 + b"1" + b"}" * 50, "nested deeper than 40"),
    ],
)
def test_what_is_no_playbook_is_refused_and_does_not_raise(raw: bytes, why: str) -> None:
    playbook, findings = read(raw)
    assert playbook is None
    assert [(it.level, why in it.message) for it in findings] == [("error", True)]


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"type": "integer", "value": "7"}, 7),
        ({"type": "long", "value": "-7"}, -7),
        ({"type": "bool", "value": "True"}, True),
        ({"type": "bool", "value": "no"}, False),
        ({"type": "string", "value": "7"}, "7"),
        ({"type": "string"}, None),
    ],
)
def test_a_variable_has_the_type_it_is_declared_with(spec: dict[str, Any], value: Any) -> None:
    playbook, findings = read(json.dumps({**deepcopy(SOUND), "playbook_variables": {"__v__": spec}}))
    assert playbook is not None, findings
    assert playbook.variables == {"__v__": value}


@pytest.mark.parametrize("name", sorted(builtin_playbooks()))
def test_a_playbook_of_the_product_has_no_finding(name: str) -> None:
    playbook = builtin_playbooks()[name]
    assert playbook.workflow[playbook.start]["type"] == "start"
    assert all(playbook.extension(key).get("roles") for key in playbook.workflow if playbook.is_manual(key))


@pytest.mark.parametrize(
    ("text", "variables", "holds"),
    [
        ("__n__:value > 3", {"__n__": 4}, True),
        ("__n__:value > 3", {"__n__": "x"}, False),
        ("__n__:value IN ('a', 'b')", {"__n__": "b"}, True),
        ("__n__:value IN ('a')", {}, False),
        ("NOT __n__:value", {"__n__": False}, True),
        ("__n__:value", {"__n__": "true"}, False),
        ("(__n__:value = 1 OR __n__:value = 2) AND __m__:value", {"__n__": 2, "__m__": True}, True),
    ],
)
def test_a_condition_holds(text: str, variables: dict[str, Any], holds: bool) -> None:
    test, _ = parse(text)
    assert test(variables) is holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins with a variable"),
        ("x" * 5_000, "at most"),
        ("#", "is not understood at '#'"),
        ("__n__:value 1", "unexpected '1'"),
        ("(__n__:value", "a parenthesis is not closed"),
        ("__n__:value IN 1", "followed by a list"),
        ("__n__:value IN (1", "not closed"),
        ("__n__:value =", "a value is missing"),
        ("__n__:value = =", "'=' is not a value"),
        ("NOT " * 60 + "__n__:value", "nested too deeply"),
    ],
)
def test_a_condition_that_is_not_understood_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        parse(text)
