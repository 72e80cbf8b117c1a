"""How far a person sees within what may be read: which incidents, notices, protections and events there are for him."""

from __future__ import annotations

from functools import cache

from engine.kernel.facts import Person, Record
from engine.permissions.roles import Role


class Sight(Record):
    """What there is for a person. What is left out is in no list, count, search or export, as if it were not there.

    ``classes``: of incidents, None for all; one that is assigned to the person is there too. ``hidden_notices``: kinds
    of notices; ``hidden_events``: beginnings of types of events.
    """

    classes: frozenset[str] | None = None
    protections: bool = True
    hidden_notices: frozenset[str] = frozenset()
    hidden_events: frozenset[str] = frozenset()
    notices: bool = True
    events: bool = True

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self == EVERYTHING

    def shows_event(self, action: str) -> bool:
        """Say whether events of a type are there."""
        return self.events and not action.startswith(tuple(self.hidden_events))

    def shows_notice(self, kind: str) -> bool:
        """Say whether notices of a kind are there."""
        return self.notices and kind not in self.hidden_notices

    def shows_incident(self, incident_class: str, assigned: bool = False) -> bool:
        """Say whether an incident of a class is there."""
        return self.classes is None or assigned or incident_class in self.classes


EVERYTHING = Sight()
NOTHING = Sight(classes=frozenset(), protections=False, notices=False, events=False)
OF_FRAUD = Sight(
    classes=frozenset({"fraud", "unauthorised-access", "unauthorised-change"}),
    protections=False,
    hidden_notices=frozenset({"pd_authority"}),
    hidden_events=frozenset({"legal.", "collection.", "bureau.correction.", "loan.accrual", "hr.", "notice."}),
)
"""Fraud, and the taken-over accounts and changed numbers that it begins with; not who is under protection."""
SIGHTS: dict[Role, Sight] = {
    Role.SOC_ANALYST: EVERYTHING,
    Role.COMPLIANCE_OFFICER: EVERYTHING,
    Role.FRAUD_ANALYST: OF_FRAUD,
    Role.CISO: EVERYTHING,
    Role.AUDITOR: EVERYTHING,
    Role.ADMIN: NOTHING,
    Role.SOURCE: EVERYTHING,
}


def sight_of(person: Person) -> Sight:
    """Return how far a person sees: the widest of his roles, for of the three there are each holds the next."""
    return _widest(person.roles)


@cache
def _widest(roles: frozenset[str]) -> Sight:
    held = [SIGHTS[Role(role)] for role in roles if role in set(Role)]
    return next((it for it in (EVERYTHING, OF_FRAUD) if it in held), NOTHING)
