"""The one table of the console's forms: page and act in the address → command, its fields, and what is said then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from engine.containment import commands as containment
from engine.duties import commands as clocks
from engine.governance import commands as governance
from engine.incidents import commands as incidents
from engine.kernel.checked import checked
from engine.kernel.commands import Attachment, Command, Outcome, name_of
from engine.kernel.errors import NotFound, n_
from engine.kernel.facts import Person
from engine.notices import commands as notices
from engine.permissions import require
from engine.protection import commands as protection
from engine.retention import commands as retention
from engine.rule_life import commands as rules
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.web import said
from infra.web.console import fields as f
from infra.web.console.fields import Read, Sent
from infra.web.context import do
from infra.web.said import Said
from reports.messages import say

DONE = n_("Done.")


@dataclass(frozen=True)
class Form:
    """One form: the command it means, how its fields are read, and what is said when it is done."""

    command: type[Command[Any]]
    fields: Mapping[str, Read]
    said: str | Said = DONE

    def parse(self, sent: Sent) -> Command[Any]:
        """Return the command. Raise InputError naming the field."""
        return checked(self.command, **{name: read(sent) for name, read in self.fields.items()})


_REASON = f.text("reason")
_INCIDENT: dict[str, Read] = {"incident_id": f.address("incident")}
_INCIDENT_WHY: dict[str, Read] = {**_INCIDENT, "reason": _REASON}
_AGREED: dict[str, Read] = {"agreed": f.yes("agreed"), "reason": _REASON}
_NOTICE: dict[str, Read] = {"notice_id": f.address("notice")}
_HANDED = {
    **_NOTICE, "channel": f.text("channel"), "reference": f.text("reference"),
    "handed_at": f.optional("handed_at", f.instant("handed_at")), "document": f.document,
}  # fmt: skip
_PROTECTION: dict[str, Read] = {"protection_id": f.address("protection")}
_CLOCK: dict[str, Read] = {"clock_id": f.address("clock")}
_RULE: dict[str, Read] = {"rule": f.address("name"), "reason": _REASON}
_VERSION: dict[str, Read] = {**_RULE, "version": f.text("version")}
_LIST: dict[str, Read] = {"list": f.address("name"), "reason": _REASON}
_CLIENT: dict[str, Read] = {"client": f.line("client"), "reason": _REASON}
_TEMPLATE: dict[str, Read] = {"kind": f.text("kind"), "language": f.text("language")}
_ANCHOR: dict[str, Read] = {"kind": f.text("kind"), "anchor_at": f.instant("anchor_at"), "reason": _REASON}

INCIDENTS: dict[str, Form] = {
    "assign": Form(incidents.AssignIncident, {**_INCIDENT, "assignee": f.text("assignee")}),
    "acknowledge": Form(incidents.AcknowledgeIncident, _INCIDENT),
    "confirm": Form(incidents.ConfirmIncident, _INCIDENT_WHY),
    "note": Form(incidents.AddNote, {**_INCIDENT, "text": f.text("text")}),
    "severity": Form(incidents.ChangeSeverity, {**_INCIDENT_WHY, "severity": f.text("severity")}),
    "measure": Form(
        incidents.RecordMeasure, {**_INCIDENT, "measure": f.text("measure"), "evidence": f.text("text")}
    ),
    "merge": Form(incidents.MergeIncident, {**_INCIDENT_WHY, "into": f.text("into")}),
    "close": Form(
        incidents.CloseIncident, {**_INCIDENT_WHY, "disposition": f.text("disposition")},
        said.either(n_("The incident is closed."), n_("Proposed. A second person must agree to close it.")),
    ),
    "reopen": Form(incidents.ReopenIncident, _INCIDENT_WHY),
    "release": Form(
        containment.ReleaseContainment, _INCIDENT_WHY,
        said.either(n_("The release is ordered."), n_("Recorded; two persons must say so before it is released.")),
    ),
    "released": Form(containment.ConfirmRelease, _INCIDENT_WHY, n_("Recorded as released.")),
    "split": Form(
        incidents.SplitIncident, {**_INCIDENT_WHY, "findings": f.findings, "title": f.text("title")}, said.split_off
    ),
    "move": Form(
        incidents.MoveFindings, {**_INCIDENT_WHY, "findings": f.findings, "into": f.text("into")}, n_("Moved.")
    ),
    "link": Form(
        incidents.LinkIncidents,
        {**_INCIDENT_WHY, "other": f.text("other"), "relation": f.text("relation", "related")},
    ),
    "unlink": Form(incidents.UnlinkIncidents, {**_INCIDENT_WHY, "other": f.text("other")}),
    "notifiable": Form(incidents.RaiseNotifiability, {**_INCIDENT_WHY, "personal_data": f.yes("personal_data")}),
    "not-notifiable": Form(
        incidents.LowerNotifiability, _INCIDENT_WHY,
        said.either(n_("The law's duties are cancelled."), n_("Proposed. A second person must agree.")),
    ),
    "clients": Form(
        incidents.NameClients, {**_INCIDENT_WHY, "clients": f.words("clients"), "loans": f.words("loans")}
    ),
    "client-list": Form(
        incidents.NameClientList, {**_INCIDENT_WHY, "document": f.some_document},
        n_("The clients of the list are named."),
    ),
    "suppress": Form(incidents.SuppressFindings, {**_INCIDENT_WHY, "until": f.instant("until")}),
    "lessons": Form(
        incidents.RecordLessons, {**_INCIDENT, "lessons": f.text("text"), "actions": f.text("actions")}
    ),
    "clock": Form(
        clocks.StartClock, {**_ANCHOR, "owner_id": f.address("incident"), "subject": f.text("subject")}
    ),
    "notice": Form(
        notices.DraftNotice, {**_INCIDENT, "kind": f.text("kind"), "recipient": f.text("recipient")}, n_("Drafted.")
    ),
    "task": Form(
        incidents.CompleteTask,
        {
            "run_id": f.text("run"), "step_id": f.text("step"), "outcome": f.text("outcome", "success"),
            "evidence": f.text("text"),
        },
    ),
    "playbook": Form(incidents.StartPlaybook, {**_INCIDENT, "playbook": f.text("playbook")}),
    "approve-client-notices": Form(
        notices.ApproveClientNotices, _INCIDENT, said.approved
    ),
}  # fmt: skip
REPORT = Form(
    incidents.ReportIncident,
    {
        "title": f.line("title"), "incident_class": f.text("incident_class"), "severity": f.text("severity", "high"),
        "channel": f.text("channel"), "told_at": f.instant("told_at"), "clients": f.words("clients"),
        "loans": f.words("loans"), "personal_data": f.yes("personal_data"), "reference": f.line("reference"),
    },
    n_("The incident is open; its duties count from when you were told."),
)  # fmt: skip
CLOCKS: dict[str, Form] = {
    "cancel": Form(
        clocks.ProposeCancellation, {**_CLOCK, "reason": _REASON},
        n_("Proposed. The clock runs on until a second person agrees."),
    ),
    "agree": Form(clocks.AgreeToCancel, _CLOCK),
    "accept-later": Form(clocks.AcceptLater, {**_CLOCK, "reason": _REASON}),
}  # fmt: skip
FEED = Form(clocks.MakeCalendarFeed, {}, said.feed)
NOTICES: dict[str, Form] = {
    "edit": Form(
        notices.EditNotice,
        {**_NOTICE, "language": f.text("language"), "fields": f.texts, "version": f.version}, n_("Saved."),
    ),
    "redraft": Form(notices.RedraftNotice, {**_NOTICE, "version": f.version}, n_("Written again.")),
    "submit": Form(notices.SubmitNotice, {**_NOTICE, "version": f.version}, n_("It waits for review.")),
    "return": Form(notices.ReturnNotice, {**_NOTICE, "remark": _REASON}, n_("Given back.")),
    "approve": Form(
        notices.ApproveNotice,
        {**_NOTICE, "version": f.version, "list_sha256": f.text("list_sha256"), "signature": f.signature},
        said.going_out,
    ),
    "withdraw": Form(notices.WithdrawNotice, {**_NOTICE, "reason": _REASON}),
    "settle": Form(
        notices.SettleNotice,
        {
            **_NOTICE, "taken": f.yes("taken"), "evidence": f.text("evidence"),
            "recipient": f.optional("recipient", f.text("recipient")),
        },
        said.either(n_("Decided."), n_("Recorded; a second person must say that it arrived.")),
    ),
    "hand-over": Form(
        notices.HandOverNotice,
        _HANDED,
        said.either(
            n_("Recorded by two persons: it was handed over."),
            n_("Recorded; a second person must say the same, with the same reference."),
        ),
    ),
    "hand-over-all": Form(notices.HandOverClientNotices, _HANDED, said.handed_over),
    "resend": Form(
        notices.ResendNotice,
        {**_NOTICE, "recipient": f.text("recipient"), "instead_of": f.text("instead_of"), "reason": _REASON},
        said.either(n_("Another try is ordered."), n_("Proposed; another person must approve the address.")),
    ),
    "address": Form(
        notices.ApproveAddress,
        {**_NOTICE, **_AGREED, "instead_of": f.text("instead_of"), "recipient": f.text("recipient")},
    ),
    "approve-as-last": Form(
        notices.ApproveAsLast,
        {
            **_NOTICE, "version": f.version, "list_sha256": f.text("list_sha256"), "signature": f.signature,
            "reason": _REASON,
        },
        said.going_out,
    ),
    "resend-failures": Form(
        notices.ResendFailures, {**_NOTICE, "state": f.text("state"), "reason": _REASON}, n_("Another try is ordered."),
    ),
    "receipt": Form(
        notices.RecordReceipt,
        {**_NOTICE, "reference": f.text("reference"), "received_on": f.day("received_on")},
    ),
    "follow-up": Form(notices.FollowUpNotice, {**_NOTICE, "stage": f.text("stage")}, n_("Drafted.")),
}  # fmt: skip
ENTER_ACT = Form(
    protection.EnterAct,
    {
        "kind": f.text("kind"), "issuer": f.line("issuer"), "number": f.line("number"), "act_date": f.day("act_date"),
        "received_at": f.instant("received_at"), "channel": f.line("channel"), "client": f.line("client"),
        "loans": f.words("loans"), "bureaus": f.words("bureaus"), "document": f.document,
        "incident": f.line("incident"), "reason": _REASON,
    },
    n_("The act is entered; the orders are on their way and the three-day clocks run."),
)  # fmt: skip
PROTECTIONS: dict[str, Form] = {
    "verify": Form(
        protection.VerifyAct,
        {**_PROTECTION, "genuine": f.yes("genuine"), "reason": _REASON, "document_id": f.text("document_id")},
    ),
    "acknowledge": Form(
        protection.AcknowledgeOrder,
        {
            **_PROTECTION, "order_id": f.text("order"), "reference": f.text("reference"), "reason": _REASON,
            "document_id": f.text("document_id"),
        },
        said.either(n_("Recorded by two persons: it was carried out."), n_("Recorded; a second person must say so.")),
    ),
    "withdraw": Form(
        protection.WithdrawAcknowledgement, {**_PROTECTION, "order_id": f.text("order"), "reason": _REASON},
        n_("Taken back; the duty is owed again."),
    ),
    "amend": Form(
        protection.AmendAct,
        {**_PROTECTION, "loans": f.words("loans"), "received_at": f.instant("received_at"), "reason": _REASON},
        n_("Added; the orders are on their way and the three-day clocks run."),
    ),
    "join": Form(protection.JoinAct, {**_PROTECTION, "into": f.line("into"), "reason": _REASON}),
    "reinstate": Form(
        protection.ReinstateAct, {**_PROTECTION, "reason": _REASON}, n_("It holds again; the orders go out again."),
    ),
    "propose": Form(
        protection.ProposeOutcome,
        {
            **_PROTECTION, "outcome": f.text("outcome"), "reason": _REASON, "loans": f.words("loans"),
            "document_id": f.text("document_id"),
        },
        n_("Proposed. A second person must decide."),
    ),
    "decide": Form(protection.DecideOutcome, {**_PROTECTION, "agreed": f.yes("agreed"), "reason": _REASON}),
    "clock": Form(
        clocks.StartClock, {**_ANCHOR, "owner_id": f.address("protection"), "subject": f.fixed("")}
    ),
    "document": Form(protection.AttachDocument, {**_PROTECTION, "document": f.some_document}),
    "ruling": Form(
        protection.EnterRuling,
        {
            **_PROTECTION, "court": f.text("court"), "number": f.text("number"), "in_force_on": f.day("in_force_on"),
            "received_at": f.instant("received_at"), "ruling": f.text("ruling"), "document": f.document,
            "incident": f.line("incident"), "reason": _REASON,
        },
    ),
}  # fmt: skip
EVIDENCE = Form(
    governance.RecordEvidence,
    {
        "obligation": f.text("obligation"), "text": f.text("text"), "document": f.document,
        "valid_until": f.optional("valid_until", f.day("valid_until")),
    },
    said.recorded_for,
)  # fmt: skip
DUTIES: dict[str, Form] = {
    "done": Form(
        governance.RecordDuty,
        {
            "key": f.text("key"), "done_on": f.day("done_on"), "evidence": f.text("evidence"),
            "document": f.document,
        },
        n_("Recorded; the next term runs from that day."),
    ),
    "plan": Form(
        governance.PlanAction,
        {"due_on": f.day("due_on"), "key": f.text("key"), "text": f.line("text"), "owner": f.line("owner")},
    ),
    "close": Form(
        governance.CloseAction,
        {"duty_id": f.text("duty"), "action_id": f.text("action"), "evidence": f.text("evidence")},
    ),
}  # fmt: skip
RISKS: dict[str, Form] = {
    "enter": Form(
        governance.EnterRisk,
        {
            "book": f.text("book", "asset"),
            **{
                name: f.text(name)
                for name in ("name", "asset", "threat", "source", "vulnerability", "controls", "owner")
            },
        },
    ),
    "score": Form(
        governance.ScoreRisk,
        {
            "risk_id": f.text("risk"),
            **{name: f.level(name) for name in ("confidentiality", "integrity", "availability", "likelihood")},
            "expert": f.text("expert"),
        },
        n_("Recorded. Of several experts' scores the highest counts."),
    ),
    "treat": Form(
        governance.TreatRisk,
        {
            "risk_id": f.text("risk"), "treatment": f.text("treatment"), "measures": f.text("measures"),
            "due_on": f.optional("due_on", f.day("due_on")),
        },
    ),
}  # fmt: skip
CONTROL = Form(
    governance.StateControl,
    {
        "control": f.text("control"), "applicable": f.yes("applicable"), "justification": f.text("justification"),
    },
)  # fmt: skip
WORDING: dict[str, Form] = {
    "propose": Form(
        notices.ProposeWording, {**_TEMPLATE, "fields": f.texts, "reason": _REASON},
        n_("Proposed. It was tried on an example; a second person must put it in force."),
    ),
    "decide": Form(notices.DecideWording, {**_TEMPLATE, **_AGREED, "version": f.text("version")}),
    "roll-back": Form(
        notices.RollBackWording, {**_TEMPLATE, "reason": _REASON}, n_("The wording before is in force again.")
    ),
}  # fmt: skip
RETENTION: dict[str, Form] = {
    "ended": Form(
        retention.EndObligations,
        {
            **_CLIENT, "ended_on": f.day("ended_on", n_("give the day on which the obligations ended")),
            "loan": f.line("loan"), "document": f.document,
        },
        said.either(n_("Recorded."), n_("The day is long past, so a second person must say the same.")),
    ),
    "hold": Form(retention.PlaceHold, _CLIENT),
    "release": Form(
        retention.LiftHold, _CLIENT,
        said.either(n_("The hold is lifted."), n_("Recorded; a second person must say so.")),
    ),
    "propose": Form(retention.ProposeErasure, _CLIENT),
    "approve": Form(retention.ApproveErasure, _CLIENT, n_("Approved. The keys are being destroyed.")),
}  # fmt: skip
RULES: dict[str, Form] = {
    "tune": Form(rules.TuneRule, {**_RULE, "values": f.parameters}, said.tuned),
    "propose": Form(rules.ProposeRule, _VERSION),
    "approve": Form(rules.ApproveRule, _VERSION),
    "activate": Form(
        rules.ActivateRule, {**_VERSION, "mode": f.fixed("active")},
        said.either(n_("In force."), n_("It may detect less, so another person of another role must say the same.")),
    ),
    "shadow": Form(rules.ActivateRule, {**_VERSION, "mode": f.fixed("shadow")}),
    "retire": Form(
        rules.RetireRule, _RULE, said.either(n_("Out of force."), n_("Proposed; another person must decide it."))
    ),
    "rollback": Form(rules.RollBackRule, _RULE, said.again),
}  # fmt: skip
LISTS: dict[str, Form] = {
    "change": Form(
        rules.ChangeList, {**_LIST, "add": f.lines("add"), "remove": f.lines("remove")},
        said.either(n_("In force."), n_("Proposed; another person must approve it.")),
    ),
    "approve": Form(rules.DecideList, {**_LIST, "agreed": f.fixed(True), "version": f.version}),
    "refuse": Form(rules.DecideList, {**_LIST, "agreed": f.fixed(False), "version": f.version}),
}  # fmt: skip


def admit(form: Form | None, person: Person) -> None:
    """Ask for the role before anything of a form is read, looked up or kept. Raise NotAllowed."""
    if form is not None:
        require(name_of(form.command), person)


def send(form: Form | None, sent: Sent) -> tuple[Outcome, str]:
    """Dispatch the command of a form; return what came of it, and in words. Raise NotFound for no form."""
    if form is None:
        raise NotFound("there is no such act")
    admit(form, sent.by)
    outcome = sent.container.dispatch(form.parse(sent), by=sent.by)
    return outcome, say(form.said) if isinstance(form.said, str) else form.said(sent, outcome)


def answered(
    request: Request, container: Container, session: Session, form: Form | None, back: str, fields: Mapping[str, str],
    document: Attachment | None = None, **address: str,
) -> Response:  # fmt: skip
    """Send a form and lead back; a refusal is shown on the page, in words. Raise NotAllowed for a person without the
    role, before anything else."""
    admit(form, session.person)
    sent = Sent(container, session.person, address, fields, document)
    return do(request, lambda: send(form, sent)[1], back)
