"""Matters: what events open and settle, and what they do not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engine.governance.matters import Matter, MatterArose, MatterSettled, Told, matter_specs, opened, settled
from engine.kernel.facts import Fact
from tests.support import MONDAY


def told(action: str, after: int = 0, **fields: Any) -> Told:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return Told({"event.action": action, "event.id": "e-1", **named}, MONDAY + timedelta(hours=after), 7)


def after(matter: Matter, *facts: Fact) -> Matter:
    for fact in facts:
        matter.apply(fact)
    return matter


def test_a_refusal_settles_nothing() -> None:
    spec = matter_specs()["bureau-correction-answer"]
    matter = after(
        Matter(), *opened(Matter(), spec, told("bureau.correction.submitted", mfo__request__id="r1"), at=MONDAY)
    )
    for outcome in ("rejected", "queued", "", None):
        answer = told("bureau.correction.acknowledged", 1, mfo__request__id="r1", mfo__outcome=outcome)
        assert settled(matter, spec, answer, at=MONDAY) == []
    applied = told("bureau.correction.acknowledged", 1, mfo__request__id="r1", mfo__outcome="applied")
    (fact,) = settled(matter, spec, applied, at=MONDAY)
    assert isinstance(fact, MatterSettled)
    assert not after(matter, fact).is_open


def test_an_answer_to_something_else_settles_nothing() -> None:
    spec = matter_specs()["client-confirmation"]
    asked = told("portal.confirmation.requested", mfo__client__id="c1", mfo__document__id="d1")
    matter = after(Matter(), *opened(Matter(), spec, asked, at=MONDAY))
    for client, document in (("c2", "d1"), ("c1", "d2"), ("c1", None)):
        answer = told("portal.confirmation.provided", 1, mfo__client__id=client, mfo__document__id=document)
        assert settled(matter, spec, answer, at=MONDAY) == []


def test_what_is_not_named_is_open_until_a_person_answers_it() -> None:
    spec = matter_specs()["regulator-request"]
    (fact,) = opened(Matter(), spec, told("pkb.compliance_evidence.requested"), at=MONDAY)
    assert isinstance(fact, MatterArose)
    assert fact.about == "unnamed e-1"
    matter = after(Matter(), fact)
    assert settled(matter, spec, told("pkb.compliance_evidence.provided", 1, mfo__request__id="r1"), at=MONDAY) == []


def test_the_next_backup_answers_the_one_before_and_a_failed_one_does_not() -> None:
    spec = matter_specs()["backup"]
    first = opened(Matter(), spec, told("backup.job", mfo__job__id="j", mfo__outcome="success"), at=MONDAY)
    matter = after(Matter(), *first)
    assert opened(matter, spec, told("backup.job", 24, mfo__job__id="j", mfo__outcome="failed"), at=MONDAY) == []
    assert opened(matter, spec, told("backup.job", 24, mfo__job__id="j"), at=MONDAY) == []
    kinds = [
        type(it) for it in opened(matter, spec, told("backup.job", 24, mfo__job__id="j", mfo__outcome="ok"), at=MONDAY)
    ]
    assert kinds == [MatterSettled, MatterArose]


def test_rights_withdrawn_before_the_last_day_answer_it() -> None:
    spec = matter_specs()["leaver"]
    gone = settled(Matter(), spec, told("iam.access.revoked", user__id="u1"), at=MONDAY)
    matter = after(Matter(), *gone)
    left = told("hr.employee.changed", 5, user__id="u1", mfo__employee__action="leave")
    assert [type(it) for it in opened(matter, spec, left, at=MONDAY)] == [MatterArose, MatterSettled]


def test_the_same_again_opens_nothing_new() -> None:
    spec = matter_specs()["vulnerability-critical"]
    found = told("vuln.found", vulnerability__id="CVE-1", mfo__asset__id="a", vulnerability__score__base=9.8)
    matter = after(Matter(), *opened(Matter(), spec, found, at=MONDAY))
    again = told("vuln.found", 24, vulnerability__id="CVE-1", mfo__asset__id="a", vulnerability__score__base=9.8)
    assert opened(matter, spec, again, at=MONDAY) == []
