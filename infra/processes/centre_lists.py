"""Accounts that the Anti-Fraud Centre names go to the list of refused ones at once: a longer list of what is refused
only makes detection stricter, so nobody is asked. Taking one off is for people.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.events.envelope import SecurityEvent
from engine.kernel.ports import TimeSource
from infra.commands.handlers.lists import extend
from infra.commands.rulebook import Rulebook
from infra.processes.base import LedgerFollower
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.unit import UnitOfWork

LIST = "afc_accounts"
_REFUSES = ("refuse", "suspend")
_ACCOUNTS = ("mfo.payout.account_hash", "mfo.payout.account")


class CentreLists(LedgerFollower):
    """Keeps the list of accounts that the Centre named."""

    name = "centre-lists"
    answers = frozenset({"afc.message.received"})

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: TimeSource, rulebook: Rulebook) -> None:
        super().__init__(ledger, decisions, clock)
        self.rulebook = rulebook

    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Answer a batch of events: one change of the list for all of them."""
        named = {account: event for event in events for account in _accounts(event)}
        if named:
            last = next(reversed(named.values()))
            reference = str(last.fields.get("mfo.afc.reference") or "without a reference")[:200]
            reason = f"named by the Anti-Fraud Centre, {reference}"
            extend(unit, self.rulebook, LIST, frozenset(named), actor=f"source:{last.source}", reason=reason)


def _accounts(event: SecurityEvent) -> Iterator[str]:
    if event.fields.get("mfo.message.action") in _REFUSES:
        for name in _ACCOUNTS:
            value = event.fields.get(name)
            values = value if isinstance(value, list) else [value]
            yield from (it.strip() for it in values if isinstance(it, str) and it.strip())
