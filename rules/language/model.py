"""What a rule is once loaded: its Sigma identity, its code or correlation, and what a finding of it is good for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.kernel.facts import Severity
from rules.language.compiler import Compiled

Scalar = str | int | float | bool | None
Level = Literal["informational", "low", "medium", "high", "critical"]
"""The levels of Sigma."""


class Parameter(BaseModel):
    """A number the fraud team may tune: default, bounds, unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: int | float | str
    min: int | float | None = None
    max: int | float | None = None
    unit: str = ""


class InlineTest(BaseModel):
    """Events that must, or must not, make the rule fire. ``at`` in an event is an offset like ``+90s``; ``lists`` are
    entries that lists have while the test runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    events: tuple[dict[str, Any], ...]
    lists: dict[str, tuple[str, ...]] = {}


class InlineTests(BaseModel):
    """The tests that travel with a rule; without at least one of each kind it does not load."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    positive: tuple[InlineTest, ...] = Field(min_length=1)
    negative: tuple[InlineTest, ...] = Field(min_length=1)


class HouseMeta(BaseModel):
    """The ``qorgau`` block of a rule file. ``words`` names the sign in the languages of the notices
    (ru, kk); ``affects`` names counted fields whose every value is touched, such as the clients of a bulk read.
    ``lateness`` and ``suppress`` are spans such as ``5m``: how late an event of a correlation may come, and for how
    long a correlation that fired says nothing more of the same key. ``share`` makes an average a share of a window: it
    is judged when the window has ended, of no fewer than so many events, and before only where chance cannot explain
    it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    obligations: tuple[str, ...] = ()
    incident_class: str = Field(default="control-failure", alias="class")
    notifiable: bool = False
    personal_data: bool = False
    dedup: tuple[str, ...] = ()
    playbook: str | None = None
    parameters: dict[str, Parameter] = {}
    evidence: tuple[str, ...] = ()
    affects: tuple[str, ...] = ()
    lateness: str | None = None
    suppress: str | None = None
    share: int | None = Field(default=None, ge=2, le=10_000)
    words: dict[str, str] = {}
    tests: InlineTests | None = None


DEFAULT_LATENESS_S = 300.0


class Correlation(BaseModel):
    """A correlation over base rules within a window of event time.

    ``least``: how many of the rules must be seen (temporal types). ``expression``: an extended condition over the
    indexes of the rules, such as ``("and", 0, ("not", 1))``. Times in seconds.
    """

    model_config = ConfigDict(frozen=True)
    type: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    window_s: float
    op: str = "gte"
    count: float = 1
    fields: tuple[str, ...] = ()
    percentile: int | None = None
    generate: bool = False
    aliases: dict[str, dict[str, str]] = {}
    least: int = 0
    expression: Any = None
    lateness_s: float = DEFAULT_LATENESS_S
    suppress_s: float = 0.0
    share: int = 0
    """The fewest events of a window whose average is judged as a share; 0 where it is none."""
    closing: bool = False
    """Whether it can only be judged when a window has ended."""

    @property
    def by_rule(self) -> bool:
        """Whether it matters which of the rules matched."""
        return self.type.startswith("temporal")

    @property
    def compact_above(self) -> int:
        """Entries of one key above which repeated values are thinned out."""
        countable = self.type in ("value_count", "temporal")
        return max(64, 2 * int(self.count)) if countable else 1 << 60


class Rule(BaseModel):
    """One loaded rule; exactly one of ``compiled`` and ``correlation`` is set. ``text`` is its logic as YAML."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    id: str
    name: str
    title: str
    level: Level
    description: str = ""
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    product: str | None = None
    file: str
    line: int
    text: str = ""
    version: str
    meta: HouseMeta | None = None
    compiled: Compiled | None = None
    correlation: Correlation | None = None
    raises_findings: bool = True
    filters: tuple[str, ...] = ()
    """Titles of the Sigma filters laid over it."""

    @property
    def in_shadow(self) -> bool:
        """Whether its findings are kept apart and open nothing."""
        return self.name.endswith("~shadow")

    @property
    def severity(self) -> Severity:
        """The Sigma level in the product's words."""
        return "low" if self.level == "informational" else self.level
