"""Coverage: what fulfils an obligation is evidence, what violates it stands beside it and never is."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from engine.governance.proving import proofs
from engine.governance.register import builtin_register
from engine.protection.facts import LegalAct, OrderAcknowledged
from engine.protection.protection import Protection
from infra.read.coverage import Coverage, CoverageRow, totals
from infra.store.models.counts import prove
from infra.store.models.effects import ProofRow
from tests.obligations.house import House
from tests.support import COMPLIANCE, DATA

RIGHT = ("h03", "h14", "h40")
"""Rows of the audit that no house does wrong by."""


def coverage(house: House) -> dict[str, CoverageRow]:
    return {row.obligation: row for row in Coverage(house.world.container).rows()}


def attacked(folder: Path) -> House:
    house = House(folder)
    lines = (DATA / "obligations" / "audit-rows.ndjson").read_bytes().splitlines()
    house.raw(line for line in lines if not orjson.loads(line)["event.id"].startswith(RIGHT))
    house.wait("+40d")
    return house


def test_a_house_that_was_only_attacked_shows_violations_and_no_evidence(tmp_path: Path) -> None:
    rows = coverage(attacked(tmp_path))
    assert {name: row.evidence for name, row in rows.items() if row.evidence_at} == {}
    violated = {name for name, row in rows.items() if row.violation_at}
    assert {"lockout-3-15", "otp-1-minute", "joiners-leavers", "payout-own-account", "cooling-off-24h"} <= violated
    assert totals(list(rows.values()))["violated"] == len(violated)


@pytest.mark.parametrize(
    ("obligation", "refused", "done"),
    [
        ("antifraud-centre-exchange",
         {"event.action": "afc.message.acknowledged", "mfo.message.id": "m1", "mfo.message.status": "rejected"},
         {"event.action": "afc.message.acknowledged", "mfo.message.id": "m1", "mfo.message.status": "accepted"}),
        ("client-id-methods-procredit",
         {"event.action": "coid.result", "mfo.request.id": "b", "mfo.client.iin": "850101300005",
          "mfo.outcome": "mismatch"},
         {"event.action": "coid.result", "mfo.request.id": "b", "mfo.client.iin": "850101300005",
          "mfo.outcome": "match"}),
        ("backups", {"event.action": "backup.job", "mfo.job.id": "j", "mfo.outcome": "failed"},
         {"event.action": "backup.job", "mfo.job.id": "j", "mfo.outcome": "success"}),
        ("backups", {"event.action": "backup.job", "mfo.outcome": "success"},
         {"event.action": "backup.job", "mfo.job.id": "j", "mfo.outcome": "success"}),
        ("archive-integrity",
         {"event.action": "archive.integrity.checked", "mfo.integrity.checked": 90, "mfo.integrity.failed": 2},
         {"event.action": "archive.integrity.checked", "mfo.integrity.checked": 90, "mfo.integrity.failed": 0}),
        ("document-both-sides",
         {"event.action": "veridoc.result", "mfo.scan.id": "s", "mfo.outcome": "passed", "mfo.veridoc.sides": 1},
         {"event.action": "veridoc.result", "mfo.scan.id": "s", "mfo.outcome": "passed", "mfo.veridoc.sides": 2}),
        ("perimeter", {"event.action": "net.firewall.flow", "mfo.firewall.action": "deny", "source.ip": "203.0.113.4",
                       "destination.ip": "10.0.0.2"},
         {"event.action": "isms.control.measured", "mfo.control.id": "perimeter", "mfo.control.value": "0 open ports",
          "mfo.control.target": "0", "mfo.outcome": "passed"}),
        ("pkb-nda", {"event.action": "hr.nda.signed", "user.id": "u", "mfo.nda.scope": "general",
                     "mfo.document.hash": "h"},
         {"event.action": "hr.nda.signed", "user.id": "u", "mfo.nda.scope": "pkb", "mfo.document.hash": "h"}),
    ],
)  # fmt: skip
def test_a_refusal_is_no_evidence_and_a_fulfilment_is(
    tmp_path: Path, obligation: str, refused: dict[str, object], done: dict[str, object]
) -> None:
    house = House(tmp_path)
    house.send([refused], "refused")
    assert coverage(house)[obligation].evidence_at == ""
    house.wait("+1h")
    house.send([done], "done")
    assert done["event.action"] in coverage(house)[obligation].evidence


def test_what_was_evidence_before_a_violation_is_none_after_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.send([{"event.action": "backup.job", "mfo.job.id": "j", "mfo.outcome": "success"}], "good")
    assert coverage(house)["backups"].evidence_at
    house.wait("+1m")
    house.send([{"event.action": "backup.job", "at": "+1m", "mfo.job.id": "j", "mfo.outcome": "failed"}], "bad")
    row = coverage(house)["backups"]
    assert (row.evidence_at, row.violation) == ("", "incident of rule backup-failed")


def test_what_proves_each_obligation_is_said_of_every_event_of_the_register() -> None:
    known = proofs()
    named = {action for it in builtin_register().obligations.values() for action in it.proof}
    told = {action for action in named if action in known.signs or action in known.never}
    assert named == told


UNFULFILLED = [
    {"event.action": "aml.screening.result", "mfo.client.id": "c", "mfo.lists": ["UN"], "mfo.outcome": "error"},
    {"event.action": "otp.sent", "mfo.otp.id": "o", "mfo.otp.expires_at": "2026-11-23T12:00:00+05:00",
     "mfo.outcome": "failed"},
    {"event.action": "otp.verified", "mfo.otp.id": "o", "event.outcome": "failure"},
    {"event.action": "hr.nda.signed", "user.id": "u", "mfo.document.hash": "h", "mfo.nda.scope": "pkb",
     "mfo.outcome": "refused"},
    {"event.action": "pam.session", "user.id": "u", "mfo.pam.target": "db1", "mfo.approval.id": "a",
     "event.type": ["denied"]},
    {"event.action": "isms.document.approved", "mfo.document.id": "canteen-menu", "mfo.approver": "chef",
     "mfo.document.protocol": "7", "mfo.outcome": "rejected"},
    {"event.action": "evidence.sealed", "mfo.evidence.id": "e", "file.hash.sha256": "a" * 64,
     "mfo.evidence.custody": "unsealed"},
    {"event.action": "net.firewall.flow", "mfo.firewall.action": "deny", "source.ip": "203.0.113.4",
     "destination.ip": "10.0.0.2"},
    {"event.action": "isms.role.assigned", "mfo.person.id": "p", "user.roles": ["x"], "mfo.order.no": "-"},
    {"event.action": "antifraud.rule.changed", "rule.id": "r", "mfo.approver": "b", "mfo.test.report": "t"},
    {"event.action": "fraud.investigation.opened", "mfo.case.id": "k", "event.reason": "отказано"},
    {"event.action": "crypto.key.event", "mfo.key.id": "k", "mfo.key.action": "rotate", "error.message": "HSM offline"},
    {"event.action": "isms.risk.treated", "mfo.risk.id": "r", "mfo.risk.option": "reduce",
     "mfo.risk.accepted_by": "n/a"},
    {"event.action": "portal.login.succeeded", "mfo.client.id": "c", "mfo.auth.factors": ["password", "otp"],
     "mfo.outcome": "бас тартылды"},
]  # fmt: skip


def test_what_failed_was_refused_or_is_served_by_nothing_is_evidence_of_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.send(UNFULFILLED, "bad")
    assert {name: row.evidence for name, row in coverage(house).items() if row.evidence_at} == {}


def test_what_an_earlier_version_noted_is_evidence_only_as_it_is_asked_for_today(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.send([UNFULFILLED[0]], "bad")
    noted = ProofRow("cdd-before-loan", "aml.screening.result", 1, house.begins, house.begins)
    with house.world.container.database.write() as cursor:
        prove(cursor, [noted])
    assert coverage(house)["cdd-before-loan"].evidence_at == ""


@pytest.mark.parametrize(("subjects", "old"), [((), True), (("loan:L-1",), False)])
def test_what_the_first_contract_satisfied_is_marked(tmp_path: Path, subjects: tuple[str, ...], old: bool) -> None:
    house = House(tmp_path)
    received = house.clock.at
    act = LegalAct(
        kind="victim_resolution", issuer="UP", number="17", act_date=received.date(), received_at=received,
        channel="office", client="c-9", loans=("L-1",), bureaus=("pkb",),
    )  # fmt: skip
    key = house.world.container.acts.register_act(act, by=COMPLIANCE)
    house.world.work()
    decisions = house.world.container.decisions
    orders = [it for it in decisions.load(Protection, key).orders.values() if it.kind == "collection-stop"]
    with decisions.unit(received) as unit:
        for order in orders:
            fact = OrderAcknowledged(at=received, protection_id=key, order_id=order.id, reference="HTTP 200",
                                     done_at=received, subjects=subjects)  # fmt: skip
            unit.record(Protection, key, [fact])
    house.world.work()
    row = coverage(house)["le-act-stop-collection-3cd"]
    assert row.evidence_at
    assert (row.old_contract, "first contract" in row.evidence) == (old, old)
