"""The kinds of aggregate in the log of decisions: class, short name, and the facts that belong to each."""

from __future__ import annotations

from typing import Any

from engine.containment import facts as containment_facts
from engine.containment.containment import Containment
from engine.duties import facts as clock_facts
from engine.duties.clock import Clock
from engine.governance import facts as governance
from engine.governance.governance import Control, Duty, Risk
from engine.governance.matters import MATTER_FACTS, Matter
from engine.incidents import facts as incident_facts
from engine.incidents.incident import Incident
from engine.kernel.facts import Fact
from engine.kernel.ports import A
from engine.notices import facts as notice_facts
from engine.notices import wording as wordbook
from engine.notices.notice import Notice
from engine.notices.wording import TemplateLife
from engine.protection import facts as protection_facts
from engine.protection.protection import Protection
from engine.retention import facts as retention_facts
from engine.retention.retention import Retention
from engine.rule_life import lists as listbook
from engine.rule_life import rules as rulebook
from engine.rule_life.lists import ListLife
from engine.rule_life.rules import RuleLife
from playbooks import run
from playbooks.run import Run

AnyAggregate = (
    Incident | Clock | Notice | Protection | Run | Retention | RuleLife | ListLife | TemplateLife | Duty | Control
    | Risk | Containment | Matter
)  # fmt: skip
"""The closed set of aggregates."""
_ALL: tuple[tuple[type[AnyAggregate], str, tuple[type[Fact], ...]], ...] = (
    (Incident, "incident", incident_facts.FACTS),
    (Clock, "clock", clock_facts.FACTS),
    (Notice, "notice", notice_facts.FACTS),
    (Protection, "protection", protection_facts.FACTS),
    (Run, "run", run.FACTS),
    (Retention, "retention", retention_facts.FACTS),
    (RuleLife, "rule", rulebook.FACTS),
    (ListLife, "list", listbook.FACTS),
    (TemplateLife, "template", wordbook.FACTS),
    (Duty, "duty", governance.FACTS),
    (Control, "control", governance.CONTROL_FACTS),
    (Risk, "risk", governance.RISK_FACTS),
    (Containment, "containment", containment_facts.FACTS),
    (Matter, "matter", MATTER_FACTS),
)
__all__ = ["FACTS", "KINDS", "A", "AnyAggregate", "kind_of"]
KINDS: dict[type[Any], str] = {kind: name for kind, name, _ in _ALL}
FACTS: tuple[type[Fact], ...] = tuple(fact for _, _, facts in _ALL for fact in facts)
_OF_FACT: dict[type[Fact], type[AnyAggregate]] = {fact: kind for kind, _, facts in _ALL for fact in facts}


def kind_of(fact: Fact) -> type[AnyAggregate] | None:
    """Return the aggregate a fact belongs to, None for one that stands for itself."""
    return _OF_FACT.get(type(fact))
