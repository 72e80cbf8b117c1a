"""The one table of what people may do: command → roles, second person, what it needs.

Dispatch, deciders, pages, the command line and the documentation read it; nobody else names a role.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.permissions.permission import Permission, SecondPerson, Side, Stage
from engine.permissions.roles import PEOPLE, Role

SOC, FRAUD, CISO = Role.SOC_ANALYST, Role.FRAUD_ANALYST, Role.CISO
OFFICER, SOURCE = Role.COMPLIANCE_OFFICER, Role.SOURCE
_TRIAGE = (SOC, FRAUD, CISO)
_CASEWORK = (*_TRIAGE, OFFICER)
_DECIDES = (OFFICER, CISO)
_OFFICER = (OFFICER,)
_TEXTS = (OFFICER, SOC, CISO)
_RULES = (FRAUD, SOC, CISO)
_APPROVES = (FRAUD, OFFICER, CISO)
_RUNS = (FRAUD, OFFICER, CISO, SOC)
_LISTS = (FRAUD, SOC, OFFICER, CISO)
_GOVERNS = (OFFICER, CISO, SOC, FRAUD)
_ANYBODY = "this needs one of the roles {roles}"
_WORKING = "working an incident needs one of the roles {roles}"
_GOVERNING = "this needs compliance, the CISO or an analyst"
_RETENTION = "retention is decided by compliance officers and the CISO"
_REASON = ("reason",)
_NOT_APPROVING = (
    Side.ASSIGNEE, Side.AUTHOR, Side.EDITOR, Side.SUBMITTER, Side.ADDRESS_NAMER, Side.CLIENT_NAMER, Side.CASE_WORKER,
)  # fmt: skip
"""Who cannot approve a notice: the sides, each of which says it in its own words."""


def _of(
    subject: str, command: str, title: str, roles: Sequence[Role], refusal: str = _ANYBODY, *,
    needs: tuple[str, ...] = (), second: str = "", by: str = "", stage: tuple[str, Sequence[Role], str] | None = None,
    excluded: Sequence[Side] = (Side.PROPOSER,), answerable: Sequence[Role] = (), differ: bool = False,
    step_up: bool = False,
) -> Permission:  # fmt: skip
    return Permission(
        command=command, subject=subject, title=title, roles=tuple(roles),
        refusal=refusal.replace("{roles}", ", ".join(roles)), refusal_id=refusal, needs=needs,
        second=SecondPerson(
            rule=second, command=by or command, excluded=tuple(excluded), answerable=tuple(answerable),
            different_roles=differ,
        ) if second else None,
        stage=Stage(when=stage[0], roles=tuple(stage[1]), refusal=stage[2]) if stage else None,
        step_up=step_up,
    )  # fmt: skip


_INCIDENTS = (
    _of("incidents", "report-incident", "Open an incident that somebody told of", _CASEWORK,
        "entering an incident needs a triage role or a compliance officer"),
    _of("incidents", "assign-incident", "Give an incident to somebody", _TRIAGE, _WORKING,
        needs=("an assignee with a triage role",)),
    _of("incidents", "acknowledge-incident", "Say that an incident was seen", _TRIAGE, _WORKING),
    _of("incidents", "confirm-incident", "Say that an incident is no false alarm", _CASEWORK, needs=_REASON),
    _of("incidents", "add-note", "Write a note", [role for role in PEOPLE if role not in (Role.AUDITOR, Role.ADMIN)],
        "an auditor reads and does not write"),
    _of("incidents", "change-severity", "Judge the severity again", _TRIAGE, _WORKING, needs=_REASON),
    _of("incidents", "record-measure", "Record a measure taken outside a playbook", _TRIAGE, _WORKING,
        needs=("evidence",)),
    _of("incidents", "raise-notifiability", "Say that the law's duties hold", _CASEWORK, needs=_REASON),
    _of("incidents", "lower-notifiability", "Say that the law's duties do not hold", _CASEWORK, needs=_REASON,
        second="another person says the same", answerable=_DECIDES, differ=True,
        stage=("agreeing", _DECIDES, "agreeing needs a compliance officer or the CISO"), step_up=True),
    _of("incidents", "name-clients", "Name clients and loans that the events did not show", _CASEWORK, needs=_REASON),
    _of("incidents", "name-client-list", "Name the clients of a list", _CASEWORK, needs=_REASON),
    _of("incidents", "merge-incident", "Merge an incident into another", _TRIAGE, _WORKING, needs=_REASON),
    _of("incidents", "split-incident", "Move findings into a new incident", _TRIAGE, needs=_REASON),
    _of("incidents", "move-findings", "Move findings into another open incident", _TRIAGE, needs=_REASON),
    _of("incidents", "link-incidents", "Link two incidents", _CASEWORK,
        "linking incidents needs a triage role or a compliance officer"),
    _of("incidents", "unlink-incidents", "Take a link back", _CASEWORK,
        "unlinking incidents needs a triage role or a compliance officer", needs=_REASON),
    _of("incidents", "suppress-findings", "Let further findings of a false alarm open nothing for a while", _TRIAGE,
        "suppressing findings needs one of the roles {roles}", needs=_REASON),
    _of("incidents", "close-incident", "Close an incident", _CASEWORK,
        "closing needs a triage role or a compliance officer", needs=_REASON,
        second="for a notifiable incident another person gives the same disposition", answerable=_DECIDES, differ=True,
        stage=("agreeing for a notifiable incident", _DECIDES,
               "agreeing to close a notifiable incident needs a compliance officer or the CISO"), step_up=True),
    _of("incidents", "record-lessons", "Record what was learnt from a closed incident", _CASEWORK,
        "recording lessons needs a triage role or a compliance officer", needs=("lessons", "actions")),
    _of("incidents", "reopen-incident", "Go on with a closed incident", _CASEWORK,
        "reopening needs a triage role or a compliance officer", needs=_REASON),
    _of("playbooks", "start-playbook", "Start a playbook on an incident", _TRIAGE,
        "starting a playbook needs a triage role"),
    _of("playbooks", "complete-task", "Say what came of a task of a playbook", _CASEWORK,
        "this task is for {roles}", needs=("evidence", "one of the roles that the playbook names for the task"),
        stage=("skipping a step", _DECIDES, "skipping a step needs the CISO or a compliance officer")),
)  # fmt: skip
_CLOCKS = (
    _of("clocks", "start-clock", "Start the clock of a duty by hand", _CASEWORK,
        "starting a clock needs an analyst, a compliance officer or the CISO", needs=_REASON),
    _of("clocks", "propose-cancellation", "Say that a duty does not exist", _CASEWORK,
        "cancelling a clock needs an analyst, a compliance officer or the CISO", needs=_REASON,
        second="the clock runs on until another person agrees", by="agree-to-cancel", answerable=_DECIDES,
        differ=True),
    _of("clocks", "agree-to-cancel", "Agree that a duty does not exist", _DECIDES,
        "agreeing to cancel a clock needs a compliance officer or the CISO", step_up=True),
    _of("clocks", "correct-breach", "Take a breach back that a wrong clock recorded", _DECIDES,
        "correcting a breach needs a compliance officer or the CISO", needs=_REASON,
        second="the breach stands until another person says the same", by="correct-breach", differ=True,
        step_up=True),
    _of("clocks", "confirm-time", "Say that the clock of the machine is right again", (CISO, Role.ADMIN),
        "confirming the time needs the CISO or an administrator", needs=_REASON, step_up=True),
    _of("clocks", "accept-later", "Accept the later deadline of a changed calendar", _DECIDES,
        "accepting a later deadline needs a compliance officer or the CISO", needs=_REASON),
)  # fmt: skip
_DRAFTING = "drafting a notice needs compliance, an analyst or the CISO"
_NOTICES = (
    _of("notices", "draft-notice", "Draft a notice that no rule asks for", _TEXTS, _DRAFTING),
    _of("notices", "follow-up-notice", "Draft a supplement or the final report", _TEXTS, _DRAFTING),
    _of("notices", "redraft-notice", "Write a text again with what is known and set now", _TEXTS, _DRAFTING),
    _of("notices", "edit-notice", "Change the text of a notice", _TEXTS,
        "editing a notice needs compliance, an analyst or the CISO"),
    _of("notices", "submit-notice", "Ask for a review", _TEXTS,
        "submitting a notice needs compliance, an analyst or the CISO",
        second="who submitted it can neither return nor approve it", by="approve-notice", excluded=(Side.SUBMITTER,)),
    _of("notices", "return-notice", "Give a text under review back", _DECIDES,
        "reviewing a notice needs a compliance officer or the CISO", needs=("remark",)),
    _of("notices", "withdraw-notice", "Take a draft back that no clock waits for", _DECIDES,
        "withdrawing a notice needs a compliance officer or the CISO", needs=_REASON),
    _of("notices", "approve-notice", "Approve a notice for sending", _OFFICER,
        "approving a notice needs the role {roles}",
        second="somebody who neither wrote, submitted or addressed it nor ever worked on the incident",
        excluded=_NOT_APPROVING, answerable=_OFFICER, step_up=True),
    _of("notices", "approve-client-notices", "Approve every drafted client notice of an incident", _OFFICER,
        "approving a notice needs the role {roles}",
        second="somebody who neither wrote or submitted the texts nor ever worked on the incident",
        excluded=_NOT_APPROVING, answerable=_OFFICER, step_up=True),
    _of("notices", "approve-as-last", "Approve a notice of the law as the head of the house, when nobody else is left",
        (CISO,), "approving as the last one is for the CISO",
        needs=(*_REASON, "a term of the law that ends within four working hours", "nobody else who may approve"),
        step_up=True),
    _of("notices", "settle-notice", "Decide what became of a notice whose fate is unknown", _DECIDES,
        "settling a notice needs one of the roles {roles}", needs=("evidence",),
        second="that it arrived another person says too", answerable=_OFFICER, step_up=True),
    _of("notices", "hand-over-notice", "Record that a notice was handed over another way", _DECIDES,
        "recording a handing-over needs one of the roles {roles}", needs=("channel", "reference"),
        second="another person says the same", answerable=_OFFICER, step_up=True),
    _of("notices", "hand-over-client-notices", "Record that all notices with one text were handed over another way",
        _DECIDES, "recording a handing-over needs one of the roles {roles}", needs=("channel", "reference"),
        second="another person says the same", answerable=_OFFICER, step_up=True),
    _of("notices", "resend-notice", "Order another try after a refusal or a bounce", _OFFICER,
        "sending a notice again needs the role {roles}", needs=_REASON,
        second="a changed address another person approves", by="approve-address",
        excluded=(Side.PROPOSER, Side.ADDRESS_NAMER), answerable=_OFFICER),
    _of("notices", "approve-address", "Approve a changed address of a notice, or refuse it", _DECIDES,
        "approving an address needs one of the roles {roles}", needs=("reason, when refusing",), step_up=True),
    _of("notices", "record-receipt", "Record that the recipient has the notice", (OFFICER, SOC, CISO, SOURCE),
        "recording a receipt needs compliance, an analyst or the CISO", needs=("reference",)),
    _of("notices", "record-bounce", "Record that a notice came back", (SOURCE,)),
    _of("notices", "resend-failures", "Order another try at every client at whom a text failed", _OFFICER,
        "sending a notice again needs the role {roles}", needs=_REASON),
    _of("notices", "record-statuses", "Record what the gateway says of the notices to clients", (SOURCE,)),
)  # fmt: skip
_PROTECTION = (
    _of("protection", "enter-act", "Enter an act of law enforcement", (OFFICER, SOC, CISO, SOURCE),
        "entering an act needs a compliance officer, an analyst or the CISO",
        second="somebody else checks that it is genuine; the orders do not wait for that", by="verify-act",
        answerable=_OFFICER),
    _of("protection", "attach-document", "Attach a document to a protection", _TEXTS,
        "attaching a document needs a compliance officer, an analyst or the CISO"),
    _of("protection", "verify-act", "Say that an act is genuine, or is not", _OFFICER,
        "verifying an act needs a compliance officer", needs=(*_REASON, "a document, for one that is not genuine"),
        second="that it is not genuine another person says too", answerable=_OFFICER, step_up=True),
    _of("protection", "amend-act", "Add loans to an act that was entered", (OFFICER, SOC, CISO),
        "adding to an act needs a compliance officer, an analyst or the CISO", needs=_REASON),
    _of("protection", "join-act", "Join a double entry of an act to its twin", _DECIDES,
        "joining acts needs a compliance officer or the CISO", needs=_REASON,
        second="somebody else than who entered it", step_up=True),
    _of("protection", "reinstate-act", "Take back what ended a protection", _DECIDES,
        "reinstating a protection needs a compliance officer or the CISO", needs=_REASON),
    _of("protection", "enter-ruling", "Enter a decision of a court in force", _DECIDES,
        "entering a court decision needs a compliance officer or the CISO", needs=("court", "number")),
    _of("protection", "propose-outcome", "Propose how a protection ends, or that loans do not belong to it", _DECIDES,
        "proposing an outcome needs a compliance officer or the CISO",
        needs=(*_REASON, "a document, for what lifts a stop"),
        second="another person decides", by="decide-outcome", answerable=_DECIDES),
    _of("protection", "decide-outcome", "Decide how a protection ends", _DECIDES,
        "deciding an outcome needs a compliance officer or the CISO", needs=("reason, when declining",),
        step_up=True),
    _of("protection", "acknowledge-order", "Record by hand that a system carried an order out", _DECIDES,
        "acknowledging an order by hand needs a compliance officer or the CISO",
        needs=("reference", "reason", "a document"), second="another person says the same", answerable=_DECIDES,
        step_up=True),
    _of("protection", "withdraw-acknowledgement", "Say that an order was not carried out after all", _DECIDES,
        "withdrawing an acknowledgement needs a compliance officer or the CISO", needs=_REASON),
)  # fmt: skip
_CONTAINMENT = (
    _of("containment", "release-containment", "Release what an open incident blocks", _TRIAGE, needs=_REASON,
        second="another person says the same", step_up=True),
    _of("containment", "confirm-release", "Say that what was blocked was released by hand", _TRIAGE, needs=_REASON),
)  # fmt: skip
_GOVERNANCE = (
    _of("governance", "record-duty", "Record that a returning duty was done", (*_DECIDES, SOURCE),
        "recording a review needs a compliance officer or the CISO", needs=("evidence",)),
    _of("governance", "plan-action", "Plan a corrective action", _GOVERNS, _GOVERNING, needs=("owner", "day")),
    _of("governance", "close-action", "Record that a corrective action was carried out", _GOVERNS, _GOVERNING,
        needs=("evidence",)),
    _of("governance", "record-evidence", "Hand in evidence for an obligation", _GOVERNS, _GOVERNING,
        needs=("evidence",)),
    _of("governance", "state-control", "State whether a control applies", _DECIDES,
        "stating a control needs a compliance officer or the CISO", needs=("justification",)),
    _of("governance", "enter-risk", "Write a risk into a register", _GOVERNS, _GOVERNING),
    _of("governance", "score-risk", "Record an expert's score of a risk", _GOVERNS, _GOVERNING),
    _of("governance", "treat-risk", "Decide what is done about a risk", _DECIDES,
        "treating a risk needs a compliance officer or the CISO", needs=("measures",),
        second="who scored a risk cannot accept it", excluded=(Side.SCORER,), answerable=_DECIDES, step_up=True),
)  # fmt: skip
_KEPT = (
    _of("retention", "end-obligations", "Record when the obligations of a client ended", _DECIDES, _RETENTION,
        needs=(*_REASON, "a document, for a day long past"),
        second="an end long past another person says too", answerable=_DECIDES, step_up=True),
    _of("retention", "place-hold", "Put a client's data under legal hold", _DECIDES, _RETENTION, needs=_REASON),
    _of("retention", "lift-hold", "End a legal hold", _DECIDES, _RETENTION, needs=_REASON,
        second="another person says the same; neither of them then proposes the destruction", answerable=_DECIDES,
        step_up=True),
    _of("retention", "propose-erasure", "Ask that what is kept of a client be destroyed", _DECIDES, _RETENTION,
        needs=_REASON, second="another person agrees", by="approve-erasure",
        excluded=(Side.PROPOSER, Side.HOLD_LIFTER), answerable=_DECIDES),
    _of("retention", "approve-erasure", "Agree that it be destroyed", _DECIDES, _RETENTION, needs=_REASON,
        step_up=True),
)  # fmt: skip
_DETECTION = (
    _of("rules", "draft-rule", "Write a version of a rule", _RULES, needs=_REASON),
    _of("rules", "tune-rule", "Write a version with other parameters", _RULES, needs=_REASON),
    _of("rules", "try-rule", "Run the tests that travel with a version",
        [role for role in PEOPLE if role is not Role.ADMIN]),
    _of("rules", "propose-rule", "Ask that a tested version come into force", _RULES, needs=_REASON,
        second="another person approves; for a version that may detect less than what is in force, of another role",
        by="approve-rule", excluded=(Side.PROPOSER, Side.AUTHOR), answerable=_DECIDES, differ=True),
    _of("rules", "approve-rule", "Agree to a proposed version", _APPROVES, needs=_REASON,
        second="somebody who neither wrote nor proposed it; for one that may detect less, of another role",
        excluded=(Side.PROPOSER, Side.AUTHOR), answerable=_DECIDES, differ=True, step_up=True),
    _of("rules", "activate-rule", "Let an approved version run", _RUNS, needs=_REASON,
        second="for one that may detect less than what is in force another person says the same, unless it was "
               "approved for that",
        answerable=_DECIDES, differ=True, step_up=True),
    _of("rules", "retire-rule", "Take a rule out of force", _RUNS, needs=_REASON,
        second="another person says the same", answerable=_DECIDES, differ=True, step_up=True),
    _of("rules", "roll-back-rule", "Put what was in force before into force again", _RUNS, needs=_REASON,
        second="for what may detect less another person says the same", answerable=_DECIDES, differ=True,
        step_up=True),
    _of("lists", "change-list", "Add and remove entries of a list", _LISTS, needs=_REASON,
        second="for a change that weakens detection another person agrees", by="decide-list", answerable=_DECIDES,
        differ=True),
    _of("lists", "decide-list", "Agree to a change of a list that waits, or refuse it", _LISTS, needs=_REASON,
        step_up=True),
)  # fmt: skip
_WORDING = (
    _of("wording", "propose-wording", "Propose a wording of a notice", _DECIDES,
        "writing a template needs a compliance officer or the CISO", needs=_REASON,
        second="another person puts it in force", by="decide-wording"),
    _of("wording", "decide-wording", "Put a proposed wording in force, or refuse it", _DECIDES,
        "deciding on a template needs a compliance officer or the CISO", needs=("reason, when refusing",),
        step_up=True),
    _of("wording", "roll-back-wording", "Go back to the wording before", _DECIDES,
        "rolling a template back needs a compliance officer or the CISO", needs=_REASON, step_up=True),
)  # fmt: skip
_ACCOUNT = (
    _of("account", "make-calendar-feed", "Make the address of one's own calendar feed",
        [role for role in PEOPLE if role is not Role.ADMIN]),
    _of("account", "reset-second-factor", "Take the second factor of somebody away who lost it", (Role.ADMIN,),
        needs=_REASON, step_up=True),
)  # fmt: skip

COMMANDS: dict[str, Permission] = {
    permission.command: permission
    for permission in (
        *_INCIDENTS, *_CLOCKS, *_NOTICES, *_PROTECTION, *_CONTAINMENT, *_GOVERNANCE, *_KEPT, *_DETECTION, *_WORDING,
        *_ACCOUNT,
    )
}  # fmt: skip
"""Every command of people by its name."""
