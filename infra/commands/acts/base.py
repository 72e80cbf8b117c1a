"""What all acts share: the unit of work, and loading what must exist."""

from __future__ import annotations

from contextlib import AbstractContextManager

from engine.duties.policy import ClockPolicy
from engine.incidents.incident import Incident
from engine.kernel.errors import NotFound
from engine.kernel.ports import Clock
from engine.terms.calendar import BusinessCalendar
from infra.commands.accounts import Accounts
from infra.settings.settings import Settings
from infra.store.archive import Archive
from infra.store.log.aggregates import A
from infra.store.log.decisions import Decisions
from infra.store.log.unit import Unit
from reports.composer import NoticeComposer


class Base:
    """Everything an act may need."""

    def __init__(
        self,
        decisions: Decisions,
        clock: Clock,
        accounts: Accounts,
        *,
        settings: Settings,
        calendar: BusinessCalendar,
        archive: Archive,
        drafting: NoticeComposer,
    ) -> None:
        self.decisions = decisions
        self.clock = clock
        self.accounts = accounts
        self.settings = settings
        self.calendar = calendar
        self.archive = archive
        self.drafting = drafting

    @property
    def policy(self) -> ClockPolicy:
        """How the organisation runs its clocks."""
        return self.settings.clock_policy

    def _unit(self) -> AbstractContextManager[Unit]:
        return self.decisions.unit(self.clock.now())


def get(unit: Unit, kind: type[A], key: str) -> A:
    """Load what must exist; an id that is no id is simply not found."""
    try:
        found = unit.load(kind, key)
    except ValueError:
        raise NotFound("there is no such thing") from None
    if not found.id:
        raise NotFound("there is no such thing")
    return found


def by_number(unit: Unit, number: str) -> Incident:
    """Load an incident by its number; raises NotFound naming it."""
    rows = unit.query("SELECT id FROM incident_view WHERE number = ?", number.strip().upper())
    if not rows:
        raise NotFound(f"there is no incident {number[:40]}")
    return unit.load(Incident, str(rows[0]["id"]))
