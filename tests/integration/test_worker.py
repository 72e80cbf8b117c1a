"""The worker: a stage that fails is told to people once, shown everywhere, and goes on when it can."""

from __future__ import annotations

import threading

import pytest
from starlette.testclient import TestClient

from infra.app.worker import Worker
from infra.observe.stage_health import standing
from infra.web.app import create_app
from tests.support import ANALYST, World


def test_a_failing_stage_is_loud_and_recovers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(world.container)
    monkeypatch.setattr("infra.app.worker.PAUSE_AFTER_FAULT_S", 0.0)
    clocks = next(stage for stage in worker.stages if stage.name == "clocks")

    def broken(*_: object) -> None:
        raise RuntimeError("secret 850101300005")

    incident = _incident(world)
    monkeypatch.setattr(type(clocks), "take", broken)
    world.container.acts.acknowledge(incident, by=ANALYST)
    for _ in range(3):
        assert worker.run_once(clocks) is False
    assert [fault["stage"] for fault in standing(world.container.database)] == ["clocks"]
    assert len(world.rows("SELECT * FROM decisions WHERE topic = 'stage.failed.v1'")) == 1
    with TestClient(create_app(world.container)) as client:
        answer = client.get("/health")
        assert answer.status_code == 503
        assert "850101300005" not in answer.text
        monkeypatch.undo()
        assert worker.run_once(clocks) is True
        assert client.get("/health").json()["status"] == "ok"
    world.work()
    assert len(list((world.folder / "spool").glob("alert-*.eml"))) == 1


def test_the_worker_runs_sweeps_and_stops(world: World) -> None:
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"))
    world.clock.forward(days=9)
    done = threading.Event()
    worker = Worker(world.container)
    notices = worker.wake
    worker.wake = lambda: (notices(), done.set())  # type: ignore[method-assign,func-returns-value]
    world.container.decisions.on_commit = worker.wake
    worker.start()
    assert done.wait(30)
    worker.stop()
    clocks = world.clocks(world.incidents()[0]["id"])
    assert {clock["state"] for clock in clocks.values()} == {"breached"}


def test_events_whose_recording_failed_are_not_counted_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    detect = next(stage for stage in world.stages if stage.name == "detect")
    signed = world.event(
        "loan.contract.signed", mfo__loan__id="L1", mfo__eds__signature_id="e1", mfo__biometric__result_id="b1"
    )

    def broken(*_: object) -> None:
        raise RuntimeError("the disk is full")

    def replays() -> list[str]:
        found = [row["dedup_key"].split("|")[0] for row in world.incidents()]
        return [rule for rule in found if rule == "credential-replay"]

    with monkeypatch.context() as patch:
        patch.setattr("infra.store.log.decisions.UnitOfWork.track", broken)
        with pytest.raises(RuntimeError):
            world.feed(signed)
    assert detect.step() is True
    world.work()
    assert replays() == [], "the signature was used once"
    again = {"mfo__eds__signature_id": "e1", "mfo__biometric__result_id": "b2"}
    world.feed(world.event("loan.contract.signed", mfo__loan__id="L2", **again))
    assert replays() == ["credential-replay"]


def test_a_rule_that_raises_is_told_to_people_once(world: World) -> None:
    detect = next(stage for stage in world.stages if stage.name == "detect")
    detect.detector.matcher.failures["some-rule"] = 3  # type: ignore[attr-defined]
    for _ in range(2):
        world.feed(world.event("backup.job", mfo__outcome="ok"))
    told = [row["state"] for row in world.rows("SELECT state FROM decisions WHERE topic = 'detection.rule-failed.v1'")]
    assert len(told) == 1
    assert b"some-rule" in bytes(told[0])


def _incident(world: World) -> str:
    world.container.decisions.on_commit = lambda: None
    world.feed(world.event("net.egress.unexpected", host__name="face-1"))
    return str(world.incidents()[0]["id"])
