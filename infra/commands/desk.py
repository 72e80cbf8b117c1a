"""The desk of the running organisation: what ``engine.handlers`` and the handlers here work with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from engine.handlers.desk import Work as CoreWork
from engine.kernel.commands import Attachment
from engine.kernel.facts import Person
from engine.kernel.ports import Signatures, TimeSource
from engine.terms.calendar import BusinessCalendar
from infra.commands.accounts import Accounts
from infra.commands.rulebook import Rulebook
from infra.commands.signing_ids import SigningIds
from infra.commands.wordbook import Wordbook
from infra.read.notices.approvers import task_doers
from infra.settings.settings import Settings
from infra.store.archive import Archive
from infra.store.log.decisions import Decisions
from infra.store.log.topics import DocumentArchived
from infra.store.log.unit import UnitOfWork
from playbooks.cacao import Playbook
from reports.composer import NoticeComposer


@dataclass(frozen=True, slots=True)
class Work(CoreWork):
    """A unit of work at this desk, with everything it has."""

    desk: Desk
    unit: UnitOfWork


@dataclass(frozen=True)
class Desk:
    """Everything a handler may need."""

    decisions: Decisions
    clock: TimeSource
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
    signatures: Signatures
    signers: SigningIds

    def task_doers(self, incident_id: str) -> set[str]:
        """Return the people who did tasks of the incident's playbooks that are not the officers' own."""
        return task_doers(self.decisions, incident_id)

    def unit(self) -> AbstractContextManager[UnitOfWork]:
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
