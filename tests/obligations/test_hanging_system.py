"""One system that hangs delays no other: each is sent to by a thread of its own."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

from engine.protection.facts import LegalAct
from infra.app.worker import Worker
from tests.support import COMPLIANCE, MONDAY, World
from tests.systems import Body, OtherSystems, Said, done


def test_the_others_have_their_orders_while_one_does_not_answer(tmp_path: Path) -> None:
    outside, came = OtherSystems(), threading.Event()
    outside.gates["collections"] = threading.Event()

    def answer(system: str, order: Body) -> Said:
        if order["order"] == "bureau-correction":
            came.set()
        return done(order)

    outside.answer = answer
    world = World(tmp_path / "data", bureaus=("pkb",), **outside.settings).people()
    worker = Worker(world.container)
    worker.start()
    try:
        act = LegalAct(
            kind="victim_resolution", issuer="УП", number="17", act_date=date(2026, 11, 20), received_at=MONDAY,
            channel="office", client="c-9", loans=("L-1",), bureaus=("pkb",),
        )  # fmt: skip
        world.container.acts.register_act(act, by=COMPLIANCE)
        worker.wake()
        assert came.wait(8), "shorter than the time that is waited for one answer"
        assert not outside.gates["collections"].is_set()
    finally:
        outside.gates["collections"].set()
        worker.stop()
        world.container.close()
        outside.close()
