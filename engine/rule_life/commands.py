"""What people may ask of rules and lists, as values."""

from __future__ import annotations

from typing import Any

from engine.kernel.commands import Command, Decided, Entries, Outcome, Words, Written
from engine.kernel.facts import Record
from engine.rule_life.rules import Mode


class TestRun(Record):
    """One test that travels with a rule, and whether it held."""

    __test__ = False  # pytest takes the name for a class of tests
    kind: str
    name: str
    passed: bool
    message: str = ""


class Tried(Outcome):
    """How the tests of a version went."""

    results: tuple[TestRun, ...]

    @property
    def failed(self) -> tuple[TestRun, ...]:
        """The tests that do not hold."""
        return tuple(result for result in self.results if not result.passed)


class DraftRule(Command[Written]):
    """Write a version of a rule: one Sigma rule with its ``qorgau`` block."""

    text: str
    reason: Words


class TuneRule(Command[Written]):
    """Write a version of a rule in force with other parameters, within their bounds."""

    rule: str
    values: dict[str, Any]
    reason: Words


class TryRule(Command[Tried]):
    """Run the tests that travel with a version, in its place among all rules, and record how they went."""

    rule: str
    version: str


class ProposeRule(Command[Outcome]):
    """Ask that a tested version come into force."""

    rule: str
    version: str
    reason: Words


class ApproveRule(Command[Outcome]):
    """Agree to a proposed version, as another person."""

    rule: str
    version: str
    reason: Words


class ActivateRule(Command[Decided]):
    """Let an approved version run, for real or in shadow; the worker takes it with its next batch of events.

    For one that may detect less than what is in force a second person of another role says the same.
    """

    rule: str
    version: str
    mode: Mode = "active"
    reason: Words


class RetireRule(Command[Decided]):
    """Ask that a rule be taken out of force, or as a second person do it."""

    rule: str
    reason: Words


class RolledBack(Written):
    """The version in force; ``decided`` says whether it changed, or waits for a second person."""

    decided: bool = True


class RollBackRule(Command[RolledBack]):
    """Put what was in force before into force again; for what may detect less a second person says the same."""

    rule: str
    reason: Words


class ChangeList(Command[Decided]):
    """Add and remove entries; what weakens detection waits for a second person."""

    list: str
    add: Entries = ()
    remove: Entries = ()
    reason: Words


class DecideList(Command[Outcome]):
    """Agree to the change that waits, as a second person, or refuse it. ``version`` is the one that the person saw:
    with it nobody agrees to a change that took its place meanwhile."""

    list: str
    agreed: bool
    reason: Words
    version: int | None = None
