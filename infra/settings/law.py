"""How terms are counted, by whose law, and what the rules go by."""

from __future__ import annotations

from datetime import time
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from engine.duties.facts import LADDER
from engine.duties.policy import ClockPolicy, CountsFrom
from engine.terms.counting import Reading


class LawSettings(BaseModel, frozen=True):
    """How terms are counted, by whose law, and what the rules go by."""

    reading: Reading = "strict"
    duties_count_from: CountsFrom = "detection"
    clock_readings: dict[str, Reading] = {}
    clock_terms: dict[str, int] = {}
    clock_target_percent: int = Field(default=50, ge=1, le=100)
    erasure_wait_days: int = Field(default=7, ge=7, le=3650)
    """Days between a lifted legal hold and a destruction."""
    clock_ladder: dict[int, tuple[str, ...]] = {}
    role_mail: dict[str, str] = {}
    time_zone: str = "Asia/Almaty"
    opens: time = time(9)
    closes: time = time(18)
    calendar_overrides: Path | None = None
    jurisdictions: tuple[str, ...] = Field(default=("kz",), min_length=1)
    rule_parameters: dict[str, dict[str, Any]] = {}

    @cached_property
    def clock_policy(self) -> ClockPolicy:
        """How this organisation runs its clocks."""
        return ClockPolicy(
            reading=self.reading,
            readings=self.clock_readings,
            counts_from=self.duties_count_from,
            terms=self.clock_terms,
            target_percent=self.clock_target_percent,
            ladder={**LADDER, **self.clock_ladder},
            jurisdictions=self.jurisdictions,
        )
