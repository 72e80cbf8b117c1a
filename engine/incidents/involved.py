"""Who ever had to do with an incident: it decides who cannot approve what is told about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.incidents.facts import (
    ClientsNamed,
    FindingJoined,
    FindingsTakenOver,
    IncidentAbsorbed,
    IncidentAssigned,
    IncidentClosed,
    IncidentOpened,
    NotifiabilityLowered,
)
from engine.kernel.facts import ENGINE, Fact


@dataclass
class Involved:
    """The people of one incident, and the incidents that parts of it came from."""

    assigned: set[str] = field(default_factory=set)
    """Everybody it was ever assigned to."""
    acted: set[str] = field(default_factory=set)
    """Everybody who entered it, acted on it or wrote into it; not who agreed as the second person."""
    named_clients: set[str] = field(default_factory=set)
    """Everybody who named clients of it, also when entering it."""
    brought_in: set[str] = field(default_factory=set)
    """Everybody who entered it, or merged or moved something into it."""
    came_from: set[str] = field(default_factory=set)
    """The ids of incidents that were merged into it, that it was split from, or whose findings moved here."""

    def copy(self) -> Involved:
        """Return one that goes its own way from here."""
        return Involved(
            set(self.assigned), set(self.acted), set(self.named_clients), set(self.brought_in), set(self.came_from)
        )

    def note(self, fact: Fact) -> None:
        """Take who did what a fact says."""
        if isinstance(fact, IncidentAssigned):
            self.assigned.add(fact.assignee)
        if isinstance(fact, IncidentAbsorbed | FindingsTakenOver):
            self.came_from.add(fact.other)
        if isinstance(fact, IncidentOpened) and fact.split_from:
            self.came_from.add(fact.split_from)
        if fact.actor == ENGINE:
            return
        if isinstance(fact, ClientsNamed) or (isinstance(fact, IncidentOpened) and fact.entities.clients):
            self.named_clients.add(fact.actor)
        if isinstance(fact, IncidentOpened | IncidentAbsorbed | FindingsTakenOver):
            self.brought_in.add(fact.actor)
        if not _looked_over(fact):
            self.acted.add(fact.actor)


def _looked_over(fact: Fact) -> bool:
    """Whether somebody only agreed as the second person: that looks another one's work over, and is none of its own."""
    return isinstance(fact, NotifiabilityLowered) or (isinstance(fact, IncidentClosed) and bool(fact.second_person))


def brings_more(fact: Fact) -> bool:
    """Say whether a fact brings in what may owe duties of its own."""
    match fact:
        case FindingJoined():
            return fact.notifiable or fact.personal_data
        case FindingsTakenOver():
            return any(part.notifiable or part.personal_data for part in fact.parts)
        case IncidentAbsorbed() | ClientsNamed():
            return True
    return False
