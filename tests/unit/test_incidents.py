"""The state of an incident: what its facts make of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.incidents import casework, triage
from engine.incidents.facts import (
    DISPOSITIONS,
    FACTS,
    ContainmentStarted,
    FindingPart,
    FindingsDetached,
    IncidentAbsorbed,
    IncidentAcknowledged,
    IncidentMerged,
    IncidentReopened,
    NoteAdded,
    RecoveryConfirmed,
    SeverityChanged,
)
from engine.incidents.incident import Incident
from engine.incidents.owing import ends_duties
from engine.incidents.phases import FUNCTIONS, STAGES
from engine.kernel.errors import QorgauError
from engine.kernel.facts import Entities, Fact, Person
from tests.past import NOW, THEN, closed, finding, joined, notifiable, opened, repaired
from tests.spec import fold
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, MONDAY

SEEN = IncidentAcknowledged(at=MONDAY, incident_id="i-1")
HELD = ContainmentStarted(at=MONDAY, incident_id="i-1", action="x")
BACK = RecoveryConfirmed(at=NOW, incident_id="i-1", evidence="x")
MERGED = IncidentMerged(at=NOW, incident_id="i-1", into="i-2")


@pytest.mark.parametrize(
    ("more", "phase", "stage"),
    [
        ((), "new", "detect and report"),
        ((SEEN,), "triaged", "assess and decide"),
        ((SEEN, HELD), "contained", "respond"),
        ((HELD,), "contained", "respond"),
        ((SEEN, HELD, *repaired(), BACK), "recovered", "respond"),
        ((SEEN, HELD, BACK, closed()), "closed", "learn lessons"),
        ((SEEN, MERGED), "merged", "assess and decide"),
    ],
)
def test_the_phase_follows_from_the_furthest_measure(more: tuple[Fact, ...], phase: str, stage: str) -> None:
    state = fold(Incident, opened(), *more)
    assert (state.phase, state.stage) == (phase, stage)
    assert state.is_open == (phase not in ("closed", "merged"))


def test_every_phase_has_its_name_in_both_standards() -> None:
    assert STAGES.keys() == FUNCTIONS.keys() == {"new", "triaged", "contained", "recovered", "closed", "merged"}


def test_an_incident_without_facts_is_not_open() -> None:
    assert not Incident().is_open
    assert Incident().entities == Entities()


def test_reopening_goes_back_to_the_phase_that_was_reached() -> None:
    again = IncidentReopened(at=NOW, incident_id="i-1")
    assert fold(Incident, opened(), SEEN, HELD, closed(), again).phase == "contained"


def test_the_first_time_of_seeing_and_containing_counts() -> None:
    later = [fact.model_copy(update={"at": NOW}) for fact in (SEEN, HELD)]
    state = fold(Incident, opened(), SEEN, HELD, *later)
    assert (state.acknowledged_at, state.contained_at) == (MONDAY, MONDAY)


def test_an_earlier_finding_moves_the_detection_back_and_a_later_one_leaves_it() -> None:
    early = joined(2, detected_at=THEN, first_event_at=THEN - timedelta(days=1))
    state = fold(Incident, opened(), early, joined(3, first_event_at=NOW))
    assert state.detected_at == THEN
    assert state.first_event_at == THEN - timedelta(days=1)


def test_the_first_event_is_learnt_from_a_later_finding_when_none_was_known() -> None:
    assert fold(Incident, opened(first_event_at=None), joined(2)).first_event_at is None
    assert fold(Incident, opened(first_event_at=None), joined(2, first_event_at=NOW)).first_event_at == NOW


def test_detection_does_not_move_forward_when_its_finding_leaves() -> None:
    gone = FindingsDetached(at=NOW, incident_id="i-1", findings=("i-1-f2",), into="i-2")
    state = fold(Incident, opened(), joined(2, detected_at=THEN), gone)
    assert (state.findings, state.detected_at) == (["i-1-f1"], THEN)


def test_a_finding_that_leaves_twice_leaves_once() -> None:
    gone = FindingsDetached(at=NOW, incident_id="i-1", findings=("i-1-f2",), into="i-2")
    assert fold(Incident, opened(), joined(2), gone, gone).findings == ["i-1-f1"]


def test_an_absorbed_incident_of_an_earlier_version_brings_its_clients() -> None:
    old = IncidentAbsorbed(at=NOW, incident_id="i-1", other="i-0", entities=Entities(clients=("c-0",)))
    state = fold(Incident, opened(), old)
    assert (state.absorbed, state.entities.clients) == (["i-0"], ("c-1", "c-0"))


@pytest.mark.parametrize(
    ("mine", "theirs", "kept"),
    [(None, THEN, THEN), (MONDAY, THEN, THEN), (MONDAY, NOW, MONDAY), (MONDAY, None, MONDAY)],
)
def test_of_two_acknowledgements_the_earlier_is_kept(mine: Any, theirs: Any, kept: Any) -> None:
    part = FindingPart(finding_id="f-0", rule_name="r", detected_at=MONDAY)
    absorbed = IncidentAbsorbed(
        at=NOW, incident_id="i-1", other="i-0", entities=Entities(), parts=(part,), acknowledged_at=theirs
    )
    state = fold(Incident, opened(), *([SEEN] if mine else []), absorbed)
    assert state.acknowledged_at == kept
    assert state.contained_at is None


def test_a_note_changes_nothing_but_the_version() -> None:
    before = fold(Incident, opened())
    after = fold(Incident, opened(), NoteAdded(at=NOW, incident_id="i-1", text="x"))
    assert after.version == before.version + 1
    after.version = before.version
    assert after == before


def test_a_severity_is_remembered_with_its_reason() -> None:
    judged = SeverityChanged(at=NOW, reason="one client", incident_id="i-1", severity="low")
    state = fold(Incident, opened(reason="by rule"), judged)
    assert (state.severity, state.severity_reason, state.notifiable_reason) == ("low", "one client", "by rule")


@pytest.mark.parametrize("disposition", DISPOSITIONS)
def test_only_a_true_incident_keeps_its_duties_after_the_end(disposition: Any) -> None:
    assert ends_duties(disposition) == (disposition != "true_positive")


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    topics = [kind.topic for kind in FACTS]
    assert len(set(topics)) == len(topics) == 29
    assert all(topic.startswith("incident.") and topic.endswith(".v1") for topic in topics)


PEOPLE = st.sampled_from([ANALYST, FRAUD, COMPLIANCE, CISO, AUDITOR, Person(id="zh", roles=frozenset({"ciso"}))])
REASONS = st.sampled_from(["", "seen", "again"])
ACTS = st.one_of(
    st.tuples(st.just(triage.join), st.builds(lambda n: (finding(f"f-{n}"),), st.integers(1, 3))),
    st.tuples(st.just(triage.assign), st.tuples(st.sampled_from(["aigul", "erlan"]))),
    st.tuples(st.just(triage.acknowledge), st.just(())),
    st.tuples(st.just(triage.change_severity), st.tuples(st.sampled_from(["low", "high"]), REASONS)),
    st.tuples(
        st.just(triage.record_measure),
        st.tuples(st.sampled_from(["containment", "cause", "consequence", "recovery"]), REASONS),
    ),
    st.tuples(st.just(triage.close), st.tuples(st.sampled_from(DISPOSITIONS), REASONS)),
    st.tuples(st.just(triage.reopen), st.tuples(REASONS)),
    st.tuples(st.just(triage.record_lessons), st.tuples(REASONS, REASONS)),
    st.tuples(st.just(casework.raise_notifiability), st.tuples(st.booleans(), REASONS)),
    st.tuples(st.just(casework.lower_notifiability), st.tuples(REASONS)),
    st.tuples(st.just(casework.name_clients), st.tuples(st.just(["c-5"]), st.just([]), REASONS)),
    st.tuples(st.just(casework.suppress), st.tuples(st.just(NOW + timedelta(days=80)), REASONS)),
)


@for_all(st.booleans(), st.lists(st.tuples(ACTS, PEOPLE), max_size=25))
def test_whatever_people_do_the_law_is_kept(duty: bool, acts: list[Any]) -> None:
    """Two persons stand behind every end of a duty; no time moves forward; reading the facts again gives the same."""
    facts: list[Fact] = [notifiable() if duty else opened()]
    state = fold(Incident, *facts)
    for step, ((decider, words), by) in enumerate(acts):
        said = {"at": NOW + timedelta(minutes=step)} | ({} if decider is triage.join else {"by": by})
        before, was_notifiable = state.detected_at, state.notifiable
        try:
            decided = decider(state, *words, **said)
        except QorgauError:
            decided = []
        for fact in decided:
            state.apply(fact)
            if was_notifiable and fact.topic in ("incident.closed.v1", "incident.notifiability-lowered.v1"):
                assert fact.second_person not in (None, fact.actor)
        facts += decided
        assert state.detected_at <= before
        assert not (state.disposition and state.is_open)
    assert fold(Incident, *facts) == state
    assert fold(Incident, *(type(fact).model_validate_json(fact.model_dump_json()) for fact in facts)) == state
