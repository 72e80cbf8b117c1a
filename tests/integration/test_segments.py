"""Segments hold what the ledger holds, in columns that DuckDB and Polars read, and nothing personal in the clear."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.kernel.errors import DataError, InputError
from infra.store.log import segments
from tests.support import World


def filled(world: World, count: int = 45) -> None:
    for i in range(count):
        world.feed(
            world.event(
                "portal.application.submitted", mfo__client__id=f"c-{i}", mfo__client__iin="850101300005",
                mfo__client__phone="+77771234567", source__ip=f"10.0.0.{i}", mfo__amount=i,
            )
        )  # fmt: skip


def test_closed_ranges_are_written_once_and_hold_the_same_bytes(world: World) -> None:
    filled(world)
    assert [(s.first, s.last) for s in world.container.close_segments(20)] == [(1, 20), (21, 40)]
    assert world.container.close_segments(20) == []
    filled(world, 20)
    assert [(s.first, s.last) for s in world.container.close_segments(20)] == [(41, 60)]
    for segment in segments.listed(world.container.segments_folder):
        segments.check(segment, world.container.database)
    batches = list(segments.scan(world.container.segments_folder, ["position", "source.ip"]))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["position"] for row in rows] == list(range(1, 61))
    assert rows[7]["source.ip"] == "10.0.0.7"


def test_nothing_personal_stands_in_a_segment(world: World) -> None:
    filled(world)
    world.container.close_segments(45)
    (segment,) = segments.listed(world.container.segments_folder)
    data = segment.path.read_bytes() + str(pq.read_table(segment.path).to_pylist()).encode()
    assert b"850101300005" not in data
    assert b"77771234567" not in data


def test_a_changed_segment_is_named(world: World) -> None:
    filled(world)
    (written,) = world.container.close_segments(45)
    table = pq.read_table(written.path)
    rows = table.to_pylist()
    rows[30]["record"] = rows[30]["record"][:-1] + b"x"
    pq.write_table(table.from_pylist(rows, schema=table.schema), written.path)
    with pytest.raises(InputError, match="position 31 is not"):
        segments.check(written, world.container.database)
    written.path.write_bytes(written.path.read_bytes()[:-9])
    with pytest.raises(InputError, match="from position 1 on"):
        segments.check(written, world.container.database)


def test_a_missing_segment_is_an_error_and_not_a_shorter_history(world: World) -> None:
    filled(world)
    world.container.close_segments(15)
    segments.listed(world.container.segments_folder)[1].path.unlink()
    with pytest.raises(DataError, match="16 to 30"):
        list(segments.scan(world.container.segments_folder, ["position"]))


def test_duckdb_and_polars_read_them(world: World, tmp_path: Path) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    filled(world)
    (segment,) = world.container.close_segments(45)
    (total,) = duckdb.connect().execute(f"SELECT sum(\"position\") FROM '{segment.path}'").fetchone()
    assert total == sum(range(1, 46))
    assert polars.read_parquet(segment.path).filter(polars.col("source.ip") == "10.0.0.7").height == 1
