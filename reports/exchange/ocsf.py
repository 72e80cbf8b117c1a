"""An incident as an OCSF Incident Finding (class 2005 of the Open Cybersecurity Schema Framework, 1.7.0).

Instants are milliseconds since 1970 UTC (``timestamp_t``). What the schema has no attribute for, the legal clocks
above all, stands under ``unmapped.qorgau``, the place it has for that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.incidents.facts import Disposition, Phase
from engine.kernel.facts import Severity
from engine.kernel.timestamps import iso
from reports.exchange.case import Case, CaseFinding

VERSION = "1.7.0"
CLASS_UID = 2005
CATEGORY_UID = 2
ACTIVITIES = {1: "Create", 2: "Update", 3: "Close"}
SEVERITY: dict[Severity, tuple[int, str]] = {
    "low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical"),
}  # fmt: skip
PRIORITY: dict[Severity, tuple[int, str]] = {
    "low": (1, "Low"), "medium": (2, "Medium"), "high": (3, "High"), "critical": (4, "Critical"),
}  # fmt: skip
STATUS: dict[Phase, tuple[int, str]] = {
    "new": (1, "New"), "triaged": (2, "In Progress"), "contained": (2, "In Progress"), "recovered": (4, "Resolved"),
    "closed": (5, "Closed"), "merged": (5, "Closed"),
}  # fmt: skip
VERDICT: dict[Disposition | None, tuple[int, str]] = {
    "false_positive": (1, "False Positive"), "true_positive": (2, "True Positive"), "benign_positive": (5, "Benign"),
    "duplicate": (10, "Duplicate"), None: (0, "Unknown"),
}  # fmt: skip
RULE = (1, "Rule")


def activity_of(case: Case) -> int:
    """Say which change the record tells of."""
    if case.phase in ("closed", "merged"):
        return 3
    return 1 if case.version == 1 else 2


def incident_finding(case: Case) -> dict[str, Any]:
    """Return the record; the same state of an incident gives the same one."""
    activity = activity_of(case)
    severity, status = SEVERITY[case.severity], STATUS[case.phase]
    verdict = (10, "Duplicate") if case.merged_into else VERDICT[case.disposition]
    priority = PRIORITY[case.severity]
    found: dict[str, Any] = {
        "activity_id": activity, "activity_name": ACTIVITIES[activity],
        "category_uid": CATEGORY_UID, "category_name": "Findings",
        "class_uid": CLASS_UID, "class_name": "Incident Finding",
        "type_uid": CLASS_UID * 100 + activity, "type_name": f"Incident Finding: {ACTIVITIES[activity]}",
        "time": _ms(case.opened_at),
        "start_time": _ms(case.first_event_at or case.detected_at),
        "severity_id": severity[0], "severity": severity[1],
        "status_id": status[0], "status": status[1], "status_detail": case.phase,
        "verdict_id": verdict[0], "verdict": verdict[1],
        "priority_id": priority[0], "priority": priority[1],
        "is_suspected_breach": case.personal_data,
        "desc": case.title,
        "message": f"{case.number}: {case.title}",
        "finding_info_list": [_finding(it) for it in case.findings] or [_reported(case)],
        "metadata": {
            "version": VERSION,
            "profiles": ["incident"],
            "product": {"name": "Qorgau", "vendor_name": "Qorgau", "version": case.product_version},
            "uid": f"{case.id}.{case.version}",
            "correlation_uid": case.id,
            "event_code": case.number,
            "log_name": "incidents",
            "modified_time": _ms(case.changed_at),
            "tenant_uid": case.owner_id,
            "labels": [case.incident_class],
        },
        "unmapped": {"qorgau": _own(case)},
    }  # fmt: skip
    attacks = _attacks(case)
    if attacks:
        found["attacks"] = attacks
    if case.assignee is not None:
        found["assignee"] = {"uid": case.assignee, "name": case.assignee, "type_id": 1, "type": "User"}
    else:
        found["assignee_group"] = {"name": "soc"}
    return found


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _finding(it: CaseFinding) -> dict[str, Any]:
    info: dict[str, Any] = {
        "uid": it.id, "title": it.title, "created_time": _ms(it.detected_at),
        "analytic": {"uid": it.rule_id, "name": it.rule_name, "version": it.rule_version,
                     "type_id": RULE[0], "type": RULE[1], "category": "Sigma"},
        "related_events_count": it.events,
    }  # fmt: skip
    if it.first_event_at is not None:
        info["first_seen_time"] = _ms(it.first_event_at)
    return info


def _reported(case: Case) -> dict[str, Any]:
    """What people told of has no finding of a rule."""
    return {
        "uid": case.id, "title": case.title, "created_time": _ms(case.detected_at), "types": ["reported"],
        "data_sources": [case.reported_by or case.detection_source],
    }  # fmt: skip


def _attacks(case: Case) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for it in case.findings:
        for technique in it.techniques:
            parent, _, sub = technique.partition(".")
            entry: dict[str, Any] = {"technique": {"uid": parent}}
            if sub:
                entry["sub_technique"] = {"uid": technique}
            found.setdefault(technique, entry)
        for tactic in it.tactics:
            found.setdefault(tactic, {"tactic": {"name": tactic.replace("-", " ").title()}})
    return list(found.values())


def _own(case: Case) -> dict[str, Any]:
    return {
        "incident_class": case.incident_class, "notifiable": case.notifiable, "personal_data": case.personal_data,
        "clients": case.clients, "loans": case.loans, "findings": case.finding_count,
        "merged_into": case.merged_into or None,
        "obligations": list(case.obligations),
        "clocks": [
            {"kind": it.kind, "state": it.state, "started_at": iso(it.started_at),
             "due_at": iso(it.due_at), "satisfied_at": iso(it.satisfied_at) if it.satisfied_at else None}
            for it in case.clocks
        ],
    }  # fmt: skip
