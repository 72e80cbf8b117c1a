"""The commands as methods, for tests and scripts that read better so. The product itself builds commands.

``Acts`` and ``RuleActs`` hold no rule of their own: each method builds one command and dispatches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from engine.containment import commands as containment
from engine.duties import commands as clocks
from engine.governance import commands as governance
from engine.incidents import commands as incidents
from engine.incidents.casework import Report
from engine.kernel.checked import checked
from engine.kernel.commands import Attachment, Command, O
from engine.kernel.facts import Person
from engine.notices import commands as notices
from engine.permissions import Role
from engine.protection import commands as protection
from engine.protection.facts import LegalAct
from engine.retention import commands as retention
from engine.rule_life import commands as rules
from engine.rule_life.commands import TestRun
from engine.rule_life.rules import Mode
from infra.commands.bulk import in_bulk
from infra.commands.dispatch import Dispatcher
from playbooks.cacao import Playbook

PDF = "application/pdf"


def _attached(data: bytes | None, name: str, media_type: str) -> Attachment | None:
    return Attachment(data=data, name=name, media_type=media_type) if data else None


class _Base:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    def _do(self, kind: type[Command[O]], by: Person, /, **values: Any) -> O:
        return self.dispatcher.dispatch(checked(kind, **values), by)


class Acts(_Base):
    """What people do with incidents, clocks, notices, protections, duties, retention and wording."""

    def report(self, told: Report, *, by: Person) -> str:
        return self._do(incidents.ReportIncident, by, **dict(told)).id

    def assign(self, incident_id: str, assignee: str, *, by: Person) -> None:
        self._do(incidents.AssignIncident, by, incident_id=incident_id, assignee=assignee)

    def acknowledge(self, incident_id: str, *, by: Person) -> None:
        self._do(incidents.AcknowledgeIncident, by, incident_id=incident_id)

    def confirm(self, incident_id: str, reason: str, *, by: Person) -> None:
        self._do(incidents.ConfirmIncident, by, incident_id=incident_id, reason=reason)

    def note(self, incident_id: str, text: str, *, by: Person) -> None:
        self._do(incidents.AddNote, by, incident_id=incident_id, text=text)

    def change_severity(self, incident_id: str, severity: str, reason: str, *, by: Person) -> None:
        self._do(incidents.ChangeSeverity, by, incident_id=incident_id, severity=severity, reason=reason)

    def measure(self, incident_id: str, measure: str, evidence: str, *, by: Person) -> None:
        self._do(incidents.RecordMeasure, by, incident_id=incident_id, measure=measure, evidence=evidence)

    def raise_notifiability(self, incident_id: str, personal_data: bool, reason: str, *, by: Person) -> None:
        self._do(
            incidents.RaiseNotifiability, by, incident_id=incident_id, personal_data=personal_data, reason=reason
        )  # fmt: skip

    def lower_notifiability(self, incident_id: str, reason: str, *, by: Person) -> bool:
        return self._do(incidents.LowerNotifiability, by, incident_id=incident_id, reason=reason).decided

    def name_clients(
        self, incident_id: str, clients: Sequence[str], loans: Sequence[str], reason: str, *, by: Person
    ) -> None:
        named = {"clients": tuple(clients), "loans": tuple(loans)}
        self._do(incidents.NameClients, by, incident_id=incident_id, reason=reason, **named)

    def merge(self, incident_id: str, into: str, reason: str, *, by: Person) -> None:
        self._do(incidents.MergeIncident, by, incident_id=incident_id, into=into, reason=reason)

    def split(self, incident_id: str, findings: Sequence[str], title: str, reason: str, *, by: Person) -> str:
        values = {"findings": tuple(findings), "title": title, "reason": reason}
        return self._do(incidents.SplitIncident, by, incident_id=incident_id, **values).id

    def move(self, incident_id: str, findings: Sequence[str], into: str, reason: str, *, by: Person) -> None:
        values = {"findings": tuple(findings), "into": into, "reason": reason}
        self._do(incidents.MoveFindings, by, incident_id=incident_id, **values)

    def link(self, incident_id: str, other: str, relation: str, reason: str, *, by: Person) -> None:
        self._do(incidents.LinkIncidents, by, incident_id=incident_id, other=other, relation=relation, reason=reason)

    def unlink(self, incident_id: str, other: str, reason: str, *, by: Person) -> None:
        self._do(incidents.UnlinkIncidents, by, incident_id=incident_id, other=other, reason=reason)

    def suppress(self, incident_id: str, until: datetime, reason: str, *, by: Person) -> None:
        self._do(incidents.SuppressFindings, by, incident_id=incident_id, until=until, reason=reason)

    def close(self, incident_id: str, disposition: str, reason: str, *, by: Person) -> bool:
        values = {"disposition": disposition, "reason": reason}
        return self._do(incidents.CloseIncident, by, incident_id=incident_id, **values).decided

    def record_lessons(self, incident_id: str, lessons: str, actions: str, *, by: Person) -> None:
        self._do(incidents.RecordLessons, by, incident_id=incident_id, lessons=lessons, actions=actions)

    def reopen(self, incident_id: str, reason: str, *, by: Person) -> None:
        self._do(incidents.ReopenIncident, by, incident_id=incident_id, reason=reason)

    def in_bulk(
        self, incident_ids: Sequence[str], act: str, values: Mapping[str, str], *, by: Person
    ) -> list[dict[str, Any]]:
        return in_bulk(self.dispatcher, incident_ids, act, values, by=by)

    def start_playbook(self, incident_id: str, playbook: Playbook, *, by: Person) -> str:
        label = next((label for label, it in self.dispatcher.desk.playbooks.items() if it.id == playbook.id), "")
        return self._do(incidents.StartPlaybook, by, incident_id=incident_id, playbook=label).id

    def complete_task(self, run_id: str, step_id: str, outcome: str, evidence: str, *, by: Person) -> None:
        self._do(incidents.CompleteTask, by, run_id=run_id, step_id=step_id, outcome=outcome, evidence=evidence)

    def start_clock(
        self, owner_id: str, kind: str, subject: str, anchor_at: datetime, reason: str, *, by: Person
    ) -> str:
        values = {"subject": subject, "anchor_at": anchor_at, "reason": reason}
        return self._do(clocks.StartClock, by, owner_id=owner_id, kind=kind, **values).id

    def propose_cancellation(self, clock_id: str, reason: str, *, by: Person) -> None:
        self._do(clocks.ProposeCancellation, by, clock_id=clock_id, reason=reason)

    def agree_to_cancel(self, clock_id: str, *, by: Person) -> None:
        self._do(clocks.AgreeToCancel, by, clock_id=clock_id)

    def accept_later(self, clock_id: str, reason: str, *, by: Person) -> None:
        self._do(clocks.AcceptLater, by, clock_id=clock_id, reason=reason)

    def draft_notice(self, incident_id: str, kind: str, recipient: str, *, by: Person) -> str:
        return self._do(notices.DraftNotice, by, incident_id=incident_id, kind=kind, recipient=recipient).id

    def follow_up(self, notice_id: str, stage: str, *, by: Person) -> str:
        return self._do(notices.FollowUpNotice, by, notice_id=notice_id, stage=stage).id

    def edit_notice(
        self, notice_id: str, language: str, fields: Mapping[str, str], version: int | None, *, by: Person
    ) -> None:
        values = {"language": language, "fields": dict(fields), "version": version}
        self._do(notices.EditNotice, by, notice_id=notice_id, **values)

    def redraft_notice(self, notice_id: str, version: int | None = None, *, by: Person) -> None:
        self._do(notices.RedraftNotice, by, notice_id=notice_id, version=version)

    def submit_notice(self, notice_id: str, version: int | None, *, by: Person) -> None:
        self._do(notices.SubmitNotice, by, notice_id=notice_id, version=version)

    def return_notice(self, notice_id: str, remark: str, *, by: Person) -> None:
        self._do(notices.ReturnNotice, by, notice_id=notice_id, remark=remark)

    def withdraw_notice(self, notice_id: str, reason: str, *, by: Person) -> None:
        self._do(notices.WithdrawNotice, by, notice_id=notice_id, reason=reason)

    def approve_notice(self, notice_id: str, version: int | None, *, by: Person) -> notices.Approved:
        return self._do(notices.ApproveNotice, by, notice_id=notice_id, version=version)

    def approve_as_last(self, notice_id: str, reason: str, *, by: Person) -> notices.Approved:
        return self._do(notices.ApproveAsLast, by, notice_id=notice_id, reason=reason)

    def approve_address(
        self, notice_id: str, instead_of: str, agreed: bool = True, reason: str = "", *, by: Person
    ) -> None:
        values = {"instead_of": instead_of, "agreed": agreed, "reason": reason}
        self._do(notices.ApproveAddress, by, notice_id=notice_id, **values)

    def approve_client_notices(self, incident_id: str, *, by: Person) -> int:
        return self._do(notices.ApproveClientNotices, by, incident_id=incident_id).count

    def settle_notice(
        self, notice_id: str, taken: bool, evidence: str, *, by: Person, recipient: str | None = None
    ) -> None:
        values = {"taken": taken, "evidence": evidence, "recipient": recipient}
        self._do(notices.SettleNotice, by, notice_id=notice_id, **values)

    def hand_over_notice(
        self, notice_id: str, channel: str, reference: str, handed_at: datetime | None, *, by: Person
    ) -> None:
        values = {"channel": channel, "reference": reference, "handed_at": handed_at}
        self._do(notices.HandOverNotice, by, notice_id=notice_id, **values)

    def resend_notice(self, notice_id: str, recipient: str, instead_of: str, reason: str, *, by: Person) -> None:
        values = {"recipient": recipient, "instead_of": instead_of, "reason": reason}
        self._do(notices.ResendNotice, by, notice_id=notice_id, **values)

    def record_receipt(
        self, notice_id: str, reference: str, received_on: date, document_id: str = "", *, by: Person
    ) -> None:
        values = {"reference": reference, "received_on": received_on, "document_id": document_id}
        self._do(notices.RecordReceipt, by, notice_id=notice_id, **values)

    def record_bounce(self, notice_id: str, recipient: str, status: str, detail: str, *, actor: str) -> None:
        by = Person(id=actor, roles=frozenset({Role.SOURCE}))
        values = {"recipient": recipient, "status": status, "detail": detail}
        self._do(notices.RecordBounce, by, notice_id=notice_id, **values)

    def propose_wording(
        self, kind: str, language: str, fields: Mapping[str, str], reason: str, *, by: Person
    ) -> None:  # fmt: skip
        self._do(notices.ProposeWording, by, kind=kind, language=language, fields=dict(fields), reason=reason)

    def decide_wording(
        self, kind: str, language: str, agreed: bool, reason: str, *, by: Person, seen: str = ""
    ) -> None:
        values = {"kind": kind, "language": language, "agreed": agreed, "reason": reason, "version": seen}
        self._do(notices.DecideWording, by, **values)

    def roll_back_wording(self, kind: str, language: str, reason: str, *, by: Person) -> None:
        self._do(notices.RollBackWording, by, kind=kind, language=language, reason=reason)

    def register_act(
        self,
        act: LegalAct,
        *,
        by: Person,
        document: bytes | None = None,
        name: str = "",
        media_type: str = "",
        incident: str = "",
        reason: str = "",
    ) -> str:
        values = {key: value for key, value in act if not key.startswith("document_")}
        attached = _attached(document, name, media_type)
        return self._do(protection.EnterAct, by, **values, document=attached, incident=incident, reason=reason).id

    def attach_document(self, protection_id: str, data: bytes, name: str, media_type: str, *, by: Person) -> None:
        document = Attachment(data=data, name=name, media_type=media_type)
        self._do(protection.AttachDocument, by, protection_id=protection_id, document=document)

    def verify_act(
        self, protection_id: str, genuine: bool, reason: str, *, by: Person, document: bytes | None = None
    ) -> None:
        values = {"genuine": genuine, "reason": reason, "document": _attached(document, "proof.pdf", PDF)}
        self._do(protection.VerifyAct, by, protection_id=protection_id, **values)

    def amend_act(
        self, protection_id: str, loans: Sequence[str], received_at: datetime, reason: str, *, by: Person
    ) -> None:
        values = {"loans": tuple(loans), "received_at": received_at, "reason": reason}
        self._do(protection.AmendAct, by, protection_id=protection_id, **values)

    def join_act(self, protection_id: str, into: str, reason: str, *, by: Person) -> None:
        self._do(protection.JoinAct, by, protection_id=protection_id, into=into, reason=reason)

    def release_containment(self, incident_id: str, reason: str, *, by: Person) -> None:
        self._do(containment.ReleaseContainment, by, incident_id=incident_id, reason=reason)

    def confirm_release(self, incident_id: str, reason: str, *, by: Person) -> None:
        self._do(containment.ConfirmRelease, by, incident_id=incident_id, reason=reason)

    def reinstate_act(self, protection_id: str, reason: str, *, by: Person) -> None:
        self._do(protection.ReinstateAct, by, protection_id=protection_id, reason=reason)

    def enter_ruling(
        self, protection_id: str, court: str, number: str, in_force_on: date, received_at: datetime, ruling: str,
        *, by: Person, document: bytes | None = None, name: str = "", media_type: str = "", **more: Any,
    ) -> None:  # fmt: skip
        self._do(
            protection.EnterRuling, by, protection_id=protection_id, court=court, number=number,
            in_force_on=in_force_on, received_at=received_at, ruling=ruling,
            document=_attached(document, name, media_type), **more,
        )  # fmt: skip

    def propose_outcome(
        self, protection_id: str, outcome: str, reason: str, *, by: Person, loans: Sequence[str] = (),
        document: bytes | None = None,
    ) -> None:  # fmt: skip
        values = {"outcome": outcome, "reason": reason, "loans": tuple(loans)}
        attached = _attached(document, "proof.pdf", PDF)
        self._do(protection.ProposeOutcome, by, protection_id=protection_id, document=attached, **values)

    def decide_outcome(self, protection_id: str, agreed: bool, reason: str, *, by: Person) -> None:
        self._do(protection.DecideOutcome, by, protection_id=protection_id, agreed=agreed, reason=reason)

    def acknowledge_order(
        self, protection_id: str, order_id: str, reference: str, *, by: Person, reason: str = "",
        document: bytes | None = None,
    ) -> None:  # fmt: skip
        values = {"order_id": order_id, "reference": reference, "reason": reason}
        attached = _attached(document, "proof.pdf", PDF)
        self._do(protection.AcknowledgeOrder, by, protection_id=protection_id, document=attached, **values)

    def withdraw_acknowledgement(self, protection_id: str, order_id: str, reason: str, *, by: Person) -> None:
        values = {"order_id": order_id, "reason": reason}
        self._do(protection.WithdrawAcknowledgement, by, protection_id=protection_id, **values)

    def duty_done(self, key: str, done_on: date, evidence: str, document_id: str = "", *, by: Person) -> None:
        values = {"done_on": done_on, "evidence": evidence, "document_id": document_id}
        self._do(governance.RecordDuty, by, key=key, **values)

    def plan_action(self, key: str, text: str, owner: str, due_on: date, *, by: Person) -> None:
        self._do(governance.PlanAction, by, key=key, text=text, owner=owner, due_on=due_on)

    def close_action(self, duty_id: str, action_id: str, evidence: str, *, by: Person) -> None:
        self._do(governance.CloseAction, by, duty_id=duty_id, action_id=action_id, evidence=evidence)

    def record_evidence(
        self, obligation: str, text: str, document_id: str = "", valid_until: date | None = None, *, by: Person
    ) -> None:
        values = {"text": text, "document_id": document_id, "valid_until": valid_until}
        self._do(governance.RecordEvidence, by, obligation=obligation, **values)

    def state_control(self, control: str, applicable: bool, justification: str, *, by: Person) -> None:
        values = {"applicable": applicable, "justification": justification}
        self._do(governance.StateControl, by, control=control, **values)

    def enter_risk(
        self, book: str, name: str, asset: str, threat: str, source: str, vulnerability: str, controls: str,
        owner: str, *, by: Person,
    ) -> str:  # fmt: skip
        return self._do(
            governance.EnterRisk, by, book=book, name=name, asset=asset, threat=threat, source=source,
            vulnerability=vulnerability, controls=controls, owner=owner,
        ).id  # fmt: skip

    def score_risk(self, risk_id: str, likelihood: int, loss: tuple[int, int, int], expert: str, *, by: Person) -> None:
        values = dict(zip(("confidentiality", "integrity", "availability"), loss, strict=True))
        self._do(governance.ScoreRisk, by, risk_id=risk_id, likelihood=likelihood, expert=expert, **values)

    def treat_risk(self, risk_id: str, treatment: str, measures: str, due_on: date | None, *, by: Person) -> None:
        values = {"treatment": treatment, "measures": measures, "due_on": due_on}
        self._do(governance.TreatRisk, by, risk_id=risk_id, **values)

    def end_obligations(
        self, client: str, ended_on: date, loan: str, reason: str, *, by: Person, document: bytes | None = None
    ) -> None:
        values = {"loan": loan, "reason": reason, "document": _attached(document, "end.pdf", PDF)}
        self._do(retention.EndObligations, by, client=client, ended_on=ended_on, **values)

    def place_hold(self, client: str, reason: str, *, by: Person) -> None:
        self._do(retention.PlaceHold, by, client=client, reason=reason)

    def lift_hold(self, client: str, reason: str, *, by: Person) -> None:
        self._do(retention.LiftHold, by, client=client, reason=reason)

    def propose_erasure(self, client: str, reason: str, *, by: Person) -> None:
        self._do(retention.ProposeErasure, by, client=client, reason=reason)

    def approve_erasure(self, client: str, reason: str, *, by: Person) -> None:
        self._do(retention.ApproveErasure, by, client=client, reason=reason)


class RuleActs(_Base):
    """What people do with rules and lists."""

    def draft(self, text: str, reason: str, *, by: Person) -> tuple[str, str]:
        made = self._do(rules.DraftRule, by, text=text, reason=reason)
        return made.name, made.version

    def tune(self, name: str, values: Mapping[str, Any], reason: str, *, by: Person) -> tuple[str, str]:
        made = self._do(rules.TuneRule, by, rule=name, values=dict(values), reason=reason)
        return made.name, made.version

    def document(self, name: str) -> dict[str, Any]:
        return self.dispatcher.desk.rulebook.document(name)

    def test(self, name: str, version: str, *, by: Person) -> list[TestRun]:
        return list(self._do(rules.TryRule, by, rule=name, version=version).results)

    def propose(self, name: str, version: str, reason: str, *, by: Person) -> None:
        self._do(rules.ProposeRule, by, rule=name, version=version, reason=reason)

    def approve(self, name: str, version: str, reason: str, *, by: Person) -> None:
        self._do(rules.ApproveRule, by, rule=name, version=version, reason=reason)

    def activate(self, name: str, version: str, mode: Mode, reason: str, *, by: Person) -> None:
        self._do(rules.ActivateRule, by, rule=name, version=version, mode=mode, reason=reason)

    def retire(self, name: str, reason: str, *, by: Person) -> bool:
        return self._do(rules.RetireRule, by, rule=name, reason=reason).decided

    def roll_back(self, name: str, reason: str, *, by: Person) -> str:
        return self._do(rules.RollBackRule, by, rule=name, reason=reason).version

    def change_list(self, name: str, add: Iterable[str], remove: Iterable[str], reason: str, *, by: Person) -> bool:
        values = {"add": tuple(add), "remove": tuple(remove), "reason": reason}
        return self._do(rules.ChangeList, by, list=name, **values).decided

    def decide_list(self, name: str, *, agreed: bool, reason: str, by: Person, seen: int | None = None) -> None:
        self._do(rules.DecideList, by, list=name, agreed=agreed, reason=reason, version=seen)
