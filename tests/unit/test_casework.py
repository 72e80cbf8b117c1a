"""Casework beyond triage: reports, splits, moves, links, whether the law's duties hold, suppression."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from engine.incidents import casework
from engine.incidents.casework import CHANNELS, CLASSES, LONGEST_SUPPRESSION, Report
from engine.incidents.facts import (
    RELATIONS,
    ClientsNamed,
    FindingsDetached,
    FindingsTakenOver,
    FindingSuppressed,
    IncidentLinked,
    IncidentOpened,
    IncidentReopened,
    IncidentUnlinked,
    NotifiabilityLowered,
    NotifiabilityLoweringProposed,
    NotifiabilityRaised,
    SuppressionSet,
)
from engine.incidents.incident import Incident
from engine.incidents.owing import NOTIFIABLE_CLASSES
from engine.kernel.errors import DecisionRefused, InputError, NotAllowed
from engine.kernel.facts import Entities, Fact, Person
from tests.past import NOW, THEN, closed, closing, finding, joined, notifiable, opened
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, FRAUD, MONDAY

LOWERING = NotifiabilityLoweringProposed(at=MONDAY, actor="aigul", reason="no client", incident_id="i-1")
LINKED = IncidentLinked(at=MONDAY, incident_id="i-1", other="i-2", relation="related")


def told(**fields: Any) -> Report:
    return Report(
        **{
            "title": "Client says: not my loan", "incident_class": "fraud", "channel": "hot-line", "told_at": THEN,
            "clients": ("c-1",), "loans": ("l-1",), **fields,
        }
    )  # fmt: skip


def test_a_report_opens_an_incident_detected_when_it_was_told() -> None:
    key, (fact,) = casework.report(told(), "INC-1", by=COMPLIANCE, at=NOW)
    assert isinstance(fact, IncidentOpened)
    state = fold(Incident, fact)
    assert (state.id, state.detected_at, state.opened_at, state.first_event_at) == (key, THEN, NOW, THEN)
    assert (state.reported_by, state.detection_source, fact.actor) == ("hot-line", "hot-line", "bolat")
    assert (state.entities.clients, state.entities.loans) == (("c-1",), ("l-1",))


@pytest.mark.parametrize("name", CLASSES)
def test_the_class_of_a_report_says_whether_the_law_wants_it_told(name: str) -> None:
    _, (fact,) = casework.report(told(incident_class=name), "INC-1", by=ANALYST, at=NOW)
    duty = name in NOTIFIABLE_CLASSES
    assert fold(Incident, fact).notifiable is duty
    assert fact.reason.endswith("the law's duties hold for this class" if duty else "law holds for this class")


def test_one_report_entered_twice_is_one_incident_whoever_enters_it() -> None:
    one, _ = casework.report(told(clients=("a", "b")), "INC-1", by=ANALYST, at=MONDAY)
    other, _ = casework.report(told(clients=("b", "a")), "INC-2", by=COMPLIANCE, at=NOW)
    assert one == other == casework.report_id(told(clients=("a", "b")))


@pytest.mark.parametrize(
    "change",
    [{"title": "Something else"}, {"told_at": MONDAY}, {"reference": "7"}, {"channel": "letter"}, {"clients": ("z",)}],
    ids=lambda change: next(iter(change)),
)
def test_a_report_that_differs_is_another_incident(change: dict[str, Any]) -> None:
    assert casework.report_id(told(**change)) != casework.report_id(told())


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_report_comes_through_a_known_channel(channel: Any) -> None:
    _, (fact,) = casework.report(told(channel=channel), "INC-1", by=ANALYST, at=NOW)
    assert fact.reason.startswith(f"told by {channel}; severity high by aigul")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"incident_class": "weather"}, "incident_class"),
        ({"severity": "huge"}, "severity"),
        ({"told_at": NOW + timedelta(minutes=6)}, "told_at"),
    ],
)
def test_a_report_that_cannot_be_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        casework.report(told(**change), "INC-1", by=ANALYST, at=NOW)
    assert caught.value.field == field


def test_clocks_that_differ_by_five_minutes_do_not_refuse_a_report() -> None:
    _, (fact,) = casework.report(told(told_at=NOW + timedelta(minutes=5)), "INC-1", by=ANALYST, at=NOW)
    assert fold(Incident, fact).detected_at == NOW + timedelta(minutes=5)


def test_an_auditor_reports_nothing() -> None:
    with pytest.raises(NotAllowed):
        casework.report(told(), "INC-1", by=AUDITOR, at=NOW)


THREE = (notifiable(), joined(2, detected_at=THEN), joined(3, notifiable=True, personal_data=True))


def split_off(findings: Sequence[str], reason: str = "another act") -> Any:
    return lambda it, **said: casework.split(it, findings, "INC-2", "", reason, **said)[1]


def test_what_is_split_off_goes_on_from_its_own_detection() -> None:
    state = fold(Incident, *THREE)
    key, mine, (begun,) = casework.split(
        state, ["i-1-f2", "i-1-f3"], "INC-2", "Two more", "another act", by=ANALYST, at=NOW
    )
    other = fold(Incident, begun)
    assert (other.id, other.number, other.title, other.split_from) == (key, "INC-2", "Two more", "i-1")
    assert (other.detected_at, other.opened_at, other.findings) == (THEN, NOW, ["i-1-f2", "i-1-f3"])
    assert other.entities.clients == ("c-2", "c-3")
    assert begun.reason == "split from INC-1: another act"
    assert mine == [
        FindingsDetached(
            at=NOW, actor="aigul", reason="another act", incident_id="i-1", findings=("i-1-f2", "i-1-f3"), into=key
        )
    ]


def test_what_is_split_off_is_gone_from_where_it_was() -> None:
    after = given(Incident, *THREE).when(split_off(["i-1-f2"]), by=ANALYST, at=NOW).then(
        Like(FindingsDetached, findings=("i-1-f2",))
    )  # fmt: skip
    assert after.findings == ["i-1-f1", "i-1-f3"]
    assert after.entities.clients == ("c-1", "c-3")


@pytest.mark.parametrize(("findings", "duty"), [(["i-1-f2"], False), (["i-1-f3"], True), (["i-1-f2", "i-1-f3"], True)])
def test_the_duties_of_what_is_split_off_are_those_of_its_findings(findings: list[str], duty: bool) -> None:
    _, _, (begun,) = casework.split(fold(Incident, *THREE), findings, "INC-2", "", "x", by=ANALYST, at=NOW)
    assert (begun.notifiable, begun.personal_data) == (duty, duty)  # type: ignore[attr-defined]


def test_what_is_split_from_an_incident_whose_duties_were_lowered_opens_without_them() -> None:
    lowered = NotifiabilityLowered(at=MONDAY, actor="bolat", incident_id="i-1", second_person="aigul")
    _, _, (begun,) = casework.split(fold(Incident, *THREE, lowered), ["i-1-f3"], "2", "", "x", by=ANALYST, at=NOW)
    assert begun.notifiable is False  # type: ignore[attr-defined]


def test_a_split_without_a_title_keeps_the_title() -> None:
    _, _, (begun,) = casework.split(fold(Incident, *THREE), ["i-1-f2"], "INC-2", " ", "x", by=ANALYST, at=NOW)
    assert fold(Incident, begun).title == "IIN changed"


@pytest.mark.parametrize(
    ("findings", "reason", "why"),
    [
        ([], "x", "name findings that are in this incident"),
        (["i-1-f2", "other"], "x", "name findings that are in this incident"),
        (["i-1-f1", "i-1-f2", "i-1-f3"], "x", "keeps at least one finding"),
        (["i-1-f2"], " ", "needs a reason"),
    ],
)
def test_a_split_that_leaves_nothing_or_says_nothing_is_refused(findings: list[str], reason: str, why: str) -> None:
    given(Incident, *THREE).when(split_off(findings, reason), by=ANALYST, at=NOW).refused(why, DecisionRefused)


def test_a_finding_named_twice_is_split_off_once() -> None:
    given(Incident, *THREE).when(split_off(["i-1-f2", "i-1-f2"]), by=ANALYST, at=NOW).then(
        Like(FindingsDetached, findings=("i-1-f2",))
    )


def moved(into: Incident, findings: Sequence[str] = ("i-1-f2",)) -> Any:
    return lambda it, **said: casework.move(it, findings, into, "same device", **said)[0]


def test_findings_move_with_their_times_into_another_incident() -> None:
    target = fold(Incident, opened("i-2"))
    mine, theirs = casework.move(fold(Incident, *THREE), ["i-1-f2"], target, "same device", by=ANALYST, at=NOW)
    assert [type(fact) for fact in (*mine, *theirs)] == [FindingsDetached, FindingsTakenOver]
    after = fold(Incident, opened("i-2"), *theirs)
    assert (after.findings, after.detected_at) == (["i-2-f1", "i-1-f2"], THEN)
    assert (theirs[0].actor, theirs[0].reason, theirs[0].at) == ("aigul", "same device", NOW)


@pytest.mark.parametrize(
    ("into", "findings", "why"),
    [
        pytest.param(fold(Incident, opened("i-2"), closed(name="i-2")), ("i-1-f2",), "another open", id="closed"),
        pytest.param(fold(Incident, *THREE), ("i-1-f2",), "another open", id="itself"),
        pytest.param(fold(Incident, opened("i-2")), ("i-1-f3",), "cannot disappear", id="duty"),
    ],
)
def test_findings_do_not_move_where_something_is_lost(into: Incident, findings: tuple[str], why: str) -> None:
    given(Incident, *THREE).when(moved(into, findings), by=ANALYST, at=NOW).refused(why)


def test_a_notifiable_finding_moves_into_a_notifiable_incident() -> None:
    into = fold(Incident, notifiable("i-2"))
    given(Incident, *THREE).when(moved(into, ["i-1-f3"]), by=ANALYST, at=NOW).then(Like(FindingsDetached, into="i-2"))


def linked(relation: str = "related", other: Incident | None = None, side: int = 0) -> Any:
    to = other or fold(Incident, opened("i-2"))
    return lambda it, **said: casework.link(it, to, relation, "same device", **said)[side]


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_link_stands_on_both_sides(relation: str) -> None:
    after = given(Incident, opened()).when(linked(relation), by=COMPLIANCE, at=NOW).then(
        Like(IncidentLinked, incident_id="i-1", other="i-2", relation=relation, reason="same device")
    )  # fmt: skip
    assert after.links == {"i-2": relation}
    (theirs,) = linked(relation, side=1)(fold(Incident, opened()), by=COMPLIANCE, at=NOW)
    assert fold(Incident, opened("i-2"), theirs).links == {"i-1": relation}


def test_linking_again_changes_nothing_and_another_relation_replaces_it() -> None:
    past = given(Incident, opened(), LINKED)
    past.when(linked("related"), by=ANALYST, at=NOW).nothing()
    after = past.when(linked("caused-by"), by=ANALYST, at=NOW).then(Like(IncidentLinked))
    assert after.links == {"i-2": "caused-by"}


def test_a_closed_incident_may_still_be_linked() -> None:
    given(Incident, opened(), closed()).when(linked(), by=ANALYST, at=NOW).then(Like(IncidentLinked))


def test_a_link_is_of_a_known_kind_and_between_two() -> None:
    given(Incident, opened()).when(linked("cousin"), by=ANALYST, at=NOW).refused("a relation is one of")
    given(Incident, opened()).when(linked(other=fold(Incident, opened())), by=ANALYST, at=NOW).refused("to itself")


def unlinked(reason: str = "no", side: int = 0) -> Any:
    return lambda it, **said: casework.unlink(it, fold(Incident, opened("i-2")), reason, **said)[side]


def test_a_link_is_taken_back_on_both_sides() -> None:
    after = given(Incident, opened(), LINKED).when(unlinked(), by=ANALYST, at=NOW).then(
        Like(IncidentUnlinked, other="i-2", reason="no")
    )  # fmt: skip
    assert after.links == {}
    (theirs,) = unlinked(side=1)(fold(Incident, opened(), LINKED), by=ANALYST, at=NOW)
    assert (theirs.incident_id, theirs.other) == ("i-2", "i-1")


def test_a_link_is_taken_back_only_where_it_is_and_with_a_reason() -> None:
    given(Incident, opened()).when(unlinked(), by=ANALYST, at=NOW).refused("are not linked")
    given(Incident, opened(), LINKED).when(unlinked(" "), by=ANALYST, at=NOW).refused("needs a reason")


@pytest.mark.parametrize("decider", [linked(), unlinked()], ids=["link", "unlink"])
def test_an_auditor_links_nothing(decider: Any) -> None:
    given(Incident, opened(), LINKED).when(decider, by=AUDITOR, at=NOW).refused("decision.not-allowed")


def test_one_person_is_enough_to_raise_the_duties() -> None:
    after = given(Incident, opened()).when(casework.raise_notifiability, True, "a client", by=ANALYST, at=NOW).then(
        Like(NotifiabilityRaised, personal_data=True, reason="a client")
    )  # fmt: skip
    assert (after.notifiable, after.personal_data, after.notifiable_reason) == (True, True, "a client")


def test_raising_the_duties_ends_a_proposal_to_lower_them() -> None:
    past = (notifiable(personal_data=False), LOWERING)
    after = given(Incident, *past).when(casework.raise_notifiability, True, "data", by=CISO, at=NOW).then(
        Like(NotifiabilityRaised)
    )  # fmt: skip
    assert after.lowering is None


@pytest.mark.parametrize(("held", "asked"), [(True, True), (True, False), (False, False)])
def test_raising_what_holds_changes_nothing(held: bool, asked: bool) -> None:
    given(Incident, notifiable(personal_data=held)).when(
        casework.raise_notifiability, asked, "x", by=ANALYST, at=NOW
    ).nothing()


def test_raising_without_personal_data_keeps_that_there_were_some() -> None:
    after = given(Incident, opened(personal_data=True)).when(
        casework.raise_notifiability, False, "x", by=ANALYST, at=NOW
    ).then(Like(NotifiabilityRaised))  # fmt: skip
    assert after.personal_data is True


def test_lowering_the_duties_is_first_only_proposed() -> None:
    after = given(Incident, notifiable()).when(casework.lower_notifiability, "no client", by=ANALYST, at=NOW).then(
        Like(NotifiabilityLoweringProposed, reason="no client")
    )  # fmt: skip
    assert after.notifiable is True
    assert after.lowering == ("aigul", "no client")


def test_a_second_person_from_compliance_lowers_the_duties() -> None:
    after = given(Incident, notifiable(), LOWERING).when(
        casework.lower_notifiability, "looked at it", by=COMPLIANCE, at=NOW
    ).then(Like(NotifiabilityLowered, actor="bolat", second_person="aigul", reason="looked at it"))  # fmt: skip
    assert (after.notifiable, after.lowering) == (False, None)


def test_who_proposed_to_lower_the_duties_cannot_agree() -> None:
    again = Person(id="aigul", roles=frozenset({"ciso"}))
    given(Incident, notifiable(), LOWERING).when(
        casework.lower_notifiability, "looked at it", by=again, at=NOW
    ).refused("decision.second-person")


def test_two_analysts_do_not_lower_the_duties() -> None:
    given(Incident, notifiable(), LOWERING).when(
        casework.lower_notifiability, "looked at it", by=FRAUD, at=NOW
    ).refused("decision.not-allowed")


def test_duties_that_do_not_hold_are_not_lowered() -> None:
    quiet = opened(incident_class="control-failure")
    given(Incident, quiet).when(casework.lower_notifiability, "looked at it", by=ANALYST, at=NOW).nothing()


def test_two_persons_say_beforehand_that_a_confirmation_shall_raise_nothing() -> None:
    asked = given(Incident, opened()).when(casework.lower_notifiability, "a test account", by=ANALYST, at=NOW)
    proposed = asked.then(Like(NotifiabilityLoweringProposed, reason="a test account"))
    assert not proposed.waived
    given(Incident, opened(), *asked.facts).when(
        casework.lower_notifiability, "a test account", by=ANALYST, at=NOW
    ).refused("cannot also agree")
    after = given(Incident, opened(), *asked.facts).when(
        casework.lower_notifiability, "the loan was the clerk's own", by=COMPLIANCE, at=NOW
    ).then(Like(NotifiabilityLowered, second_person=ANALYST.id, reason="the loan was the clerk's own"))  # fmt: skip
    assert after.waived


@pytest.mark.parametrize("flag", ["notifiable", "personal_data"])
def test_what_people_said_of_an_incident_goes_with_what_leaves_it(flag: str) -> None:
    raised = NotifiabilityRaised(at=NOW, actor="x", reason="r", incident_id="i-1", personal_data=True)
    facts = (opened(), joined(2), raised)
    _, _, made = casework.split(
        fold(Incident, *facts), ["i-1-f2"], "INC-2", "", "another case", by=ANALYST, at=NOW
    )  # fmt: skip
    assert getattr(fold(Incident, *made), flag)
    with pytest.raises(DecisionRefused, match="cannot disappear"):
        quiet = fold(Incident, opened("i-9"))
        casework.move(fold(Incident, *facts), ["i-1-f2"], quiet, "there", by=ANALYST, at=NOW)
    into = fold(Incident, notifiable("i-9", personal_data=False))
    _, taken = casework.move(fold(Incident, *facts), ["i-1-f2"], into, "there", by=ANALYST, at=NOW)
    assert getattr(fold(Incident, notifiable("i-9", personal_data=False), *taken), flag)


def test_clients_are_named_who_are_not_known_yet() -> None:
    after = given(Incident, opened()).when(
        casework.name_clients, ["c-1", "c-2", "c-2"], ["l-2"], "they called", by=COMPLIANCE, at=NOW
    ).then(
        Like(
            ClientsNamed, new_clients=("c-2",), entities=Entities(clients=("c-2",), loans=("l-2",)),
            reason="they called",
        )
    )  # fmt: skip
    assert (after.entities.clients, after.entities.loans) == (("c-1", "c-2"), ("l-2",))


def test_a_loan_alone_may_be_named() -> None:
    given(Incident, opened()).when(casework.name_clients, [], ["l-2"], "x", by=ANALYST, at=NOW).then(
        Like(ClientsNamed, new_clients=())
    )


def test_naming_who_is_known_changes_nothing() -> None:
    given(Incident, opened()).when(casework.name_clients, ["c-1"], [], "x", by=ANALYST, at=NOW).nothing()


@pytest.mark.parametrize(("clients", "loans"), [([""], []), (["c" * 101], []), ([], [""])])
def test_an_identifier_has_some_length(clients: list[str], loans: list[str]) -> None:
    given(Incident, opened()).when(casework.name_clients, clients, loans, "x", by=ANALYST, at=NOW).refused(
        "1 to 100 characters"
    )


NEEDS_REASON: list[Any] = [
    pytest.param(casework.raise_notifiability, (True,), id="raise"),
    pytest.param(casework.lower_notifiability, (), id="lower"),
    pytest.param(casework.name_clients, (["c-9"], []), id="name"),
]


@pytest.mark.parametrize(("decider", "words"), NEEDS_REASON)
def test_what_changes_the_duties_needs_a_reason_a_role_and_an_open_incident(decider: Any, words: Any) -> None:
    past = given(Incident, notifiable())
    past.when(decider, *words, " ", by=ANALYST, at=NOW).refused("say ")
    past.when(decider, *words, "x", by=AUDITOR, at=NOW).refused("decision.not-allowed")
    given(Incident, notifiable(), closed()).when(decider, *words, "x", by=CISO, at=NOW).refused("reopen it first")


UNTIL = NOW + timedelta(days=7)


@pytest.mark.parametrize("disposition", ["false_positive", "benign_positive"])
def test_findings_are_suppressed_after_a_false_alarm(disposition: str) -> None:
    after = given(Incident, opened(), closed(disposition)).when(
        casework.suppress, UNTIL, "known job", by=FRAUD, at=NOW
    ).then(Like(SuppressionSet, until=UNTIL, reason="known job"))  # fmt: skip
    assert after.suppressed_until == UNTIL


@pytest.mark.parametrize(
    ("past", "why"),
    [
        pytest.param((opened(),), "after an incident was closed", id="open"),
        pytest.param((opened(), closed("true_positive")), "after an incident was closed", id="true"),
        pytest.param((opened(), closed("duplicate")), "after an incident was closed", id="duplicate"),
        pytest.param((notifiable(), closing(), closed()), "never suppressed", id="duty"),
    ],
)
def test_what_was_real_or_must_be_told_is_never_suppressed(past: tuple[Fact, ...], why: str) -> None:
    given(Incident, *past).when(casework.suppress, UNTIL, "x", by=ANALYST, at=NOW).refused(why)


@pytest.mark.parametrize("until", [NOW, MONDAY, NOW + LONGEST_SUPPRESSION + timedelta(seconds=1)])
def test_suppression_lies_ahead_and_ends(until: Any) -> None:
    given(Incident, opened(), closed()).when(casework.suppress, until, "x", by=ANALYST, at=NOW).refused("90 days")


def test_suppression_may_last_ninety_days() -> None:
    given(Incident, opened(), closed()).when(
        casework.suppress, NOW + LONGEST_SUPPRESSION, "x", by=ANALYST, at=NOW
    ).then(Like(SuppressionSet, until=NOW + timedelta(days=90)))


def test_suppression_needs_a_triage_role_and_a_reason() -> None:
    past = given(Incident, opened(), closed())
    past.when(casework.suppress, UNTIL, "x", by=COMPLIANCE, at=NOW).refused("decision.not-allowed")
    past.when(casework.suppress, UNTIL, " ", by=ANALYST, at=NOW).refused("needs a reason")


def test_reopening_ends_suppression() -> None:
    quiet = SuppressionSet(at=MONDAY, incident_id="i-1", until=UNTIL)
    again = IncidentReopened(at=NOW, incident_id="i-1")
    assert fold(Incident, opened(), closed(), quiet).suppressed_until == UNTIL
    assert fold(Incident, opened(), closed(), quiet, again).suppressed_until is None


def test_a_suppressed_finding_is_kept_once_with_its_incident() -> None:
    more = finding("f-9", notifiable=False)
    after = given(Incident, opened(), closed()).when(casework.suppressed, more, at=NOW).then(
        Like(FindingSuppressed, finding_id="f-9", actor="qorgau")
    )  # fmt: skip
    assert after.suppressed == ["f-9"]
    kept = FindingSuppressed(at=MONDAY, incident_id="i-1", finding_id="f-9")
    given(Incident, opened(), closed(), kept).when(casework.suppressed, more, at=NOW).nothing()


def test_a_notifiable_finding_is_not_suppressed() -> None:
    given(Incident, opened(), closed()).when(casework.suppressed, finding("f-9"), at=NOW).nothing()
