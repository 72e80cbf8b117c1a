"""Whom an IIN belongs to, by what events told before: the blind index finds them, nothing personal is kept for it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from infra.store.keys.vault import Vault
from infra.store.log.ledger import Ledger


def clients_by_iin(ledger: Ledger, vault: Vault) -> Callable[[str, int], Collection[str]]:
    """Return what says, for an IIN and a position, which clients earlier events named together with it."""

    def clients(iin: str, before: int) -> Collection[str]:
        found = set()
        for position in ledger.find(vault.questions(iin)):
            event = ledger.get(position) if position < before else None
            if event is None or event.fields.get("mfo.client.iin") != iin:
                continue
            client = event.fields.get("mfo.client.id")
            if isinstance(client, str) and client:
                found.add(client)
        return sorted(found)

    return clients
