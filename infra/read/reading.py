"""What the greater answers of this package are made from; the composition root fulfils it, nothing here knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from engine.events.catalogue import Catalogue
from engine.kernel.ports import TimeSource
from engine.terms.calendar import BusinessCalendar
from infra.search.port import SearchIndex
from infra.settings.settings import Settings
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.opening import Store
from infra.store.sql.database import Database
from playbooks.cacao import Playbook
from rules.detection.loader import RuleSet


class Reading(Protocol):
    """The store, the two logs, the calendar and what is in force."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> TimeSource: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def calendar(self) -> BusinessCalendar: ...
    @property
    def playbooks(self) -> Mapping[str, Playbook]: ...
    @property
    def rules(self) -> RuleSet: ...
    @property
    def store(self) -> Store: ...
    @property
    def database(self) -> Database: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def decisions(self) -> Decisions: ...
    def kept(self, document_id: str) -> bytes: ...
    @property
    def search(self) -> SearchIndex: ...
