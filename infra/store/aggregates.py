"""The kinds of aggregate in the log of decisions: class, short name, and the facts that belong to each."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from engine import (
    clock_facts,
    governance,
    incident_facts,
    listbook,
    notice_facts,
    protection_facts,
    retention,
    rulebook,
    wordbook,
)
from engine.clocks import Clock
from engine.facts import Fact
from engine.governance import Control, Duty, Risk
from engine.incidents import Incident
from engine.listbook import ListLife
from engine.notices import Notice
from engine.protection import Protection
from engine.retention import Retention
from engine.rulebook import RuleLife
from engine.wordbook import TemplateLife
from playbooks import run
from playbooks.run import Run


class Aggregate(Protocol):
    """What every aggregate has: an id, a version, and a way to take a fact."""

    id: str
    version: int

    def apply(self, fact: Fact) -> None:
        """Record one fact."""
        ...


A = TypeVar(
    "A", Incident, Clock, Notice, Protection, Run, Retention, RuleLife, ListLife, TemplateLife, Duty, Control, Risk
)
_ALL: tuple[tuple[type[Any], str, tuple[type[Fact], ...]], ...] = (
    (Incident, "incident", incident_facts.FACTS),
    (Clock, "clock", clock_facts.FACTS),
    (Notice, "notice", notice_facts.FACTS),
    (Protection, "protection", protection_facts.FACTS),
    (Run, "run", run.FACTS),
    (Retention, "retention", retention.FACTS),
    (RuleLife, "rule", rulebook.FACTS),
    (ListLife, "list", listbook.FACTS),
    (TemplateLife, "template", wordbook.FACTS),
    (Duty, "duty", governance.FACTS),
    (Control, "control", governance.CONTROL_FACTS),
    (Risk, "risk", governance.RISK_FACTS),
)
KINDS: dict[type[Any], str] = {kind: name for kind, name, _ in _ALL}
FACTS: tuple[type[Fact], ...] = tuple(fact for _, _, facts in _ALL for fact in facts)
_OF_FACT: dict[type[Fact], type[Any]] = {fact: kind for kind, _, facts in _ALL for fact in facts}


def kind_of(fact: Fact) -> type[Any] | None:
    """Give the aggregate a fact belongs to, None for one that stands for itself."""
    return _OF_FACT.get(type(fact))
