"""Borrower protection: an act stops collection at once, a second person checks it, two persons end it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import ValidationError

from engine.kernel.answers import Judged, SubjectOutcome
from engine.kernel.errors import DecisionRefused, InputError, QorgauError
from engine.kernel.facts import Fact, Person
from engine.protection import deciding
from engine.protection import orders as orders_of
from engine.protection.facts import (
    DEMANDS,
    FACTS,
    SYSTEM_OF_ORDER,
    AcknowledgementProposed,
    AcknowledgementWithdrawn,
    ActDocumentAttached,
    ActRegistered,
    ActVerified,
    CourtRuled,
    OrderAcknowledged,
    OrderAnswered,
    OrderHandedOver,
    OrderIssued,
    OrderOverdue,
    OrderRevoked,
    OutcomeDecided,
    OutcomeDeclined,
    OutcomeProposed,
    ViolationFound,
)
from engine.protection.protection import LIFTS, STOPS, Protection, protection_id, subjects_of_order
from tests.past import NOW, THEN, act, registered
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, FRAUD, MONDAY

DUE = MONDAY + timedelta(days=3)
GENUINE = ActVerified(at=MONDAY, actor="dana", reason="called", protection_id="p-1", genuine=True)
FALSE = ActVerified(at=MONDAY, actor="dana", reason="forged", protection_id="p-1", genuine=False)
WRITE_OFF = OutcomeProposed(at=MONDAY, actor="bolat", reason="court", protection_id="p-1", outcome="write-off")
RELEASE = OutcomeProposed(at=MONDAY, actor="bolat", reason="court", protection_id="p-1", outcome="release")


NOT_GENUINE = OutcomeProposed(
    at=MONDAY, actor="bolat", reason="forged", protection_id="p-1", outcome="not-genuine", document_id="d-1"
)
ATTACHED = ActDocumentAttached(
    at=NOW, actor="aigul", protection_id="p-1", document_id="d-1", sha256="0" * 64, name="scan.pdf"
)


def decided(outcome: Any) -> OutcomeDecided:
    return OutcomeDecided(at=MONDAY, actor="dana", protection_id="p-1", outcome=outcome, proposed_by="bolat")


def ruled(**fields: Any) -> CourtRuled:
    common = {"at": NOW, "actor": "bolat", "protection_id": "p-1", "court": "Medeu", "number": "2-1"}
    day = {"in_force_on": date(2026, 11, 20), "received_at": MONDAY, "ruling": "act-overturned"}
    return CourtRuled(**{**common, **day, **fields})


def orders(*past: Fact) -> tuple[OrderIssued, ...]:
    return tuple(orders_of.issue_orders(fold(Protection, *past), due_at=DUE, at=MONDAY))


def done(order: OrderIssued) -> OrderAcknowledged:
    return OrderAcknowledged(at=NOW, protection_id="p-1", order_id=order.order_id, reference="ok", done_at=NOW)


ISSUED = orders(registered())


@pytest.mark.parametrize("by", [COMPLIANCE, ANALYST, CISO, Person(id="police", roles=frozenset({"source"}))])
def test_an_act_is_entered_with_who_and_when(by: Person) -> None:
    after = given(Protection).when(deciding.register_act, act(), by=by, at=NOW).then(
        ActRegistered(at=NOW, actor=by.id, protection_id=protection_id(act()), act=act())
    )  # fmt: skip
    assert (after.registered_by, after.registered_at, after.state) == (by.id, NOW, "stopping")
    assert after.holds


def test_an_act_entered_again_changes_nothing() -> None:
    given(Protection, registered()).when(deciding.register_act, act(), by=ANALYST, at=NOW).nothing()


@pytest.mark.parametrize("by", [FRAUD, AUDITOR])
def test_not_everybody_enters_acts(by: Person) -> None:
    given(Protection).when(deciding.register_act, act(), by=by, at=NOW).refused("decision.not-allowed")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"channel": "courier", "loans": ("l-9",), "received_at": NOW}, True),
        ({"number": "18"}, False),
        ({"client": "c-2"}, False),
        ({"issuer": "Police of Astana"}, False),
        ({"act_date": date(2026, 11, 19)}, False),
    ],
)
def test_an_act_is_known_by_issuer_number_day_and_client(change: dict[str, Any], same: bool) -> None:
    assert (protection_id(act(**change)) == protection_id(act())) is same


@pytest.mark.parametrize(
    ("received", "dated", "why"),
    [
        (NOW + timedelta(minutes=6), date(2026, 11, 20), "in the future"),
        (MONDAY, date(2026, 11, 25), "before its own date"),
    ],
)
def test_an_act_is_received_between_its_date_and_now(received: Any, dated: date, why: str) -> None:
    given(Protection).when(
        deciding.register_act, act(received_at=received, act_date=dated), by=ANALYST, at=NOW
    ).refused(why, InputError)


@pytest.mark.parametrize(
    ("received", "dated"), [(NOW + timedelta(minutes=5), date(2026, 11, 20)), (MONDAY, date(2026, 11, 24))]
)
def test_clocks_and_zones_may_differ_a_little(received: Any, dated: date) -> None:
    given(Protection).when(deciding.register_act, act(received_at=received, act_date=dated), by=ANALYST, at=NOW).then(
        Like(ActRegistered)
    )


@pytest.mark.parametrize("change", [{"loans": ()}, {"bureaus": ()}, {"number": ""}, {"kind": "wish"}, {"extra": 1}])
def test_an_act_without_its_parts_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        act(**change)


def test_a_second_person_verifies_the_act() -> None:
    after = given(Protection, registered()).when(
        deciding.verify_act, True, "called the station", by=COMPLIANCE_2, at=NOW
    ).then(Like(ActVerified, genuine=True, reason="called the station", actor="dana"))  # fmt: skip
    assert (after.verified_by, after.genuine, after.holds) == ("dana", True, True)
    assert after.verified_by != after.registered_by


def test_an_act_that_is_not_genuine_ends_the_protection_by_two_persons_and_a_document() -> None:
    words = (False, "forged")
    given(Protection, registered()).when(deciding.verify_act, *words, by=COMPLIANCE_2, at=NOW).refused("document")
    before = given(Protection, registered(), ATTACHED).when(
        deciding.verify_act, *words, document_id="d-1", by=COMPLIANCE_2, at=NOW
    ).then(Like(OutcomeProposed, outcome="not-genuine"))  # fmt: skip
    assert before.holds
    past = given(Protection, registered(), ATTACHED, NOT_GENUINE)
    past.when(deciding.verify_act, *words, by=COMPLIANCE, at=NOW).refused("decision.second-person")
    after = past.when(deciding.verify_act, *words, by=COMPLIANCE_2, at=NOW).then(
        Like(ActVerified, genuine=False, actor="dana", proposed_by="bolat")
    )
    assert (after.state, after.holds) == ("not-genuine", False)


def test_who_entered_the_act_does_not_verify_it() -> None:
    given(Protection, registered(by="bolat")).when(
        deciding.verify_act, True, "called them", by=COMPLIANCE, at=NOW
    ).refused("decision.second-person")


@pytest.mark.parametrize(
    ("past", "reason", "by", "why"),
    [
        ((registered(),), "x", CISO, "decision.not-allowed"),
        ((registered(),), " ", COMPLIANCE_2, "own words"),
        ((registered(), GENUINE), "x", COMPLIANCE_2, "verified already"),
        ((registered(), FALSE), "x", COMPLIANCE_2, "verified already"),
    ],
)
def test_an_act_is_verified_once_with_a_reason_by_compliance(past: Any, reason: str, by: Person, why: str) -> None:
    given(Protection, *past).when(deciding.verify_act, True, reason, by=by, at=NOW).refused(why)


def test_a_document_is_attached_once() -> None:
    words = ("d-1", "0" * 64, "scan.pdf")
    attached = ActDocumentAttached(
        at=NOW, actor="aigul", protection_id="p-1", document_id="d-1", sha256="0" * 64, name="scan.pdf"
    )
    after = given(Protection, registered()).when(deciding.attach, *words, by=ANALYST, at=NOW).then(attached)
    assert after.documents == {"d-1": attached}
    given(Protection, registered(), attached).when(deciding.attach, *words, by=ANALYST, at=NOW).nothing()
    given(Protection, registered()).when(deciding.attach, *words, by=FRAUD, at=NOW).refused("decision.not-allowed")


def test_a_long_name_of_a_document_is_cut() -> None:
    given(Protection, registered()).when(deciding.attach, "d-1", "0" * 64, "n" * 300, by=ANALYST, at=NOW).then(
        Like(ActDocumentAttached, name="n" * 200)
    )


def test_a_decision_of_a_court_is_taken_once() -> None:
    after = given(Protection, registered()).when(deciding.rule, ruled()).then(ruled())
    assert after.rulings == [ruled()]
    given(Protection, registered(), ruled()).when(deciding.rule, ruled(document_id="d-2")).nothing()
    given(Protection, registered(), ruled()).when(deciding.rule, ruled(number="2-2")).then(Like(CourtRuled))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"court": " "}, "name the court"),
        ({"number": ""}, "name the court"),
        ({"received_at": NOW + timedelta(hours=1)}, "in the future"),
        ({"in_force_on": date(2026, 12, 1)}, "before its own date"),
    ],
)
def test_a_decision_of_a_court_has_its_court_number_and_days(change: dict[str, Any], why: str) -> None:
    given(Protection, registered()).when(deciding.rule, ruled(**change)).refused(why)


def test_an_outcome_is_first_proposed() -> None:
    after = given(Protection, registered()).when(
        deciding.propose_outcome, "write-off", "debt is void", by=COMPLIANCE, at=NOW
    ).then(Like(OutcomeProposed, outcome="write-off", reason="debt is void"))  # fmt: skip
    assert after.proposed == ("bolat", "write-off", "debt is void")
    assert (after.outcome, after.holds) == (None, True)


def test_release_needs_a_court_that_overturned_the_act() -> None:
    words = ("release", "overturned")
    past = registered(), ruled(ruling="debt-void")
    given(Protection, *past).when(deciding.propose_outcome, *words, by=CISO, at=NOW).refused("decision of a court")
    overturned = ruled(number="2", document_id="d-9")
    given(Protection, *past, overturned).when(deciding.propose_outcome, *words, by=CISO, at=NOW).then(
        Like(OutcomeProposed, outcome="release", document_id="d-9")
    )


@pytest.mark.parametrize(
    ("past", "outcome", "reason", "by", "why"),
    [
        ((registered(),), "write-off", "x", ANALYST, "decision.not-allowed"),
        ((registered(),), "forget", "x", CISO, "an outcome is one of"),
        ((registered(),), "write-off", " ", CISO, "own words"),
        ((registered(), WRITE_OFF), "write-off", "x", CISO, "bolat proposed an outcome already"),
        ((registered(), FALSE), "write-off", "x", CISO, "is not-genuine"),
        ((registered(), decided("write-off")), "write-off", "x", CISO, "is written-off"),
        ((registered(), decided("release")), "write-off", "x", CISO, "is released"),
    ],
)
def test_an_outcome_that_cannot_be_proposed(past: Any, outcome: str, reason: str, by: Person, why: str) -> None:
    given(Protection, *past).when(deciding.propose_outcome, outcome, reason, by=by, at=NOW).refused(why)


def test_a_second_person_decides_the_outcome_and_the_first_is_named() -> None:
    after = given(Protection, registered(), WRITE_OFF).when(
        deciding.decide_outcome, True, "agreed", by=COMPLIANCE_2, at=NOW
    ).then(Like(OutcomeDecided, outcome="write-off", actor="dana", proposed_by="bolat", reason="agreed"))  # fmt: skip
    assert (after.state, after.outcome, after.decided_at, after.proposed) == ("written-off", "write-off", NOW, None)
    assert after.holds


def test_who_agrees_says_why() -> None:
    given(Protection, registered(), RELEASE).when(deciding.decide_outcome, True, "", by=CISO, at=NOW).refused(
        "own words"
    )
    after = given(Protection, registered(), RELEASE).when(
        deciding.decide_outcome, True, "it is in force", by=CISO, at=NOW
    ).then(Like(OutcomeDecided, outcome="release", reason="it is in force"))  # fmt: skip
    assert (after.state, after.holds) == ("released", False)


def test_a_declined_outcome_leaves_the_protection_as_it_was() -> None:
    after = given(Protection, registered(), WRITE_OFF).when(
        deciding.decide_outcome, False, "too early", by=CISO, at=NOW
    ).then(Like(OutcomeDeclined, outcome="write-off", proposed_by="bolat", reason="too early"))  # fmt: skip
    assert (after.proposed, after.outcome, after.holds) == (None, None, True)


def test_nothing_is_written_off_on_an_act_that_turned_out_forged() -> None:
    """What was proposed before the check falls with the act."""
    proposed = OutcomeProposed(at=MONDAY, actor="bolat", reason="c", protection_id="p-1", outcome="write-off")
    forged = ActVerified(at=MONDAY, actor="dana", reason="forged", protection_id="p-1", genuine=False)
    given(Protection, registered(), proposed, forged).when(
        deciding.decide_outcome, True, "agreed", by=CISO, at=NOW
    ).refused("not-genuine")


@pytest.mark.parametrize(
    ("past", "agreed", "reason", "by", "why"),
    [
        ((WRITE_OFF,), True, "x", COMPLIANCE, "decision.second-person"),
        ((WRITE_OFF,), False, "x", COMPLIANCE, "decision.second-person"),
        ((WRITE_OFF,), True, "x", ANALYST, "decision.not-allowed"),
        ((WRITE_OFF,), False, " ", CISO, "own words"),
        ((), True, "x", CISO, "nobody proposed"),
    ],
)
def test_an_outcome_is_not_decided_so(past: Any, agreed: bool, reason: str, by: Person, why: str) -> None:
    given(Protection, registered(), *past).when(deciding.decide_outcome, agreed, reason, by=by, at=NOW).refused(why)


def test_the_orders_of_an_act_stop_everything_and_go_to_every_bureau() -> None:
    after = given(Protection, registered()).when(orders_of.issue_orders, due_at=DUE, at=NOW).then(
        *(
            Like(OrderIssued, kind=kind, system=SYSTEM_OF_ORDER[kind], target=target, loans=("l-1", "l-2"), due_at=DUE)
            for kind, target in (
                ("collection-stop", "collections"), ("accrual-stop", "loans"), ("client-flag", "loans"),
                ("bureau-correction", "first-bureau"), ("bureau-correction", "state-bureau"),
            )
        )
    )  # fmt: skip
    assert after.state == "stopping"


def test_orders_are_given_once() -> None:
    given(Protection, registered(), *ISSUED).when(orders_of.issue_orders, due_at=DUE, at=NOW).nothing()
    given(Protection, registered(), *ISSUED[:2]).when(orders_of.issue_orders, due_at=DUE, at=NOW).then(
        *(Like(OrderIssued, order_id=order.order_id) for order in ISSUED[2:])
    )


def test_a_borrower_is_protected_when_every_stop_is_acknowledged() -> None:
    assert fold(Protection, registered(), *ISSUED, *map(done, ISSUED[:-1])).state == "stopping"
    assert fold(Protection, registered(), *ISSUED, *map(done, ISSUED)).state == "protected"


def test_a_kind_of_order_is_acknowledged_when_all_of_it_are() -> None:
    state = fold(Protection, registered(), *ISSUED, done(ISSUED[0]), done(ISSUED[3]))
    assert state.all_acknowledged("collection-stop")
    assert not state.all_acknowledged("bureau-correction")
    assert not state.all_acknowledged("write-off")
    assert fold(Protection, registered(), *ISSUED, *map(done, ISSUED)).all_acknowledged("bureau-correction")


def said(order: OrderIssued, outcome: Any, reference: str = "CRM-1") -> Judged:
    """An answer that says the same of every subject of an order."""
    subjects = subjects_of_order(order.kind, "c-1", order.loans)
    outcomes = tuple(SubjectOutcome(subject=it.name, outcome=outcome) for it in subjects)
    return Judged(outcomes=outcomes, reference=reference)


def test_an_answer_that_all_is_done_is_recorded_once_with_its_reference() -> None:
    words = {"done_at": THEN, "at": NOW, "actor": "collections"}
    order, judged = ISSUED[0].order_id, said(ISSUED[0], "done")
    after = given(Protection, registered(), *ISSUED).when(orders_of.answered, order, judged, **words).then(
        Like(OrderAcknowledged, order_id=order, reference="CRM-1", done_at=THEN, subjects=("loan:l-1", "loan:l-2"))
    )  # fmt: skip
    assert (after.orders[order].acknowledged_at, after.orders[order].reference) == (THEN, "CRM-1")
    past = given(Protection, registered(), *ISSUED, done(ISSUED[0]))
    past.when(orders_of.answered, order, judged, **words).nothing()
    past.when(orders_of.answered, "o-9", judged, **words).refused("no such order", DecisionRefused)


def test_an_order_of_two_loans_is_done_when_both_are() -> None:
    words = {"at": NOW, "actor": "collections"}
    order = ISSUED[0].order_id
    half = Judged(
        outcomes=(
            SubjectOutcome(subject="loan:l-1", outcome="done"),
            SubjectOutcome(subject="loan:l-2", outcome="refused", detail="unknown loan"),
        ),
        reference="CRM-1", detail="unknown loan",
    )  # fmt: skip
    past = given(Protection, registered(), *ISSUED)
    after = past.when(orders_of.answered, order, half, done_at=THEN, **words).then(
        Like(OrderAnswered, verdict="refused", outcomes=half.outcomes)
    )
    assert set(after.orders[order].done) == {"loan:l-1"}
    held = given(Protection, registered(), *ISSUED, after.orders[order].answer)
    held.when(orders_of.answered, order, half, done_at=THEN, **words).nothing()
    rest = Judged(outcomes=(SubjectOutcome(subject="loan:l-2", outcome="done"),), reference="CRM-2")
    held.when(orders_of.answered, order, rest, done_at=NOW, **words).then(
        Like(OrderAcknowledged, reference="CRM-2", done_at=NOW)
    )


def test_a_refusal_after_done_takes_it_back() -> None:
    order = ISSUED[0].order_id
    given(Protection, registered(), *ISSUED, done(ISSUED[0])).when(
        orders_of.answered, order, said(ISSUED[0], "refused"), done_at=THEN, at=NOW, actor="collections"
    ).then(Like(AcknowledgementWithdrawn, order_id=order), Like(OrderAnswered, verdict="refused"))


def test_two_persons_vouch_with_a_document_and_own_words() -> None:
    order = ISSUED[0].order_id
    past = given(Protection, registered(), ATTACHED, *ISSUED)
    vouch = orders_of.acknowledge_by_hand
    past.when(vouch, order, "", "read it", "d-1", by=COMPLIANCE, at=NOW).refused("reference")
    past.when(vouch, order, "letter 5", " ", "d-1", by=COMPLIANCE, at=NOW).refused("own words")
    past.when(vouch, order, "letter 5", "read it", "d-9", by=COMPLIANCE, at=NOW).refused("document")
    past.when(vouch, order, "letter 5", "read it", "d-1", by=ANALYST, at=NOW).refused("decision.not-allowed")
    first = past.when(vouch, order, "letter 5", "read it", "d-1", by=COMPLIANCE, at=NOW).then(
        Like(AcknowledgementProposed, reference="letter 5", document_id="d-1", reason="read it")
    )
    assert first.orders[order].acknowledged_at is None
    second = given(Protection, registered(), ATTACHED, *ISSUED, first.orders[order].proposed)
    second.when(vouch, order, "letter 5", "", "", by=COMPLIANCE, at=NOW).refused("decision.second-person")
    second.when(vouch, order, "letter 5", "", "", by=CISO, at=NOW).refused("own words")
    second.when(vouch, order, "letter 5", "read it too", "", by=CISO, at=NOW).then(
        Like(OrderAcknowledged, actor="gulnar", proposed_by="bolat", document_id="d-1", reason="read it too")
    )
    given(Protection, registered(), *ISSUED, done(ISSUED[0])).when(
        orders_of.withdraw_acknowledgement, order, "they never did", by=COMPLIANCE, at=NOW
    ).then(Like(AcknowledgementWithdrawn, reason="they never did"))


def test_an_order_remembers_its_letter_its_delay_and_its_end() -> None:
    common = {"at": NOW, "protection_id": "p-1", "order_id": ISSUED[0].order_id}
    facts = (
        OrderHandedOver(**common, channel="mail", reference="m-1"),
        OrderOverdue(**common, attempts=9, last_answer="503"),
        OrderRevoked(**common),
    )
    order = fold(Protection, registered(), *ISSUED, *facts).orders[ISSUED[0].order_id]
    assert (order.handed_over_at, order.overdue, order.revoked, order.acknowledged_at) == (NOW, True, True, None)


def test_a_write_off_is_ordered_once() -> None:
    past = registered(), *ISSUED, decided("write-off")
    (order,) = orders_of.issue_write_off(fold(Protection, *past), due_at=DUE, at=NOW)
    assert (order.kind, order.target, order.loans) == ("write-off", "loans", ("l-1", "l-2"))
    given(Protection, *past, order).when(orders_of.issue_write_off, due_at=DUE, at=NOW).nothing()


def test_lifting_revokes_what_was_not_answered_and_undoes_every_stop() -> None:
    past = registered(), *ISSUED[:2], done(ISSUED[0])
    after = given(Protection, *past).when(orders_of.lift, due_at=DUE, at=NOW).then(
        Like(OrderRevoked, order_id=ISSUED[1].order_id),
        Like(OrderIssued, kind="collection-resume", target="collections"),
        Like(OrderIssued, kind="accrual-resume", target="loans"),
    )  # fmt: skip
    assert after.orders[ISSUED[1].order_id].revoked
    assert not after.orders[ISSUED[0].order_id].revoked


def test_lifting_twice_lifts_once() -> None:
    past = [registered(), *ISSUED]
    past += orders_of.lift(fold(Protection, *past), due_at=DUE, at=NOW)  # type: ignore[arg-type]
    given(Protection, *past).when(orders_of.lift, due_at=DUE, at=NOW).nothing()


def test_what_another_act_holds_is_not_lifted() -> None:
    past = registered(), *ISSUED, *map(done, ISSUED)
    given(Protection, *past).when(orders_of.lift, due_at=DUE, at=NOW, held_loans=("l-1",), held_clients=("c-1",)).then(
        *(
            Like(OrderIssued, kind=kind, loans=("l-2",))
            for kind in ("collection-resume", "accrual-resume", "bureau-restore", "bureau-restore")
        )
    )
    given(Protection, *past).when(
        orders_of.lift, due_at=DUE, at=NOW, held_loans=("l-1", "l-2"), held_clients=("c-1",)
    ).nothing()


def test_every_stop_can_be_undone_and_every_order_says_what_it_asks_for() -> None:
    assert set(STOPS) == set(LIFTS)
    assert set(LIFTS.values()) | set(STOPS) | {"write-off"} == set(DEMANDS) == set(SYSTEM_OF_ORDER)
    assert all(SYSTEM_OF_ORDER[stop] == SYSTEM_OF_ORDER[lift] for stop, lift in LIFTS.items())
    assert all(DEMANDS.values())


def test_a_violation_is_noted_once() -> None:
    words = ("i-9", "f-9", THEN)
    after = given(Protection, registered()).when(deciding.violated, *words, at=NOW).then(
        Like(ViolationFound, incident_id="i-9", finding_id="f-9", detected_at=THEN)
    )  # fmt: skip
    given(Protection, registered(), *after.violations).when(deciding.violated, *words, at=NOW).nothing()


@pytest.mark.parametrize(("end", "noted"), [(FALSE, 0), (decided("release"), 0), (decided("write-off"), 1)])
def test_only_a_protected_borrower_can_be_wronged(end: Fact, noted: int) -> None:
    found = deciding.violated(fold(Protection, registered(), end), "i-9", "f-9", THEN, at=NOW)
    assert len(found) == noted


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    assert len({kind.topic for kind in FACTS}) == len(FACTS) == 22


PEOPLE = st.sampled_from([COMPLIANCE, COMPLIANCE_2, CISO, ANALYST, AUDITOR])


class ProtectionMachine(RuleBasedStateMachine):
    """Acts, checks, orders, courts and outcomes in any order; the borrower's side is kept."""

    @initialize(by=PEOPLE)
    def begin(self, by: Person) -> None:
        self.state, self.facts, self.now = Protection(), [], MONDAY
        self.attempt(deciding.register_act, act(), by=by)
        if self.state.id:
            self.attempt(deciding.attach, "d-1", "0" * 64, "scan.pdf", by=COMPLIANCE)

    def attempt(self, decider: Any, *words: Any, **said: Any) -> None:
        self.now += timedelta(minutes=1)
        try:
            decided = decider(self.state, *words, **said, at=self.now)
        except QorgauError:
            return
        for fact in decided:
            self.state.apply(fact)
        self.facts += decided

    @rule(genuine=st.booleans(), by=PEOPLE)
    def check(self, genuine: bool, by: Person) -> None:
        self.attempt(deciding.verify_act, genuine, "x", document_id="d-1", by=by)

    @rule(by=PEOPLE)
    def reinstate(self, by: Person) -> None:
        self.attempt(deciding.reinstate_act, "it was genuine after all", by=by)

    @rule(outcome=st.sampled_from(["write-off", "release", "not-genuine"]), by=PEOPLE)
    def propose(self, outcome: str, by: Person) -> None:
        self.attempt(deciding.propose_outcome, outcome, "x", document_id="d-1", by=by)

    @rule(agreed=st.booleans(), by=PEOPLE)
    def decide(self, agreed: bool, by: Person) -> None:
        self.attempt(deciding.decide_outcome, agreed, "x", by=by)

    @rule(ruling=st.sampled_from(["debt-void", "act-overturned"]), number=st.sampled_from("12"))
    def court(self, ruling: str, number: str) -> None:
        self.attempt(lambda it, at: deciding.rule(it, ruled(at=at, ruling=ruling, number=number)))

    @rule()
    def order(self) -> None:
        if self.state.act is not None:
            self.attempt(orders_of.issue_orders, due_at=DUE)

    @rule(number=st.integers(0, 4), outcome=st.sampled_from(["done", "refused", "unclear", "pending"]))
    def answer(self, number: int, outcome: Any) -> None:
        orders = list(self.state.orders.values())
        if orders:
            order = orders[number % len(orders)]
            outcomes = tuple(SubjectOutcome(subject=it.name, outcome=outcome) for it in order.subjects)
            judged = Judged(outcomes=outcomes, reference="r")
            self.attempt(orders_of.answered, order.id, judged, done_at=self.now, actor="system")

    @rule()
    def lift(self) -> None:
        if self.state.act is not None and not self.state.holds:
            self.attempt(orders_of.lift, due_at=DUE)

    @invariant()
    def two_persons_stand_behind_every_check_and_outcome(self) -> None:
        for fact in getattr(self, "facts", []):
            if isinstance(fact, OutcomeDecided | OutcomeDeclined):
                assert fact.actor != fact.proposed_by
            if isinstance(fact, ActVerified):
                assert fact.actor != (self.state.registered_by if fact.genuine else fact.proposed_by)

    @invariant()
    def stops_are_lifted_only_where_protection_ended(self) -> None:
        if hasattr(self, "state") and self.state.holds:
            now = [order for order in self.state.orders.values() if not order.superseded]
            assert not any(order.revoked or order.kind in LIFTS.values() for order in now)

    @invariant()
    def release_follows_a_court(self) -> None:
        if hasattr(self, "state") and self.state.outcome == "release":
            assert any(it.ruling == "act-overturned" for it in self.state.rulings)

    @invariant()
    def the_facts_give_the_state(self) -> None:
        if hasattr(self, "state"):
            assert fold(Protection, *self.facts) == self.state


TestProtectionMachine = ProtectionMachine.TestCase
