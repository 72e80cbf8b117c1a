"""Words for the short names used inside: plain English ones, which are message ids of the catalogues too."""

from __future__ import annotations

from collections.abc import Mapping

from engine.permissions import PEOPLE, TITLES

_WORDS = {
    "totp": "authenticator",
    "recovery": "recovery code",
    "passkey": "passkey",
    "regulator-notice": "Tell the regulator",
    "client-notice": "Tell the client",
    "personal-data-notice": "Tell the data-protection authority",
    "immediate-containment": "First containment",
    "regulator-supplement": "Supplement for the regulator",
    "personal-data-supplement": "Supplement for the personal-data authority",
    "client-supplement": "Supplement for the client",
    "client-release": "Tell the client that the block has ended",
    "block": "of a block",
    "unblock": "of the end of a block",
    "antifraud-centre-message": "Message to the Anti-Fraud Centre",
    "remediation": "Remove cause and consequences",
    "collection-stop": "Stop collection",
    "accrual-stop": "Stop accrual",
    "bureau-correction": "Correct credit history",
    "triage": "Triage",
    "regulator": "Regulator notice",
    "client": "Client notice",
    "pd_authority": "Personal-data breach notice",
    **{role.value: title for role, title in TITLES.items() if role in PEOPLE},
    "victim_resolution": "Resolution on recognition as a victim",
    "remedial_submission": "Submission on removing circumstances",
    "unauthorised-access": "Unauthorised access",
    "unauthorised-change": "Unauthorised change",
    "third-party-acts": "Acts of third parties",
    "fraud": "Fraud",
    "control-failure": "Control failure",
    "infrastructure": "Infrastructure",
    "true_positive": "True positive",
    "benign_positive": "Benign positive",
    "false_positive": "False positive",
    "satisfied-late": "satisfied late",
    "debt-write-off": "Write the debt off",
    "suspicious-hold": "End of the hold",
    "leaver-access": "Rights of a leaver withdrawn",
    "policy-publication": "Publication of an approved document",
    "unscheduled-review": "Unscheduled review of the policy",
    "regulator-request": "Answer to the regulator",
    "regulator-request-undated": "Answer to the regulator, no day named",
    "client-confirmation": "Confirmation to the client",
    "client-confirmation-undated": "Confirmation to the client, no day named",
    "vulnerability-critical": "Fixing of a critical vulnerability",
    "vulnerability-high": "Fixing of a high vulnerability",
    "backup-next": "Next backup",
    "restore-test-next": "Next test of a restore",
    "complaint-examination": "Examination of a complaint of fraud",
    "mismatch-cancelled": "Cancellation after a mismatch of protocols",
    "afc-exchange": "Answer of the Anti-Fraud Centre",
    "policy-acknowledgement": "Acknowledgement of the policy",
    "duty-never-done": "Returning duty that was never done",
    "policy-review": "Review of the policy",
    "internal-audit": "Internal audit",
    "management-review": "Management review",
    "management-review-agenda": "Agenda of the management review",
    "risk-assessment": "Assessment of risks",
    "incident-drill": "Incident drill",
    "awareness": "Training of staff",
    "workstation-check": "Check of the bureau workstations",
    "performance-evaluation": "Evaluation of controls",
    "access-review": "Review of rights",
    "antifraud-tuning": "Tuning of anti-fraud",
    "corrective-action": "Corrective action",
    "bureau-corrected-report": "Corrected report of the bureau",
    "isms-report": "Report to the ISMS representative",
    "law_enforcement": "Report to law enforcement",
    "stakeholder": "Notice to interested parties",
    "afc": "Message to the Anti-Fraud Centre",
    "follow_up": "supplement",
    "final": "final report",
    "initial": "first notice",
    "court_decision": "Court decision in force",
    "client-flag": "Mark the client's file",
    "write-off": "Write the debt off",
    "release": "Lift the stops",
    "collection-resume": "Collection may go on",
    "accrual-resume": "Accrual may go on",
    "bureau-restore": "Restore credit history",
    "client-unflag": "Remove the mark",
    "debt-void": "the debt is void",
    "act-overturned": "the borrower is no victim",
    "debt-partly-void": "the debt is void in part",
    "claim-refused": "the claim is refused, the debt stands",
    "payout-hold": "Hold the payout",
    "release-ordered": "release ordered",
    "containment-release": "Release what was blocked",
    "remove-loans": "Loans do not belong to the act",
    "hot-line": "the hot line",
    "not-genuine": "not genuine",
    "written-off": "written off",
    "same-actor": "same actor",
    "same-campaign": "same campaign",
    "caused-by": "caused by",
}


# Short names that are English words already; they stand here so that the catalogues have them.
_AS_THEY_ARE = (
    "abandoned", "accept", "access-block", "account", "acknowledge", "active", "addresses", "affected", "alert",
    "allow", "deny", "internal", "watch",
    "approved", "asset", "authority", "availability", "avoid", "benign", "bounced", "breached", "cancelled",
    "civil", "client-gateway", "clients", "clock", "clocks", "close", "closed", "command", "complaint", "completed",
    "confidentiality", "confirmed", "contain", "contained", "critical", "delivered", "detect", "devices", "done",
    "draft", "duplicate", "employee", "enforce", "erased", "events", "evidence", "failed", "failure", "falling",
    "final", "flat", "fraud-register", "governance", "handed-over",
    "held", "high", "improve", "incidents", "integrity", "joined", "kept", "late",
    "ledger", "letter", "likelihood", "lists", "loans", "low", "mail", "medium", "merged", "new", "none", "notices",
    "notify", "open", "order", "ordered", "other", "overdue", "owed", "partner", "pending", "playbooks", "product",
    "proposed", "protected", "protection", "queued", "recover", "recovered", "reduce", "refused", "related", "released",
    "report", "respond", "retention", "retired", "review", "rising", "rules", "running", "satisfied", "sending",
    "sent", "sessions", "shadow", "shown", "skipped", "spooled", "stopping", "strict", "success", "supplement",
    "tested", "transfer",
    "triaged", "unknown", "users", "waiting", "webhook", "withdrawn", "wording", "workstations",
)  # fmt: skip
FIELDS = {
    "reason": "Reason", "recipient": "Recipient", "client": "Client", "clients": "Clients", "loans": "Loans",
    "user": "User", "treatment": "Treatment", "told_at": "Told at", "stage": "Stage", "source": "Source",
    "severity": "Severity", "score": "Score", "report": "Report", "period": "Period", "password": "Password",
    "received_on": "Received on", "received_at": "Received at", "name": "Name", "measure": "Measure", "kind": "Kind",
    "handed_at": "Handed over at", "file": "File", "expert": "Expert", "ended_on": "Ended on", "due_on": "Until",
    "done_on": "Done on", "day": "Day", "anchor_at": "Began at", "started_at": "Began at", "assignee": "Owner",
    "act": "Act", "entries": "Entries", "version": "Version", "parameters": "Parameters", "likelihood": "Likelihood",
    "confidentiality": "Confidentiality", "integrity": "Integrity", "availability": "Availability", "until": "Until",
    "incident_class": "Class", "condition": "Condition", "valid_until": "Valid until", "language": "Language",
    "text": "Text", "title": "Title", "evidence": "Evidence",
}  # fmt: skip
"""The fields that people fill in, in words, for refusals."""
_PHRASES = ("detect and report", "assess and decide", "learn lessons")
_REASONS = ("weekend", "business day", "transferred working day")
"""Why a day counts in a term or does not; holidays have the names that the calendar gives them."""
_TABS = (
    "Open", "Mine", "Unassigned", "Overdue", "Owing", "Closed", "Running", "Week", "Breached", "All", "Sent", "Events",
    "Incidents", "Notices",
)  # fmt: skip


def words() -> Mapping[str, str]:
    """Return every short name that has words, with them."""
    return {**{name: name.replace("_", " ") for name in (*_AS_THEY_ARE, *_PHRASES)}, **_WORDS}


def texts() -> set[str]:
    """Return every text that this table holds."""
    return {*words().values(), *FIELDS.values(), *_REASONS, *_TABS}


def label(name: object) -> str:
    """Return the English words for a short name, or the name itself made readable."""
    text = str(name)
    return _WORDS.get(text, text.replace("_", " "))


def word(name: object) -> str:
    """Return the words for a short name in documents, which are written in English."""
    return label(name)
