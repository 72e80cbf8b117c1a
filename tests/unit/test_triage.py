"""What people may do with an incident, and what nobody may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.incidents import triage
from engine.incidents.facts import (
    DISPOSITIONS,
    CauseEliminated,
    ClosureProposed,
    ConsequenceEliminated,
    ContainmentStarted,
    FindingJoined,
    FindingPart,
    IncidentAbsorbed,
    IncidentAcknowledged,
    IncidentAssigned,
    IncidentClosed,
    IncidentConfirmed,
    IncidentMerged,
    IncidentReopened,
    LessonsRecorded,
    NoteAdded,
    NotifiabilityLowered,
    NotifiabilityRaised,
    RecoveryConfirmed,
    SeverityChanged,
)
from engine.incidents.incident import Incident
from engine.incidents.owing import NOTIFIABLE_CLASSES
from engine.kernel.facts import SEVERITIES, Entities, Person
from tests.past import NOW, THEN, closed, closing, finding, joined, notifiable, opened, repaired
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, MONDAY

SEEN = IncidentAcknowledged(at=MONDAY, actor="aigul", incident_id="i-1")
CONTAINED = ContainmentStarted(at=MONDAY, actor="aigul", incident_id="i-1", action="session ended")
MERGED = IncidentMerged(at=MONDAY, incident_id="i-1", into="i-2")
ENDED = [pytest.param(closed(), "is closed", id="closed"), pytest.param(MERGED, "is merged", id="merged")]


def test_an_incident_is_detected_when_its_finding_was_and_not_when_it_is_opened() -> None:
    made = triage.open_from(finding(detected_at=THEN), "INC-9", at=NOW)
    assert (made.detected_at, made.at, made.first_event_at) == (THEN, NOW, THEN)


def test_an_incident_takes_over_what_its_finding_says() -> None:
    made = triage.open_from(finding(playbook="pb", severity="critical"), "INC-9", at=NOW)
    assert (made.number, made.incident_class, made.severity) == ("INC-9", "unauthorised-change", "critical")
    assert (made.notifiable, made.personal_data, made.playbook) == (True, True, "pb")
    assert (made.finding_id, made.rule_name, made.dedup_key) == ("f-1", "iin-change", "iin-change|c-1")
    assert (made.obligations, made.entities.clients) == (("smartolet-4.1",), ("c-1",))


def test_one_finding_always_opens_the_same_incident() -> None:
    one, other = finding("a"), finding("b")
    assert triage.open_from(one, "1", at=NOW).incident_id == triage.open_from(one, "2", at=MONDAY).incident_id
    assert triage.incident_id("a") == triage.open_from(one, "1", at=NOW).incident_id
    assert triage.open_from(other, "1", at=NOW).incident_id != triage.incident_id("a")


@pytest.mark.parametrize(("duty", "said"), [(True, "the law's duties hold for the class"), (False, "")])
def test_an_incident_says_where_severity_and_duties_come_from(duty: bool, said: str) -> None:
    reason = triage.open_from(finding(notifiable=duty), "INC-9", at=NOW).reason
    assert reason.startswith("severity high is that of rule iin-change 0123456789ab")
    assert said in reason
    assert ("law" in reason) == duty


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("iin-change|c-1", "IIN changed: c-1"),
        ("iin-change|c-1|-|l-2", "IIN changed: c-1, l-2"),
        ("iin-change|-", "IIN changed"),
        ("iin-change", "IIN changed"),
        ("iin-change|" + "x" * 80, "IIN changed: " + "x" * 60),
    ],
)
def test_a_title_names_the_rule_and_what_findings_are_gathered_by(key: str, title: str) -> None:
    assert triage.open_from(finding(dedup_key=key), "INC-9", at=NOW).title == title


@pytest.mark.parametrize(
    ("matched", "source"),
    [({"event.action": "antifraud.alert.raised"}, "antifraud"), ({"event.action": ""}, "other"), ({}, "other")],
)
def test_the_source_of_detection_is_the_system_that_sent_the_event(matched: dict[str, str], source: str) -> None:
    assert triage.open_from(finding(matched=matched), "INC-9", at=NOW).detection_source == source


def test_a_part_carries_everything_a_finding_needs_to_move() -> None:
    part = triage.part_of(finding(detected_at=THEN))
    assert part == FindingPart(
        finding_id="f-1", rule_name="iin-change", detected_at=THEN, entities=Entities(clients=("c-1",)),
        notifiable=True, personal_data=True, first_event_at=THEN,
    )  # fmt: skip


def test_a_finding_that_joins_names_the_clients_who_are_new() -> None:
    more = finding("f-2", entities=Entities(clients=("c-1", "c-2")))
    after = given(Incident, opened()).when(triage.join, more, at=NOW).then(
        Like(FindingJoined, finding_id="f-2", new_clients=("c-2",), actor="qorgau")
    )  # fmt: skip
    assert after.entities.clients == ("c-1", "c-2")
    assert after.findings == ["i-1-f1", "f-2"]


def test_a_known_finding_joins_once() -> None:
    given(Incident, opened(finding_id="f-1")).when(triage.join, finding("f-1"), at=NOW).nothing()


def test_a_notifiable_finding_makes_its_incident_notifiable() -> None:
    after = given(Incident, opened()).when(triage.join, finding("f-2"), at=NOW).then(Like(FindingJoined))
    assert (after.notifiable, after.personal_data) == (True, True)


def test_who_takes_an_incident_has_seen_it() -> None:
    after = given(Incident, opened()).when(triage.assign, "aigul", by=ANALYST, at=NOW).then(
        Like(IncidentAssigned, assignee="aigul"), Like(IncidentAcknowledged)
    )  # fmt: skip
    assert (after.assignee, after.acknowledged_at, after.phase) == ("aigul", NOW, "triaged")


def test_giving_an_incident_to_somebody_else_is_not_seeing_it() -> None:
    after = given(Incident, opened()).when(triage.assign, "erlan", by=ANALYST, at=NOW).then(
        Like(IncidentAssigned, assignee="erlan")
    )  # fmt: skip
    assert after.phase == "new"


def test_taking_an_incident_that_was_seen_does_not_see_it_again() -> None:
    after = given(Incident, opened(), SEEN).when(triage.assign, "aigul", by=ANALYST, at=NOW).then(
        Like(IncidentAssigned, assignee="aigul")
    )  # fmt: skip
    assert after.acknowledged_at == MONDAY


def test_giving_an_incident_to_who_has_it_changes_nothing() -> None:
    held = IncidentAssigned(at=MONDAY, incident_id="i-1", assignee="erlan")
    given(Incident, opened(), held).when(triage.assign, "erlan", by=ANALYST, at=NOW).nothing()


def test_an_incident_is_seen_once() -> None:
    given(Incident, opened()).when(triage.acknowledge, by=FRAUD, at=NOW).then(Like(IncidentAcknowledged))
    given(Incident, opened(), SEEN).when(triage.acknowledge, by=FRAUD, at=NOW).nothing()


WORK: list[Any] = [
    pytest.param(triage.assign, ("x",), id="assign"),
    pytest.param(triage.acknowledge, (), id="acknowledge"),
    pytest.param(triage.change_severity, ("low", "why"), id="severity"),
    pytest.param(triage.record_measure, ("containment", "done"), id="measure"),
]


@pytest.mark.parametrize("by", [COMPLIANCE, AUDITOR, Person(id="nobody")], ids=lambda by: by.id)
@pytest.mark.parametrize(("decider", "words"), WORK)
def test_only_a_triage_role_works_an_incident(decider: Any, words: tuple[str, ...], by: Person) -> None:
    given(Incident, opened()).when(decider, *words, by=by, at=NOW).refused("decision.not-allowed")


@pytest.mark.parametrize(("end", "why"), ENDED)
@pytest.mark.parametrize(("decider", "words"), WORK)
def test_an_ended_incident_is_not_worked(decider: Any, words: tuple[str, ...], end: Any, why: str) -> None:
    given(Incident, opened(), end).when(decider, *words, by=ANALYST, at=NOW).refused(f"INC-1 {why}; reopen it first")


@pytest.mark.parametrize("by", [ANALYST, COMPLIANCE, Person(id="both", roles=frozenset({"auditor", "ciso"}))])
def test_whoever_may_write_may_write_a_note(by: Person) -> None:
    given(Incident, opened()).when(triage.add_note, "called back", by=by, at=NOW).then(
        Like(NoteAdded, text="called back")
    )


def test_an_auditor_reads_and_does_not_write() -> None:
    given(Incident, opened()).when(triage.add_note, "x", by=AUDITOR, at=NOW).refused("decision.not-allowed")


@pytest.mark.parametrize("text", ["", " \n", "x" * 10_001])
def test_a_note_has_a_text_of_some_length(text: str) -> None:
    given(Incident, opened()).when(triage.add_note, text, by=ANALYST, at=NOW).refused("1 to 10000 characters")


def test_a_note_may_have_ten_thousand_characters() -> None:
    given(Incident, opened()).when(triage.add_note, "x" * 10_000, by=ANALYST, at=NOW).then(Like(NoteAdded))


@pytest.mark.parametrize("severity", [it for it in SEVERITIES if it != "high"])
def test_a_severity_is_changed_with_its_reason(severity: str) -> None:
    after = given(Incident, opened()).when(triage.change_severity, severity, "seen", by=CISO, at=NOW).then(
        Like(SeverityChanged, severity=severity, reason="seen")
    )  # fmt: skip
    assert (after.severity, after.severity_reason) == (severity, "seen")


def test_the_same_severity_changes_nothing() -> None:
    given(Incident, opened()).when(triage.change_severity, "high", "seen", by=CISO, at=NOW).nothing()


@pytest.mark.parametrize(("severity", "reason", "why"), [("huge", "x", "severity is one of"), ("low", " ", "a reason")])
def test_a_severity_is_one_of_four_and_needs_a_reason(severity: str, reason: str, why: str) -> None:
    given(Incident, opened()).when(triage.change_severity, severity, reason, by=CISO, at=NOW).refused(why)


def test_containment_is_recorded_with_what_was_done() -> None:
    after = given(Incident, opened()).when(triage.record_measure, "containment", "blocked", by=ANALYST, at=NOW).then(
        Like(ContainmentStarted, action="blocked")
    )  # fmt: skip
    assert (after.contained_at, after.phase) == (NOW, "contained")


@pytest.mark.parametrize(
    ("measure", "kind", "flag"),
    [
        ("cause", CauseEliminated, "cause_eliminated"),
        ("consequence", ConsequenceEliminated, "consequence_eliminated"),
    ],
)
def test_the_two_proofs_of_remediation_are_recorded_apart(measure: Any, kind: Any, flag: str) -> None:
    after = given(Incident, opened()).when(triage.record_measure, measure, "ticket", by=ANALYST, at=NOW).then(
        Like(kind, evidence="ticket")
    )  # fmt: skip
    assert [after.cause_eliminated, after.consequence_eliminated].count(True) == 1
    assert getattr(after, flag) is True


def test_recovery_is_confirmed_after_both_proofs() -> None:
    after = given(Incident, opened(), *repaired()).when(
        triage.record_measure, "recovery", "tests pass", by=ANALYST, at=NOW
    ).then(Like(RecoveryConfirmed, evidence="tests pass"))  # fmt: skip
    assert (after.recovered_at, after.phase) == (NOW, "recovered")
    assert after.measures == [("cause", MONDAY), ("consequence", MONDAY), ("recovered", NOW)]


@pytest.mark.parametrize("only", [0, 1])
def test_recovery_is_not_confirmed_with_one_proof_missing(only: int) -> None:
    given(Incident, opened(), repaired()[only]).when(
        triage.record_measure, "recovery", "tests pass", by=ANALYST, at=NOW
    ).refused("after cause and consequences are eliminated")


@pytest.mark.parametrize("measure", ["containment", "cause", "consequence", "recovery"])
def test_a_measure_is_recorded_once(measure: Any) -> None:
    back = RecoveryConfirmed(at=MONDAY, incident_id="i-1", evidence="x")
    past = (opened(), CONTAINED, *repaired(), back)
    given(Incident, *past).when(triage.record_measure, measure, "again", by=ANALYST, at=NOW).nothing()


def test_a_measure_needs_evidence() -> None:
    given(Incident, opened()).when(triage.record_measure, "cause", " ", by=ANALYST, at=NOW).refused("own words")


def merged_into(into: Incident, reason: str = "same act", by: Person = ANALYST) -> Any:
    return lambda incident, **said: triage.merge(incident, into, reason, **said)[0]


def test_a_merge_is_recorded_on_both_sides() -> None:
    one, other = fold(Incident, opened()), fold(Incident, opened("i-2"))
    mine, theirs = triage.merge(one, other, "same act", by=ANALYST, at=NOW)
    common = {"at": NOW, "actor": "aigul", "reason": "same act"}
    assert mine == [IncidentMerged(**common, incident_id="i-1", into="i-2")]
    assert [type(fact) for fact in theirs] == [IncidentAbsorbed]
    after = given(Incident, opened()).when(merged_into(other), by=ANALYST, at=NOW).then(*mine)
    assert (after.phase, after.is_open) == ("merged", False)


def test_what_is_merged_keeps_the_earlier_times_and_contains_nobody() -> None:
    first = fold(Incident, opened(detected_at=THEN), SEEN, CONTAINED)
    _, facts = triage.merge(first, fold(Incident, opened("i-2")), "same", by=ANALYST, at=NOW)
    after = fold(Incident, opened("i-2"), SEEN.model_copy(update={"at": NOW}), *facts)
    assert (after.detected_at, after.acknowledged_at, after.contained_at) == (THEN, MONDAY, None)
    assert after.findings == ["i-2-f1", "i-1-f1"]


def test_an_incident_without_a_finding_takes_its_clients_along() -> None:
    told = fold(Incident, opened(finding_id="", entities=Entities(clients=("c-7",), loans=("l-7",))))
    _, facts = triage.merge(told, fold(Incident, opened("i-2")), "same", by=ANALYST, at=NOW)
    after = fold(Incident, opened("i-2"), *facts)
    assert (after.entities.clients, after.entities.loans) == (("c-1", "c-7"), ("l-7",))


def test_a_merge_brings_every_finding_once() -> None:
    _, facts = triage.merge(
        fold(Incident, opened(), joined(2)), fold(Incident, opened("i-2")), "same", by=ANALYST, at=NOW
    )
    assert [part.finding_id for part in facts[0].parts] == ["i-1-f1", "i-1-f2"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("one", "into", "reason", "why"),
    [
        pytest.param(opened(), opened(), "x", "into itself", id="itself"),
        pytest.param(opened(), opened("i-2"), " ", "needs a reason", id="reason"),
        pytest.param(notifiable(), opened("i-2"), "x", "cannot disappear", id="duty"),
    ],
)
def test_a_merge_that_would_lose_something_is_refused(one: Any, into: Any, reason: str, why: str) -> None:
    given(Incident, one).when(merged_into(fold(Incident, into), reason), by=ANALYST, at=NOW).refused(why)


def test_a_merge_into_a_closed_incident_is_refused() -> None:
    into = fold(Incident, opened("i-2"), closed(name="i-2"))
    given(Incident, opened()).when(merged_into(into), by=ANALYST, at=NOW).refused("reopen it first")


def test_a_notifiable_incident_may_be_merged_into_a_notifiable_one() -> None:
    into = fold(Incident, notifiable("i-2"))
    given(Incident, notifiable()).when(merged_into(into), by=ANALYST, at=NOW).then(Like(IncidentMerged, into="i-2"))


@pytest.mark.parametrize("disposition", DISPOSITIONS)
def test_one_person_closes_what_the_law_wants_nothing_told_of(disposition: str) -> None:
    quiet = opened(incident_class="control-failure")
    after = given(Incident, quiet).when(triage.close, disposition, "seen", by=ANALYST, at=NOW).then(
        Like(IncidentClosed, disposition=disposition, reason="seen", second_person=None)
    )  # fmt: skip
    assert (after.phase, after.closed_at, after.is_open) == ("closed", NOW, False)


@pytest.mark.parametrize("name", [*NOTIFIABLE_CLASSES, "fraud-ring", "unauthorised-copy", "third-party-loss"])
def test_a_true_positive_of_a_class_that_the_law_names_raises_its_duties(name: str) -> None:
    after = given(Incident, opened(incident_class=name)).when(
        triage.close, "true_positive", "seen", by=ANALYST, at=NOW
    ).then(
        Like(IncidentConfirmed, reason="seen"), Like(NotifiabilityRaised, on_confirmation=True, reason="seen"),
        Like(ClosureProposed, disposition="true_positive"),
    )  # fmt: skip
    assert (after.is_open, after.notifiable, after.confirmed_at, after.raised_at) == (True, True, NOW, NOW)


def test_what_two_persons_found_to_owe_nothing_is_closed_by_one() -> None:
    lowered = NotifiabilityLowered(at=NOW, actor="x", reason="r", incident_id="i-1", second_person="y")
    after = given(Incident, opened(), lowered).when(triage.close, "true_positive", "seen", by=ANALYST, at=NOW).then(
        Like(IncidentClosed, disposition="true_positive", second_person=None)
    )  # fmt: skip
    assert after.confirmed_at == NOW


def test_confirming_twice_changes_nothing() -> None:
    first = given(Incident, opened()).when(triage.confirm, "the client called", by=ANALYST, at=NOW)
    first.then(Like(IncidentConfirmed), Like(NotifiabilityRaised, on_confirmation=True))
    given(Incident, opened(), *first.facts).when(triage.confirm, "again", by=ANALYST, at=NOW).nothing()
    given(Incident, opened()).when(triage.confirm, " ", by=ANALYST, at=NOW).refused("say what confirms")


def test_the_first_person_only_proposes_to_close_a_notifiable_incident() -> None:
    after = given(Incident, notifiable()).when(triage.close, "true_positive", "done", by=ANALYST, at=NOW).then(
        Like(ClosureProposed, disposition="true_positive", reason="done")
    )  # fmt: skip
    assert after.is_open
    assert after.proposed == ("aigul", "true_positive")


@pytest.mark.parametrize("by", [COMPLIANCE, CISO], ids=lambda by: by.id)
def test_a_second_person_closes_a_notifiable_incident_and_the_first_is_named(by: Person) -> None:
    after = given(Incident, notifiable(), closing()).when(
        triage.close, "false_positive", "looked at it", by=by, at=NOW
    ).then(Like(IncidentClosed, actor=by.id, second_person="aigul", disposition="false_positive"))  # fmt: skip
    assert (after.phase, after.proposed) == ("closed", None)


def test_who_proposed_closing_cannot_agree_to_it_in_any_role() -> None:
    both = Person(id="aigul", roles=frozenset({"soc_analyst", "compliance_officer", "ciso"}))
    given(Incident, notifiable(), closing(by="aigul")).when(
        triage.close, "false_positive", "looked at it", by=both, at=NOW
    ).refused("decision.second-person")


def test_a_second_analyst_cannot_agree_to_close() -> None:
    given(Incident, notifiable(), closing()).when(
        triage.close, "false_positive", "looked at it", by=FRAUD, at=NOW
    ).refused("decision.not-allowed")


def test_another_disposition_is_a_new_proposal() -> None:
    given(Incident, notifiable(), closing("false_positive")).when(
        triage.close, "true_positive", "no", by=COMPLIANCE, at=NOW
    ).then(Like(ClosureProposed, actor="bolat", disposition="true_positive"))


@pytest.mark.parametrize(
    ("disposition", "reason", "why"),
    [("boring", "x", "disposition is one of"), ("duplicate", "", "closing needs a reason")],
)
def test_closing_needs_a_known_disposition_and_a_reason(disposition: str, reason: str, why: str) -> None:
    given(Incident, opened()).when(triage.close, disposition, reason, by=ANALYST, at=NOW).refused(why)


def test_an_auditor_closes_nothing() -> None:
    given(Incident, opened()).when(triage.close, "duplicate", "x", by=AUDITOR, at=NOW).refused("decision.not-allowed")


@pytest.mark.parametrize(("end", "why"), ENDED)
def test_an_ended_incident_is_not_closed_again(end: Any, why: str) -> None:
    given(Incident, opened(), end).when(triage.close, "duplicate", "x", by=ANALYST, at=NOW).refused(why)


def test_lessons_are_recorded_of_a_closed_incident() -> None:
    after = given(Incident, opened(), closed()).when(
        triage.record_lessons, "late", "alarm", by=COMPLIANCE, at=NOW
    ).then(Like(LessonsRecorded, lessons="late", actions="alarm"))  # fmt: skip
    assert after.lessons == ("late", "alarm")


def test_there_are_no_lessons_before_the_end() -> None:
    given(Incident, opened()).when(triage.record_lessons, "a", "b", by=COMPLIANCE, at=NOW).refused("when the incident")


@pytest.mark.parametrize(("lessons", "actions"), [("", "b"), ("a", " "), ("a" * 10_001, "b"), ("a", "b" * 10_001)])
def test_lessons_have_both_halves_of_some_length(lessons: str, actions: str) -> None:
    given(Incident, opened(), closed()).when(triage.record_lessons, lessons, actions, by=CISO, at=NOW).refused(
        "at most 10000 characters"
    )


def test_an_auditor_records_no_lessons_and_reopens_nothing() -> None:
    past = given(Incident, opened(), closed())
    past.when(triage.record_lessons, "a", "b", by=AUDITOR, at=NOW).refused("decision.not-allowed")
    past.when(triage.reopen, "a", by=AUDITOR, at=NOW).refused("decision.not-allowed")


def test_a_reopened_incident_goes_on_from_its_detection() -> None:
    after = given(Incident, opened(detected_at=THEN), closed()).when(
        triage.reopen, "more came", by=COMPLIANCE, at=NOW
    ).then(Like(IncidentReopened, reason="more came"))  # fmt: skip
    assert (after.is_open, after.closed_at, after.detected_at) == (True, None, THEN)


def test_reopening_needs_a_closed_incident_and_a_reason() -> None:
    given(Incident, opened()).when(triage.reopen, "x", by=ANALYST, at=NOW).refused("is not closed")
    given(Incident, opened(), closed()).when(triage.reopen, " ", by=ANALYST, at=NOW).refused("needs a reason")


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(days=40)])
def test_no_decision_of_a_person_moves_the_detection(delay: timedelta) -> None:
    past = (opened(), *repaired(), closed())
    after = given(Incident, *past).when(triage.reopen, "x", by=ANALYST, at=NOW + delay).then(Like(IncidentReopened))
    assert after.detected_at == MONDAY
