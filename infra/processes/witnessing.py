"""The log's heads go to the witnesses, and their signatures come back into the store."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import httpx

from engine.kernel.errors import QorgauError
from engine.kernel.ports import TimeSource
from engine.kernel.trouble import HistoryCut
from engine.proofs.merkle import Tree
from engine.proofs.notes import NoteError, Verifier, parse, witnessed
from infra.processes.base import Stage
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.sql.database import Database


class WitnessRefuses(QorgauError):
    """A witness does not sign: it cannot be reached, or it says that the log was rewritten."""

    code = "witness"


class HistoryRefused(WitnessRefuses):
    """A witness signed more of a log than is here, or something else: people are told so in these words."""

    code = "witness.history"

    def __init__(self, message: str, log: str, witness: str, seen: int, held: int) -> None:
        super().__init__(message)
        self.log, self.witness, self.seen, self.held = log, witness, seen, held
        self.outline = f"history was cut or rewritten: the witness signed {seen} entries of the {log}, here are {held}"

    def fact(self, at: datetime) -> HistoryCut:
        """Return what is recorded of it."""
        return HistoryCut(at=at, log=self.log, witness=self.witness, seen=self.seen, held=self.held)


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
        if (address, name) not in self._known:
            self._ask_at_start(address, log)
        size = int(self.database.scalar("SELECT MAX(size) FROM checkpoints WHERE log = ?", name) or 0)
        old = self._known.get((address, name), 0)
        if size == 0 or size == old:
            return False
        answer = self._post(address, log, old, size)
        if answer.status_code == 409:
            old = int(answer.text)
            if old > size:
                raise self._cut(address, name, old, size)
            answer = self._post(address, log, old, size)
        if answer.status_code != 200:
            told = f"{answer.status_code} {answer.text.strip()[:200]}"
            message = f"{address} does not sign the {name}: {told}"
            if answer.status_code == 422:
                raise HistoryRefused(message, name, address, old, size)
            raise WitnessRefuses(message)
        self._keep(name, size, answer.text)
        self._known[address, name] = size
        return True

    def _ask_at_start(self, address: str, log: Ledger | Decisions) -> None:
        """Ask how much the witness has signed before anything new is written: a store whose end was lost, or that is
        empty, has nothing to send to it."""
        name = log.tree.log
        try:
            answer = self.client.get(f"{address.rstrip('/')}/last", params={"origin": log.tree.origin})
        except httpx.HTTPError as error:
            raise WitnessRefuses(f"{address} does not answer: {type(error).__name__}") from error
        size = int(self.database.scalar("SELECT MAX(size) FROM checkpoints WHERE log = ?", name) or 0)
        if answer.status_code == 200:
            try:
                seen = parse(answer.text)[0].size
            except NoteError as error:
                raise WitnessRefuses(f"{address} answers what is no checkpoint") from error
            if seen > size:
                raise self._cut(address, name, seen, size)
        self._known[address, name] = 0  # a witness that only signs (404) tells it when it is asked to

    def _cut(self, address: str, name: str, seen: int, size: int) -> HistoryRefused:
        message = f"{address} saw {seen} entries of the {name}, here are {size}: the end was cut off"
        return HistoryRefused(message, name, address, seen, size)

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
