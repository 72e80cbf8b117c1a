"""What is recorded of the store itself: marks put on at an upgrade, settings that changed, a gap that was accepted."""

from __future__ import annotations

from typing import ClassVar

from engine.kernel.facts import Fact, Record
from engine.proofs.heads import Gap


class MarksPut(Fact):
    """Marks were put on the rows of a store of a version before, as they stood."""

    topic: ClassVar[str] = "store.marks-put.v1"
    rows: int


class SettingNow(Record):
    """A setting with its value at the last start and at this one; of a secret only a keyed digest."""

    name: str
    before: str
    now: str


class SettingsSeen(Fact):
    """The settings that matter differ from those of the last start; at the first start all of them are told."""

    topic: ClassVar[str] = "settings.seen.v1"
    changed: tuple[SettingNow, ...]
    digest: str
    """Of all that matter, keyed."""


class GapAccepted(Fact):
    """Two persons accepted that the store is an older copy, or was cut: what it lacks and what must be asked again."""

    topic: ClassVar[str] = "store.gap-accepted.v1"
    agreed_by: str
    gaps: tuple[Gap, ...]
    altered: tuple[str, ...] = ()
    """Rows that were not as the product left them and were accepted as they stand, by table and key."""
    to_ask: tuple[str, ...] = ()
    """Keys of the messages that may have gone out in the time that is missing, and now wait for a person."""


FACTS: tuple[type[Fact], ...] = (MarksPut, SettingsSeen, GapAccepted)
