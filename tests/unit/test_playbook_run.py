"""The playbook runner: deterministic, restartable after any fact, and it always comes to an end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kernel.errors import DecisionRefused, InputError, NotAllowed
from infra.app.container import builtin_playbooks
from playbooks import run as runs
from playbooks.cacao import read
from playbooks.conditions import parse
from playbooks.run import Run
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, MONDAY, PEOPLE

PLAYBOOK = builtin_playbooks()["unauthorised-access"]
ORDERS = frozenset({"access-block"})


def begun(**variables: Any) -> Run:
    run = Run()
    run.apply(runs.begin(PLAYBOOK, "i-1", variables, at=MONDAY, actor="qorgau"))
    return run


def advance(run: Run, automatic: frozenset[str] = frozenset()) -> int:
    facts = runs.advance(run, PLAYBOOK, at=MONDAY, automatic=automatic)
    for fact in facts:
        run.apply(fact)
    return len(facts)


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 3))
def test_a_crash_between_any_two_facts_changes_nothing(cuts: list[bool], clients: int) -> None:
    """The same acts give the same history, whether facts are taken one at a time or all at once."""
    whole, broken = begun(__client_count__=clients), begun(__client_count__=clients)
    history_whole: list[str] = []
    history_broken: list[str] = []
    cut = iter(cuts)
    for _ in range(40):
        for fact in runs.advance(whole, PLAYBOOK, at=MONDAY):
            whole.apply(fact)
            history_whole.append(fact.model_dump_json())
        while facts := runs.advance(broken, PLAYBOOK, at=MONDAY):
            part = facts[:1] if next(cut, False) else facts
            for fact in part:
                broken.apply(fact)
                history_broken.append(fact.model_dump_json())
        assert sorted(whole.waiting) == sorted(broken.waiting)
        if not whole.waiting:
            break
        step, task = next(iter(whole.waiting.items()))
        by = next(person for person in PEOPLE if person.may(*task.roles))
        for run in (whole, broken):
            for fact in runs.complete_task(run, step, "success", "carried out", by=by, at=MONDAY):
                run.apply(fact)
    assert whole.state == broken.state == "completed"
    assert sorted(history_whole) == sorted(history_broken)


def test_advancing_twice_gives_nothing_more() -> None:
    run = begun()
    assert advance(run) > 0
    assert advance(run) == 0


def test_an_order_is_requested_once_and_its_failure_leads_to_a_person() -> None:
    run = begun()
    advance(run, ORDERS)
    ((step, key),) = run.requested.items()
    assert key
    for fact in runs.command_result(run, step, False, "HTTP 500", "containment", at=MONDAY):
        run.apply(fact)
    assert runs.command_result(run, step, True, "late answer", "containment", at=MONDAY) == []
    advance(run, ORDERS)
    assert [task.title for task in run.waiting.values()] == ["Contain by hand: block access and end sessions"]


def test_who_may_finish_a_task() -> None:
    run = begun()
    advance(run)
    step = next(iter(run.waiting))
    with pytest.raises(NotAllowed):
        runs.complete_task(run, step, "success", "ok", by=AUDITOR, at=MONDAY)
    with pytest.raises(DecisionRefused, match="evidence"):
        runs.complete_task(run, step, "success", " ", by=ANALYST, at=MONDAY)
    with pytest.raises(NotAllowed, match="skipping"):
        runs.complete_task(run, step, "skipped", "no need", by=ANALYST, at=MONDAY)
    assert runs.complete_task(run, step, "skipped", "no need", by=CISO, at=MONDAY)
    with pytest.raises(DecisionRefused, match="not open"):
        runs.complete_task(run, "action--x", "success", "carried out", by=COMPLIANCE, at=MONDAY)


def test_values_of_variables_are_text_in_instructions() -> None:
    run = begun(__clients__="__severity__:value")
    advance(run)
    task = next(iter(run.waiting.values()))
    assert "__clients__:value" not in task.instruction


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("__n__:value > 3", True),
        ("__n__:value <= 3", False),
        ("__s__:value = 'high' AND NOT __n__:value = 4", True),
        ("__s__:value IN ('low', 'high') OR __n__:value = 0", True),
        ("(__b__:value = true) AND __n__:value != 7", True),
        ("__b__", True),
        ("__missing__:value = 1", False),
        ("__s__:value > 3", False),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    test, _ = parse(text)
    assert test({"__n__": 5, "__s__": "high", "__b__": True}) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 = 1",
        "__a__:value =",
        "__a__ = __import__('os')",
        "(" * 60 + "__a__" + ")" * 60,
        "__a__ IN ()",
        "x" * 3000,
    ],
)
def test_conditions_that_are_not_understood(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def mutated(change: str) -> str:
    import json

    document = copy.deepcopy(json.loads((_pack() / "unauthorised-access.json").read_text(encoding="utf8")))
    steps = document["workflow"]
    action = next(key for key, step in steps.items() if step["name"] == "Eradicate the cause")
    match change:
        case "dangling":
            steps[action]["on_completion"] = "action--00000000-0000-4000-8000-000000000000"
        case "loop":
            steps[action]["on_completion"] = action
        case "agent":
            steps[action]["agent"] = "group--00000000-0000-4000-8000-000000000000"
        case "unreachable":
            steps["end--00000000-0000-4000-8000-000000000000"] = {"type": "end", "name": "nowhere"}
        case "variable":
            branch = next(step for step in steps.values() if step["type"] == "if-condition")
            branch["condition"] = "__unknown__:value = 1"
        case "both":
            steps[action]["on_success"] = steps[action]["on_completion"]
    return json.dumps(document)


def _pack() -> Any:
    from pathlib import Path

    import playbooks

    return Path(playbooks.__file__).parent / "packs"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("dangling", "names a step that does not exist"),
        ("loop", "lead back to themselves"),
        ("agent", "an agent that is not defined"),
        ("unreachable", "can never be reached"),
        ("variable", "is not declared"),
        ("both", "excludes on_success"),
    ],
)
def test_what_the_schemas_do_not_see(change: str, message: str) -> None:
    playbook, findings = read(mutated(change))
    assert playbook is None
    assert any(message in finding.message for finding in findings if finding.level == "error")


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff\xfe", b"[" * 100_000, b'{"type":"playbook"}']
)
def test_bad_documents_are_findings_and_never_exceptions(raw: bytes) -> None:
    playbook, findings = read(raw)
    assert playbook is None
    assert findings
