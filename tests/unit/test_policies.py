"""The policies of the core, tried with facts alone: what starts, satisfies and ends the duties, drafts and orders."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.duties.clock import Clock
from engine.duties.facts import ClockCancelled, ClockReanchored, ClockSatisfied, ClockStarted
from engine.duties.firing import sweep
from engine.duties.policy import ClockPolicy
from engine.governance import matters_told
from engine.governance.facts import ActionClosed, ActionPlanned, DutyDone
from engine.governance.governance import duty_id
from engine.governance.matters import Matter, matter_id, matter_specs
from engine.governance.matters_told import Told
from engine.incidents.facts import (
    ContainmentStarted,
    FindingJoined,
    IncidentAcknowledged,
    IncidentOpened,
    IncidentReopened,
    NotifiabilityLowered,
    NotifiabilityRaised,
    RecoveryConfirmed,
)
from engine.incidents.incident import Incident
from engine.kernel.facts import Entities, Fact
from engine.kernel.messages import AlertMessage
from engine.kernel.trouble import DutyNotCounted
from engine.notices.facts import NoticeBounced, NoticeDrafted, NoticeRedrafted, NoticeSent, NoticeWithdrawn
from engine.policies.alerts import AlertPolicy
from engine.policies.duties import DutyPolicy
from engine.policies.incidents import IncidentPolicy
from engine.policies.notices import NoticePolicy
from engine.policies.orders import OrderPolicy
from engine.protection.facts import ActVerified, OrderAcknowledged, OrderIssued, OrderRevoked, ViolationFound
from engine.protection.protection import Protection
from engine.terms.calendar import builtin_calendar
from tests.memory import MemoryContext
from tests.past import closed, finding, joined, notifiable, opened, registered
from tests.support import MONDAY

HOUR = timedelta(hours=1)
OWED = {"triage", "regulator-notice", "client-notice", "personal-data-notice", "immediate-containment", "remediation",
        "antifraud-centre-message"}  # fmt: skip
TO = {"regulator": "a@x.kz, b@x.kz", "pd_authority": "p@example.kz", "client": "g@example.kz", "afc": "a@example.kz"}


def duties(**named: Any) -> DutyPolicy:
    return DutyPolicy({"kz": builtin_calendar()}, ClockPolicy(**named))


def clocks(context: MemoryContext) -> dict[str, Clock]:
    """The clocks by kind and whom they are owed to."""
    found = {}
    for stored in context.log:
        if isinstance(stored.fact, ClockStarted):
            clock = context.load(Clock, stored.originator)
            found[f"{clock.kind} {clock.subject}".strip()] = clock
    return found


class PlainComposer:
    """Writes what a text depends on, and no more."""

    def text(
        self,
        context: Any,
        incident: Incident,
        kind: str,
        stage: str,
        client: str,
        *,
        late: bool,
        follows: Any,
        clients: Any = (),
    ) -> tuple[dict[str, dict[str, str]], str]:
        fields = {"clients": str(len(incident.entities.clients)), "measures": str(len(incident.measures))}
        return {"ru": {**fields, **({"late": ""} if late else {})}}, "1"


def notices() -> NoticePolicy:
    return NoticePolicy(PlainComposer(), TO)


class TestIncidents:
    def test_a_finding_opens_an_incident_and_the_next_with_its_key_joins(self) -> None:
        context = MemoryContext().given("f-1", finding("f-1")).given("f-2", finding("f-2", detected_at=MONDAY + HOUR))
        context.run(IncidentPolicy())
        assert [fact.number for fact in context.recorded(IncidentOpened)] == ["INC-2026-0001"]
        assert [fact.finding_id for fact in context.recorded(FindingJoined)] == ["f-2"]

    def test_another_key_opens_another_incident(self) -> None:
        context = MemoryContext().given("f-1", finding("f-1")).given("f-2", finding("f-2", dedup_key="other"))
        context.run(IncidentPolicy())
        assert [fact.number for fact in context.recorded(IncidentOpened)] == ["INC-2026-0001", "INC-2026-0002"]


class TestDuties:
    def test_a_notifiable_incident_owes_every_duty_from_its_detection(self) -> None:
        context = MemoryContext().given("i-1", notifiable()).run(duties())
        assert {name.split()[0] for name in clocks(context)} == OWED
        assert {clock.anchor_at for clock in clocks(context).values()} == {MONDAY}

    def test_an_incident_the_law_wants_nothing_told_of_owes_its_triage(self) -> None:
        assert clocks(MemoryContext().given("i-1", opened()).run(duties())).keys() == {"triage"}

    def test_without_personal_data_the_authority_for_them_is_owed_nothing(self) -> None:
        context = MemoryContext().given("i-1", notifiable(personal_data=False)).run(duties())
        assert "personal-data-notice" not in clocks(context)

    def test_each_client_is_owed_a_notice_from_the_detection_that_showed_them(self) -> None:
        context = MemoryContext().given("i-1", notifiable(), joined(2)).run(duties())
        assert clocks(context)["client-notice c-2"].anchor_at == MONDAY + timedelta(minutes=2)

    def test_an_earlier_detection_moves_every_term_back_and_a_later_one_none(self) -> None:
        earlier = joined(2, detected_at=MONDAY - HOUR)
        context = MemoryContext().given("i-1", notifiable(), earlier, joined(3)).run(duties())
        assert clocks(context)["remediation"].anchor_at == MONDAY - HOUR
        assert {fact.anchor_at for fact in context.recorded(ClockReanchored)} == {MONDAY - HOUR}

    def test_what_people_find_notifiable_later_counts_from_the_detection_too(self) -> None:
        raised = NotifiabilityRaised(at=MONDAY + HOUR, actor="a", incident_id="i-1", personal_data=False)
        context = MemoryContext().given("i-1", opened(), raised).run(duties())
        assert clocks(context)["regulator-notice"].anchor_at == MONDAY

    @pytest.mark.parametrize(
        ("fact", "kind"),
        [
            (IncidentAcknowledged(at=MONDAY + HOUR, actor="a", incident_id="i-1"), "triage"),
            (
                ContainmentStarted(at=MONDAY + HOUR, actor="a", incident_id="i-1", action="blocked"),
                "immediate-containment",
            ),
            (RecoveryConfirmed(at=MONDAY + HOUR, actor="a", incident_id="i-1", evidence="e"), "remediation"),
        ],
    )
    def test_what_people_do_satisfies_its_duty_and_no_other(self, fact: Fact, kind: str) -> None:
        context = MemoryContext().given("i-1", notifiable(), fact).run(duties())
        assert {name for name, clock in clocks(context).items() if clock.satisfied_at} == {kind}
        assert {done.proof for done in context.recorded(ClockSatisfied)} == {f"{fact.topic} at position 2"}

    def test_a_notice_satisfies_when_the_last_recipient_took_it(self) -> None:
        context = MemoryContext().given("i-1", notifiable()).run(duties(), notices())
        key = next(fact.notice_id for fact in context.recorded(NoticeDrafted) if fact.kind == "regulator")
        context.given(key, *_approved(context, key, "a@x.kz", "b@x.kz"), _sent(key, "a@x.kz", 1)).run(duties())
        assert clocks(context)["regulator-notice"].satisfied_at is None
        context.given(key, _sent(key, "b@x.kz", 2)).run(duties())
        assert clocks(context)["regulator-notice"].satisfied_at == MONDAY + 2 * HOUR

    def test_a_notice_that_comes_back_is_owed_again(self) -> None:
        context = MemoryContext().given("i-1", notifiable()).run(duties(), notices())
        key = next(fact.notice_id for fact in context.recorded(NoticeDrafted) if fact.kind == "regulator")
        context.given(key, *_approved(context, key, "a@x.kz"), _sent(key, "a@x.kz", 1)).run(duties())
        back = NoticeBounced(at=MONDAY + 3 * HOUR, notice_id=key, recipient="a@x.kz", status="5.1.1", detail="no")
        context.given(key, back).run(duties())
        assert clocks(context)["regulator-notice"].running

    @pytest.mark.parametrize(
        "ending",
        [
            closed("false_positive"),
            NotifiabilityLowered(at=MONDAY, actor="a", reason="r", incident_id="i-1", second_person="b"),
        ],
    )
    def test_what_was_no_incident_owes_nothing_any_more(self, ending: Fact) -> None:
        context = MemoryContext().given("i-1", notifiable(), ending).run(duties())
        assert not any(clock.running for clock in clocks(context).values())
        assert all(fact.second_person != fact.actor for fact in context.recorded(ClockCancelled))

    def test_a_real_incident_that_is_closed_still_owes_its_notices(self) -> None:
        context = MemoryContext().given("i-1", notifiable(), closed("true_positive")).run(duties())
        assert clocks(context)["regulator-notice"].running and not clocks(context)["triage"].running

    def test_a_reopened_incident_owes_again_from_the_same_anchor(self) -> None:
        again = IncidentReopened(at=MONDAY + HOUR, actor="a", reason="new facts", incident_id="i-1")
        context = MemoryContext().given("i-1", notifiable(), closed("false_positive"), again).run(duties())
        clock = clocks(context)["regulator-notice"]
        assert (clock.running, clock.anchor_at) == (True, MONDAY)

    def test_reopening_brings_back_only_what_still_holds(self) -> None:
        lowered = NotifiabilityLowered(at=MONDAY, actor="a", reason="r", incident_id="i-1", second_person="b")
        again = IncidentReopened(at=MONDAY + HOUR, actor="a", reason="new facts", incident_id="i-1")
        context = MemoryContext().given("i-1", notifiable(), lowered, closed("false_positive"), again).run(duties())
        assert {name for name, clock in clocks(context).items() if clock.running} == {"triage"}

    @pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31)])
    def test_a_day_that_cannot_be_counted_stops_no_other_duty(self, day: date) -> None:
        """A version before this one stored such days; whatever follows them in the log must not wait."""
        done = DutyDone(at=MONDAY, duty_id="d-1", key="policy-review", done_on=day, evidence="e")
        planned = ActionPlanned(
            at=MONDAY, duty_id="d-1", key="policy-review", action_id="a-1", text="t", owner="o", due_on=day
        )
        context = MemoryContext().given("d-1", done, planned).given("i-1", notifiable()).run(duties())
        assert clocks(context)["regulator-notice"].running
        told = context.recorded(DutyNotCounted)
        assert all((it.duty, it.owner_kind, it.owner_id) == ("policy-review", "duty", "d-1") for it in told)
        assert len(told) == (day.year == 9999)  # before 1992 no law is declared, so nothing is owed

    def test_a_stop_counts_when_every_order_of_its_kind_is_acknowledged(self) -> None:
        context = MemoryContext().given("p-1", registered(bureaus=("pkb", "gkb")))
        context.run(duties(), OrderPolicy(builtin_calendar(), ClockPolicy()))
        orders = [it for it in context.recorded(OrderIssued) if it.kind == "bureau-correction"]
        assert len(orders) == 2
        for number, order in enumerate(orders, 1):
            context.given("p-1", _acknowledged(order.order_id, number)).run(duties())
            assert clocks(context)["bureau-correction"].running == (number == 1)
        assert clocks(context)["bureau-correction"].satisfied_at == MONDAY + 2 * HOUR

    def test_a_forged_act_owes_nothing(self) -> None:
        forged = ActVerified(at=MONDAY, actor="dana", reason="r", protection_id="p-1", genuine=False)
        context = MemoryContext().given("p-1", registered(), forged).run(duties())
        assert not any(clock.running for clock in clocks(context).values())

    def test_a_returning_duty_counts_from_the_day_it_was_done(self) -> None:
        done = DutyDone(at=MONDAY, duty_id="d-1", key="policy-review", done_on=date(2026, 11, 20), evidence="e")
        again = DutyDone(at=MONDAY, duty_id="d-1", key="policy-review", done_on=date(2026, 11, 23), evidence="e")
        context = MemoryContext().given("d-1", done, again).run(duties())
        first, second = clocks(context).values()
        assert not first.running and second.running

    def test_a_corrective_action_runs_until_its_day(self) -> None:
        planned = ActionPlanned(
            at=MONDAY, duty_id="d-1", key="policy-review", action_id="a-1", text="t", owner="o",
            due_on=date(2026, 12, 1),
        )  # fmt: skip
        context = MemoryContext().given("d-1", planned).run(duties())
        assert clocks(context)["corrective-action a-1"].due_at == datetime(2026, 12, 1, 13, tzinfo=UTC)
        done = ActionClosed(at=MONDAY + HOUR, duty_id="d-1", action_id="a-1", evidence="e")
        assert not clocks(context.given("d-1", done).run(duties()))["corrective-action a-1"].running

    def test_a_clock_says_whose_law_it_runs_by(self) -> None:
        context = MemoryContext().given("i-1", notifiable()).run(duties())
        assert {(it.jurisdiction, it.law_from) for it in context.recorded(ClockStarted)} == {("kz", date(1992, 1, 1))}

    @for_all(st.permutations([joined(2), joined(3, detected_at=MONDAY - HOUR), joined(4), joined(5)]))
    def test_the_order_in_which_findings_join_changes_no_instant(self, order: list[FindingJoined]) -> None:
        context = MemoryContext().given("i-1", notifiable(), *order).run(duties())
        due = {name: clock.due_at for name, clock in clocks(context).items()}
        plain = MemoryContext().given("i-1", notifiable(), *sorted(order, key=lambda it: it.detected_at)).run(duties())
        assert due == {name: clock.due_at for name, clock in clocks(plain).items()}

    @for_all(st.lists(st.sampled_from(["all", "one"]), min_size=1, max_size=6))
    def test_how_much_is_taken_at_once_changes_no_fact(self, steps: list[str]) -> None:
        """A policy that lags sees each fact as it stood, so facts that followed since do not show through."""
        facts = [notifiable(), joined(2, detected_at=MONDAY - HOUR), joined(3), closed("false_positive")]
        at_once = MemoryContext().given("i-1", *facts).run(duties())
        stepwise = MemoryContext()
        for number, fact in enumerate(facts):
            stepwise.given("i-1", fact)
            if steps[number % len(steps)] == "one":
                stepwise.run(duties())
        stepwise.run(duties())
        assert _facts(at_once) == _facts(stepwise)


class TestNotices:
    def test_every_addressee_gets_a_draft(self) -> None:
        context = MemoryContext().given("i-1", notifiable()).run(duties(), notices())
        drafts = {(it.kind, it.subject, it.recipient) for it in context.recorded(NoticeDrafted)}
        assert drafts == {
            ("regulator", "", "a@x.kz, b@x.kz"), ("pd_authority", "", "p@example.kz"), ("afc", "", "a@example.kz"),
            ("client", "", "g@example.kz"),
        }  # fmt: skip

    def test_a_draft_nobody_touched_follows_the_incident(self) -> None:
        context = MemoryContext().given("i-1", notifiable(), joined(2)).run(duties(), notices())
        again = [it.content["ru"]["clients"] for it in context.recorded(NoticeRedrafted)]
        assert set(again) == {"2"}

    def test_notices_never_overtake_the_clocks_they_read(self) -> None:
        context = MemoryContext().given("i-1", notifiable())
        reader = notices()
        assert reader.after == ("clocks",)
        behind = duties()
        behind.answers = ()  # it answers nothing, as if it failed at every try
        context.run(behind, reader)
        assert context.recorded(NoticeDrafted)  # it passed over the fact, so the notices may

    def test_what_was_no_incident_has_its_drafts_withdrawn(self) -> None:
        context = MemoryContext().given("i-1", notifiable()).run(duties(), notices())
        context.given("i-1", closed("false_positive")).run(duties(), notices())
        assert len(context.recorded(NoticeWithdrawn)) == len(context.recorded(NoticeDrafted)) == 4


class TestOrders:
    def policy(self) -> OrderPolicy:
        return OrderPolicy(builtin_calendar(), ClockPolicy())

    def test_an_act_becomes_an_order_to_every_system(self) -> None:
        context = MemoryContext().given("p-1", registered(bureaus=("pkb",))).run(self.policy())
        kinds = {it.kind for it in context.recorded(OrderIssued)}
        assert kinds == {"collection-stop", "accrual-stop", "bureau-correction", "client-flag"}
        assert {it.kind for it in context.intents.values()} == {"order", "ledger"}

    def test_orders_of_a_forged_act_that_wait_are_taken_back(self) -> None:
        context = MemoryContext().given("p-1", registered(bureaus=("pkb",))).run(self.policy())
        forged = ActVerified(at=MONDAY, actor="dana", reason="r", protection_id="p-1", genuine=False)
        context.given("p-1", forged).run(self.policy())
        assert {it.order_id for it in context.recorded(OrderRevoked)} == set(context.withdrawn) != set()

    def test_a_finding_about_what_is_forbidden_belongs_to_the_borrower(self) -> None:
        touched = opened("i-9", obligations=("stop-order-respected",), entities=Entities(clients=("c-7",)))
        context = MemoryContext().given("p-1", registered(client="c-7")).given("i-9", touched).run(self.policy())
        assert [(it.protection_id, it.incident_id) for it in context.recorded(ViolationFound)] == [("p-1", "i-9")]

    def test_what_happened_before_the_protection_was_no_violation(self) -> None:
        touched = opened("i-9", obligations=("stop-order-respected",), entities=Entities(clients=("c-7",)))
        context = MemoryContext().given("i-9", touched).given("p-1", registered(client="c-7")).run(self.policy())
        assert context.recorded(ViolationFound) == [] and context.load(Protection, "p-1").holds


def test_an_alert_says_what_stood_when_it_was_raised() -> None:
    context = MemoryContext().given("i-1", notifiable()).run(duties())
    key = next(s.originator for s in context.log if isinstance(s.fact, ClockStarted) and s.fact.kind == "remediation")
    context.given(key, *sweep(context.load(Clock, key), now=MONDAY + timedelta(days=9)))
    context.run(AlertPolicy({"ciso": "ciso@example.kz"}, "all@example.kz"))
    breached = [
        it.message
        for it in context.intents.values()
        if isinstance(it.message, AlertMessage) and it.message.subject == "Breached: remediation"
    ]
    assert {it.to for it in breached} == {"ciso@example.kz", "all@example.kz"}


def test_an_alert_names_what_people_know() -> None:
    told = Told({"event.action": "hr.employee.changed", "user.id": "u-17", "mfo.employee.action": "leave"}, MONDAY, 3)
    matter = matter_id("leaver", "u-17")
    context = MemoryContext().given(matter, *matters_told.opened(Matter(), matter_specs()["leaver"], told, at=MONDAY))
    context.run(duties())
    for kind, key in (("leaver-access", matter), ("policy-review", duty_id("policy-review"))):
        if kind == "policy-review":
            done = DutyDone(at=MONDAY, duty_id=key, key=kind, done_on=MONDAY.date(), evidence="minutes")
            context.given(key, done).run(duties())
        clock = next(s.originator for s in context.log if isinstance(s.fact, ClockStarted) and s.fact.kind == kind)
        context.given(clock, *sweep(context.load(Clock, clock), now=MONDAY + timedelta(days=800)))
    context.run(AlertPolicy({"ciso": "ciso@example.kz"}, "all@example.kz"))
    mails = [it.message.text for it in context.intents.values() if isinstance(it.message, AlertMessage)]
    assert any("(matter Rights of somebody who left: u-17) was not met" in text for text in mails)
    assert any("(duty Review of the security policy and procedures) was not met" in text for text in mails)
    assert not [text for text in mails if matter in text or duty_id("policy-review") in text]


def _facts(context: MemoryContext) -> dict[str, list[Fact]]:
    """The facts of each stream, without proofs, which name positions of the log."""
    keys = {stored.originator for stored in context.log}
    return {key: [fact for fact in context.of(key) if not isinstance(fact, ClockSatisfied)] for key in keys}


def _approved(context: MemoryContext, key: str, *recipients: str) -> list[Fact]:
    from engine.notices.facts import NoticeApproved, NoticeEdited

    del recipients
    return [
        NoticeEdited(at=MONDAY, actor="a", notice_id=key, language="ru", fields={}),
        NoticeApproved(at=MONDAY, actor="b", notice_id=key, content_hash="0"),
    ]


def _sent(key: str, recipient: str, hours: int) -> NoticeSent:
    at = MONDAY + hours * HOUR
    return NoticeSent(at=at, notice_id=key, channel="smtp", transport_ref="250", recipient=recipient, sent_at=at)


def _acknowledged(order_id: str, hours: int) -> OrderAcknowledged:
    at = MONDAY + hours * HOUR
    return OrderAcknowledged(at=at, protection_id="p-1", order_id=order_id, reference="r", done_at=at)
