"""The log's heads go to the witnesses, and their signatures come back into the store."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, ClassVar

import httpx

from engine.kernel.errors import QorgauError
from engine.kernel.ports import TimeSource
from engine.proofs.merkle import Tree
from engine.proofs.notes import Verifier, parse, witnessed
from infra.processes.base import Stage
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.sql.database import Database


class WitnessRefuses(QorgauError):
    """A witness does not sign: it cannot be reached, or it says that the log was rewritten."""

    code = "witness"


class Witnessing(Stage):
    """Has the newest checkpoint of both logs cosigned, one after the other. Nothing legal waits for it."""

    name = "witness"
    waits_for_others: ClassVar[bool] = True

    def __init__(
        self, ledger: Ledger, decisions: Decisions, clock: TimeSource, addresses: Sequence[str],
        keys: Sequence[Verifier], client: httpx.Client | None = None,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.decisions = decisions
        self.database: Database = ledger.database
        self.clock = clock
        self.addresses = addresses
        self.keys = keys
        self.client = client or httpx.Client(timeout=5, follow_redirects=False)
        self._known: dict[tuple[str, str], int] = {}

    def step(self) -> bool:
        """Have each log signed once by each witness; says whether anything was new. Raises WitnessRefuses."""
        worked = False
        for address in self.addresses:
            for log in (self.ledger, self.decisions):
                worked = self._ask(address, log) or worked
        return worked

    def _ask(self, address: str, log: Ledger | Decisions) -> bool:
        name = log.tree.log
        size = int(self.database.scalar("SELECT MAX(size) FROM checkpoints WHERE log = ?", name) or 0)
        old = self._known.get((address, name), 0)
        if size == 0 or size == old:
            return False
        answer = self._post(address, log, old, size)
        if answer.status_code == 409:
            old = int(answer.text)
            if old > size:
                raise WitnessRefuses(f"{address} saw {old} entries of the {name}, here are {size}: the end was cut off")
            answer = self._post(address, log, old, size)
        if answer.status_code != 200:
            told = f"{answer.status_code} {answer.text.strip()[:200]}"
            raise WitnessRefuses(f"{address} does not sign the {name}: {told}")
        self._keep(name, size, answer.text)
        self._known[address, name] = size
        return True

    def _post(self, address: str, log: Ledger | Decisions, old: int, size: int) -> httpx.Response:
        with self.database.read() as cursor:
            note = log.tree.note(cursor, size)
            path = tree_of(log, cursor).consistency(old, size) if 0 < old < size else []
        proof = "".join(f"{base64.b64encode(part).decode()}\n" for part in path)
        body = f"old {old}\n{proof}\n{note}"
        try:
            return self.client.post(f"{address.rstrip('/')}/add-checkpoint", content=body.encode())
        except httpx.HTTPError as error:
            raise WitnessRefuses(f"{address} does not answer: {type(error).__name__}") from error

    def _keep(self, log: str, size: int, lines: str) -> None:
        with self.database.write() as cursor:
            cursor.execute("SELECT note FROM checkpoints WHERE log = ? AND size = ?", (log, size))
            note = str(cursor.fetchone()[0]) + lines
            _, signatures = parse(note)
            for witness in signatures[1:]:
                if self.keys and not any(witnessed(note, key) is not None for key in self.keys):
                    raise WitnessRefuses("the witness signs with a key that QORGAU_WITNESS_KEYS does not name")
                cursor.execute(
                    "INSERT INTO cosignatures (log, size, witness, note) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (log, size, witness[0], note),
                )


def tree_of(log: Ledger | Decisions, cursor: Any) -> Tree:
    """Return the stored tree of either log."""
    return log.stored_tree(cursor)
