"""What is told of an incident to other tools: its course, its findings and its legal clocks, and nobody's name.

Clients, loans, users, devices and addresses are counted, never named; texts people typed stay at home.
"""

from __future__ import annotations

import re

from pydantic import AwareDatetime

from engine.duties.facts import ClockState
from engine.incidents.facts import Disposition, Phase
from engine.kernel.facts import Record, Severity
from engine.kernel.ids import derive

_TECHNIQUE = re.compile(r"^attack\.(t\d{4}(?:\.\d{3})?)$")
_ATTACK = "attack."


class CaseFinding(Record):
    """One finding; ``tags`` are those of its Sigma rule."""

    id: str
    rule_id: str
    rule_name: str
    rule_version: str
    title: str
    detected_at: AwareDatetime
    first_event_at: AwareDatetime | None = None
    events: int = 0
    tags: tuple[str, ...] = ()

    @property
    def techniques(self) -> list[str]:
        """ATT&CK techniques, such as ``T1567.002``."""
        return [found[1].upper() for tag in self.tags if (found := _TECHNIQUE.match(tag))]

    @property
    def tactics(self) -> list[str]:
        """ATT&CK tactics by their Sigma names, such as ``credential-access``."""
        return [
            tag.removeprefix(_ATTACK).replace("_", "-")
            for tag in self.tags
            if tag.startswith(_ATTACK) and not _TECHNIQUE.match(tag) and not re.match(r"^attack\.[gs]\d{4}$", tag)
        ]


class CaseClock(Record):
    """One legal clock; whom it concerns is not said."""

    kind: str
    state: ClockState
    started_at: AwareDatetime
    due_at: AwareDatetime
    satisfied_at: AwareDatetime | None = None


class Case(Record):
    """An incident as others may see it."""

    id: str
    number: str
    title: str
    incident_class: str
    severity: Severity
    phase: Phase
    notifiable: bool
    personal_data: bool
    detection_source: str
    reported_by: str = ""
    assignee: str | None = None
    disposition: Disposition | None = None
    opened_at: AwareDatetime
    detected_at: AwareDatetime
    first_event_at: AwareDatetime | None = None
    changed_at: AwareDatetime
    version: int
    clients: int = 0
    loans: int = 0
    merged_into: str = ""
    findings: tuple[CaseFinding, ...] = ()
    """The newest of them."""
    finding_count: int = 0
    clocks: tuple[CaseClock, ...] = ()
    obligations: tuple[str, ...] = ()
    organisation: str
    organisation_bin: str = ""
    product_version: str

    @property
    def owner_id(self) -> str:
        """A stable id of the organisation (UUID)."""
        return str(derive("organisation", self.organisation_bin or self.organisation))
