"""An incident gathered for other tools, and written in their formats."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import orjson

from engine.incidents.incident import Incident
from engine.kernel.facts import FindingRaised
from infra.read.reading import Reading
from infra.read.rows import clocks
from infra.store.models.duties import ClockRow
from reports.exchange import ocsf, stix
from reports.exchange.case import Case, CaseClock, CaseFinding

FORMATS: dict[str, Callable[[Case], dict[str, Any]]] = {"ocsf": ocsf.incident_finding, "stix": stix.bundle}
LISTED = 100
"""Findings that are listed, the newest, and clocks, the nearest: there may be thousands, and a webhook is told of each
step."""
TYPES = {"ocsf": "application/json", "stix": "application/stix+json;version=2.1"}
"""The media types of the formats."""


def written(container: Reading, incident: Incident, form: str) -> bytes:
    """Return an incident in a format, as one line of JSON."""
    return orjson.dumps(FORMATS[form](case_of(container, incident)))


def case_of(container: Reading, incident: Incident) -> Case:
    """Gather what others may know of an incident."""
    last = container.decisions.last_of(incident.id)
    opened, detected = incident.opened_at, incident.detected_at
    assert opened is not None and detected is not None
    entities, findings = incident.entities, _findings(container, incident)
    return Case(
        id=incident.id,
        number=incident.number,
        title=_title(incident, findings),
        incident_class=incident.incident_class,
        severity=incident.severity,
        phase=incident.phase,
        notifiable=incident.notifiable,
        personal_data=incident.personal_data,
        detection_source=incident.detection_source,
        reported_by=incident.reported_by,
        assignee=incident.assignee,
        disposition=incident.disposition,
        opened_at=opened,
        detected_at=detected,
        first_event_at=incident.first_event_at,
        changed_at=last.at if last is not None else opened,
        version=incident.version,
        clients=len(entities.clients),
        loans=len(entities.loans),
        merged_into=incident.merged_into or "",
        findings=tuple(findings),
        finding_count=len(incident.findings),
        clocks=tuple(map(_clock, clocks.first_of_owner(container.database, incident.id, LISTED))),
        obligations=incident.obligations,
        organisation=container.settings.sender.name("en"),
        organisation_bin=container.settings.organisation_bin,
        product_version=version("qorgau"),
    )


def _title(incident: Incident, findings: list[CaseFinding]) -> str:
    """Return the title of the rule: that of the incident names whom it concerns, or was typed by people."""
    return findings[0].title if findings else f"Incident entered by people: {incident.incident_class}"


def _findings(container: Reading, incident: Incident) -> list[CaseFinding]:
    found = []
    rules = container.rules.by_reference
    for key in incident.findings[-LISTED:]:
        for recorded in container.decisions.timeline(key):
            fact = recorded.fact
            if not isinstance(fact, FindingRaised):
                continue
            rule = rules.get(fact.rule_name)
            found.append(
                CaseFinding(
                    id=fact.finding_id,
                    rule_id=fact.rule_id,
                    rule_name=fact.rule_name,
                    rule_version=fact.rule_version,
                    title=fact.rule_title,
                    detected_at=fact.detected_at,
                    first_event_at=fact.first_event_at,
                    events=len(fact.positions),
                    tags=rule.tags if rule is not None else (),
                )
            )
    return found


def _clock(row: ClockRow) -> CaseClock:
    return CaseClock(
        kind=row.kind, state=row.state, started_at=row.anchor_at, due_at=row.due_at, satisfied_at=row.satisfied_at
    )
