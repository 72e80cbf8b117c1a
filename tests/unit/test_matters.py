"""Matters: what events open, settle and take back, and what they do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.governance.matters import (
    Matter,
    MatterArose,
    MatterPartTold,
    MatterReopened,
    MatterSettled,
    Settling,
    matter_specs,
)
from engine.governance.matters_told import DECIDERS, Told
from engine.kernel.facts import Fact
from tests.support import MONDAY

NOW = MONDAY + timedelta(days=2)
LEFT = {"user__id": "u1", "mfo__employee__action": "leave"}
GRANTED = ("loans", "wiki")


def told(action: str, after: float = 0, **fields: Any) -> Told:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return Told({"event.action": action, "event.id": "e-1", **named}, MONDAY + timedelta(hours=after), 7)


class Story:
    """One matter and the events that are told of it."""

    def __init__(self, kind: str) -> None:
        self.spec = matter_specs()[kind]
        self.matter = Matter()
        self.facts: list[Fact] = []

    def tell(self, action: str, after: float = 0, **fields: Any) -> list[type[Fact]]:
        """Tell of an event, and say what it did."""
        done: list[Fact] = []
        for decide in DECIDERS:
            for fact in decide(self.matter, self.spec, told(action, after, **fields), at=NOW):
                self.matter.apply(fact)
                done.append(fact)
        self.facts += done
        return [type(it) for it in done]


@pytest.mark.parametrize("outcome", ["rejected", "queued", "accepted", "", None, "отказано", "қабылданбады", "404"])
def test_a_refusal_settles_nothing(outcome: str | None) -> None:
    story = Story("bureau-correction-answer")
    story.tell("bureau.correction.submitted", mfo__request__id="r1")
    assert story.tell("bureau.correction.acknowledged", 1, mfo__request__id="r1", mfo__outcome=outcome) == []
    assert story.tell("bureau.correction.acknowledged", 1, mfo__request__id="r1", mfo__outcome="applied") == [
        MatterSettled
    ]
    assert not story.matter.is_open


def test_an_answer_to_something_else_settles_nothing() -> None:
    story = Story("client-confirmation")
    story.tell("portal.confirmation.requested", mfo__client__id="c1", mfo__document__id="d1")
    for client, document in (("c2", "d1"), ("c1", "d2"), ("c1", None), ("c1", "-")):
        assert story.tell("portal.confirmation.provided", 1, mfo__client__id=client, mfo__document__id=document) == []


def test_what_is_not_named_is_open_until_a_person_answers_it() -> None:
    story = Story("regulator-request")
    assert story.tell("pkb.compliance_evidence.requested") == [MatterArose]
    assert story.matter.about == "unnamed e-1"
    done = {"mfo__request__id": "r1", "mfo__package__hash": "h"}
    assert story.tell("pkb.compliance_evidence.provided", 1, **done) == []


def test_the_next_backup_answers_the_one_before_and_a_failed_one_does_not() -> None:
    story = Story("backup")
    story.tell("backup.job", mfo__job__id="j", mfo__outcome="success")
    assert story.tell("backup.job", 24, mfo__job__id="j", mfo__outcome="failed") == []
    assert story.tell("backup.job", 24, mfo__job__id="j") == []
    assert story.tell("backup.job", 24, mfo__job__id="j", mfo__outcome="ok") == [MatterSettled, MatterArose]


def test_the_same_again_opens_nothing_new() -> None:
    story = Story("vulnerability-critical")
    found = {"vulnerability__id": "CVE-1", "mfo__asset__id": "a", "vulnerability__score__base": 9.8}
    story.tell("vuln.found", **found)
    assert story.tell("vuln.found", 24, **found) == []
    fixed = {"vulnerability__id": "CVE-1", "mfo__asset__id": "a"}
    assert story.tell("vuln.fixed", 25, **fixed) == [MatterSettled]
    assert story.tell("vuln.found", 0, **found) == []  # the same again, told late
    assert story.tell("vuln.found", 30, **found) == [MatterArose]


def test_rights_withdrawn_before_the_last_day_answer_it() -> None:
    story = Story("leaver")
    story.tell("iam.access.revoked", user__id="u1", mfo__access__system="loans")
    assert story.tell("hr.employee.changed", 5, **LEFT) == [MatterArose, MatterSettled]
    settled = story.facts[-1]
    assert isinstance(settled, MatterSettled)
    assert (settled.evidence, settled.settled_at) == ("event #7", MONDAY)


def test_rights_withdrawn_long_ago_or_unnamed_answer_nothing() -> None:
    for hours, system in ((-24 * 300, "loans"), (1, None), (1, "-")):
        story = Story("leaver")
        story.tell("iam.access.revoked", hours, user__id="u1", mfo__access__system=system)
        assert story.tell("hr.employee.changed", 5, **LEFT) == [MatterArose]
        story.tell("iam.access.revoked", hours, user__id="u1", mfo__access__system=system)
        assert story.matter.is_open


def test_a_leaver_has_left_when_each_system_he_has_is_withdrawn() -> None:
    story = Story("leaver")
    for system in GRANTED:
        assert story.tell("iam.access.granted", -9, user__id="u1", mfo__access__system=system) == [MatterPartTold]
    story.tell("hr.employee.changed", **LEFT)
    assert story.tell("iam.access.revoked", 1, user__id="u1", mfo__access__system="Loans") == [MatterPartTold]
    assert story.tell("iam.access.revoked", 2, user__id="u1", mfo__access__system="mail") == [MatterPartTold]
    assert story.matter.is_open
    assert story.tell("iam.access.revoked", 3, user__id="u1", mfo__access__system="wiki")[-1] is MatterSettled


def test_all_systems_at_once_are_each_system() -> None:
    for every in ("all", "все системы", list(GRANTED)):
        story = Story("leaver")
        for system in GRANTED:
            story.tell("iam.access.granted", -9, user__id="u1", mfo__access__system=system)
        story.tell("hr.employee.changed", **LEFT)
        story.tell("iam.access.revoked", 1, user__id="u1", mfo__access__system=every)
        assert not story.matter.is_open


def test_a_right_that_comes_to_light_later_takes_the_settlement_back() -> None:
    story = Story("leaver")
    story.tell("hr.employee.changed", **LEFT)
    story.tell("iam.access.revoked", 2, user__id="u1", mfo__access__system="loans")
    assert not story.matter.is_open
    late = {"user__id": "u1", "mfo__access__system": "wiki"}
    assert story.tell("iam.access.granted", -100, **late) == [MatterPartTold, MatterReopened]
    assert story.tell("iam.access.revoked", 30, **late) == [MatterPartTold, MatterSettled]
    assert story.tell("iam.access.granted", 40, **late) == [MatterPartTold]  # hired again: no part of this leave


@pytest.mark.parametrize("no", [{"mfo__outcome": "failed"}, {"event__outcome": "failure"}, {"error__message": "LDAP"},
                                {"event__reason": "отказ администратора"}, {"mfo__outcome": "queued"}])  # fmt: skip
def test_a_refusal_afterwards_takes_the_settlement_back(no: dict[str, str]) -> None:
    story = Story("leaver")
    story.tell("hr.employee.changed", **LEFT)
    gone = {"user__id": "u1", "mfo__access__system": "loans"}
    assert story.tell("iam.access.revoked", 1, **gone, **no)[-1:] != [MatterSettled]
    story.tell("iam.access.revoked", 2, **gone)
    assert not story.matter.is_open
    assert story.tell("iam.access.revoked", 1.5, **gone, **no) == []  # told late, about what was before
    assert story.tell("iam.access.revoked", 3, **gone, **no) == [MatterPartTold, MatterReopened]
    assert story.matter.open == {f"u1 {MONDAY.isoformat(timespec='seconds')}": MONDAY}


def test_the_centre_settles_by_its_status_and_nothing_that_says_otherwise() -> None:
    sent, answer = "afc.message.sent", "afc.message.acknowledged"
    story = Story("afc-message")
    story.tell(sent, mfo__message__id="m1")
    for status, outcome in (
        ("accepted", "rejected"),
        ("rejected", None),
        (None, None),
        (None, "done"),
        ("queued", "ok"),
    ):
        told_of = {"mfo__message__id": "m1", "mfo__message__status": status, "mfo__outcome": outcome}
        assert story.tell(answer, 1, **told_of) == []
    assert story.tell(answer, 1, mfo__message__id="m1", mfo__message__status="accepted") == [MatterSettled]
    assert story.tell(answer, 2, mfo__message__id="m2", mfo__message__status="rejected") == []
    assert story.tell(answer, 2, mfo__message__id="m1", mfo__message__status="rejected") == [MatterReopened]


def test_a_complaint_that_was_not_examined_is_open() -> None:
    case = {"mfo__complaint__id": "k", "mfo__case__id": "x"}
    for outcome in ("not examined", None, "refused", "отложено"):
        story = Story("complaint")
        story.tell("fraud.complaint.received", mfo__complaint__id="k")
        assert story.tell("fraud.investigation.closed", 1, **case, mfo__outcome=outcome) == []
    assert story.tell("fraud.investigation.closed", 2, **case, mfo__outcome="unfounded") == [MatterSettled]


def test_an_answer_before_the_question_and_a_promise_settle_nothing() -> None:
    found = {"vulnerability__id": "CVE-1", "mfo__asset__id": "a"}
    for after, fixed_at in ((-1, None), (1, "2027-06-01"), (1, "tomorrow"), (1, "2025-01-01T00:00:00Z")):
        story = Story("vulnerability-critical")
        story.tell("vuln.found", **found, vulnerability__score__base=9.8)
        assert story.tell("vuln.fixed", after, **found, mfo__vuln__fixed_at=fixed_at) == []


def test_only_the_publication_of_the_document_itself_settles() -> None:
    story = Story("document-approved")
    story.tell("isms.document.approved", mfo__document__id="d1")
    probe = {"mfo__control__control": "policy_published", "mfo__outcome": "passed"}
    assert story.tell("portal.control.probe", 1, **probe) == []
    other = {"mfo__document__published_url": "https://mfo.example/x"}
    assert story.tell("isms.document.published", 1, mfo__document__id="d2", **other) == []
    assert story.tell("isms.document.published", 1, mfo__document__id="d1", mfo__document__published_url="-") == []
    assert story.tell("portal.control.probe", 1, **probe, mfo__document__id="d1") == [MatterSettled]


def test_a_release_has_a_person_and_the_own_words_of_that_person() -> None:
    for by, why in (
        (None, "checked by phone"),
        ("u2", None),
        ("u2", "."),
        ("u2", "no"),
        ("u2", "refused"),
        ("u2", "-"),
    ):
        story = Story("operation-hold")
        story.tell("antifraud.operation.suspended", mfo__operation__id="o1", event__reason="drop account")
        answer = {"mfo__operation__id": "o1", "user__id": by, "mfo__reason_text": why}
        assert story.tell("antifraud.operation.released", 1, **answer) == []
    answer["mfo__reason_text"] = "client confirmed by phone"
    assert story.tell("antifraud.operation.released", 1, **answer) == [MatterSettled]


def test_a_review_settles_the_trigger_that_it_names() -> None:
    story = Story("review-trigger")
    story.tell("isms.trigger.recorded", mfo__trigger__reference="law-1")
    review = {"mfo__document__id": "d", "mfo__document__scope": "security_policy", "mfo__outcome": "approved"}
    assert story.tell("isms.document.reviewed", 1, **review) == []
    assert story.tell("isms.document.reviewed", 1, **review, mfo__trigger__reference="law-2") == []
    menu = {"mfo__document__id": "menu", "mfo__outcome": "approved"}
    assert story.tell("isms.document.reviewed", 1, **menu, mfo__trigger__reference="law-1") == []
    assert story.tell("isms.document.reviewed", 1, **review, mfo__trigger__reference="law-1") == [MatterSettled]


@pytest.mark.parametrize("action", ["leave", "dismissed", "Dismissal", "terminated", "resigned", "fired", "left",
                                    "уволен", "увольнение", "Ушёл", "жұмыстан босатылды", "кетті"])  # fmt: skip
def test_who_left_is_a_leaver_however_it_is_spelt(action: str) -> None:
    story = Story("leaver")
    assert story.tell("hr.employee.changed", user__id="u1", mfo__employee__action=action) == [MatterArose]
    for stays in ("join", "move", "maternity leave", "annual_leave", "отпуск"):
        assert Story("leaver").tell("hr.employee.changed", user__id="u1", mfo__employee__action=stays) == []


def test_a_date_that_cannot_be_read_counts_from_the_receipt() -> None:
    for named, since in (("tomorrow", 5), ("31.02.2026", 5), ("", 5), (None, 5), (20261125, 5)):
        story = Story("leaver")
        story.tell("hr.employee.changed", 5, **LEFT, mfo__employee__effective_at=named)
        assert list(story.matter.open.values()) == [MONDAY + timedelta(hours=since)]
    story = Story("leaver")
    story.tell("hr.employee.changed", 5, **LEFT, mfo__employee__effective_at="23.11.2026")
    assert list(story.matter.open.values()) == [datetime(2026, 11, 22, 19, tzinfo=UTC)]


@pytest.mark.parametrize(("score", "exploited", "kind"), [
    (9.8, None, "vulnerability-critical"), ("9.8", None, "vulnerability-critical"),
    ("9,1", False, "vulnerability-critical"), ("critical", None, "vulnerability-critical"),
    (None, None, "vulnerability-critical"), ("7.5", "да", "vulnerability-critical"),
    (5, "yes", "vulnerability-critical"),
    (2.0, "иә", "vulnerability-critical"), (7.5, 1, "vulnerability-critical"), (7.5, "maybe", "vulnerability-critical"),
    (7.5, None, "vulnerability-high"), ("7.5", "нет", "vulnerability-high"), ("8", False, "vulnerability-high"),
    ("8,9", "жоқ", "vulnerability-high"), (6.9, "no", ""), ("5", None, ""),
])  # fmt: skip
def test_a_vulnerability_has_its_clock_however_its_score_is_written(score: Any, exploited: Any, kind: str) -> None:
    found = {"vulnerability__id": "CVE-1", "mfo__asset__id": "a", "vulnerability__score__base": score}
    for name in ("vulnerability-critical", "vulnerability-high"):
        opened = Story(name).tell("vuln.found", **found, mfo__vulnerability__exploited=exploited)
        assert opened == ([MatterArose] if name == kind else [])


def test_every_kind_settles_by_its_own_events_with_an_outcome_only() -> None:
    signs = [sign for spec in matter_specs().values() for sign in spec.settles]
    assert all(isinstance(sign, Settling) and sign.outcome in ("done", "not_failed") for sign in signs)
    with pytest.raises(ValueError, match="settles only by what was done"):
        Settling(event="vuln.fixed", outcome="any")
