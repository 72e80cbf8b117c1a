"""Contracts that begin and end move the terms of retention; an approved destruction is carried out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from engine.events.envelope import SecurityEvent
from engine.kernel.facts import StoredFact
from engine.kernel.ports import TimeSource
from engine.retention import retention
from engine.retention.facts import ErasureApproved, ErasureDone, ObligationsBegan, ObligationsEnded
from engine.retention.retention import Retention
from engine.terms.calendar import BusinessCalendar
from infra.processes.base import DecisionFollower, LedgerFollower
from infra.store.keys import blind_index as blind
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.unit import UnitOfWork

BEGINS = "loan.contract.signed"
ENDS = "loan.obligation.terminated"


class Terms(LedgerFollower):
    """Reads the ends and beginnings of contracts. An event that names no client moves nothing."""

    name = "retention-terms"
    answers = frozenset({BEGINS, ENDS})

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: TimeSource, calendar: BusinessCalendar) -> None:
        super().__init__(ledger, decisions, clock)
        self.calendar = calendar

    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Answer a batch of events."""
        moving = [(event, client) for event in events if (client := _client(event))]
        unit.prepare(Retention, [retention.retention_id(client) for _, client in moving])
        for event, client in moving:
            self._move(unit, event, client)

    def _move(self, unit: UnitOfWork, event: SecurityEvent, client: str) -> None:
        loan = event.fields.get("mfo.loan.id")
        key, named = retention.retention_id(client), loan if isinstance(loan, str) else ""
        if event.action == BEGINS:
            began = ObligationsBegan(
                at=unit.at, retention_id=key, client=client, loan=named, began_on=self.calendar.local(event.at).date()
            )
            unit.record(Retention, key, [began])
            return
        day = self._day(event)
        ended = ObligationsEnded(at=unit.at, retention_id=key, client=client, ended_on=day, loan=named)
        unit.record(Retention, key, [ended])

    def _day(self, event: SecurityEvent) -> date:
        """The day the source states, if it states one that has come; else that of the event."""
        stated = event.fields.get("mfo.obligation.terminated_at")
        own = self.calendar.local(event.at).date()
        try:
            return min(date.fromisoformat(str(stated)[:10]), own)
        except ValueError:
            return own


def _client(event: SecurityEvent) -> str:
    """Whose term an event moves; empty when it moves none."""
    client = event.fields.get("mfo.client.id") if event.action in (BEGINS, ENDS) else None
    return client if isinstance(client, str) else ""


class Erasures(DecisionFollower):
    """Destroys keys when two persons agreed. Run again after a crash it destroys nothing more and says the same."""

    name = "erasures"
    wants = (ErasureApproved,)

    def __init__(
        self, decisions: Decisions, clock: TimeSource, vault: Vault, head: Callable[[], tuple[int, str]],
        documents: Callable[[str], int],
    ) -> None:  # fmt: skip
        super().__init__(decisions, clock)
        self.vault = vault
        self.head = head
        self.documents = documents

    def take(self, unit: UnitOfWork, recorded: StoredFact) -> None:
        """Answer one fact."""
        fact = recorded.fact
        if not isinstance(fact, ErasureApproved):
            return
        it = unit.load(Retention, fact.retention_id)
        subjects = self.vault.subjects_of_client(it.client)
        keys = self.vault.keyring.destroy(subjects, unit.at)
        blind.forget(unit.cursor, [bytes.fromhex(subject) for subject in subjects])
        size, root = self.head()
        done = ErasureDone(
            at=unit.at, actor=fact.actor, reason=fact.reason, retention_id=it.id, client=it.client,
            proposed_by=fact.proposed_by, approved_by=fact.actor, keys=tuple(sorted(key.hex() for key in keys)),
            documents=self.documents(it.client), ledger_size=size, ledger_root=root,
        )  # fmt: skip
        unit.record(Retention, it.id, [done])
