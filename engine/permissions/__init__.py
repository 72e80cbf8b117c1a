"""Who may do and read what: the tables, and the questions asked of them."""

from __future__ import annotations

from engine.kernel.facts import Person
from engine.permissions.permission import READ, Permission, Reading, SecondPerson, Stage
from engine.permissions.reading import READS, first_page, reading_of, require_path
from engine.permissions.roles import PEOPLE, TITLES, Role
from engine.permissions.sight import EVERYTHING, Sight, sight_of
from engine.permissions.table import COMMANDS

__all__ = [
    "COMMANDS",
    "EVERYTHING",
    "PEOPLE",
    "READ",
    "READS",
    "TITLES",
    "Permission",
    "Reading",
    "Role",
    "SecondPerson",
    "Sight",
    "Stage",
    "first_page",
    "may",
    "reading_of",
    "require",
    "require_path",
    "require_proof",
    "require_reading",
    "require_stage",
    "roles_of",
    "sight_of",
    "stage_roles_of",
]


def roles_of(command: str) -> tuple[Role, ...]:
    """Return the roles of a command."""
    return COMMANDS[command].roles


def stage_roles_of(command: str) -> tuple[Role, ...]:
    """Return the roles of a command's stricter stage."""
    stage = COMMANDS[command].stage
    return stage.roles if stage is not None else ()


def may(command: str, by: Person) -> bool:
    """Say whether the person may give a command."""
    return by.may(*roles_of(command))


def require(command: str, by: Person) -> None:
    """Raise NotAllowed for a person who may not give a command."""
    COMMANDS[command].require(by)


def require_proof(command: str, by: Person) -> None:
    """Raise SecondFactorNeeded for a person who is to show a second factor before a command."""
    COMMANDS[command].require_proof(by)


def require_stage(command: str, by: Person) -> None:
    """Raise NotAllowed for a person who may give a command but not in its stricter stage."""
    stage = COMMANDS[command].stage
    assert stage is not None
    stage.require(by)


def require_reading(name: str, by: Person) -> None:
    """Raise NotAllowed for a person who may not read something."""
    READS[name].require(by)
