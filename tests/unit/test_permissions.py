"""The table of permissions: what it allows is recorded, everything obeys it, and nobody else names a role."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from engine.handlers.register import HANDLERS
from engine.kernel.commands import Command, name_of
from engine.kernel.errors import NotAllowed
from engine.kernel.facts import Person
from engine.permissions import COMMANDS, PEOPLE, READS, Role
from engine.permissions.printed import markdown, rows
from infra.app.container import builtin_playbooks
from infra.commands.bulk import MANY
from infra.commands.dispatch import KINDS, Dispatcher
from infra.web import own_account
from infra.web.api.acts import ACTS
from infra.web.console import forms
from infra.web.console.forms import Form

ROOT = Path(__file__).parents[2]
RECORDED: dict[str, list[str]] = json.loads((ROOT / "tests" / "data" / "permissions.json").read_text())
STAGES = {"complete-task": "skip"}
ROOMS = ("engine", "rules", "playbooks", "reports", "infra")


class Touched(Exception):
    """The desk was used."""


class EmptyDesk:
    """A desk that tells whatever is taken from it."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.touched.append(name)
        raise Touched(name)


def somebody(role: str) -> Person:
    return Person(id="somebody", roles=frozenset({role}))


def test_every_command_has_a_handler_and_a_line_in_the_table() -> None:
    assert set(KINDS) == set(COMMANDS) == {name_of(kind) for kind in HANDLERS}


def test_what_each_role_may_do_is_what_was_recorded() -> None:
    now = {name: [str(role) for role in permission.roles] for name, permission in COMMANDS.items()}
    for name, permission in COMMANDS.items():
        if permission.stage:
            now[f"{name} ({STAGES.get(name, 'agree')})"] = [str(role) for role in permission.stage.roles]
        if permission.step_up:
            now[f"{name} (second factor)"] = ["yes"]
        if permission.second:
            now[f"{name} (second person is not who)"] = [side.value for side in permission.second.excluded]
            now[f"{name} (one of the two)"] = [str(role) for role in permission.second.answerable]
            now[f"{name} (different roles)"] = ["yes"] if permission.second.different_roles else []
    assert {name: sorted(roles) for name, roles in now.items()} == {n: sorted(r) for n, r in RECORDED.items()}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_role_is_checked_before_anything_is_touched(name: str, role: Role) -> None:
    desk = EmptyDesk()
    command = KINDS[name].model_construct()
    if role.value in RECORDED[name]:
        # What the handler does with an empty command does not matter, only that it was reached.
        with pytest.raises(Exception) as reached:
            Dispatcher(desk).dispatch(command, somebody(role))  # type: ignore[arg-type]
        assert not isinstance(reached.value, NotAllowed)
    else:
        with pytest.raises(NotAllowed, match=re.escape(COMMANDS[name].refusal)):
            Dispatcher(desk).dispatch(command, somebody(role))  # type: ignore[arg-type]
        assert desk.touched == []


def test_somebody_without_a_role_may_do_nothing() -> None:
    for name, kind in KINDS.items():
        with pytest.raises(NotAllowed):
            Dispatcher(EmptyDesk()).dispatch(kind.model_construct(), Person(id="nobody"))  # type: ignore[arg-type]
        assert not Person(id="nobody").may(*COMMANDS[name].roles)


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=name_of)
def test_a_command_is_frozen_and_refuses_fields_it_does_not_know(kind: type[Command[Any]]) -> None:
    command = kind.model_construct()
    with pytest.raises(ValidationError, match="frozen"):
        command.roles = ("ciso",)  # type: ignore[attr-defined]
    with pytest.raises(ValidationError) as refused:
        kind(roles=("ciso",))
    assert "extra_forbidden" in {entry["type"] for entry in refused.value.errors()}


def test_what_the_table_needs_is_a_field_of_the_command() -> None:
    for name, permission in COMMANDS.items():
        fields = KINDS[name].model_fields
        assert ("reason" in fields) >= ("reason" in permission.needs), name
        if permission.second:
            assert permission.second.command in COMMANDS


def _forms() -> Iterator[tuple[str, Form]]:
    for table, value in (*vars(forms).items(), ("RESET", own_account.RESET)):
        if isinstance(value, Form):
            yield table, value
        elif isinstance(value, dict):
            yield from ((f"{table}.{act}", form) for act, form in value.items() if isinstance(form, Form))


@pytest.mark.parametrize(("act", "form"), list(_forms()), ids=[act for act, _ in _forms()])
def test_a_form_fills_its_command(act: str, form: Form) -> None:
    fields = form.command.model_fields
    assert set(form.fields) <= set(fields)
    assert {name for name, it in fields.items() if it.is_required()} <= set(form.fields)


def test_every_way_in_leads_to_a_command_of_the_table() -> None:
    assert {form.command for _, form in _forms()} <= set(HANDLERS)
    assert {kind for kind, _ in MANY.values()} <= set(HANDLERS)
    only_elsewhere = {name_of(kind) for kind in HANDLERS} - {name_of(form.command) for _, form in _forms()}
    assert only_elsewhere == {"draft-rule", "try-rule", "record-bounce", "record-statuses"}
    assert set(ACTS) <= set(forms.INCIDENTS)


def test_playbooks_name_roles_that_may_complete_a_task() -> None:
    named: set[str] = set()
    for playbook in builtin_playbooks().values():
        for step in playbook.workflow.values():
            text = json.dumps(step, default=str)
            named |= {role for found in re.findall(r'"roles": \[([^\]]*)\]', text) for role in json.loads(f"[{found}]")}
    assert named <= set(COMMANDS["complete-task"].roles)


def test_no_role_is_named_outside_the_table() -> None:
    names = {str(role) for role in PEOPLE}
    found = []
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            path = str(file.relative_to(ROOT))
            if path.startswith("engine/permissions/"):
                continue
            found += [
                f"{path}:{node.lineno} {node.value}"
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.Constant) and node.value in names
            ]
        for file in sorted((ROOT / room).rglob("*.html")):
            found += [f"{file.name}: {name}" for name in re.findall(r"may\(\"(\w+)\"", file.read_text())]
    assert found == []


def test_the_product_gives_commands_and_leaves_the_methods_to_tests() -> None:
    using = [
        str(file.relative_to(ROOT))
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        if re.search(r"\b(house|self)\.(acts|rule_acts)\b", file.read_text())
    ]
    assert using == []


def test_the_page_of_the_documentation_is_up_to_date() -> None:
    page = (ROOT / "docs" / "permissions.md").read_text()
    assert page == markdown(), "print it: qorgau permissions --markdown > docs/permissions.md"


def test_the_printed_rows_are_the_table() -> None:
    printed = {row["command"]: row["roles"] for row in rows()["commands"]}
    assert {name: sorted(roles) for name, roles in printed.items()} == {
        name: sorted(permission.roles) for name, permission in COMMANDS.items()
    }
    assert [row["name"] for row in rows()["reading"]] == list(READS)
