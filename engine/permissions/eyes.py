"""Four eyes: who cannot be the second person, and which roles the two must hold, as the table says.

What a person did is looked up over the whole history of the thing, not by its state at the moment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.kernel.errors import DecisionRefused, SecondPersonNeeded, n_
from engine.kernel.facts import Person
from engine.permissions.permission import SecondPerson, Side
from engine.permissions.table import COMMANDS

REASONS: dict[Side, str] = {
    Side.PROPOSER: n_("who proposed it cannot also agree"),
    Side.AUTHOR: n_("who drafted the notice cannot approve it; another compliance officer must"),
    Side.EDITOR: n_("who edited the notice cannot approve it; another compliance officer must"),
    Side.SUBMITTER: n_("who submitted the notice cannot approve it; another compliance officer must"),
    Side.ADDRESS_NAMER: n_("who named the address of a notice cannot approve it; another compliance officer must"),
    Side.ASSIGNEE: n_("the incident's assignee, now or earlier, cannot approve its notice"),
    Side.CASE_WORKER: n_("who worked on the incident cannot approve its notice; another officer must"),
    Side.CLIENT_NAMER: n_("who named the clients cannot approve the notice to them; another officer must"),
    Side.HOLD_LIFTER: n_("who lifted the legal hold cannot propose the destruction"),
    Side.SCORER: n_("who scored a risk cannot accept it"),
}
"""Side → why it excludes, as a message id."""

Stood = Mapping[Side, Collection[str]]
"""Who stood where, over the whole history of a thing."""


def side_of(command: str, person: str, stood: Stood) -> Side | None:
    """Return what keeps a person from being the second one for a command; None where nothing does."""
    sides = _second(command).excluded
    return next((side for side in sides if person in stood.get(side, ())), None)


def require_other(command: str, by: Person, stood: Stood, refusal: str = "") -> None:
    """Raise SecondPersonNeeded for who stood on a side that the table excludes; ``refusal`` says it in other words."""
    side = side_of(command, by.id, stood)
    if side is not None:
        raise SecondPersonNeeded(refusal or REASONS[side])


def require_two(command: str, first: str, first_roles: Collection[str], by: Person, refusal: str = "") -> None:
    """Judge the two persons of a command: who proposed, and who now agrees.

    ``first_roles`` are the roles the first one held then; proposals of earlier versions do not say them, and then the
    second must hold a role that is answerable. Raise SecondPersonNeeded for one person twice or for two of the same
    role, DecisionRefused where neither holds a role that is answerable.
    """
    require_other(command, by, {Side.PROPOSER: (first,)}, refusal)
    second = _second(command)
    if second.answerable and not by.roles.union(first_roles).intersection(second.answerable):
        raise DecisionRefused("one of the two must hold one of the roles {roles}", roles=second.answerable)
    trades = {*COMMANDS[command].roles, *COMMANDS[second.command].roles}
    if second.different_roles and first_roles and len(trades & by.roles.union(first_roles)) < 2:
        raise SecondPersonNeeded("this takes two persons of different roles; somebody of another role must agree")


def could_agree(command: str, first: str, first_roles: Collection[str], by: Person) -> bool:
    """Say whether a person could be the second one."""
    try:
        require_two(command, first, first_roles, by)
    except DecisionRefused:
        return False
    return True


def _second(command: str) -> SecondPerson:
    second = COMMANDS[command].second
    assert second is not None
    return second
