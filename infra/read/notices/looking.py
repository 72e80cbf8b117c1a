"""Asking the core about a notice where nothing is recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from engine.kernel.facts import Fact
from engine.kernel.ports import A, Context
from infra.store.log import finding
from infra.store.log.decisions import Decisions


class _Looking:
    """As much of a context as composing a text asks for; it takes nothing down."""

    def __init__(self, decisions: Decisions, at: datetime) -> None:
        self.decisions, self.at = decisions, at

    def load(self, kind: type[A], key: str) -> A:
        return self.decisions.load(kind, key)

    past = load

    def facts(self, key: str) -> list[Fact]:
        return self.decisions.of(key)

    def find(self, kind: type[Any], **by: object) -> list[str]:
        return finding.asked(self.decisions.database, kind, by)

    def record_single(self, key: str, fact: Fact) -> None:
        """A wording that failed is told when a text is written, not when one is looked at."""


def looking(decisions: Decisions, at: datetime) -> Context:
    """Return a context that shows how everything stands, and records nothing."""
    return cast(Context, _Looking(decisions, at))
