"""Handlers of commands over a desk in memory: what a person asks for becomes facts and orders, or nothing at all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from engine.duties.clock import Clock
from engine.duties.commands import AgreeToCancel, MakeCalendarFeed, ProposeCancellation, StartClock
from engine.governance.commands import CloseAction, EnterRisk, PlanAction, RecordEvidence, ScoreRisk, TreatRisk
from engine.governance.facts import EvidenceRecorded
from engine.governance.governance import Duty, Risk, duty_id
from engine.incidents.commands import (
    AcknowledgeIncident,
    AddNote,
    AssignIncident,
    ChangeSeverity,
    CloseIncident,
    LinkIncidents,
    LowerNotifiability,
    MergeIncident,
    NameClients,
    RaiseNotifiability,
    RecordMeasure,
    ReopenIncident,
    ReportIncident,
    SuppressFindings,
    UnlinkIncidents,
)
from engine.incidents.incident import Incident
from engine.kernel.commands import Attachment
from engine.kernel.errors import Conflict, DecisionRefused, InputError, NotAllowed, NotFound
from engine.notices.commands import (
    ApproveNotice,
    DraftNotice,
    EditNotice,
    FollowUpNotice,
    HandOverNotice,
    RecordReceipt,
    ReturnNotice,
    SubmitNotice,
    WithdrawNotice,
)
from engine.notices.notice import Notice
from engine.protection.commands import AttachDocument, EnterAct, EnterRuling, VerifyAct
from engine.protection.protection import Protection
from engine.retention.commands import ApproveErasure, EndObligations, LiftHold, PlaceHold, ProposeErasure
from engine.retention.retention import Retention, retention_id
from tests.desk import MemoryDesk
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, FRAUD, MONDAY

NOWHERE = "00000000-0000-5000-8000-000000000000"


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


def told(desk: MemoryDesk, title: str = "A client never asked for the loan", **fields: Any) -> str:
    given = {"incident_class": "fraud", "channel": "hot-line", "told_at": MONDAY, "clients": ("c-1",), **fields}
    return desk.do(ReportIncident(title=title, **given), ANALYST).id


def incident(desk: MemoryDesk, key: str) -> Incident:
    return desk.context.load(Incident, key)


def test_the_same_report_twice_is_one_incident(desk: MemoryDesk) -> None:
    assert told(desk) == told(desk)
    assert len(desk.context.log) == 1


@pytest.mark.parametrize("key", ["", "nonsense", NOWHERE, NOWHERE.upper(), "{" + NOWHERE + "}"])
def test_an_id_that_names_nothing_is_not_found(desk: MemoryDesk, key: str) -> None:
    told(desk)
    with pytest.raises(NotFound):
        desk.do(AcknowledgeIncident(incident_id=key), ANALYST)


def test_another_spelling_of_an_id_names_nothing(desk: MemoryDesk) -> None:
    with pytest.raises(NotFound):
        desk.do(AcknowledgeIncident(incident_id=told(desk).upper()), ANALYST)


def test_an_incident_goes_to_a_person_who_may_work_it(desk: MemoryDesk) -> None:
    key = told(desk)
    desk.do(AssignIncident(incident_id=key), ANALYST)
    assert incident(desk, key).assignee == ANALYST.id
    for nobody in (AUDITOR.id, "unknown"):
        with pytest.raises(InputError, match="triage role"):
            desk.do(AssignIncident(incident_id=key, assignee=nobody), ANALYST)


def test_a_person_without_the_role_leaves_nothing_behind(desk: MemoryDesk) -> None:
    key = told(desk)
    length = len(desk.context.log)
    with pytest.raises(NotAllowed):
        desk.do(AddNote(incident_id=key, text="seen"), AUDITOR)
    assert len(desk.context.log) == length


def test_what_is_noted_judged_and_done_is_in_the_incident(desk: MemoryDesk) -> None:
    key = told(desk)
    desk.do(AcknowledgeIncident(incident_id=key), ANALYST)
    desk.do(AddNote(incident_id=key, text="the client was called back"), ANALYST)
    desk.do(ChangeSeverity(incident_id=key, severity="critical", reason="ten more loans"), ANALYST)
    desk.do(RecordMeasure(incident_id=key, measure="containment", evidence="access blocked"), ANALYST)
    desk.do(NameClients(incident_id=key, clients=("c-2",), loans=("L-2",), reason="from the loan system"), ANALYST)
    it = incident(desk, key)
    assert (it.severity, sorted(it.entities.clients), sorted(it.entities.loans)) == (
        "critical",
        ["c-1", "c-2"],
        ["L-2"],
    )
    assert [kind for kind, _ in it.measures] == ["contained"]
    with pytest.raises(InputError, match="containment, cause"):
        desk.do(RecordMeasure(incident_id=key, measure="hope", evidence="none"), ANALYST)


def test_duties_are_lowered_by_two_persons_only(desk: MemoryDesk) -> None:
    key = told(desk)
    lower = LowerNotifiability(incident_id=key, reason="the client found the contract")
    assert not desk.do(lower, COMPLIANCE).decided
    with pytest.raises(DecisionRefused):
        desk.do(lower, COMPLIANCE)
    assert incident(desk, key).notifiable
    with pytest.raises(DecisionRefused, match="different roles"):
        desk.do(lower, COMPLIANCE_2)
    assert desk.do(lower, CISO).decided
    assert not incident(desk, key).notifiable
    desk.do(RaiseNotifiability(incident_id=key, personal_data=True, reason="a list of clients was found"), COMPLIANCE)
    assert (incident(desk, key).notifiable, incident(desk, key).personal_data) == (True, True)


def test_incidents_are_linked_unlinked_and_merged_by_number(desk: MemoryDesk) -> None:
    one, two = told(desk), told(desk, "Another client", clients=("c-2",))
    number = incident(desk, two).number
    desk.do(LinkIncidents(incident_id=one, other=number.lower(), relation="same-actor", reason="same device"), ANALYST)
    assert incident(desk, one).links == {two: "same-actor"}
    assert set(incident(desk, two).links) == {one}
    desk.do(UnlinkIncidents(incident_id=one, other=number, reason="another device"), ANALYST)
    assert not incident(desk, one).links
    with pytest.raises(NotFound, match="INC-2026-0099"):
        desk.do(MergeIncident(incident_id=one, into="INC-2026-0099", reason="same"), ANALYST)
    desk.do(MergeIncident(incident_id=one, into=number, reason="the same fraud"), ANALYST)
    assert not incident(desk, one).is_open
    assert sorted(incident(desk, two).entities.clients) == ["c-1", "c-2"]


def test_a_closed_incident_is_suppressed_and_reopened(desk: MemoryDesk) -> None:
    key = told(desk, incident_class="infrastructure", clients=())
    shut = CloseIncident(incident_id=key, disposition="false_positive", reason="a drill of the team")
    if not desk.do(shut, ANALYST).decided:
        assert desk.do(shut, FRAUD).decided
    desk.do(SuppressFindings(incident_id=key, until=MONDAY + timedelta(hours=8), reason="the drill goes on"), ANALYST)
    assert incident(desk, key).suppressed_until == MONDAY + timedelta(hours=8)
    desk.do(ReopenIncident(incident_id=key, reason="it was no drill"), ANALYST)
    assert incident(desk, key).is_open


def test_a_clock_by_hand_starts_and_ends_with_two_persons(desk: MemoryDesk) -> None:
    key = told(desk)
    start = StartClock(owner_id=key, kind="remediation", anchor_at=MONDAY, reason="found by the audit")
    clock_id = desk.do(start, COMPLIANCE).id
    assert desk.context.load(Clock, clock_id).state == "running"
    desk.do(ProposeCancellation(clock_id=clock_id, reason="entered twice"), COMPLIANCE)
    with pytest.raises(DecisionRefused):
        desk.do(AgreeToCancel(clock_id=clock_id), COMPLIANCE)
    with pytest.raises(DecisionRefused, match="different roles"):
        desk.do(AgreeToCancel(clock_id=clock_id), COMPLIANCE_2)
    desk.do(AgreeToCancel(clock_id=clock_id), CISO)
    assert desk.context.load(Clock, clock_id).state == "cancelled"


def test_a_clock_by_hand_needs_an_owner_that_is_there(desk: MemoryDesk) -> None:
    with pytest.raises(NotFound):
        desk.do(StartClock(owner_id=NOWHERE, kind="remediation", anchor_at=MONDAY, reason="by the audit"), COMPLIANCE)


def test_everybody_has_a_feed_of_their_own(desk: MemoryDesk) -> None:
    assert desk.do(MakeCalendarFeed(), COMPLIANCE).token == "feed-of-bolat"


def drafted(desk: MemoryDesk, kind: str = "law_enforcement", to: str = "police@almaty.gov.kz") -> str:
    return desk.do(DraftNotice(incident_id=told(desk), kind=kind, recipient=to), COMPLIANCE).id


def approved(desk: MemoryDesk) -> str:
    key = drafted(desk)
    desk.do(SubmitNotice(notice_id=key), COMPLIANCE)
    desk.do(ApproveNotice(notice_id=key), COMPLIANCE_2)
    return key


def test_a_notice_by_hand_needs_a_kind_and_an_address(desk: MemoryDesk) -> None:
    key = told(desk)
    with pytest.raises(InputError, match="name the address"):
        desk.do(DraftNotice(incident_id=key, kind="law_enforcement"), COMPLIANCE)
    with pytest.raises(InputError, match="is one of"):
        desk.do(DraftNotice(incident_id=key, kind="regulator"), COMPLIANCE)
    assert drafted(desk) == drafted(desk)


def test_a_notice_is_written_by_one_and_approved_by_another(desk: MemoryDesk) -> None:
    key = drafted(desk)
    desk.do(EditNotice(notice_id=key, language="ru", fields={"event": "по заявлению"}), COMPLIANCE)
    desk.do(SubmitNotice(notice_id=key), COMPLIANCE)
    desk.do(ReturnNotice(notice_id=key, remark="name the branch"), COMPLIANCE_2)
    desk.do(EditNotice(notice_id=key, language="ru", fields={"event": "по заявлению, филиал 3"}), COMPLIANCE)
    desk.do(SubmitNotice(notice_id=key), COMPLIANCE)
    with pytest.raises(DecisionRefused):
        desk.do(ApproveNotice(notice_id=key), COMPLIANCE)
    assert not desk.context.intents
    desk.do(ApproveNotice(notice_id=key), COMPLIANCE_2)
    assert list(desk.context.intents) == [f"mail:{key}"]


def test_an_act_on_a_text_that_changed_meanwhile_is_refused(desk: MemoryDesk) -> None:
    key = drafted(desk)
    seen = desk.context.load(Notice, key).version
    desk.do(EditNotice(notice_id=key, language="ru", fields={"event": "по заявлению"}, version=seen), COMPLIANCE)
    with pytest.raises(Conflict):
        desk.do(EditNotice(notice_id=key, language="ru", fields={"event": "иначе"}, version=seen), COMPLIANCE_2)


def test_a_notice_handed_over_by_a_person_is_not_mailed(desk: MemoryDesk) -> None:
    key = approved(desk)
    handed = HandOverNotice(notice_id=key, channel="courier", reference="K-17")
    assert not desk.do(handed, COMPLIANCE).decided
    assert desk.context.intents, "one person's word stops no letter"
    assert desk.do(handed, CISO).decided
    assert not desk.context.intents
    assert desk.context.load(Notice, key).state == "sent"
    desk.do(RecordReceipt(notice_id=key, reference="in 12", received_on=MONDAY.date(), document_id=""), COMPLIANCE)


def test_a_supplement_follows_what_was_handed_over(desk: MemoryDesk) -> None:
    key = approved(desk)
    with pytest.raises(DecisionRefused, match="handed over"):
        desk.do(FollowUpNotice(notice_id=key, stage="follow_up"), COMPLIANCE)
    for by in (COMPLIANCE, CISO):
        desk.do(HandOverNotice(notice_id=key, channel="courier", reference="K-17"), by)
    with pytest.raises(InputError, match="follow_up or final"):
        desk.do(FollowUpNotice(notice_id=key, stage="initial"), COMPLIANCE)
    more = FollowUpNotice(notice_id=key, stage="follow_up")
    first = desk.do(more, COMPLIANCE).id
    assert desk.do(more, COMPLIANCE).id == first, "one open supplement at a time"
    desk.do(WithdrawNotice(notice_id=first, reason="nothing new"), COMPLIANCE)
    again = desk.do(more, COMPLIANCE).id
    assert desk.context.load(Notice, again).state == "draft"


def act(**fields: Any) -> EnterAct:
    given: dict[str, Any] = {
        "kind": "victim_resolution", "issuer": "Almaty police", "number": "12-3", "act_date": date(2026, 11, 20),
        "received_at": MONDAY, "channel": "paper", "client": "c-1", "loans": ("L-1",),
    }  # fmt: skip
    return EnterAct(**{**given, **fields})


def test_an_act_is_entered_with_its_document_and_the_house_s_bureaus(desk: MemoryDesk) -> None:
    key = desk.do(act(document=Attachment(data=b"scan", name="act.pdf")), COMPLIANCE).id
    it = desk.context.load(Protection, key)
    assert it.act is not None
    assert it.act.bureaus == ("pkb", "gkb")
    assert [(paper.name, paper.client) for paper in desk.papers] == [("act.pdf", "c-1")]
    desk.do(AttachDocument(protection_id=key, document=Attachment(data=b"more", name="more.pdf")), COMPLIANCE)
    assert len(desk.context.load(Protection, key).documents) == 2


def test_an_act_is_checked_by_a_second_person(desk: MemoryDesk) -> None:
    key = desk.do(act(), COMPLIANCE).id
    with pytest.raises(DecisionRefused):
        desk.do(VerifyAct(protection_id=key, genuine=True, reason="called the police"), COMPLIANCE)
    desk.do(VerifyAct(protection_id=key, genuine=True, reason="called the police"), COMPLIANCE_2)


def test_a_ruling_needs_a_protection(desk: MemoryDesk) -> None:
    ruling = EnterRuling(
        protection_id=NOWHERE, court="Almaty", number="1", in_force_on=date(2026, 11, 20), received_at=MONDAY,
        ruling="debt-void",
    )  # fmt: skip
    with pytest.raises(NotFound):
        desk.do(ruling, COMPLIANCE)
    assert not desk.papers


def test_actions_risks_and_evidence_are_the_organisation_s(desk: MemoryDesk) -> None:
    plan = PlanAction(key="internal-audit", text="train the branch", owner="ciso", due_on=date(2026, 12, 20))
    desk.do(plan, CISO)
    duty = desk.context.load(Duty, duty_id("internal-audit"))
    (action_id,) = duty.actions
    desk.do(CloseAction(duty_id=duty.id, action_id=action_id, evidence="list of attendance"), CISO)
    paper = Attachment(data=b"policy", name="policy.pdf")
    desk.do(RecordEvidence(obligation="notify-client-1bd", text="approved by the board", document=paper), CISO)
    (kept,) = desk.context.recorded(EvidenceRecorded)
    assert kept.document_id == desk.papers[0].document_id
    risk = desk.do(EnterRisk(book="asset", name="Laptop lost", asset="laptops", threat="theft", owner="ciso"), CISO).id
    desk.do(ScoreRisk(risk_id=risk, likelihood=2, confidentiality=3, integrity=1, availability=1), CISO)
    desk.do(TreatRisk(risk_id=risk, treatment="reduce", measures="encrypt the disks", due_on=date(2026, 12, 20)), CISO)
    assert desk.context.load(Risk, risk).treated is not None


def test_erasure_takes_two_persons_and_no_hold(desk: MemoryDesk) -> None:
    client = "c-9"
    paper = Attachment(data=b"contract", name="contract.pdf")
    end = EndObligations(client=client, ended_on=date(2010, 1, 1), loan="L-1", reason="paid", document=paper)
    assert not desk.do(end, COMPLIANCE).decided
    assert desk.do(end, CISO).decided
    desk.do(PlaceHold(client=client, reason="in court"), COMPLIANCE)
    with pytest.raises(DecisionRefused):
        desk.do(ProposeErasure(client=client, reason="the term is over"), COMPLIANCE)
    assert not desk.do(LiftHold(client=client, reason="the court has ended"), COMPLIANCE).decided
    assert desk.do(LiftHold(client=client, reason="the court has ended"), CISO).decided
    desk.context.at += timedelta(days=7)
    with pytest.raises(DecisionRefused):
        desk.do(ProposeErasure(client=client, reason="the term is over"), COMPLIANCE)
    desk.do(ProposeErasure(client=client, reason="the term is over"), COMPLIANCE_2)
    with pytest.raises(DecisionRefused):
        desk.do(ApproveErasure(client=client, reason="agreed"), COMPLIANCE_2)
    desk.do(ApproveErasure(client=client, reason="agreed"), COMPLIANCE)
    assert desk.context.load(Retention, retention_id(client)).approved_by == COMPLIANCE.id
