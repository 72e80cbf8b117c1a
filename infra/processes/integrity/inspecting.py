"""The look at the store itself: at a start, and once a day by the worker, between its other work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from engine.kernel.errors import QorgauError
from engine.kernel.facts import Fact
from engine.kernel.trouble import StageFailed
from infra.observe.stage_health import Faults
from infra.store.integrity.comparing import Compared, compare
from infra.store.integrity.guarding import Guard

STAGE = "integrity"
MOST_NAMED = 3


class StoreAltered(QorgauError):
    """The store is not as the product left it."""

    code = "store.altered"

    def __init__(self, found: list[str]) -> None:
        super().__init__("; ".join(found[:MOST_NAMED]) + (f" and {len(found) - MOST_NAMED} more" if found[3:] else ""))
        tables = sorted({text.split(":")[0].split(" ")[0] for text in found})
        self.outline = f"{type(self).__name__}: {', '.join(tables)}; see 'qorgau ledger verify --views'"

    def fact(self, at: datetime) -> Fact:
        """Return what is recorded: the tables, no key of a row."""
        return StageFailed(at=at, stage=STAGE, error=self.outline)


def inspect(guard: Guard, faults: Faults, *, at_start: bool, pause: Callable[[], None] = lambda: None) -> list[str]:
    """Compare heads, marks and, but at a start, the read models; a finding is a fault until a later look finds none."""
    found = [*guard.gaps(), *(str(it) for it in guard.altered(at_start=at_start))]
    if not at_start:
        found += [str(it) for it in compare(guard.database, pause) if not isinstance(it, Compared)]
    if found:
        faults.raised(STAGE, StoreAltered(found))
    elif not at_start:
        faults.gone(STAGE)
    return found
