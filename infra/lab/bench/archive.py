"""``qorgau bench ledger --archive``: a ledger as large as one likes, its closed ranges written to segments on the way.

Events are made as they are needed, fifty thousand at a time, so that memory does not grow with their number. Of every
million the seconds are kept: the first against the last is the slope. At the end all of it is verified, copied as a
backup and read.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from engine.events.catalogue import builtin_catalogue
from infra.lab.bench.ledger import ROUND, Floor, Ours, Place, _bodies, _chunks, rss_mb
from infra.lab.bench.waits import FsyncProbe, waits_of
from infra.observe.gc_tuning import tune
from infra.store.backup import back_up
from infra.store.log import segments
from infra.store.log.verify import Fault, verify
from infra.store.sql.sqlite import SqliteDatabase
from rules.detection.pack import builtin_rules

STEP = 1_000_000
FLOOR_ROUNDS = 4
READ = 200_000


def measure(events: int, *, readers: int, fsync_ms: float, step: int = 0, size: int = segments.SIZE) -> dict[str, Any]:
    """Append, archive, verify, back up and read; return the figures. A step is a million events, of fewer a quarter."""
    step = step or min(STEP, max(events // 4, ROUND))
    columns = segments.columns_for(tuple(builtin_rules().fields()), builtin_catalogue())
    with ExitStack() as stack:
        place = Place("sqlite", None, stack, fsync_ms)
        full, floor = Ours(place, "full", sealed=True, readers=readers), Floor(place)
        probe = stack.enter_context(FsyncProbe(place.folder))
        tune()
        run = _Run(place.folder, full, floor, columns, size)
        parts = list(run.parts(events, step))
        waits = waits_of(full.ledger.database, probe)
        return {"events": events, "step": step, **_slopes(parts), **_ending(place.folder, full, events), **waits}


class _Run:
    def __init__(self, folder: Path, full: Ours, floor: Floor, columns: Any, size: int) -> None:
        self.folder, self.full, self.floor, self.columns, self.size = folder, full, floor, columns, size
        self.archive = folder / "segments"

    def parts(self, events: int, step: int) -> Iterator[dict[str, float]]:
        """Append so many events; of each step, the last perhaps shorter, return what it took."""
        done, in_step = 0, 0
        spent = {"append": 0.0, "floor": 0.0, "floored": 0.0}
        for number, lines in enumerate(_chunks(events)):
            bodies = _bodies(lines)
            begun = time.perf_counter()
            self.full.pour(bodies)
            spent["append"] += time.perf_counter() - begun
            if number % max(step // len(lines), 1) < FLOOR_ROUNDS:
                rows = self.floor.rows(lines)
                begun = time.perf_counter()
                for part in rows:
                    self.floor.write(part)
                spent["floor"] += time.perf_counter() - begun
                spent["floored"] += len(lines)
            done, in_step = done + len(lines), in_step + len(lines)
            if in_step >= step or done >= events:
                yield self._part(done, in_step, spent)
                spent, in_step = dict.fromkeys(spent, 0.0), 0

    def _part(self, done: int, count: int, spent: dict[str, float]) -> dict[str, float]:
        begun = time.perf_counter()
        segments.close_ranges(self.full.ledger.database, self.archive, self.columns, size=self.size)
        closing = time.perf_counter() - begun
        rate, of_floor = count / spent["append"], spent["floored"] / max(spent["floor"], 1e-9)
        print(f"{done:>12,} events  {rate:>9,.0f}/s  floor {of_floor:>9,.0f}/s", file=sys.stderr, flush=True)
        return {
            "events": done, "append_s_per_million": 1e6 / rate, "floor_s_per_million": 1e6 / of_floor,
            "ratio": rate / of_floor, "archive_s_per_million": closing / count * 1e6, "rss_mb": rss_mb(),
        }  # fmt: skip


def _slopes(parts: list[dict[str, float]]) -> dict[str, Any]:
    """Return each figure at the beginning and at the end, and how much it grew."""
    found: dict[str, Any] = {}
    for name in parts[0]:
        if name != "events":
            found[f"{name}_first"], found[f"{name}_last"] = round(parts[0][name], 2), round(parts[-1][name], 2)
    grown = parts[-1]["append_s_per_million"] / parts[0]["append_s_per_million"]
    moved = parts[-1]["floor_s_per_million"] / parts[0]["floor_s_per_million"]
    return found | {
        "append_s_per_million": round(median(part["append_s_per_million"] for part in parts), 2),
        "cost_growth": round(grown, 3), "floor_growth": round(moved, 3),
        "growth_against_floor": round(grown / moved, 3),
    }  # fmt: skip


def _ending(folder: Path, full: Ours, events: int) -> dict[str, Any]:
    database = full.ledger.database
    assert isinstance(database, SqliteDatabase)
    database.purge()
    store = database.path.stat().st_size
    archive = sum(it.stat().st_size for it in (folder / "segments").glob("*.parquet"))
    archived = segments.listed(folder / "segments")
    begun = time.perf_counter()
    faults = [it for it in verify(database, "ledger", full.signer.verifier) if isinstance(it, Fault)]
    verifying = time.perf_counter() - begun
    begun = time.perf_counter()
    back_up(database, folder / "backup.sqlite", full.signer.verifier)
    copying = time.perf_counter() - begun
    begun = time.perf_counter()
    read = sum(map(len, full.ledger.replay(max(events - READ, 0), events)))
    reading = time.perf_counter() - begun
    begun = time.perf_counter()
    scanned = sum(it.num_rows for it in segments.scan(folder / "segments", ["position", "at", "source"]))
    scanning = time.perf_counter() - begun
    per = events / 1e6
    return {
        "faults": len(faults), "store_bytes_per_event": round(store / events, 1),
        "segment_bytes_per_event": round(archive / archived[-1].last, 1) if archived else None,
        "verify_s_per_million": round(verifying / per, 2), "backup_s_per_million": round(copying / per, 2),
        "replay_s_per_million": round(reading / max(read, 1) * 1e6, 2),
        "segment_scan_s_per_million": round(scanning / max(scanned, 1) * 1e6, 2),
    }  # fmt: skip
