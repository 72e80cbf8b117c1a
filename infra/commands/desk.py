"""What handlers of commands work with: the desk with everything they may need, and one unit of work on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine.incidents.incident import Incident
from engine.kernel.commands import Attachment
from engine.kernel.errors import NotFound
from engine.kernel.facts import Fact, Person
from engine.kernel.ports import Clock
from engine.terms.calendar import BusinessCalendar
from infra.commands.accounts import Accounts
from infra.commands.rulebook import Rulebook
from infra.commands.wordbook import Wordbook
from infra.settings.settings import Settings
from infra.store.archive import Archive
from infra.store.log.aggregates import A
from infra.store.log.decisions import Decisions
from infra.store.log.topics import DocumentArchived
from infra.store.log.unit import Unit
from playbooks.cacao import Playbook
from reports.composer import NoticeComposer

ORGANISATION = "organisation"
"""The name under which documents of the organisation itself lie in the archive."""


@dataclass(frozen=True, slots=True)
class Work:
    """One unit of work of one person: what the handler records is committed together, or not at all."""

    desk: Desk
    unit: Unit
    by: Person

    @property
    def at(self) -> datetime:
        """The instant of the unit."""
        return self.unit.at

    def get(self, kind: type[A], key: str) -> A:
        """Load what must exist; an id that is no id is not found either. Raise NotFound."""
        try:
            canonical = str(UUID(key)) == key  # another spelling of an id would name another thing in what is derived
        except ValueError:
            canonical = False
        found = self.unit.load(kind, key) if canonical else kind()
        if not found.id:
            raise NotFound("there is no such thing")
        return found

    def by_number(self, number: str) -> Incident:
        """Load an incident by its number. Raise NotFound naming it."""
        found = self.unit.find(Incident, number=number.strip().upper())
        if not found:
            raise NotFound("there is no incident {number}", number=number[:40])
        return self.unit.load(Incident, found[0])

    def record(self, kind: type[A], key: str, facts: Sequence[Fact]) -> None:
        """Record facts of one aggregate."""
        self.unit.record(kind, key, facts)


@dataclass(frozen=True)
class Desk:
    """Everything a handler may need."""

    decisions: Decisions
    clock: Clock
    accounts: Accounts
    settings: Settings
    calendar: BusinessCalendar
    calendars: Mapping[str, BusinessCalendar]
    """By jurisdiction."""
    archive: Archive
    drafting: NoticeComposer
    rulebook: Rulebook
    wordbook: Wordbook
    playbooks: Mapping[str, Playbook]

    def unit(self) -> AbstractContextManager[Unit]:
        """Open a unit of work at this instant."""
        return self.decisions.unit(self.clock.now())

    @contextmanager
    def work(self, by: Person) -> Iterator[Work]:
        """Open a unit of work of a person."""
        with self.unit() as unit:
            yield Work(self, unit, by)

    def keep(self, document: Attachment, *, client: str, about: str, by: Person, name: str) -> DocumentArchived:
        """Keep a document in the archive; ``name`` is for one that came without. Committed at once."""
        return self.archive.store(
            document.data, name=document.name or name, media_type=document.media_type, client=client, about=about,
            actor=by.id, at=self.clock.now(),
        )  # fmt: skip
