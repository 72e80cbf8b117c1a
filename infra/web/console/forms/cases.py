"""What the pages of incidents, clocks, notices and protection send."""

from __future__ import annotations

from engine.containment import commands as containment
from engine.duties import commands as clocks
from engine.incidents import commands as incidents
from engine.kernel.errors import n_
from engine.notices import commands as notices
from engine.protection import commands as protection
from infra.web import said
from infra.web.console import fields as f
from infra.web.console.fields import Read
from infra.web.console.forms.sending import Form

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
    "correct": Form(
        clocks.CorrectBreach, {**_CLOCK, "reason": _REASON},
        said.either(n_("The breach is taken back."), n_("Recorded; a second person must say the same.")),
    ),
    "accept-later": Form(clocks.AcceptLater, {**_CLOCK, "reason": _REASON}),
}  # fmt: skip
CONFIRM_TIME = Form(clocks.ConfirmTime, {"reason": _REASON, "shown": f.exact("shown")})
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
