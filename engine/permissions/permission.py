"""What one line of the tables of permissions says."""

from __future__ import annotations

from enum import StrEnum

from engine.kernel.errors import NotAllowed, SecondFactorNeeded, n_
from engine.kernel.facts import Person, Record
from engine.permissions.roles import Role

READ = "read"
"""The scope of a token that reads."""


class Stage(Record):
    """A further demand on the roles that depends on the state: agreeing as the second person, skipping a step."""

    when: str
    roles: tuple[Role, ...]
    refusal: str

    def require(self, by: Person) -> None:
        """Raise NotAllowed for a person who holds none of the roles."""
        if not by.may(*self.roles):
            raise NotAllowed(self.refusal)


class Side(StrEnum):
    """What somebody did with a thing that keeps him from being the second person for it."""

    PROPOSER = n_("proposed it")
    AUTHOR = n_("drafted or wrote it")
    EDITOR = n_("edited it")
    SUBMITTER = n_("submitted it")
    ADDRESS_NAMER = n_("named its address")
    ASSIGNEE = n_("was assigned the incident")
    CASE_WORKER = n_("worked on the incident")
    BROUGHT_IN = n_("entered the incident, or merged or moved something into it")
    CLIENT_NAMER = n_("named clients of it")
    HOLD_LIFTER = n_("lifted the hold")
    SCORER = n_("scored the risk")


class SecondPerson(Record):
    """Four eyes: who else must agree, and by which command. The same command means that it is given twice.

    ``excluded``: who cannot, by what he did in the whole history of the thing. ``answerable``: the roles of which at
    least one of the two holds one. ``different_roles``: two of one trade do not do.
    """

    rule: str
    command: str = ""
    excluded: tuple[Side, ...] = (Side.PROPOSER,)
    answerable: tuple[Role, ...] = ()
    different_roles: bool = False


class Permission(Record):
    """What a command needs: the roles of the person, a second person, and what must be said or be so."""

    command: str
    subject: str
    title: str
    roles: tuple[Role, ...]
    refusal: str
    refusal_id: str
    needs: tuple[str, ...] = ()
    second: SecondPerson | None = None
    stage: Stage | None = None
    step_up: bool = False
    """Who has a second factor shows it for this act, if not within the minutes of SECOND_FACTOR_MINUTES before."""

    def require(self, by: Person) -> None:
        """Raise NotAllowed for a person who holds none of the roles, or acts by a token that is not for this."""
        if not by.may(*self.roles):
            raise NotAllowed(self.refusal_id, roles=self.roles)
        if by.scope is not None and (self.step_up or self.command not in by.scope):
            raise NotAllowed("this token is not for that act", code="token.scope")

    def require_proof(self, by: Person) -> None:
        """Raise SecondFactorNeeded for a person who is to show a second factor for this act first."""
        if self.step_up and by.unproven:
            raise SecondFactorNeeded("this act needs your second factor")


class Reading(Record):
    """What may be read, and by whom. ``paths`` are the beginnings of the addresses in console and API.

    ``bulk``: it gives much of many at once, so it is refused while its reading cannot be recorded.
    """

    name: str
    title: str
    roles: tuple[Role, ...]
    paths: tuple[str, ...]
    bulk: bool = False

    def require(self, by: Person) -> None:
        """Raise NotAllowed for a person who holds none of the roles."""
        if not by.may(*self.roles):
            raise NotAllowed("this needs one of the roles {roles}", roles=self.roles)
        if by.scope is not None and READ not in by.scope:
            raise NotAllowed("this token is not for that act", code="token.scope")
