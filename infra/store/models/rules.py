"""Read models of what people change by four eyes: rules, their versions, lists, wordings of notices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.rule_life.rules import RuleStage
from infra.store.models.record import Record, Table


@dataclass(frozen=True, slots=True)
class RuleRow(Record):
    """A rule that was changed here; empty texts where there is none."""

    table: ClassVar[Table] = Table("rule_view")

    id: str
    name: str
    in_force: str
    shadow: str
    waiting: str
    """The version that waits for a second person."""
    retirement_by: str
    changes: int


@dataclass(frozen=True, slots=True)
class RuleVersionRow(Record):
    """A version of a rule made here."""

    table: ClassVar[Table] = Table("rule_version_view")

    id: str
    name: str
    version: str
    stage: RuleStage
    written_by: str
    proposed_by: str


@dataclass(frozen=True, slots=True)
class ListRow(Record):
    """A list that rules name; versions are numbers, 0 where there is none."""

    table: ClassVar[Table] = Table("list_view")

    id: str
    name: str
    in_force: int
    count: int
    waiting: int
    proposed_by: str
    changes: int


@dataclass(frozen=True, slots=True)
class TemplateRow(Record):
    """A wording of a kind of notice in a language; versions, empty where there is none."""

    table: ClassVar[Table] = Table("template_view")

    id: str
    kind: str
    language: str
    in_force: str
    waiting: str
    proposed_by: str
