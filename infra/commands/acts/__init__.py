"""What people do: each act is one unit of work around one command of the domain. Console, API and CLI call these."""

from __future__ import annotations

from infra.commands.acts.clocks import ClockActs
from infra.commands.acts.governance import GovernanceActs
from infra.commands.acts.incidents import IncidentActs
from infra.commands.acts.notices import NoticeActs
from infra.commands.acts.protections import ProtectionActs
from infra.commands.acts.retention import RetentionActs

__all__ = ["Acts"]


class Acts(IncidentActs, ClockActs, NoticeActs, ProtectionActs, GovernanceActs, RetentionActs):
    """The acts of people on incidents, clocks, notices, protections, duties and retention."""
