"""Events become findings. The detector's memory is saved now and then with its position; after a restart the events
since then are folded again and only what lies beyond the follower's position is recorded.

When a rule changes, the new set is loaded between two batches. The memory of all other rules goes on, and is saved at
once with the position, so that a restart knows from where on the new set was in force.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.events.catalogue import Catalogue
from engine.events.envelope import SecurityEvent
from engine.governance.proving import proofs
from engine.governance.senders import Senders
from engine.kernel.errors import DataError
from engine.kernel.facts import FindingRaised
from engine.kernel.ids import derive
from engine.kernel.ports import TimeSource
from engine.kernel.timestamps import iso
from engine.kernel.trouble import MemoryFull, RuleFailed
from engine.rule_life.rules import ShadowFinding
from infra.commands.rulebook import Rulebook
from infra.observe.tracing import OFF, Tracing
from infra.processes.base import LedgerFollower
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.unit import UnitOfWork
from infra.store.models.counts import prove
from infra.store.models.effects import ProofRow
from rules.detection.detector import StreamDetector
from rules.detection.pack import builtin_contexts

SAVE_EVERY = 20_000
STATE = "detector"
PIECE = 250
"""Events folded before it is looked at how many findings they gave."""
MOST_FINDINGS = 250
"""Findings in one unit of work, as soon as there are so many: whoever else writes waits for it."""


class Detect(LedgerFollower):
    """Runs the rules over the ledger."""

    name = "detect"

    def __init__(
        self, ledger: Ledger, decisions: Decisions, clock: TimeSource, book: Rulebook, catalogue: Catalogue,
        vault: Vault, tracing: Tracing = OFF, senders: Senders | None = None,
    ) -> None:  # fmt: skip
        self.tracing = tracing
        self.senders = senders or Senders()
        super().__init__(ledger, decisions, clock)
        self.vault = vault
        self.book = book
        self.catalogue = catalogue
        self._stamp = book.stamp()
        self.detector = self._new()
        self._saved_at = self._recover()
        self._folded = self.decisions.tracked(self.name)
        self._save_now = False
        self._told: set[str] = set()
        self._findings: list[FindingRaised] = []

    def _new(self) -> StreamDetector:
        return StreamDetector(self.book.current(), builtin_contexts(), self.catalogue, self.vault.pseudonym)

    def step(self) -> bool:
        """Take the next events. Where a batch was folded but not recorded, the memory is made again first: it would
        count those events twice."""
        self._reload()
        if self.position is None and self._folded != self.decisions.tracked(self.name):
            self.detector.matcher.forget()
            self._saved_at = self._recover()
            self._folded = self.decisions.tracked(self.name)
        return super().step()

    def _reload(self) -> None:
        """Take changed rules and lists into use."""
        stamp = self.book.stamp()
        if stamp == self._stamp:
            return
        before = self.detector.matcher
        self._stamp = stamp
        rules = self.book.current()
        if rules is not before.ruleset:
            self.detector = self._new()
            self.detector.matcher.restore(before.snapshot())
        self._save_now = True

    def _recover(self) -> int:
        """Take the saved memory back and fold the events since; without one, fold from the beginning.

        The memory of rules that have changed since starts empty; where contexts have changed, everything is folded.
        """
        saved = self.decisions.database.row("SELECT position, fingerprint, state FROM detector_state WHERE id = 1")
        position = 0
        contexts = self.detector.matcher.fingerprint().rpartition(":")[2]
        if saved is not None and saved["fingerprint"].rpartition(":")[2] == contexts:
            try:
                self.detector.matcher.restore(self._parts(bytes(saved["state"])))
                position = int(saved["position"])
            except DataError:  # a key is gone that it was locked with
                self.detector.matcher.forget()
        start, target = position, self.decisions.tracked(self.name)
        for events in self.ledger.replay(position, target):
            self.detector.fold(events)
        return start

    def _parts(self, whole: bytes) -> Iterator[bytes]:
        """Decrypt the saved memory: it holds accounts and numbers that correlations count. (Earlier versions kept it
        in one piece.) Raise DataError."""
        parts = self.decisions.database.rows("SELECT part FROM detector_parts ORDER BY part")
        for locked in [whole] if whole else (self._part(row["part"]) for row in parts):
            plain = self.vault.unlock(STATE, locked)
            if plain is None:
                raise DataError("the key of the detector's memory is gone")
            yield plain

    def _part(self, part: int) -> bytes:
        return bytes(self.decisions.database.scalar("SELECT state FROM detector_parts WHERE part = ?", part))

    def consider(self, events: list[SecurityEvent]) -> int:
        """Fold as many events as go into one unit of work: all, or until they gave many findings."""
        folded, self._findings = 0, []
        while folded < len(events) and len(self._findings) < MOST_FINDINGS:
            part = events[folded : folded + PIECE]
            self._folded = part[-1].position
            self._findings += self.detector.fold(part)
            folded += len(part)
        return folded

    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Record the findings of a batch that was folded."""
        for finding in self._findings:
            fact = shadowed(finding) if finding.rule_name.endswith("~shadow") else finding
            unit.record_single(finding.finding_id, fact)
            if self.tracing.active:
                self._trace(unit, finding)
        prove(unit.cursor, self._proofs(events))
        self._tell(unit)
        # The larger the memory, the more events between two savings, so that saving costs a bounded share.
        due = max(SAVE_EVERY, self.detector.matcher.held)
        if self._save_now or events[-1].position - self._saved_at >= due:
            self._save(unit, events[-1].position)
            self._save_now = False

    def _proofs(self, events: list[SecurityEvent]) -> list[ProofRow]:
        """Return the newest evidence of each obligation in a batch; what a rule found fault with proves nothing."""
        faulted: dict[int, set[str]] = {}
        for finding in self._findings:
            for position in finding.positions:
                faulted.setdefault(position, set()).update(finding.obligations)
        newest: dict[tuple[str, str], ProofRow] = {}
        known = proofs()
        for event in events:
            if event.action in known.signs and self.senders.may(event.action, event.source):
                for obligation in known.of(event.fields, faulted.get(event.position, ())):
                    newest[obligation, event.action] = ProofRow(
                        obligation, event.action, event.position, event.received_at, min(event.at, event.received_at)
                    )
        return [row for _, row in sorted(newest.items())]

    def _trace(self, unit: UnitOfWork, finding: FindingRaised) -> None:
        """Go on with the trace in which the event was stored that completed the finding."""
        trace = self.tracing.of_event(unit.cursor, finding.positions[-1])
        if trace:
            with self.tracing.span("detect", parents=[trace], rule=finding.rule_name) as span:
                self.tracing.found(finding.finding_id, span.trace)

    def _tell(self, unit: UnitOfWork) -> None:
        """Say once of each rule that it raised an error, and of each memory that it had to let keys go."""
        matcher = self.detector.matcher
        troubles: dict[str, RuleFailed | MemoryFull] = {
            f"rule {rule_id}": RuleFailed(at=unit.at, rule_id=rule_id) for rule_id in matcher.failures
        }
        for name, stats in matcher.stats().items() if matcher.crowded else ():
            if stats.get("evicted"):
                troubles[f"memory of {name}"] = MemoryFull(at=unit.at, memory=name)
        for key, fact in troubles.items():
            if key not in self._told:
                self._told.add(key)
                unit.record_single(str(derive("detection-trouble", key, iso(unit.at))), fact)

    def _save(self, unit: UnitOfWork, position: int) -> None:
        matcher, cursor = self.detector.matcher, unit.cursor
        cursor.execute("DELETE FROM detector_parts")
        for number, part in enumerate(matcher.snapshot()):
            locked = self.vault.lock(STATE, part, unit.at)
            cursor.execute("INSERT INTO detector_parts (part, state) VALUES (?, ?)", (number, locked))
        cursor.execute(
            "INSERT INTO detector_state (id, position, fingerprint, state) VALUES (1, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET position = excluded.position, "
            "fingerprint = excluded.fingerprint, state = excluded.state",
            (position, matcher.fingerprint(), b""),
        )
        self._saved_at = position


def shadowed(finding: FindingRaised) -> ShadowFinding:
    """Return what is kept of a finding of a rule in shadow."""
    return ShadowFinding(
        at=finding.at,
        finding_id=finding.finding_id,
        rule_name=finding.rule_name.removesuffix("~shadow"),
        rule_version=finding.rule_version,
        dedup_key=finding.dedup_key.replace("~shadow", "", 1),
        detected_at=finding.detected_at,
        positions=finding.positions,
    )
