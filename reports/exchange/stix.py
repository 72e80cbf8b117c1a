"""An incident as a STIX 2.1 bundle (OASIS): the organisation, the incident with OASIS's Incident Core extension, and
the ATT&CK techniques that were seen.

All objects carry TLP:AMBER, the marking predefined by STIX 2.1 section 7.2.1.4. Ids are derived, so the same incident
exported twice replaces itself at the reader.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.kernel.ids import derive
from reports.exchange.case import Case

TLP_AMBER = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"
INCIDENT_CORE = "extension-definition--ef765651-680c-498d-9894-99799f2fa126"
DETERMINATION = {
    "false_positive": "false-positive", "benign_positive": "low-value", "true_positive": "successful-attempt",
}  # fmt: skip
CRITICALITY = {"low": 25, "medium": 50, "high": 75, "critical": 100}
STATUS = {"new": "new", "closed": "closed", "merged": "closed"}
TYPES = {
    "unauthorised-access": "unauthorized-access", "unauthorised-change": "unauthorized-modification",
    "third-party-acts": "social-engineering", "fraud": "fraud", "control-failure": "policy-violation",
    "infrastructure": "service-disruption",
}  # fmt: skip


def bundle(case: Case) -> dict[str, Any]:
    """Return the bundle; the same state of an incident gives the same one."""
    owner = _owner(case)
    techniques = {name: _technique(case, owner["id"], name) for it in case.findings for name in it.techniques}
    incident = _incident(case, owner["id"])
    links = [_link(case, owner["id"], incident["id"], it["id"]) for it in techniques.values()]
    objects = [owner, incident, *techniques.values(), *links]
    return {
        "type": "bundle",
        "id": f"bundle--{derive('stix-bundle', case.id, case.version)}",
        "objects": objects,
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _owner(case: Case) -> dict[str, Any]:
    at = "2026-01-01T00:00:00.000Z"  # it describes the organisation, which is older than any incident
    return {
        "type": "identity", "spec_version": "2.1", "id": f"identity--{case.owner_id}", "created": at, "modified": at,
        "name": case.organisation, "identity_class": "organization", "sectors": ["financial-services"],
        "object_marking_refs": [TLP_AMBER],
    }  # fmt: skip


def _common(case: Case, owner: str, kind: str, key: str) -> dict[str, Any]:
    return {
        "type": kind, "spec_version": "2.1", "id": f"{kind}--{key}", "created_by_ref": owner,
        "created": _time(case.opened_at), "modified": _time(case.changed_at), "object_marking_refs": [TLP_AMBER],
    }  # fmt: skip


def _incident(case: Case, owner: str) -> dict[str, Any]:
    core: dict[str, Any] = {
        "extension_type": "property-extension",
        "determination": DETERMINATION.get(case.disposition or "", "suspected"),
        "investigation_status": STATUS.get(case.phase, "open"),
        "incident_types": [TYPES.get(case.incident_class, case.incident_class)],
        "detection_methods": ["human-review" if case.reported_by else "automated-tool"],
        "criticality": CRITICALITY.get(case.severity, 0),
    }
    told = [f"{it.kind}: due {_time(it.due_at)}, {it.state}" for it in case.clocks]
    people = f"{case.clients} clients and {case.loans} loans concerned."
    return {
        **_common(case, owner, "incident", case.id),
        "name": case.title,
        "description": "\n".join([people, *(["Legal clocks:", *told] if told else [])]),
        "labels": [case.incident_class, case.severity],
        "external_references": [{"source_name": "qorgau", "external_id": case.number}],
        "extensions": {INCIDENT_CORE: core},
    }


def _technique(case: Case, owner: str, name: str) -> dict[str, Any]:
    return {
        **_common(case, owner, "attack-pattern", str(derive("stix-technique", case.owner_id, name))),
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "name": name, "external_references": [{"source_name": "mitre-attack", "external_id": name}],
    }  # fmt: skip


def _link(case: Case, owner: str, incident: str, technique: str) -> dict[str, Any]:
    return {
        **_common(case, owner, "relationship", str(derive("stix-link", incident, technique))),
        "relationship_type": "related-to", "source_ref": incident, "target_ref": technique,
    }  # fmt: skip
