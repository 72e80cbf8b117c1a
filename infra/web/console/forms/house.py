"""What the pages of the house send: governance, wording, retention, rules and lists."""

from __future__ import annotations

from engine.governance import commands as governance
from engine.kernel.errors import n_
from engine.notices import commands as notices
from engine.retention import commands as retention
from engine.rule_life import commands as rules
from infra.web import said
from infra.web.console import fields as f
from infra.web.console.fields import Read
from infra.web.console.forms.sending import Form

_REASON = f.text("reason")
_INCIDENT: dict[str, Read] = {"incident_id": f.address("incident")}
_AGREED: dict[str, Read] = {"agreed": f.yes("agreed"), "reason": _REASON}
_NOTICE: dict[str, Read] = {"notice_id": f.address("notice")}
_RULE: dict[str, Read] = {"rule": f.address("name"), "reason": _REASON}
_VERSION: dict[str, Read] = {**_RULE, "version": f.text("version")}
_LIST: dict[str, Read] = {"list": f.address("name"), "reason": _REASON}
_CLIENT: dict[str, Read] = {"client": f.line("client"), "reason": _REASON}
_TEMPLATE: dict[str, Read] = {"kind": f.text("kind"), "language": f.text("language")}

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
