"""Terms that an event starts and another answers, through the real intake: what settles them, what takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.governance.matters import matter_specs
from infra.read.coverage import Coverage
from infra.store.models.duties import ClockRow
from tests.obligations.house import House

LEFT = {"event.action": "hr.employee.changed", "user.id": "u1", "mfo.employee.action": "leave"}
GONE = {"event.action": "iam.access.revoked", "user.id": "u1", "mfo.access.system": "loans"}
SENT = {"event.action": "afc.message.sent", "mfo.message.id": "m1"}
TAKEN = {"event.action": "afc.message.acknowledged", "mfo.message.id": "m1", "mfo.message.status": "accepted"}
ASKED = {"event.action": "pkb.compliance_evidence.requested", "mfo.request.id": "q1"}
GIVEN = {"event.action": "pkb.compliance_evidence.provided", "mfo.request.id": "q1", "mfo.package.hash": "h"}
FOUND = {"event.action": "vuln.found", "vulnerability.id": "CVE-1", "mfo.asset.id": "a", "vulnerability.score.base": 9}
FIXED = {"event.action": "vuln.fixed", "vulnerability.id": "CVE-1", "mfo.asset.id": "a"}
CASES = [("leaver-access", LEFT, GONE), ("afc-exchange", SENT, TAKEN), ("regulator-request-undated", ASKED, GIVEN),
         ("vulnerability-critical", FOUND, FIXED)]  # fmt: skip
KINDS = [kind for kind, _, _ in CASES]
REFUSALS: list[dict[str, Any]] = [
    {"mfo.outcome": "rejected"}, {"event.outcome": "failure"}, {"mfo.outcome": "отказано"},
    {"error.message": "timeout"},
    {"event.reason": "accepted risk"}, {"event.reason": "refused"}, {"mfo.outcome": "қабылданбады"},
]  # fmt: skip


def clock(house: House, kind: str) -> ClockRow:
    (row,) = house.clocks(kind)
    return row


@pytest.mark.parametrize(("kind", "opens", "answer"), CASES, ids=KINDS)
def test_only_what_was_done_satisfies_the_clock(kind: str, opens: dict[str, Any], answer: dict[str, Any],
                                                tmp_path: Path) -> None:  # fmt: skip
    house = House(tmp_path)
    house.send([opens], "asked")
    for refusal in REFUSALS:
        house.send([{**answer, **refusal, "at": "+10m"}], "refused")
        assert clock(house, kind).satisfied_at is None, refusal
    house.send([{**answer, "at": "-300d"}], "old")
    assert clock(house, kind).satisfied_at is None
    house.send([{**answer, "at": "+20m"}], "done")
    assert clock(house, kind).satisfied_at is not None


@pytest.mark.parametrize(("kind", "opens", "answer"), CASES, ids=KINDS)
def test_a_refusal_afterwards_lets_the_clock_run_again(kind: str, opens: dict[str, Any], answer: dict[str, Any],
                                                       tmp_path: Path) -> None:  # fmt: skip
    house = House(tmp_path)
    house.send([opens, {**answer, "at": "+20m"}], "done")
    assert clock(house, kind).satisfied_at is not None
    house.send([{**answer, "at": "+30m", "mfo.outcome": "rejected"}], "refused")
    assert clock(house, kind).satisfied_at is None
    house.wait("+30d")
    assert clock(house, kind).breached_at is not None


DEFERRALS: list[dict[str, Any]] = [
    {"event.reason": "deferred"}, {"mfo.reason": "отложено"}, {"event.reason": "exception granted"},
    {"mfo.reason": "mitigated, not patched"}, {"message": "still vulnerable"}, {"mfo.state": "reopened"},
    {"event.reason": "cancelled"}, {"event.reason": "отменено"}, {"event.reason": "timeout"},
    {"event.reason": "will be done tomorrow"}, {"event.reason": "отложено до пятницы"}, {"mfo.dry_run": True},
    {"mfo.state": "pending"}, {"message": "revocation failed"}, {"mfo.comment": "rejected afterwards"},
    {"labels.outcome": "rejected"}, {"mfo.note": "әлі жоқ"}, {"mfo.environment": "staging"}, {"mfo.rejected": "да"},
]  # fmt: skip


@pytest.mark.parametrize(("kind", "opens", "answer"), CASES, ids=KINDS)
def test_what_was_put_off_settles_nothing_and_what_is_about_something_else_does_no_harm(
    kind: str, opens: dict[str, Any], answer: dict[str, Any], tmp_path: Path
) -> None:
    house = House(tmp_path)
    house.send([opens], "asked")
    for more in DEFERRALS:
        house.send([{**answer, **more, "at": "+10m"}], "put off")
        assert clock(house, kind).satisfied_at is None, more
    good = {"event.reason": "ошибка исправлена", "message": "no errors", "mfo.dry_run": False, "mfo.state": "closed"}
    house.send([{**answer, **good, "at": "+20m"}], "done")
    assert clock(house, kind).satisfied_at is not None


COMPLAINT = {"event.action": "fraud.complaint.received", "mfo.complaint.id": "q", "mfo.client.id": "c"}
EXAMINED = {"event.action": "fraud.investigation.closed", "mfo.complaint.id": "q", "mfo.case.id": "k",
            "mfo.outcome": "closed"}  # fmt: skip
MISMATCH = {"event.action": "channel.protocol_mismatch", "mfo.transaction.id": "t"}
UNDONE = {"event.action": "channel.transaction_cancelled", "mfo.transaction.id": "t"}
APPROVED = {"event.action": "isms.document.approved", "mfo.document.id": "d", "mfo.version": "2"}
PUBLISHED = {"event.action": "isms.document.published", "mfo.document.id": "d"}
HELD = {"event.action": "antifraud.operation.suspended", "mfo.operation.id": "op", "event.reason": "x"}
FREED = {"event.action": "antifraud.operation.released", "mfo.operation.id": "op", "user.id": "op-1"}
TRIGGER = {"event.action": "isms.trigger.recorded", "mfo.trigger.reference": "law"}
REVIEWED = {"event.action": "isms.document.reviewed", "mfo.trigger.reference": "law", "mfo.document.id": "d",
            "mfo.outcome": "done"}  # fmt: skip


@pytest.mark.parametrize(("kind", "opens", "bad", "good"), [
    ("complaint", COMPLAINT, EXAMINED | {"event.reason": "not examined"},
     EXAMINED | {"event.reason": "fraud not confirmed"}),
    ("complaint", COMPLAINT, EXAMINED | {"mfo.case.id": "none yet"}, EXAMINED),
    ("protocol-mismatch", MISMATCH, UNDONE | {"mfo.state": "failed"}, UNDONE | {"event.reason": "cancelled"}),
    ("protocol-mismatch", MISMATCH, UNDONE | {"message": "could not cancel"}, UNDONE | {"message": "отменена"}),
    ("document-approved", APPROVED, PUBLISHED | {"mfo.document.published_url": "later"},
     PUBLISHED | {"mfo.document.published_url": "/policy.pdf"}),
    ("regulator-request", ASKED, GIVEN | {"mfo.package.hash": "pending"}, GIVEN),
    ("operation-hold", HELD, FREED | {"mfo.reason_text": "не проверял"},
     FREED | {"mfo.reason_text": "признаков мошенничества не выявлено"}),
    ("operation-hold", HELD, FREED | {"mfo.reason_text": "тексерген жоқпыз, кейінге қалдырылды"},
     FREED | {"mfo.reason_text": "клиент подтвердил перевод по телефону"}),
    ("review-trigger", TRIGGER, REVIEWED | {"mfo.document.scope": "security of the canteen"},
     REVIEWED | {"mfo.document.scope": "information security"}),
    ("leaver", LEFT, GONE | {"mfo.access.system": "canteen"}, GONE),
])  # fmt: skip
def test_a_matter_is_settled_by_what_was_done_of_it(kind: str, opens: dict[str, Any], bad: dict[str, Any],
                                                    good: dict[str, Any]) -> None:  # fmt: skip
    spec = matter_specs()[kind]
    assert any(sign.meets(opens) for sign in spec.opens)
    assert not any(sign.meets(bad) for sign in spec.settles)
    assert any(sign.meets(good) for sign in spec.settles)


def test_each_system_of_a_leaver_is_withdrawn_or_the_clock_runs(tmp_path: Path) -> None:
    house = House(tmp_path)
    granted = {"event.action": "iam.access.granted", "user.id": "u1", "mfo.approver": "b"}
    house.send([{**granted, "at": "-90d", "mfo.access.system": it} for it in ("loans", "crm")], "had")
    house.send([LEFT, {**GONE, "at": "+1h"}], "one")
    assert clock(house, "leaver-access").satisfied_at is None
    house.send([{**GONE, "at": "+2h", "mfo.access.system": "crm"}], "other")
    assert clock(house, "leaver-access").satisfied_at is not None


@pytest.mark.parametrize("more", [{"mfo.employee.action": "dismissed"}, {"mfo.employee.action": "уволен"},
                                  {"mfo.employee.effective_at": "end of the month"}])  # fmt: skip
def test_a_leaver_has_a_clock_however_that_is_told(more: dict[str, Any], tmp_path: Path) -> None:
    house = House(tmp_path)
    house.send([{**LEFT, **more}], "left")
    assert clock(house, "leaver-access").anchor_at == house.begins
    house.wait("+3d")
    assert house.violations("joiners-leavers") == {"clock leaver-access"}


@pytest.mark.parametrize("more", [{"vulnerability.score.base": "9.8"}, {"vulnerability.score.base": "critical"},
                                  {"vulnerability.score.base": 5, "mfo.vulnerability.exploited": "да"},
                                  {"vulnerability.score.base": "7,1", "mfo.vulnerability.exploited": "иә"},
                                  {"vulnerability.score.base": 7, "mfo.vulnerability.exploited": "yes"}])  # fmt: skip
def test_a_vulnerability_has_a_clock_however_it_is_written(more: dict[str, Any], tmp_path: Path) -> None:
    house = House(tmp_path)
    house.send([{**FOUND, **more}], "found")
    assert len(house.clocks("vulnerability-critical")) == 1
    assert house.clocks("vulnerability-high") == []


def test_a_probe_of_no_document_publishes_none(tmp_path: Path) -> None:
    house = House(tmp_path)
    approved = {"event.action": "isms.document.approved", "mfo.version": "2"}
    house.send([{**approved, "mfo.document.id": it} for it in ("d1", "d2")], "approved")
    probe = {"event.action": "portal.control.probe", "mfo.control.control": "policy_published", "mfo.outcome": "passed"}
    house.send([{**probe, "at": "+1h"}], "probe")
    assert [it.satisfied_at for it in house.clocks("policy-publication")] == [None, None]
    house.send([{**probe, "at": "+1h", "mfo.document.id": "d1"}], "probe of one")
    assert sum(it.satisfied_at is not None for it in house.clocks("policy-publication")) == 1


def test_only_who_may_answers_and_gives_evidence(tmp_path: Path) -> None:
    house = House(tmp_path, evidence_sources={"iam.": ("iam",), "backup.job": ("backup",)})
    saved = {"event.action": "backup.job", "mfo.job.id": "j", "mfo.outcome": "done"}
    house.send([LEFT, {**GONE, "at": "+1h"}, saved], "stranger")
    (row,) = [row for row in Coverage(house.world.container).rows() if row.obligation == "backups"]
    assert (clock(house, "leaver-access").satisfied_at, row.evidence_at) == (None, "")
    house.send([{**GONE, "at": "+2h", "event.provider": "iam"}, {**saved, "event.provider": "backup"}], "own")
    (row,) = [row for row in Coverage(house.world.container).rows() if row.obligation == "backups"]
    assert clock(house, "leaver-access").satisfied_at is not None
    assert row.evidence_at
