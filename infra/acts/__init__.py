"""What people do: each act is one unit of work around one command of the domain. Console, API and CLI call these."""

from __future__ import annotations

from infra.acts.clocks import ClockActs
from infra.acts.governance import GovernanceActs
from infra.acts.incidents import IncidentActs
from infra.acts.notices import NoticeActs
from infra.acts.protections import ProtectionActs
from infra.acts.retention import RetentionActs

__all__ = ["Acts"]


class Acts(IncidentActs, ClockActs, NoticeActs, ProtectionActs, GovernanceActs, RetentionActs):
    """The acts of people on incidents, clocks, notices, protections, duties and retention."""
