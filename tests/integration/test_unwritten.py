"""What a unit of work has gathered and not written is seen by its own questions; batches go into several units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.incidents.incident import Incident
from engine.incidents.triage import incident_id
from engine.kernel.ids import derive
from engine.notices.facts import NoticeDrafted
from engine.notices.notice import Notice
from infra.processes import detect
from tests.past import finding, opened
from tests.support import MONDAY, World


def drafted(key: str, incident: str) -> NoticeDrafted:
    return NoticeDrafted(
        at=MONDAY, notice_id=key, kind="regulator", incident_id=incident, subject="", template_version="1",
        content={"en": {"a": "b"}}, obligations=(), recipient="r@example.kz", stage="initial", follows="",
        to_many=False,
    )  # fmt: skip


def test_a_question_sees_what_is_not_written_yet(tmp_path: Path) -> None:
    world = World(tmp_path)
    one, other = (incident_id(f"f-{n}") for n in (1, 2))
    with world.container.decisions.unit(MONDAY) as unit:
        number = unit.next_number()
        unit.record(Incident, one, [opened(one, number=number, dedup_key="k-1")])
        again = unit.next_number()
        assert (number, again) == ("INC-2026-0001", "INC-2026-0002")
        unit.record(Incident, other, [opened(other, number=again, dedup_key="k-2")])
        assert unit.find(Incident, dedup_key="k-1", is_open=True) == [one]
        keys = sorted(str(derive("notice", n)) for n in range(2))
        for key in keys:
            unit.record(Notice, key, [drafted(key, one)])
        assert unit.find(Notice, incident_id=one, text_of="") == keys
        assert unit.find(Notice, incident_id=other, text_of="") == []
        assert unit._waiting, "no question made it write"
    with world.container.decisions.unit(MONDAY) as unit:
        assert unit.find(Notice, incident_id=one, text_of="") == keys
        assert unit.next_number() == "INC-2026-0003"
    world.container.close()


def test_single_facts_of_one_id_count_on(tmp_path: Path) -> None:
    world, key = World(tmp_path), str(derive("x", 1))
    with world.container.decisions.unit(MONDAY) as unit:
        unit.record_single(key, finding(key))
        unit.record_single(key, finding(key))
        unit.flush()
        unit.record_single(key, finding(key))
    rows = world.rows("SELECT originator_version AS v FROM decisions ORDER BY position")
    assert [row["v"] for row in rows] == [1, 2, 3]
    world.container.close()


def test_many_findings_go_into_several_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "PIECE", 2)
    monkeypatch.setattr(detect, "MOST_FINDINGS", 3)
    world = World(tmp_path)
    stage: Any = next(it for it in world.stages if it.name == "detect")
    reached: list[int] = []
    track = world.container.database.track

    def noted(cursor: Any, follower: str, position: int) -> None:
        reached.extend([position] if follower == "detect" else [])
        track(cursor, follower, position)

    monkeypatch.setattr(world.container.database, "track", noted)
    lines = [
        world.event("portal.profile.change_applied", mfo__client__id=f"c-{n}", mfo__change__field="iin")
        for n in range(9)
    ]
    world.feed(*lines)
    assert reached == [4, 8, 9]
    assert stage.reached() == 9
    assert len(world.incidents()) == 9
    again = world.restart()
    again.work()
    assert len(again.incidents()) == 9
    again.whole()
    again.container.close()
