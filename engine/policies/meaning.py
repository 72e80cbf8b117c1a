"""What a fact means: occasions to start a clock, evidence that ends it, reasons to cancel it.

The words are those of ``engine.duties.declared``; ``engine.policies.occasions`` finds the meaning of each fact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from engine.duties import declared
from engine.duties.declared import Anchor, Condition, DeclaredDuty
from engine.incidents.incident import Incident
from engine.kernel.facts import Owner
from engine.notices.facts import NoticeStage


def holds(conditions: Iterable[Condition], incident: Incident | None) -> bool:
    """Say whether an incident meets every condition of a duty or a kind of notice."""
    given: dict[Condition, bool] = {
        "notifiable": incident is not None and incident.notifiable,
        "personal-data": incident is not None and incident.owes_for_data,
        "fraud": incident is not None and incident.incident_class == "fraud",
    }
    return all(given[condition] for condition in conditions)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that may start clocks of one owner: the words it goes by, the instants terms may run from."""

    owner_kind: Owner
    owner_id: str
    words: tuple[str, ...]
    anchors: dict[Anchor, datetime]
    subject: str = ""
    incident: Incident | None = None
    shown: bool = True
    """Whether a client's term counts from the detection that showed the client, else from that of the incident."""
    until: datetime | None = None
    """The day people set, for what has no term of its own."""
    only: tuple[str, ...] | None = None
    """The clients it is about, where the others cannot be concerned; None for all."""
    about: str = ""
    """What a client is owed something for, where it may be owed for several: another clock each."""
    again: bool = False
    """Whether something came in that nobody knew when a duty was cancelled by two persons: it is owed again."""

    def subjects(self, duty: DeclaredDuty) -> tuple[str, ...]:
        """Return for whom the duty is owed, one clock each."""
        if duty.per == "client":
            if self.only is not None:
                return self.only
            return self.incident.entities.clients if self.incident is not None else ()
        return (self.subject,)

    def holds(self, duty: DeclaredDuty) -> bool:
        """Say whether the conditions of the duty are given."""
        return holds(duty.when, self.incident)

    def anchor(self, name: Anchor | None, subject: str) -> datetime | None:
        """Return the instant a term runs from, None when it is not known."""
        if name == "client-shown":
            it = self.incident
            if it is None or not self.shown or not it.touches("clients", subject):
                return self.anchors.get("detected")
            return shown_at(it, subject)
        return self.anchors.get(name) if name is not None else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that may satisfy clocks of one owner."""

    owner_id: str
    word: declared.Evidence
    done_at: datetime
    about: str = ""
    stage: NoticeStage | Literal[""] = ""
    subject: str = ""
    proof: str = ""
    """What it rests on; without it the fact that is being answered."""
    since: datetime | None = None
    """Until when it knew what happened: it says nothing of a duty that began later."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Something that ends clocks of one owner because their duty does not exist."""

    owner_id: str
    word: declared.Cancelled
    reason: str
    second_person: str
    keep: tuple[str, ...] | None = None
    """Clients (or parts of an act) whose clocks stay; only clocks of clients (or parts) are meant then."""


@dataclass(slots=True)
class Meaning:
    """All that one fact means for the clocks."""

    occasions: list[Occasion] = field(default_factory=list)
    grown: list[tuple[Occasion, str]] = field(default_factory=list)
    """Incidents whose terms may begin earlier now, with the reason."""
    evidence: list[Evidence] = field(default_factory=list)
    cancelled: list[Cancellation] = field(default_factory=list)
    resumed: list[tuple[Occasion, str]] = field(default_factory=list)
    """With the reason: what was cancelled with an incident is owed again, as far as its conditions are given."""
    withdrawn: list[tuple[Evidence, str]] = field(default_factory=list)
    """With the reason: what was taken for evidence proved nothing."""


def shown_at(incident: Incident, client: str) -> datetime:
    """Return the earliest detection that showed this client; that of the incident for clients people named."""
    assert incident.detected_at is not None
    return incident.shown.at(client) or incident.detected_at
