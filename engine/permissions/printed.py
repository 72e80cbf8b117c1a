"""The tables of permissions as rows and as a page of the documentation."""

from __future__ import annotations

from typing import Any

from engine.kernel.errors import n_
from engine.permissions.permission import Permission
from engine.permissions.reading import READS
from engine.permissions.roles import TITLES, Role
from engine.permissions.table import COMMANDS

STEP_UP = n_("the second factor of who has one")


def rows() -> dict[str, list[dict[str, Any]]]:
    """Return the tables as data.

    ``commands``: command, subject, title, roles, second_person, second_command, excluded (what keeps somebody from
    being the second person), answerable (roles of which the two hold one), different_roles, needs, stage, stage_roles.
    ``reading``: name, title, roles, paths.
    """
    return {
        "commands": [_command(permission) for permission in COMMANDS.values()],
        "reading": [
            {"name": it.name, "title": it.title, "roles": _sorted(it.roles), "paths": list(it.paths)}
            for it in READS.values()
        ],
    }


def _command(permission: Permission) -> dict[str, Any]:
    second, stage = permission.second, permission.stage
    return {
        "command": permission.command,
        "subject": permission.subject,
        "title": permission.title,
        "roles": _sorted(permission.roles),
        "second_person": second.rule if second else "",
        "second_command": second.command if second else "",
        "excluded": [side.value for side in second.excluded] if second else [],
        "answerable": _sorted(second.answerable) if second else [],
        "different_roles": second.different_roles if second else False,
        "needs": [*permission.needs, *([STEP_UP] if permission.step_up else [])],
        "stage": stage.when if stage else "",
        "stage_roles": _sorted(stage.roles) if stage else [],
    }


def _sorted(roles: tuple[Role, ...]) -> list[str]:
    return [role.value for role in Role if role in roles]


def markdown() -> str:
    """Return the tables as a page of the documentation."""
    table = rows()
    parts = [_HEAD]
    for subject in dict.fromkeys(row["subject"] for row in table["commands"]):
        parts.append(f"\n## {subject.capitalize()}\n\n| Command | What it does | Roles | Needs | Second person |\n")
        parts.append("|---|---|---|---|---|\n")
        parts += [_line(row) for row in table["commands"] if row["subject"] == subject]
    parts.append("\n## Reading\n\n| What | Roles | Addresses |\n|---|---|---|\n")
    for row in table["reading"]:
        paths = ", ".join(f"`{path}`" for path in row["paths"])
        parts.append(f"| {row['title']} | {_roles(row['roles'])} | {paths} |\n")
    return "".join(parts)


def _line(row: dict[str, Any]) -> str:
    second = f"{row['second_person']} (`{row['second_command']}`)" if row["second_person"] else ""
    excluded = f"not: {', '.join(row['excluded'])}" if row["excluded"] else ""
    answerable = f"one of the two: {_roles(row['answerable'])}" if row["answerable"] else ""
    differ = "of different roles" if row["different_roles"] else ""
    stage = f"{row['stage']}: {_roles(row['stage_roles'])}" if row["stage"] else ""
    cells = (
        f"`{row['command']}`", row["title"], _roles(row["roles"]), ", ".join(row["needs"]),
        "; ".join(part for part in (second, excluded, answerable, differ, stage) if part),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _roles(roles: list[str]) -> str:
    people = [role for role in Role if role is not Role.SOURCE]
    if roles == [role.value for role in people]:
        return "everybody"
    return ", ".join(TITLES[Role(role)] for role in roles)


_HEAD = """# Who may do what

Printed from `engine/permissions` by `qorgau permissions --markdown`; a test fails when this page is not up to date.
Dispatch asks the table before a command loads or does anything, and the deciders of the engine ask it again. The
console, `POST /api/v1/commands/{command}`, the command line and acts on many all pass there.

For what takes two persons, *not* says what keeps somebody from being the second one, over the whole history of the
thing; *one of the two* says which role at least one of them holds; *of different roles* that two of one trade do not
do.

Whoever runs the machine makes accounts and tokens of sources (`qorgau users`, `qorgau sources`, `qorgau keys`,
`qorgau ledger`); that is no matter of roles. A *source system* is the sender of an event that tells of something done,
such as a receipt; no account can hold that role.
"""
