"""Events become findings. The detector's memory is saved now and then with its position; after a restart the events
since then are folded again and only what lies beyond the follower's position is recorded."""

from __future__ import annotations

from engine.errors import DataError
from engine.events import SecurityEvent
from engine.ports import Clock
from infra.secrecy.vault import Vault
from infra.stages.base import LedgerFollower
from infra.store.decisions import Decisions, Unit
from infra.store.ledger import Ledger
from rules.detector import StreamDetector

SAVE_EVERY = 20_000
STATE = "detector"


class Detect(LedgerFollower):
    """Runs the rules over the ledger."""

    name = "detect"

    def __init__(
        self, ledger: Ledger, decisions: Decisions, clock: Clock, detector: StreamDetector, vault: Vault
    ) -> None:
        super().__init__(ledger, decisions, clock)
        self.vault = vault
        self.detector = detector
        self.fingerprint = detector.matcher.fingerprint()
        self._saved_at = self._recover()
        self._folded = self.decisions.tracked(self.name)

    def step(self) -> bool:
        """Take the next events. Where a batch was folded but not recorded, the memory is made anew first: it would
        count those events twice."""
        if self._folded != self.decisions.tracked(self.name):
            self.detector.matcher.forget()
            self._saved_at = self._recover()
            self._folded = self.decisions.tracked(self.name)
        return super().step()

    def _recover(self) -> int:
        """Take the saved memory back and fold the events since; without one, fold from the beginning."""
        saved = self.decisions.database.row("SELECT position, fingerprint, state FROM detector_state WHERE id = 1")
        position = 0
        state = self._opened(bytes(saved["state"])) if saved and saved["fingerprint"] == self.fingerprint else None
        if saved is not None and state is not None:
            self.detector.matcher.restore(state)
            position = int(saved["position"])
        start, target = position, self.decisions.tracked(self.name)
        for events in self.ledger.replay(position, target):
            self.detector.fold(events)
        return start

    def _opened(self, state: bytes) -> bytes | None:
        """Decrypt a saved memory: it holds accounts and numbers that correlations count."""
        try:
            return self.vault.unlock(STATE, state)
        except DataError:
            return None

    def take(self, unit: Unit, events: list[SecurityEvent]) -> None:
        """Record the findings of a batch."""
        self._folded = events[-1].position
        for finding in self.detector.fold(events):
            unit.record_single(finding.finding_id, finding)
        if events[-1].position - self._saved_at >= SAVE_EVERY:
            self._save(unit, events[-1].position)

    def _save(self, unit: Unit, position: int) -> None:
        unit.cursor.execute(
            "INSERT INTO detector_state (id, position, fingerprint, state) VALUES (1, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET position = excluded.position, "
            "fingerprint = excluded.fingerprint, state = excluded.state",
            (position, self.fingerprint, self.vault.lock(STATE, self.detector.matcher.snapshot(), unit.at)),
        )
        self._saved_at = position
