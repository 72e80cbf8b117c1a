"""What goes wrong in the engine: each kind is a fact of its own, is told to people, and is read in stores of before."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.kernel.errors import DataError
from engine.kernel.facts import Fact
from engine.kernel.ids import derive
from engine.kernel.trouble import (
    TROUBLES,
    ClockJumped,
    DutyNotCounted,
    EffectFailed,
    HistoryCut,
    MemoryFull,
    MessageFailed,
    RuleFailed,
    StageFailed,
    StatusesSetAside,
    TemplateFailed,
    told,
)
from infra.read import timeline
from infra.store.log import topics
from infra.store.sql.schema import STORE
from infra.store.sql.sqlite import SqliteDatabase
from tests.support import MONDAY, World

DUTY = str(derive("duty", "d-1"))
EVERY = (
    MessageFailed(at=MONDAY, key="m:1", kind="alert", outcome="refused", detail="550", since=MONDAY),
    RuleFailed(at=MONDAY, rule_id="r-1"),
    MemoryFull(at=MONDAY, memory="logins"),
    TemplateFailed(at=MONDAY, key="regulator", detail="no such field"),
    StageFailed(at=MONDAY, stage="clocks", error="RuntimeError"),
    ClockJumped(at=MONDAY, shown=MONDAY, expected=MONDAY),
    HistoryCut(at=MONDAY, log="ledger", witness="https://w.example", seen=2600, held=1400),
    DutyNotCounted(
        at=MONDAY,
        clock_id="c-1",
        duty="policy-review",
        owner_kind="duty",
        owner_id=DUTY,
        detail="9999",
    ),
    StatusesSetAside(at=MONDAY, source="client-gateway", reports=("no-such-notice: {}",), count=1),
    EffectFailed(at=MONDAY, key="k", kind="detection", outcome="failed", detail="of before", since=MONDAY),
)
NAMED = (
    "550",
    "r-1",
    "logins",
    "no such field",
    "clocks",
    "2026-11-23",
    "2600",
    "policy-review",
    "no-such-notice",
    "of before",
)


def test_here_is_one_of_every_kind() -> None:
    assert {type(fact) for fact in EVERY} == set(TROUBLES)


@pytest.mark.parametrize(("fact", "named"), list(zip(EVERY, NAMED, strict=True)))
def test_old_and_new_kinds_are_stored_read_and_told(world: World, fact: Fact, named: str) -> None:
    with world.container.decisions.unit(MONDAY) as unit:
        unit.record_single(str(derive("test", named)), fact)
    assert topics.decode(fact.topic, topics.encode(fact)) == fact
    world.work()
    (letter,) = (world.folder / "spool").glob("alert-*.eml")
    assert named in letter.read_text(encoding="utf8").replace("=\n", "")
    assert [it.fact for it in world.container.decisions.read_topic(fact.topic, 0, 9)] == [fact]
    assert world.whole()["decisions"] > 0


def test_a_duty_that_cannot_be_counted_stands_on_the_timeline_of_its_owner(world: World) -> None:
    fact = EVERY[7]
    assert isinstance(fact, DutyNotCounted)
    _, text, values = told(fact)
    with world.container.decisions.unit(MONDAY) as unit:
        unit.record_single(str(derive("test", "one")), fact)
    for _ in range(2):
        assert [it.text for it in timeline.entries(world.container, DUTY)] == [text.format(**values)]
        world.container.decisions.rebuild_views()


def test_a_build_that_does_not_know_these_facts_refuses_the_store(tmp_path: Path) -> None:
    """The store of a build that writes new facts has a later version, and an older build says so at the opening."""
    World(tmp_path).container.close()
    store = sqlite3.connect(tmp_path / "qorgau.sqlite")
    assert store.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (str(STORE.version),)
    later = STORE.version + 1
    store.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (later,))
    store.commit()
    store.close()
    with pytest.raises(DataError, match=f"has schema {later}, this version of qorgau knows {STORE.version}; use"):
        SqliteDatabase(tmp_path / "qorgau.sqlite").migrate()
