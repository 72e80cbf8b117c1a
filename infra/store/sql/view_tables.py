"""The tables of the read models, made from their declarations in ``infra.store.models``."""

from __future__ import annotations

from infra.store.models import ddl
from infra.store.models.duties import (
    ClockRow,
    ContainmentRow,
    LoanRow,
    NoticeRow,
    OrderRow,
    ProtectionRow,
    RetentionRow,
)
from infra.store.models.governance import ActionRow, ControlRow, DutyRow, MatterRow, RiskRow
from infra.store.models.incidents import EntityRow, IncidentRow, LinkRow, NumberRow, RunRow, TimelineRow
from infra.store.models.record import Record
from infra.store.models.rules import ListRow, RuleRow, RuleVersionRow, TemplateRow

MODELS: tuple[type[Record], ...] = (
    IncidentRow, NumberRow, EntityRow, LinkRow, ClockRow, NoticeRow, ProtectionRow, OrderRow, RunRow, RetentionRow,
    LoanRow, ContainmentRow, RuleRow, RuleVersionRow, ListRow, TemplateRow, DutyRow, ActionRow, ControlRow, RiskRow,
    MatterRow,
    TimelineRow,
)  # fmt: skip
"""Every read model that is folded from the log of decisions."""
TABLES = tuple(statement for kind in MODELS for statement in ddl.create(kind))
NAMES = tuple(kind.table.name for kind in MODELS)
