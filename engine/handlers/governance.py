"""Handlers of what people ask for the duties of governance."""

from __future__ import annotations

from engine.governance import governance
from engine.governance.commands import (
    CloseAction,
    EnterRisk,
    PlanAction,
    RecordDuty,
    RecordEvidence,
    ScoreRisk,
    StateControl,
    TreatRisk,
)
from engine.governance.facts import Output, RiskEntered
from engine.governance.governance import Control, Duty, Risk
from engine.handlers.desk import ORGANISATION, Desk, Work
from engine.handlers.register import handles, in_unit
from engine.kernel.checked import checked
from engine.kernel.commands import DONE, Attachment, Made, Outcome
from engine.kernel.facts import Person


def _kept(desk: Desk, document: Attachment | None, document_id: str, about: str, by: Person) -> str:
    if document is None:
        return document_id
    return desk.keep(document, client=ORGANISATION, about=about, by=by, name="document").document_id


@handles(RecordDuty)
def record_duty(desk: Desk, command: RecordDuty, by: Person) -> Outcome:
    """Record that a returning duty was done."""
    document = _kept(desk, command.document, command.document_id, command.key, by)
    with desk.work(by) as work:
        today = desk.calendar.local(work.at).date()
        facts = governance.done(
            command.key, command.done_on, command.evidence, document, by=by, today=today, at=work.at
        )  # fmt: skip
        work.record(Duty, governance.duty_id(command.key), facts)
    return DONE


@handles(PlanAction)
def plan_action(desk: Desk, command: PlanAction, by: Person) -> Outcome:
    """Plan a corrective action with its owner and day."""
    output = checked(Output, text=command.text.strip(), owner=command.owner.strip(), due_on=command.due_on)
    duty = governance.duty_id(command.key)
    with desk.work(by) as work:
        facts = governance.plan_action(work.unit.load(Duty, duty), command.key, output, by=by, at=work.at)
        work.record(Duty, duty, facts)
    return DONE


@in_unit(CloseAction)
def close_action(work: Work, command: CloseAction) -> Outcome:
    """Record that a corrective action was carried out."""
    duty = work.get(Duty, command.duty_id)
    facts = governance.close_action(duty, command.action_id, command.evidence, by=work.by, at=work.at)
    work.record(Duty, duty.id, facts)
    return DONE


@handles(RecordEvidence)
def record_evidence(desk: Desk, command: RecordEvidence, by: Person) -> Outcome:
    """Hand in evidence for an obligation."""
    document = _kept(desk, command.document, command.document_id, command.obligation, by)
    with desk.work(by) as work:
        facts = governance.record_evidence(
            command.obligation, command.text, document, command.valid_until, by=by, at=work.at
        )
        work.record(Duty, governance.duty_id(f"obligation:{command.obligation}"), facts)
    return DONE


@in_unit(StateControl)
def state_control(work: Work, command: StateControl) -> Outcome:
    """State whether a control of Annex A applies."""
    facts = governance.state_control(
        command.control, command.applicable, command.justification, by=work.by, at=work.at
    )  # fmt: skip
    work.record(Control, governance.control_id(command.control), facts)
    return DONE


@in_unit(EnterRisk)
def enter_risk(work: Work, command: EnterRisk) -> Made:
    """Write a risk into a register."""
    key = governance.risk_id(command.book, command.name)
    entry = checked(
        RiskEntered, at=work.at, actor=work.by.id, risk_id=key, book=command.book, name=command.name.strip(),
        asset=command.asset.strip(), threat=command.threat.strip(), source=command.source.strip(),
        vulnerability=command.vulnerability.strip(), controls=command.controls.strip(), owner=command.owner.strip(),
    )  # fmt: skip
    work.record(Risk, key, governance.enter_risk(work.unit.load(Risk, key), entry, by=work.by))
    return Made(id=key)


@in_unit(ScoreRisk)
def score_risk(work: Work, command: ScoreRisk) -> Outcome:
    """Record an expert's score; of several the highest counts."""
    risk = work.get(Risk, command.risk_id)
    loss = (command.confidentiality, command.integrity, command.availability)
    expert = command.expert or work.by.id
    work.record(
        Risk, risk.id, governance.score_risk(risk, command.likelihood, loss, expert, by=work.by, at=work.at)
    )  # fmt: skip
    return DONE


@in_unit(TreatRisk)
def treat_risk(work: Work, command: TreatRisk) -> Outcome:
    """Decide what is done about a risk."""
    risk = work.get(Risk, command.risk_id)
    facts = governance.treat_risk(
        risk, command.treatment, command.measures, command.due_on, by=work.by, at=work.at
    )  # fmt: skip
    work.record(Risk, risk.id, facts)
    return DONE
