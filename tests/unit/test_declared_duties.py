"""Declared duties: what loads and what does not, dated law, agreement with the register, a second jurisdiction."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import yaml

from engine.duties.checking import check
from engine.duties.clock import Clock
from engine.duties.decisions import start_by_hand, startable
from engine.duties.declared import (
    DeclaredDuty,
    clock_spec,
    clock_specs,
    jurisdiction,
    read_jurisdiction,
)
from engine.duties.facts import ClockStarted
from engine.duties.policy import ClockPolicy
from engine.governance.register import Register, builtin_register
from engine.incidents.facts import NotifiabilityRaised, RecoveryConfirmed
from engine.kernel.errors import DataError, NotFound
from engine.notices.facts import NoticeBounced, NoticeDrafted, NoticeSent
from engine.policies.duties import DutyPolicy
from engine.policies.notices import NoticePolicy
from engine.terms.calendar import builtin_calendar, calendar_from_yaml
from engine.terms.counting import count_term
from rules.detection.pack import builtin_rules
from tests.memory import MemoryContext
from tests.past import closed, joined, notifiable, opened
from tests.support import COMPLIANCE, MONDAY
from tests.unit.test_policies import TO, PlainComposer, _approved, clocks

GERMANY = calendar_from_yaml("", country="DE", zone="Europe/Berlin")
ENTRY: dict[str, Any] = {
    "id": "x", "clause": "1", "obligations": [], "valid_from": date(2000, 1, 1), "owner": "incident",
    "per": "incident", "starts_on": ["incident-owes"], "when": ["notifiable"], "anchor": "detected",
    "term": {"n": 1, "unit": "hour"}, "satisfied_by": ["recovery-confirmed"],
}  # fmt: skip


def law(*entries: dict[str, Any]) -> str:
    head = {"jurisdiction": "kz", "title": "T", "country": "KZ", "verified": True}
    return yaml.safe_dump({**head, "duties": [{**ENTRY, **entry} for entry in entries]}, allow_unicode=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"starts_on": []}, "what starts and what satisfies it"),
        ({"satisfied_by": []}, "what starts and what satisfies it"),
        ({"anchor": None}, "what starts and what satisfies it"),
        ({"counted_only": "by hand"}, "nothing else starts or satisfies it"),
        ({"counted_only": "perhaps", "starts_on": [], "satisfied_by": []}, "'rule NAME', 'by hand' or 'by retention'"),
        ({"starts_on": ["full-moon"]}, "starts_on: 'full-moon' is none of"),
        ({"satisfied_by": ["a smile"]}, "satisfied_by: 'a' is none of"),
        ({"cancelled_by": ["whim"]}, "cancelled_by"),
        ({"term": {"n": 1, "unit": "fortnight"}}, "term"),
        ({"penalty": 5}, "penalty"),
        ({"term": {"n": 0, "unit": "hour"}}, "term"),
        ({"term": {"n": "4", "unit": "hour"}}, "term"),
        ({"term": {"n": True, "unit": "hour"}}, "term"),
        ({"valid_to": date(1999, 1, 1)}, "ends before it begins"),
    ],
)
def test_an_entry_that_says_too_little_or_too_much_does_not_load(change: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why) as refused:
        read_jurisdiction(law(change), "kz/duties.yml")
    assert "x: " in str(refused.value) and "kz/duties.yml" in str(refused.value)


def test_two_entries_of_one_duty_never_hold_on_one_day() -> None:
    with pytest.raises(DataError, match="two entries hold on 2010-01-01"):
        read_jurisdiction(law({}, {"valid_from": date(2010, 1, 1)}), "f")


def test_a_file_that_is_no_law_is_refused() -> None:
    with pytest.raises(DataError, match="holds jurisdiction, title"):
        read_jurisdiction("duties: 5", "f")
    with pytest.raises(DataError, match="country"):
        read_jurisdiction("jurisdiction: x\ntitle: t\nverified: true\nduties: []", "f")
    with pytest.raises(DataError, match="no mapping"):
        read_jurisdiction("jurisdiction: x\ntitle: t\ncountry: KZ\nverified: true\nduties: [5]", "f")
    with pytest.raises(DataError, match="no jurisdiction 'atlantis'"):
        jurisdiction("atlantis")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("duties:\n  - id: x\n    owner: incident\n    owner: duty\n", "line 2: 'owner' is given twice"),
        ("duties:\n  - {id: x, valid_from: 2025-02-30}\n", "day is out of range"),
        ("duties: [\x00]", "unacceptable"),
        ("duties: !!python/object:os.system {}", "could not determine a constructor"),
        ("duties: [", "line"),
    ],
)
def test_text_that_is_no_plain_yaml_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as refused:
        read_jurisdiction(text, "kz/duties.yml")
    assert "kz/duties.yml" in str(refused.value) and "\n" not in str(refused.value)


def test_a_duty_done_by_a_notice_that_there_is_not_does_not_run() -> None:
    duty = DeclaredDuty.model_validate({**ENTRY, "satisfied_by": ["notice-sent nobody"]})
    with pytest.raises(DataError, match="no kind of notice 'nobody'"):
        check(duty, builtin_register(), {}, "f")


def test_every_clock_of_before_can_still_be_counted() -> None:
    assert {
        "regulator-notice", "client-notice", "personal-data-notice", "immediate-containment", "remediation",
        "collection-stop", "bureau-correction", "accrual-stop", "debt-write-off", "disbursement-cooling-off",
        "suspicious-hold", "triage", "retention", "policy-review", "internal-audit", "management-review",
        "management-review-agenda", "lockout", "session-idle", "otp-validity", "risk-assessment", "incident-drill",
        "awareness", "workstation-check", "performance-evaluation", "access-review", "antifraud-tuning",
        "bureau-corrected-report", "isms-report", "containment-release", "regulator-supplement",
        "personal-data-supplement", "antifraud-centre-message",
    } <= set(clock_specs())  # fmt: skip
    for name in clock_specs():
        assert count_term(clock_spec(name), MONDAY, builtin_calendar())


def test_what_is_only_counted_names_a_rule_that_there_is() -> None:
    rules = builtin_rules().by_reference
    for duty in jurisdiction().duties:
        if duty.counted_only is not None and duty.counted_only.startswith("rule "):
            assert duty.counted_only.removeprefix("rule ") in rules


def test_every_duty_of_the_product_agrees_with_the_register() -> None:
    assert ClockPolicy().known, "each was held against the register when they were read"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"obligations": ("no-such",)}, "no obligation 'no-such'"),
        ({"term": {"n": 3, "unit": "business_day"}}, "is weaker than 2 business_day of remediate-2bd"),
        ({"term": {"n": 1, "unit": "hour"}}, "cannot be compared"),
        ({"starts_on": ("act-registered",)}, "starts_on names nothing that triggers remediate-2bd"),
        ({"satisfied_by": ("notice-sent regulator",)}, "satisfied_by names nothing that proves remediate-2bd"),
    ],
)
def test_a_duty_that_disagrees_with_the_register_does_not_run(change: dict[str, Any], why: str) -> None:
    entry = jurisdiction().newest()["remediation"].model_dump()
    duty = DeclaredDuty.model_validate({**entry, **change})
    with pytest.raises(DataError, match=why):
        check(duty, builtin_register(), {}, "f")


def test_the_register_says_what_holds_now_so_an_entry_that_ended_is_not_held_against_it() -> None:
    """A tighter law can be entered: the register has the new number, the entry before it keeps the old."""
    today = jurisdiction().newest()["collection-stop"].model_dump()
    register = builtin_register()
    stricter = register["le-act-stop-collection-3cd"]
    assert stricter.deadline is not None
    changed = stricter.model_copy(update={"deadline": stricter.deadline.model_copy(update={"n": 2})})
    now = Register({**register.obligations, changed.id: changed}, register.sources)
    old = DeclaredDuty.model_validate({**today, "valid_to": date(2027, 1, 1)})
    new = DeclaredDuty.model_validate(
        {**today, "valid_from": date(2027, 1, 1), "term": {"n": 2, "unit": "calendar_day"}}
    )
    check(old, now, {}, "f")
    check(new, now, {}, "f")
    with pytest.raises(DataError, match="is weaker"):
        check(DeclaredDuty.model_validate(today), now, {}, "f")


def test_a_duty_is_not_counted_for_a_day_on_which_it_was_no_law() -> None:
    with pytest.raises(
        NotFound, match="no entry of 'dora-final-report' is the law of 2024-01-01; the first holds from"
    ):
        clock_spec("dora-final-report", date(2024, 1, 1))


class TestAChangeOfLaw:
    """From 2026-12-01 the regulator is told within two hours; what was open keeps its day."""

    @pytest.fixture
    def policy(self, monkeypatch: pytest.MonkeyPatch) -> DutyPolicy:
        today = next(duty.model_dump() for duty in jurisdiction().duties if duty.id == "regulator-notice")
        change = date(2026, 12, 1)
        old = DeclaredDuty.model_validate({**today, "valid_to": change})
        new = DeclaredDuty.model_validate({**today, "valid_from": change, "term": {"n": 2, "unit": "hour"}})
        changed = jurisdiction().model_copy(update={"duties": (old, new)})
        monkeypatch.setattr("engine.duties.policy.jurisdiction", lambda name: changed)
        monkeypatch.setattr("engine.duties.policy.check", lambda *about: None)
        return DutyPolicy({"kz": builtin_calendar()}, ClockPolicy())

    @pytest.mark.parametrize(
        ("detected", "policy_text", "law_from"),
        [
            ("2026-11-30T23:59:00+05:00", "1 business_day, strict", date(1992, 1, 1)),
            ("2026-12-01T00:00:00+05:00", "2 hour, strict", date(2026, 12, 1)),
        ],
    )
    def test_a_clock_runs_by_the_law_of_the_day_it_starts_from(
        self, policy: DutyPolicy, detected: str, policy_text: str, law_from: date
    ) -> None:
        context = MemoryContext().given("i-1", notifiable(detected_at=at(detected))).run(policy)
        (started,) = context.recorded(ClockStarted)
        assert (started.policy, started.law_from) == (policy_text, law_from)

    def test_a_clock_started_by_hand_runs_by_the_law_of_the_day_it_began(self, policy: DutyPolicy) -> None:
        for began, n in (("2026-11-30T10:00:00+05:00", 1), ("2026-12-01T10:00:00+05:00", 2)):
            duty = startable(policy.policy, policy.calendars, "regulator-notice", at(began), "r", at=at(began))
            assert duty.spec is not None and duty.spec.n == n

    def test_an_open_clock_keeps_the_law_of_its_start(self, policy: DutyPolicy) -> None:
        later = at("2026-12-02T10:00:00+05:00")
        earlier = joined(2, detected_at=at("2026-12-01T10:00:00+05:00"))
        context = MemoryContext().given("i-1", notifiable(detected_at=later), earlier).run(policy)
        clock = clocks(context)["regulator-notice"]
        assert (clock.law_from, clock.due_at) == (date(2026, 12, 1), at("2026-12-01T12:00:00+05:00"))

    def test_a_clock_from_before_the_law_was_dated_has_the_entry_of_its_day(self, policy: DutyPolicy) -> None:
        old = Clock(id="c", kind="regulator-notice", anchor_at=at("2026-11-23T10:00:00+05:00"))
        entry = policy.policy.entry_of(old)
        assert entry is not None and entry.valid_to == date(2026, 12, 1)


class TestEurope:
    """DORA Article 19 with 2025/301 Article 5, NIS2 Article 23: data only, marked unverified."""

    def run(self, *facts: Any) -> MemoryContext:
        policy = DutyPolicy({"kz": builtin_calendar(), "eu": GERMANY}, ClockPolicy(jurisdictions=("eu",)))
        return MemoryContext().given("i-1", *facts).run(policy, NoticePolicy(PlainComposer(), TO))

    def sent(
        self, context: MemoryContext, stage: str, when: datetime, policy: DutyPolicy | None = None
    ) -> MemoryContext:
        key = next(
            it.notice_id for it in context.recorded(NoticeDrafted) if it.kind == "regulator" and it.stage == stage
        )
        sent = [
            NoticeSent(at=when, notice_id=key, channel="smtp", transport_ref="1", recipient=to, sent_at=when)
            for to in ("a@x.kz", "b@x.kz")
        ]
        context.given(key, *_approved(context, key), *sent)
        both = DutyPolicy({"kz": builtin_calendar(), "eu": GERMANY}, ClockPolicy(jurisdictions=("eu",)))
        return context.run(policy or both, NoticePolicy(PlainComposer(), TO))

    def test_nothing_of_it_is_claimed_to_be_verified(self) -> None:
        assert not jurisdiction("eu").verified and all(not duty.verified for duty in jurisdiction("eu").duties)

    @pytest.mark.parametrize(
        ("aware", "classified", "due"),
        [
            # 4 hours from the classification, when that is within 24 hours of awareness
            ("2026-11-24T09:00+01:00", "2026-11-24T10:00+01:00", "2026-11-24T14:00+01:00"),
            # 24 hours from awareness are earlier than 4 hours from the classification
            ("2026-11-24T09:00+01:00", "2026-11-25T07:00+01:00", "2026-11-25T09:00+01:00"),
            # classified later than 24 hours after awareness: 4 hours from the classification
            ("2026-11-24T09:00+01:00", "2026-11-26T08:00+01:00", "2026-11-26T12:00+01:00"),
            # an end on a Saturday goes to noon of Monday
            ("2026-11-28T09:00+01:00", "2026-11-28T10:00+01:00", "2026-11-30T12:00+01:00"),
            # Christmas, a Friday, and the weekend after it
            ("2026-12-25T09:00+01:00", "2026-12-25T10:00+01:00", "2026-12-28T12:00+01:00"),
        ],
    )
    def test_the_initial_notification(self, aware: str, classified: str, due: str) -> None:
        raised = NotifiabilityRaised(at=at(classified), actor="a", incident_id="i-1", personal_data=False)
        context = self.run(opened(detected_at=at(aware)), raised)
        assert clocks(context)["dora-initial-notification"].due_at == at(due)

    def test_reports_follow_each_other_through_hours_months_and_holidays(self) -> None:
        context = self.run(notifiable(detected_at=at("2026-11-24T09:00+01:00")))
        assert "dora-intermediate-report" not in clocks(context)
        told = at("2026-11-24T12:00+01:00")
        context = self.sent(context, "initial", told)
        assert clocks(context)["dora-intermediate-report"].due_at == told + timedelta(hours=72)
        over = RecoveryConfirmed(at=at("2026-11-25T09:00+01:00"), actor="a", incident_id="i-1", evidence="e")
        context.given("i-1", over)
        context.run(
            DutyPolicy({"kz": builtin_calendar(), "eu": GERMANY}, ClockPolicy(jurisdictions=("eu",))),
            NoticePolicy(PlainComposer(), TO),
        )
        context = self.sent(context, "follow_up", at("2026-11-26T15:00+01:00"))
        # a month later is Saturday, 26 December: a holiday; noon of the next working day
        assert clocks(context)["dora-final-report"].due_at == at("2026-12-28T12:00+01:00")
        assert not clocks(context)["nis2-incident-notification"].running
        assert clocks(context)["nis2-final-report"].due_at == at("2026-12-26T15:00+01:00")

    def test_warnings_of_nis2_count_from_awareness_without_days_off(self) -> None:
        aware = at("2026-11-27T18:00+01:00")
        found = clocks(self.run(notifiable(detected_at=aware)))
        assert found["nis2-early-warning"].due_at == aware + timedelta(hours=24)
        assert found["nis2-incident-notification"].due_at == aware + timedelta(hours=72)

    def test_a_clock_goes_on_when_its_jurisdiction_is_switched_off(self) -> None:
        context = self.run(notifiable(detected_at=at("2026-11-24T09:00+01:00")))
        only_home = DutyPolicy({"kz": builtin_calendar(), "eu": GERMANY}, ClockPolicy())
        told = self.sent(context, "initial", at("2026-11-24T12:00+01:00"), only_home)
        assert clocks(told)["nis2-early-warning"].running  # a notice to the regulator of Kazakhstan tells nobody there
        raised = joined(2, detected_at=at("2026-11-24T08:00+01:00"))
        context = told.given("i-1", raised).run(only_home)
        assert clocks(context)["nis2-incident-notification"].due_at == at("2026-11-27T08:00+01:00")
        context.given("i-1", closed("false_positive")).run(only_home)
        assert not clocks(context)["nis2-incident-notification"].running

    def test_one_notice_cannot_tell_two_authorities(self) -> None:
        with pytest.raises(DataError, match="both told by the notice 'regulator'"):
            _ = ClockPolicy(jurisdictions=("kz", "eu")).specs

    @pytest.mark.parametrize("stage", ["initial", "follow_up"])
    def test_a_report_that_comes_back_is_owed_again_and_no_other(self, stage: str) -> None:
        context = self.run(notifiable(detected_at=at("2026-11-24T09:00+01:00")))
        context = self.sent(context, "initial", at("2026-11-24T12:00+01:00"))
        over = RecoveryConfirmed(at=at("2026-11-25T09:00+01:00"), actor="a", incident_id="i-1", evidence="e")
        policy = DutyPolicy({"eu": GERMANY}, ClockPolicy(jurisdictions=("eu",)))
        context.given("i-1", over).run(policy, NoticePolicy(PlainComposer(), TO))
        context = self.sent(context, "follow_up", at("2026-11-26T15:00+01:00"))
        drafts = context.recorded(NoticeDrafted)
        key = next(it.notice_id for it in drafts if it.kind == "regulator" and it.stage == stage)
        back = NoticeBounced(
            at=at("2026-11-26T16:00+01:00"), notice_id=key, recipient="a@x.kz", status="5.1.1", detail=""
        )
        found = clocks(context.given(key, back).run(policy))
        assert found["dora-initial-notification"].running == (stage == "initial")
        assert found["dora-intermediate-report"].running == (stage == "follow_up")

    def test_a_duty_started_by_hand_counts_by_its_own_calendar(self) -> None:
        policy = ClockPolicy(jurisdictions=("eu",))
        calendars = {"kz": builtin_calendar(), "eu": GERMANY}
        began = at("2026-12-25T10:00+01:00")  # a holiday there, a working day in Kazakhstan
        duty = startable(policy, calendars, "dora-initial-notification", began, "told by phone", at=began)
        (started,) = start_by_hand(
            Clock(), duty, owner_id="i-1", subject="", anchor_at=began, reason="told by phone", policy=policy,
            calendars=calendars, by=COMPLIANCE, at=began,
        )  # fmt: skip
        assert isinstance(started, ClockStarted)
        assert (started.due_at, started.jurisdiction) == (at("2026-12-28T12:00+01:00"), "eu")


@pytest.mark.parametrize(
    ("start", "months", "strict"),
    [
        ("2026-01-31T15:00+01:00", 1, "2026-02-28T15:00+01:00"),
        ("2028-01-31T15:00+01:00", 1, "2028-02-29T15:00+01:00"),
        ("2026-03-01T10:00+01:00", 1, "2026-04-01T10:00+02:00"),
        ("2026-12-15T10:00+01:00", 14, "2028-02-15T10:00+01:00"),
    ],
)
def test_months_are_calendar_months_at_the_same_local_time(start: str, months: int, strict: str) -> None:
    spec = clock_spec("nis2-final-report").model_copy(update={"n": months})
    term = count_term(spec, at(start), GERMANY)
    assert term.due_at == at(strict)
    assert GERMANY.local(term.latest_at).strftime("%H:%M:%S") == "23:59:59"
    assert GERMANY.is_business_day(GERMANY.local(term.latest_at).date())
