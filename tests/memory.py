"""A unit of work in memory: policies are tried with facts alone, without a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from engine.containment.containment import Containment
from engine.duties.clock import Clock
from engine.incidents.incident import Incident
from engine.kernel.facts import Fact, FindingRaised, StoredFact
from engine.kernel.ports import A, Intent, Policy
from engine.notices.notice import Notice
from engine.protection.protection import Protection
from engine.retention.retention import Retention
from infra.store.log.aggregates import kind_of
from playbooks.run import Run
from tests.support import MONDAY


class MemoryContext:
    """Facts in a list, in the order of a log; ``answering`` says up to where ``past`` looks."""

    def __init__(self, at: datetime = MONDAY) -> None:
        self.at = at
        self.log: list[StoredFact] = []
        self.intents: dict[str, Intent] = {}
        self.withdrawn: list[str] = []
        self.answered = 0
        self.reached: dict[str, int] = {}

    def given(self, key: str, *facts: Fact) -> MemoryContext:
        """Put facts that happened before into the log."""
        for fact in facts:
            self.log.append(StoredFact(len(self.log) + 1, key, fact))
        return self

    def of(self, key: str, until: int | None = None) -> list[Fact]:
        """Return the facts of one stream."""
        end = len(self.log) if until is None else until
        return [stored.fact for stored in self.log[:end] if stored.originator == key]

    def recorded(self, kind: type[Fact]) -> list[Any]:
        """Return every fact of a kind, in order."""
        return [stored.fact for stored in self.log if isinstance(stored.fact, kind)]

    def load(self, kind: type[A], key: str) -> A:
        return self._fold(kind, self.of(key))

    def past(self, kind: type[A], key: str) -> A:
        return self._fold(kind, self.of(key, self.answered or None))

    def _fold(self, kind: type[A], facts: Sequence[Fact]) -> A:
        found = kind()
        for fact in facts:
            found.apply(fact)
        return found

    def find(self, kind: type[Any], **by: object) -> list[str]:
        keys = sorted({s.originator for s in self.log if kind_of(s.fact) is kind})
        return [key for key in keys if self._is(self.load(kind, key), by)]

    def _is(self, it: Any, by: dict[str, object]) -> bool:
        match it:
            case Incident() if "suppressed_after" in by:
                until, after = it.suppressed_until, by["suppressed_after"]
                return it.dedup_key == by["dedup_key"] and until is not None and until > after  # type: ignore[operator]
            case Incident() if "client" in by:
                return it.touches("clients", str(by["client"])) and it.is_open is by["is_open"]
            case Clock() if "client" in by:
                touched = self.load(Incident, it.owner_id).touches("clients", str(by["client"]))
                return touched and it.running is by["running"] and it.subject in ("", by["client"])
            case Protection() if "order_id" in by:
                return by["order_id"] in it.orders
            case Protection():
                assert it.act is not None
                return it.act.client == by.get("client") or by.get("loan") in it.loans
            case Retention():
                return by.get("loan") in it.loans
            case Containment() if "subject" in by:
                return any(subject.name == by["subject"] for subject in it.subjects)
            case Incident() | Containment() | Clock() | Notice() | Run():
                return all(getattr(it, name) == value for name, value in by.items())
        raise AssertionError(f"nothing finds a {type(it).__name__} by {', '.join(by)}")

    def each(
        self, part: str, keys: Sequence[str], kind: type[A] | None = None, key_of: Callable[[str], str] | None = None
    ) -> Iterator[str]:
        yield from keys

    def prepare(self, kind: type[A], keys: Sequence[str]) -> None:
        """Nothing is far away here."""

    def facts(self, key: str) -> list[Fact]:
        return self.of(key, self.answered or None)

    def next_number(self) -> str:
        opened = {s.originator for s in self.log if kind_of(s.fact) is Incident}
        return f"INC-{self.at.year}-{len(opened) + 1:04d}"

    def record(self, kind: type[A], key: str, facts: Sequence[Fact]) -> None:
        self.given(key, *facts)

    def record_single(self, key: str, fact: Fact) -> None:
        self.given(key, fact)

    def intend(self, intent: Intent) -> None:
        self.intents.setdefault(intent.key, intent)

    def withdraw(self, key: str) -> None:
        if self.intents.pop(key, None) is not None:
            self.withdrawn.append(key)

    def by_hand(self, key: str) -> None:
        for held in [it for it in self.intents if it == key or it.startswith(f"{key}:")]:
            del self.intents[held]

    def run(self, *policies: Policy) -> MemoryContext:
        """Let the policies answer everything in the log, each fact once, until nothing is left."""
        reached = self.reached
        for policy in policies:
            reached.setdefault(policy.name, 0)
        busy = True
        while busy:
            busy = False
            for policy in policies:
                end = min([len(self.log), *(reached[name] for name in policy.after if name in reached)])
                for stored in self.log[reached[policy.name] : end]:
                    busy = True
                    self.answered = stored.position
                    if isinstance(stored.fact, policy.answers):
                        policy.answer(self, stored)
                reached[policy.name] = end
        self.answered = 0
        return self


def found(context: MemoryContext, finding: FindingRaised) -> MemoryContext:
    """Put a finding into the log."""
    return context.given(finding.finding_id, finding)
