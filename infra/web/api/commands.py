"""Every command over the API, one address each: the body is the command's fields, the answer what came of it.

The description of the API lists each with its fields and roles, from the same table that dispatch asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends

from engine.kernel.commands import Command, Outcome
from engine.permissions import COMMANDS, PEOPLE, Permission
from engine.permissions.printed import rows
from infra.commands.dispatch import KINDS, kind_of
from infra.web.context import TheContainer, TheSession, admitted, token

router = APIRouter(prefix="/api/v1")
acts = APIRouter(prefix="/commands", dependencies=[Depends(token)])


@router.get("/permissions", tags=["session"], summary="Who may do and read what")
def get_permissions(session: TheSession) -> dict[str, list[dict[str, Any]]]:
    """Return the table of permissions: every command, and what may be read."""
    return rows()


def _endpoint(kind: type[Command[Any]]) -> Callable[..., Outcome]:
    def give(container: TheContainer, session: TheSession, command: Command[Any]) -> Outcome:
        outcome: Outcome = container.dispatch(command, by=session.person)
        return outcome

    give.__annotations__["command"] = kind
    return give


def _told(kind: type[Command[Any]], permission: Permission) -> str:
    second = permission.second
    parts = [
        (kind.__doc__ or "").strip(),
        f"Roles: {', '.join(permission.roles)}.",
        f"Second person: {second.rule} (`{second.command}`)." if second else "",
    ]
    return "\n\n".join(part for part in parts if part)


for _name, _permission in COMMANDS.items():
    if set(PEOPLE) & set(_permission.roles):
        acts.add_api_route(
            f"/{_name}", _endpoint(KINDS[_name]), methods=["POST"], tags=[f"commands: {_permission.subject}"],
            summary=_permission.title, description=_told(KINDS[_name], _permission), name=_name,
            response_model=None, dependencies=[Depends(admitted(_name))],
        )  # fmt: skip


@acts.post("/{command}", include_in_schema=False)
def unknown(session: TheSession, command: str) -> None:
    """Say that there is no such command, or that it is none of people's. Raise NotFound, NotAllowed."""
    kind_of(command)
    COMMANDS[command].require(session.person)


router.include_router(acts)
