"""What went wrong in the engine itself and needs a person."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from engine.kernel.facts import Fact


class EffectFailed(Fact):
    """An effect other than a notice or an order was refused or its fate is unknown; people must look."""

    topic: ClassVar[str] = "effect.failed.v1"
    key: str
    kind: str
    outcome: str
    detail: str
    since: datetime
