"""Returning duties are done for what and whom the register asks, and one never done is due from the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.governance.governance import duty_id, duty_specs
from infra.app.worker import begin_service
from infra.store.models.duties import ClockRow
from infra.store.models.governance import DutyRow
from tests.obligations.house import House
from tests.support import CISO, MONDAY, World

WRONG: list[tuple[str, list[dict[str, Any]]]] = [
    ("awareness", [  # one employee of two
        {"event.action": "hr.employee.changed", "user.id": "u1", "mfo.employee.action": "join"},
        {"event.action": "hr.employee.changed", "user.id": "u2", "mfo.employee.action": "join"},
        {"event.action": "hr.training.completed", "user.id": "u1", "mfo.training.course": "IS awareness"}]),
    ("awareness", [  # another course
        {"event.action": "hr.employee.changed", "user.id": "u1", "mfo.employee.action": "join"},
        {"event.action": "hr.training.completed", "user.id": "u1", "mfo.training.course": "Excel"}]),
    ("awareness", [{"event.action": "hr.training.completed", "user.id": "u1", "mfo.training.course": "IS awareness"}]),
    ("incident-drill", [{"event.action": "isms.drill.completed", "mfo.drill.id": "d", "mfo.drill.scenario": "ddos",
                         "mfo.outcome": "failed"}]),
    ("incident-drill", [{"event.action": "isms.drill.completed", "mfo.drill.id": "d", "mfo.drill.scenario": "ddos"}]),
    ("workstation-check", [
        {"event.action": "pkb.workstation.inventory", "mfo.workstation.id": "w1", "mfo.workstation.owner": "MFO"},
        {"event.action": "pkb.workstation.checked", "mfo.workstation.id": "w1", "mfo.checklist.ref": "c",
         "mfo.outcome": "failed"}]),
    ("workstation-check", [
        {"event.action": "pkb.workstation.inventory", "mfo.workstation.id": "w1", "mfo.workstation.owner": "MFO"},
        {"event.action": "pkb.workstation.inventory", "mfo.workstation.id": "w2", "mfo.workstation.owner": "MFO"},
        {"event.action": "pkb.workstation.checked", "mfo.workstation.id": "w1", "mfo.checklist.ref": "c",
         "mfo.outcome": "passed"}]),
    ("access-review", [{"event.action": "iam.access.reviewed", "mfo.access.system": "wiki",
                        "mfo.access.reviewer": "r", "mfo.outcome": "failed"}]),
    ("risk-assessment", [
        {"event.action": "isms.asset.registered", "mfo.asset.id": "a1"},
        {"event.action": "isms.asset.registered", "mfo.asset.id": "a2"},
        {"event.action": "isms.risk.assessed", "mfo.asset.id": "a1", "mfo.risk.id": "r", "mfo.risk.threat": "t",
         "mfo.risk.vulnerability": "v", "mfo.risk.likelihood": 3}]),
    ("policy-review", [{"event.action": "isms.document.reviewed", "mfo.document.id": "canteen-menu",
                        "mfo.outcome": "rejected"}]),
    ("policy-review", [{"event.action": "isms.document.reviewed", "mfo.document.id": "canteen-menu",
                        "mfo.outcome": "approved"}]),
    ("policy-review", [{"event.action": "isms.document.reviewed", "mfo.document.id": "security-policy",
                        "mfo.outcome": "rejected"}]),
    ("management-review", [{"event.action": "isms.review.held", "mfo.meeting.id": "m"}]),
    ("internal-audit", [{"event.action": "isms.audit.completed", "mfo.audit.id": "a", "mfo.audit.scope": "cash desk"}]),
    ("internal-audit", [{"event.action": "isms.audit.completed", "mfo.audit.id": "a",
                         "mfo.audit.scope": "security guards canteen", "mfo.audit.findings": 1}]),
    ("internal-audit", [{"event.action": "isms.audit.completed", "mfo.audit.id": "a", "mfo.audit.scope": "security",
                         "mfo.audit.findings": 1, "event.reason": "cancelled"}]),
    ("internal-audit", [{"event.action": "isms.audit.completed", "mfo.audit.id": "a", "mfo.audit.scope": "security",
                         "event.outcome": "failure"}]),
    ("antifraud-tuning", [{"event.action": "antifraud.review.completed", "mfo.review.id": "r"}]),
    ("policy-acknowledgement", [
        {"event.action": "hr.employee.changed", "user.id": "u1", "mfo.employee.action": "join"},
        {"event.action": "hr.policy.acknowledged", "user.id": "u1", "mfo.document.id": "d", "mfo.version": "2",
         "mfo.outcome": "отказ"}]),
]  # fmt: skip
RIGHT: list[tuple[str, list[dict[str, Any]]]] = [
    ("awareness", [
        {"event.action": "hr.employee.changed", "user.id": "u1", "mfo.employee.action": "join"},
        {"event.action": "hr.employee.changed", "user.id": "u2", "mfo.employee.action": "join"},
        {"event.action": "hr.employee.changed", "user.id": "u3", "mfo.employee.action": "join"},
        {"event.action": "hr.training.completed", "user.id": "u1", "mfo.training.course": "IS awareness"},
        {"event.action": "hr.training.completed", "user.id": "u2", "mfo.training.course": "IS awareness"},
        {"event.action": "hr.employee.changed", "user.id": "u3", "mfo.employee.action": "leave"}]),
    ("incident-drill", [{"event.action": "isms.drill.completed", "mfo.drill.id": "d", "mfo.drill.scenario": "ddos",
                         "mfo.outcome": "passed"}]),
    ("workstation-check", [
        {"event.action": "pkb.workstation.inventory", "mfo.workstation.id": "w1", "mfo.workstation.owner": "MFO"},
        {"event.action": "pkb.workstation.checked", "mfo.workstation.id": "w1", "mfo.checklist.ref": "c",
         "mfo.outcome": "passed"}]),
    ("access-review", [
        {"event.action": "iam.access.granted", "user.id": "u", "mfo.approver": "a", "mfo.access.system": "loans"},
        {"event.action": "iam.access.reviewed", "mfo.access.system": "loans", "mfo.access.reviewer": "r",
         "mfo.outcome": "done"}]),
    ("risk-assessment", [
        {"event.action": "isms.asset.registered", "mfo.asset.id": "a1"},
        {"event.action": "isms.risk.assessed", "mfo.asset.id": "a1", "mfo.risk.id": "r", "mfo.risk.threat": "t",
         "mfo.risk.vulnerability": "v", "mfo.risk.likelihood": 3}]),
    ("policy-review", [{"event.action": "isms.document.reviewed", "mfo.document.id": "d-7",
                        "mfo.document.scope": "security_policy", "mfo.outcome": "approved"}]),
    ("management-review", [{"event.action": "isms.review.held", "mfo.meeting.id": "m", "mfo.review.inputs": ["i"],
                            "mfo.review.decisions": ["d"], "mfo.minutes.hash": "h"}]),
    ("internal-audit", [{"event.action": "isms.audit.completed", "mfo.audit.id": "a",
                         "mfo.audit.scope": "information security", "mfo.audit.findings": 3}]),
    ("antifraud-tuning", [{"event.action": "antifraud.review.completed", "mfo.review.id": "r",
                           "mfo.review.scope": "all rules", "mfo.review.findings": "two thresholds"}]),
]  # fmt: skip


def done(house: House, key: str) -> bool:
    return any(row.last_on is not None for row in house.world.held(DutyRow, key=key))


@pytest.mark.parametrize(("key", "events"), WRONG)
def test_part_of_a_duty_or_a_failure_is_not_the_duty(tmp_path: Path, key: str, events: list[dict[str, Any]]) -> None:
    house = House(tmp_path)
    house.send(events, "wrong")
    assert not done(house, key)
    assert house.clocks(duty_specs()[key].clock) == []


@pytest.mark.parametrize(("key", "events"), RIGHT)
def test_the_whole_duty_is_done_and_due_again(tmp_path: Path, key: str, events: list[dict[str, Any]]) -> None:
    house = House(tmp_path)
    house.send(events, "right")
    assert done(house, key)
    assert [row.running for row in house.clocks(duty_specs()[key].clock)] == [True]


def test_somebody_new_makes_the_duty_due_for_him_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.send(RIGHT[0][1], "right")
    house.send([{"event.action": "hr.employee.changed", "user.id": "u9", "mfo.employee.action": "join"}], "new")
    house.send([{"event.action": "hr.training.completed", "at": "+1d", "user.id": "u1",
                 "mfo.training.course": "IS awareness"}], "again")  # fmt: skip
    assert len(house.clocks("awareness")) == 1, "u9 was never trained, so nothing was done anew"


@pytest.mark.parametrize(("kind", "day"), [
    ("workstation-check", "2027-02-23"), ("antifraud-tuning", "2027-02-23"), ("access-review", "2027-05-23"),
    ("awareness", "2027-11-23"),
])  # fmt: skip
def test_the_periods_are_those_of_the_register(world: World, kind: str, day: str) -> None:
    world.container.acts.duty_done(kind, MONDAY.date(), "minutes", by=CISO)  # type: ignore[attr-defined]
    world.work()
    assert str(world.held(ClockRow, kind=kind)[0].due_at)[:10] == day


def test_a_duty_never_done_is_due_from_the_first_day(world: World) -> None:
    world.container.acts.duty_done("policy-review", MONDAY.date(), "minutes", by=CISO)  # type: ignore[attr-defined]
    begin_service(world.container)
    begin_service(world.container)
    world.work()
    due = world.held(ClockRow, kind="duty-never-done")
    assert {row.owner_id for row in due} == {duty_id(key) for key in duty_specs() if key != "policy-review"}
    assert {str(row.due_at)[:10] for row in due} == {"2026-11-30"}
    world.container.acts.duty_done("internal-audit", MONDAY.date(), "report", by=CISO)  # type: ignore[attr-defined]
    world.work()
    states = {row.owner_id: row.state for row in world.held(ClockRow, kind="duty-never-done")}
    assert states[duty_id("internal-audit")] == "satisfied"
    world.clock.forward(days=10)
    world.sweep()
    states = {row.owner_id: row.state for row in world.held(ClockRow, kind="duty-never-done")}
    assert states[duty_id("awareness")] == "breached"
