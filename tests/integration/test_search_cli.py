"""The search from the command line, on the embedded index: what is found, what lags, and how it is filled anew."""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.commands import qorgau
from tests.support import World


def filled(folder: Path) -> None:
    world = World(folder)
    changed = world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin")
    world.feed(changed, world.event("backup.job", host__name="srv-01"))
    world.container.close()


def test_find_status_and_rebuild(tmp_path: Path) -> None:
    filled(tmp_path)
    found = qorgau("search", "find", "client:c-1", "--json", data=tmp_path)
    assert [row["position"] for row in orjson.loads(found.stdout)] == [1]
    (incident,) = orjson.loads(qorgau("search", "find", "--of", "incidents", "--json", data=tmp_path).stdout)
    assert incident["number"] == "INC-2026-0001"
    before = qorgau("search", "status", "--json", data=tmp_path)
    assert (before.returncode, [row["behind"] for row in orjson.loads(before.stdout)]) == (0, [0, 0, 0])
    assert [row["documents"] for row in orjson.loads(before.stdout)][:2] == [2, 1]
    assert qorgau("search", "rebuild", data=tmp_path).returncode == 0
    assert qorgau("search", "status", "--json", data=tmp_path).stdout == before.stdout
    assert qorgau("search", "find", "client:c-1", "--json", data=tmp_path).stdout == found.stdout


def test_a_question_that_cannot_be_read_is_bad_usage(tmp_path: Path) -> None:
    filled(tmp_path)
    done = qorgau("search", "find", "nobody:1", data=tmp_path)
    assert (done.returncode, b"no field 'nobody'" in done.stderr) == (2, True)


def test_events_that_are_missing_are_said(tmp_path: Path) -> None:
    filled(tmp_path)
    world = World(tmp_path)
    with world.container.database.write() as cursor:
        cursor.execute("DELETE FROM search_events WHERE rowid = 2")
    world.container.close()
    done = qorgau("search", "status", data=tmp_path)
    assert (done.returncode, b"1 events are not in the index" in done.stderr) == (1, True)
