"""What handlers of commands work with: the desk with everything they may need, and one unit of work on it.

``infra.commands.desk`` gives the desk its parts; handlers know these ports only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from engine.duties.policy import ClockPolicy
from engine.incidents.incident import Incident
from engine.kernel.commands import Attachment
from engine.kernel.errors import NotFound
from engine.kernel.facts import Fact, Person
from engine.kernel.ports import A, Context, Signatures, Signers
from engine.policies.notices import Composer
from engine.terms.calendar import BusinessCalendar

ORGANISATION = "organisation"
"""The name under which documents of the organisation itself lie in the archive."""


NoticeSignature = Literal["by_hand", "required"]
"""How the notices of a house are signed."""


class People(Protocol):
    """The accounts, as far as commands need them."""

    def people(self) -> Sequence[Person]:
        """Return the persons with an account."""
        ...

    def new_feed(self, person: Person) -> str:
        """Return a new secret address for the calendar feed of a person; the old one ends."""
        ...


class Policies(Protocol):
    """The organisation's settings, as far as commands need them."""

    @property
    def clock_policy(self) -> ClockPolicy:
        """How terms are counted."""
        ...

    @property
    def notice_signature(self) -> NoticeSignature:
        """Whether an approval needs the approver's digital signature."""
        ...

    @property
    def bureaus(self) -> tuple[str, ...]:
        """The credit bureaus that are told."""
        ...

    @property
    def erasure_wait_days(self) -> int:
        """Days between a lifted hold and a destruction, at least seven."""
        ...

    def mail_of(self, kind: str) -> str:
        """Return the address of a kind of notice, empty when there is none."""
        ...

    def may_go_to(self, kind: str, address: str) -> bool:
        """Say whether an address is on the lists of the house for a kind of notice."""
        ...

    def missing_for(self, kind: str, to: Sequence[str]) -> tuple[str, ...]:
        """Return the settings without which a notice of a kind does not reach its recipients."""
        ...


class Kept(Protocol):
    """A document in the archive."""

    @property
    def document_id(self) -> str:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """Its file name."""
        ...

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, in hexadecimal digits."""
        ...


class Desk(Protocol):
    """Everything a handler of the core may need."""

    @property
    def accounts(self) -> People:
        """Who has an account."""
        ...

    @property
    def settings(self) -> Policies:
        """How the organisation wants it."""
        ...

    @property
    def calendar(self) -> BusinessCalendar:
        """The calendar of the home jurisdiction."""
        ...

    @property
    def calendars(self) -> Mapping[str, BusinessCalendar]:
        """By jurisdiction."""
        ...

    @property
    def drafting(self) -> Composer:
        """Writes the texts of notices."""
        ...

    @property
    def signatures(self) -> Signatures:
        """Checks digital signatures."""
        ...

    @property
    def signers(self) -> Signers:
        """Whose certificates people sign with."""
        ...

    def task_doers(self, incident_id: str) -> Collection[str]:
        """Return the people who worked on an incident by doing tasks of its playbooks."""
        ...

    def work(self, by: Person) -> AbstractContextManager[Work]:
        """Open a unit of work of a person."""
        ...

    def keep(self, document: Attachment, *, client: str, about: str, by: Person, name: str) -> Kept:
        """Keep a document in the archive; ``name`` is for one that came without. Committed at once."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """One unit of work of one person: what the handler records is committed together, or not at all."""

    desk: Desk
    unit: Context
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
