"""The streaming detector: events in ledger order go in, findings come out; same events, same findings.

A finding tells which rule in which version fired, on which fields, and names the positions of the events that count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from engine.events.catalogue import Catalogue
from engine.events.envelope import SecurityEvent
from engine.kernel.facts import Entities, FindingRaised
from engine.kernel.ids import derive
from rules.detection.context import ELAPSED, Shown
from rules.detection.loader import RuleSet
from rules.detection.matcher import Hit, Matcher
from rules.detection.measures import Measure

_ENTITY_FIELDS: dict[str, tuple[str, ...]] = {
    "clients": ("mfo.client.id", "mfo.incident.clients", "mfo.context.paid_client", "mfo.context.applied_client"),
    "loans": ("mfo.loan.id", "mfo.loan.ids", "mfo.incident.loans", "mfo.context.paid_loan"),
    "users": ("user.id",),
    "devices": ("device.id",),
    "addresses": ("source.ip",),
    "sessions": ("session.id",),
    "workstations": ("mfo.workstation.id", "host.name"),
}


AMOUNTS = ("mfo.amount", "mfo.loan.amount")
"""What an incident is about in money, whatever the rule looked at."""
MOST_NAMED = 10_000
"""Identifiers of a kind in one finding: who is affected is told, however many there are."""


def _unkeyed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:12]


class StreamDetector:
    """Answers the port ``Detector``: makes findings of hits, with their entities and the evidence that counts."""

    def __init__(
        self, ruleset: RuleSet, contexts: tuple[Shown, ...], catalogue: Catalogue,
        pseudonym: Callable[[str], str] = _unkeyed,
    ) -> None:  # fmt: skip
        self.matcher = Matcher(ruleset, contexts)
        self.catalogue = catalogue
        self.hidden = _personal(contexts, catalogue)
        self.pseudonym = pseudonym
        """Stands in findings for a value that is personal: the same for the same, and says nothing of it."""

    def fold(self, events: Sequence[SecurityEvent]) -> list[FindingRaised]:
        """Take events in ledger order and give the findings they complete."""
        placed = ((event.fields, event.at.timestamp(), event.position) for event in events)
        return [self._finding(events[index], hit) for index, hit in self.matcher.match_all(placed)]

    def _finding(self, event: SecurityEvent, hit: Hit) -> FindingRaised:
        rule, meta = hit.rule, hit.rule.meta
        cause = (str(hit.positions[0]), str(hit.first_t)) if hit.closed else (event.source, event.event_id)
        finding_id = str(derive("finding", rule.id, *cause))
        entities = self._entities(hit)
        dedup_fields = meta.dedup if meta else ()
        key = [rule.name, *(self._said(name, hit.fields.get(name, "-")) for name in dedup_fields)]
        if not dedup_fields:
            key.append(next((v[0] for v in entities.model_dump().values() if v), "-"))
        return FindingRaised(
            at=event.received_at,
            finding_id=finding_id,
            rule_id=rule.id,
            rule_name=rule.name,
            rule_title=rule.title,
            rule_version=rule.version,
            severity=rule.severity,
            incident_class=meta.incident_class if meta else "control-failure",
            notifiable=meta.notifiable if meta else False,
            personal_data=meta.personal_data if meta else False,
            obligations=meta.obligations if meta else (),
            dedup_key="|".join(key),
            detected_at=self._detected_at(event),
            first_event_at=datetime.fromtimestamp(hit.first_t, UTC),
            positions=hit.positions[-50:],
            matched=self._evidence(event, hit),
            entities=entities,
            playbook=meta.playbook if meta else None,
            further=hit.further,
        )

    def _is_personal(self, name: str) -> bool:
        return self.catalogue.is_personal(name) or name in self.hidden

    def _said(self, name: str, value: object) -> str:
        personal = self._is_personal(name) and value != "-"
        return self.pseudonym(str(value)) if personal else str(value)

    def _entities(self, hit: Hit) -> Entities:
        """Whom a finding touches. A correlation speaks of what it groups by, and of counted values only when its rule
        says that they are affected: the clients a stuffing list merely tried are not, those an insider read are."""
        spec = hit.rule.correlation
        if spec is None:
            return entities_of(hit.fields)
        fields: dict[str, Any] = {name: hit.fields.get(name) for name in spec.group_by}
        for name in spec.fields:
            if hit.rule.meta and name in hit.rule.meta.affects:
                fields[name] = list(hit.counted)
        return entities_of(fields)

    def _detected_at(self, event: SecurityEvent) -> datetime:
        """The clock's anchor: when we received it, or earlier when the event itself is somebody's report."""
        spec = self.catalogue.events.get(event.action)
        if spec is not None and spec.report and not any(flag.startswith("time-") for flag in event.flags):
            return min(event.at, event.received_at)
        return event.received_at

    def _evidence(self, event: SecurityEvent, hit: Hit) -> dict[str, str]:
        """The fields the rule looked at, as this event had them; personal ones are named, not shown."""
        rule, spec = hit.rule, hit.rule.correlation
        if rule.compiled:
            names: list[str] = sorted(rule.compiled.fields)
        else:
            names = [*spec.group_by, *spec.fields] if spec else []
        names += [name for name in (*(rule.meta.evidence if rule.meta else ()), *AMOUNTS) if name not in names]
        shown: dict[str, str] = {} if hit.closed else {"event.action": event.action}
        for name in names[:20]:
            value = hit.fields.get(name)
            if value is not None:
                shown[name] = "(personal)" if self._is_personal(name) else str(value)[:200]
        return shown


def _personal(shown: Sequence[Shown], catalogue: Catalogue) -> frozenset[str]:
    """Return the fields of contexts and measures that hold what is personal: an IIN that was said before is one."""
    found: set[str] = set()
    for it in shown:
        if isinstance(it, Measure):
            if it.kind == "joined" and any(catalogue.is_personal(name) for name in it.of):
                found.add(it.name)
            continue
        for name, what in it.attach.items():
            field = it.values.get(what.removeprefix(ELAPSED).strip(), "")
            if catalogue.is_personal(field) or field in found:
                found.add(name)
    return frozenset(found)


def entities_of(fields: Mapping[str, Any]) -> Entities:
    """Return whom and what an event touches."""
    found: dict[str, tuple[str, ...]] = {}
    for kind, names in _ENTITY_FIELDS.items():
        values: list[str] = []
        for name in names:
            value = fields.get(name)
            if isinstance(value, list | tuple):
                values += [str(part) for part in value if part is not None]
            elif value is not None and value != "":
                values.append(str(value))
        if values:
            found[kind] = tuple(dict.fromkeys(values))[:MOST_NAMED]
    return Entities(**found)
