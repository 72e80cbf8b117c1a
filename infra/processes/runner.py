"""Runs the policies of the core: gives each a unit of work, its position in the log, and another try after a fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.events.envelope import SecurityEvent
from engine.kernel.facts import FindingRaised, StoredFact
from engine.kernel.ports import Context, Foresight, Policy, TimeSource
from engine.policies.incidents import IncidentPolicy
from infra.observe.tracing import OFF, Tracing
from infra.processes.base import DecisionFollower, LedgerFollower, Upstream
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.unit import UnitOfWork


class PolicyRunner(DecisionFollower):
    """Runs one policy over the log of decisions, behind those it reads."""

    def __init__(
        self, decisions: Decisions, clock: TimeSource, policy: Policy, before: Sequence[Upstream] = ()
    ) -> None:
        super().__init__(decisions, clock)
        self.policy = policy
        self.name = policy.name
        self.wants = policy.answers
        self.after = tuple(it for it in before if it.name in policy.after)
        missing = set(policy.after) - {it.name for it in self.after}
        assert not missing, f"policy {policy.name} reads what {missing} records, which does not run before it"

    def prepare(self, unit: UnitOfWork, facts: list[StoredFact]) -> None:
        """Let the policy load together what it will ask for, where it says what that is."""
        if isinstance(self.policy, Foresight):
            self.policy.prepare(unit, [stored.fact for stored in facts])

    def take(self, unit: UnitOfWork, stored: StoredFact) -> None:
        """Answer one fact."""
        self.policy.answer(unit, stored)


class IncidentRunner(PolicyRunner):
    """Runs the policy of incidents, and goes on with the trace in which a finding was made."""

    catches_up = False  # what answers incidents has work for long after one step of this

    def __init__(self, decisions: Decisions, clock: TimeSource, tracing: Tracing = OFF) -> None:
        self.incidents = IncidentPolicy()
        super().__init__(decisions, clock, self.incidents)
        self.tracing = tracing

    def take(self, unit: UnitOfWork, stored: StoredFact) -> None:
        """Answer a finding."""
        finding = stored.fact
        trace = self.tracing.of_finding(finding.finding_id) if isinstance(finding, FindingRaised) else None
        if not trace or not isinstance(finding, FindingRaised):
            self.policy.answer(unit, stored)
            return
        with self.tracing.span("incident", parents=[trace], rule=finding.rule_name) as span:
            span.say(incident=self.incidents.place(unit, finding))


class EventPolicy(Protocol):
    """Answers security events of some types with facts."""

    name: str
    answers: frozenset[str]

    def answer(self, context: Context, event: SecurityEvent) -> None:
        """Answer one event."""
        ...


class EventPolicyRunner(LedgerFollower):
    """Runs one policy over the ledger of events."""

    def __init__(self, ledger: Ledger, decisions: Decisions, clock: TimeSource, policy: EventPolicy) -> None:
        super().__init__(ledger, decisions, clock)
        self.policy = policy
        self.name = policy.name
        self.answers = policy.answers

    def take(self, unit: UnitOfWork, events: list[SecurityEvent]) -> None:
        """Answer a batch of events."""
        for event in events:
            self.policy.answer(unit, event)
