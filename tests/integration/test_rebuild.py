"""Every derived table is whole again after a rebuild, whatever was done to it; steps lead every store to one shape."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from engine.kernel.errors import DataError
from infra.store.sql.schema import STORE
from infra.store.sql.sqlite import SqliteDatabase
from infra.store.sql.view_tables import NAMES
from tests.commands import qorgau
from tests.integration.test_old_stores import opened
from tests.stores import KINDS, postgres_url
from tests.support import ANALYST, CISO, COMPLIANCE, DATA, World

SEARCHED = ("search_events", "search_incidents", "search_notices")
DERIVED = (*NAMES, "tally", *SEARCHED)
DAMAGES = (
    "DROP TABLE {}",
    "DELETE FROM {}",
    "ALTER TABLE {} ADD COLUMN strange TEXT",
)


def held(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Every derived row; the order of rows and the numbers of rows in an index say nothing."""
    found = {}
    for name in DERIVED:
        shown = "shown, at" if name in SEARCHED else "*"
        found[name] = sorted(tuple(map(str, row.values())) for row in world.rows(f"SELECT {shown} FROM {name}"))
    return found


def lived(folder: Path, kind: str) -> World:
    world = World(folder, **({"database": postgres_url()} if kind == "postgres" else {})).people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    world.feed(world.event("backup.job"), b"no event", source="backup")
    incident = world.incidents()[0]["id"]
    world.container.acts.assign(incident, "aigul", by=ANALYST)
    world.container.acts.approve_notice(world.notices(incident)["regulator"]["id"], None, by=COMPLIANCE)
    world.container.acts.place_hold("c-1", "a court asked", by=COMPLIANCE)
    world.container.acts.state_control("5.24", True, "we answer incidents", by=CISO)
    world.work()
    world.clock.forward(days=2)
    world.sweep()
    return world


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_rebuild_mends_every_derived_table(kind: str, damage: str, tmp_path: Path) -> None:
    world = lived(tmp_path, kind)
    before, head = held(world), world.container.decisions.head()
    assert before["incident_view"] and before["tally"] and before["search_events"]
    for name in DERIVED:
        if "ALTER" in damage and name not in NAMES:
            continue
        with world.container.database.write() as cursor:
            cursor.execute(damage.format(name))
    settings = {"QORGAU_DATABASE": world.settings.database} if world.settings.database else {}
    world.container.close()
    done = qorgau("ledger", "rebuild", "--json", data=tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    again = World(tmp_path, world.clock, database=world.settings.database)
    assert held(again) == before
    told = json.loads(done.stdout)
    assert (told["facts"], told["events"]) == (head, again.container.ledger.head())
    assert told["rows"]["incident_view"] == len(before["incident_view"])
    again.work()
    assert held(again) == before, "followers go on where they stood"
    again.container.close()


def test_a_rebuild_while_a_worker_lives_changes_nothing(tmp_path: Path) -> None:
    world = lived(tmp_path, "sqlite")
    before = held(world)
    done = qorgau("ledger", "rebuild", data=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"facts folded" in done.stdout
    world.work()
    assert held(world) == before
    world.feed(world.event("backup.job"))
    assert len(world.rows("SELECT 1 FROM search_events")) == len(before["search_events"]) + 1
    world.container.close()


def shape(world: World) -> dict[str, set[tuple[Any, ...]]]:
    """Tables with their columns, and indexes; ``meta`` of the first version has another kind of key."""
    names = world.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'meta'")
    tables = [str(row["name"]) for row in names]
    found: dict[str, set[tuple[Any, ...]]] = {}
    for name in tables:
        columns = world.rows(f"SELECT name, type, \"notnull\" AS must, pk FROM pragma_table_info('{name}')")
        found[name] = {tuple(row.values()) for row in columns}
    indexes = world.rows("SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'")
    found["indexes"] = {(row["name"],) for row in indexes}
    return found


def test_steps_lead_every_recorded_store_to_the_shape_of_a_new_one(tmp_path: Path) -> None:
    new = World(tmp_path / "new")
    first = tmp_path / "first"
    first.mkdir()
    (first / "qorgau.sqlite").write_bytes(gzip.decompress((DATA / "store-v1.sqlite.gz").read_bytes()))
    for world in (World(first), opened("sqlite", "56dc29b", tmp_path / "second").world):
        assert shape(world) == shape(new)
        world.container.close()
    new.container.close()


def test_numbers_of_steps_ascend_and_an_older_build_refuses_a_newer_store(tmp_path: Path) -> None:
    numbers = [number for number, _ in STORE.steps]
    assert numbers == sorted(set(numbers))
    database = SqliteDatabase(tmp_path / "qorgau.sqlite")
    with database.write() as cursor:
        cursor.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(STORE.version + 1),))
    database.close()
    with pytest.raises(DataError, match="use the newer program") as refused:
        SqliteDatabase(tmp_path / "qorgau.sqlite")
    assert "\n" not in str(refused.value)
