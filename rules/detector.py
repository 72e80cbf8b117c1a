"""The streaming detector: events in ledger order go in, findings come out; same events, same findings.

An event is given only to rules that can match it: rules that demand a value of a field are found by that value.
The state (correlation windows, context) can be saved with a position and taken back, so a restart continues exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.catalogue import Catalogue
from engine.events import SecurityEvent
from engine.facts import Entities, FindingRaised
from engine.ids import derive
from rules.compiler import normalise
from rules.context import Context, ContextMemory
from rules.correlate import Correlator
from rules.loader import RuleSet
from rules.model import Rule

_ENTITY_FIELDS: dict[str, tuple[str, ...]] = {
    "clients": ("mfo.client.id", "mfo.incident.clients"),
    "loans": ("mfo.loan.id", "mfo.loan.ids", "mfo.incident.loans"),
    "users": ("user.id",),
    "devices": ("device.id",),
    "addresses": ("source.ip",),
    "sessions": ("session.id",),
    "workstations": ("mfo.workstation.id",),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule that fired on one event, with the positions of all events that count."""

    rule: Rule
    positions: tuple[int, ...]
    first_t: float
    counted: tuple[str, ...] = ()


class RuleIndex:
    """Finds the rules that can match an event, by a value they demand of one field."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.always: list[Rule] = []
        self.by_field: dict[str, dict[str, list[Rule]]] = {}
        for rule in rules:
            required = rule.compiled.required if rule.compiled else {}
            if not required:
                self.always.append(rule)
                continue
            field = "event.action" if "event.action" in required else min(required, key=lambda f: len(required[f]))
            table = self.by_field.setdefault(field, {})
            for value in required[field]:
                table.setdefault(value, []).append(rule)

    def candidates(self, normalised: Mapping[str, Any]) -> Iterable[Rule]:
        """Give every rule that might match."""
        yield from self.always
        for field, table in self.by_field.items():
            value = normalised.get(field)
            if value.__class__ is str:
                yield from table.get(value, ())
            elif value.__class__ is tuple:
                seen: set[str] = set()
                for part in value:
                    for rule in table.get(part, ()):
                        if rule.id not in seen:
                            seen.add(rule.id)
                            yield rule


class Matcher:
    """Evaluates a rule set on events one after the other: detections, then the correlations they feed."""

    def __init__(self, ruleset: RuleSet, contexts: tuple[Context, ...] = ()) -> None:
        self.ruleset = ruleset
        self.memory = ContextMemory(contexts)
        self.index = RuleIndex(rule for rule in ruleset if rule.compiled)
        self.correlators = {rule.id: Correlator(rule) for rule in ruleset if rule.correlation}
        self.failures: dict[str, int] = {}
        self._fed_by: dict[str, list[Correlator]] = {}
        for correlator in self.correlators.values():
            for reference in correlator.spec.rules:
                base = ruleset.by_reference[reference]
                self._fed_by.setdefault(base.id, []).append(correlator)

    def match(self, fields: Mapping[str, Any], t: float, position: int, product: str | None = None) -> list[Hit]:
        """Give the rules that fire on this event. A rule that raises is counted in ``failures``, others go on."""
        action = fields.get("event.action")
        if isinstance(action, str):
            added = self.memory.pass_through(action, fields, t)
            if added:
                fields = {**fields, **added}
        normalised = normalise(fields)
        hits: list[Hit] = []
        for rule in self.index.candidates(normalised):
            if product is not None and rule.product is not None and rule.product != product:
                continue
            assert rule.compiled is not None
            try:
                matched = rule.compiled.match(normalised, fields)
            except Exception:
                self.failures[rule.id] = self.failures.get(rule.id, 0) + 1
                continue
            if matched:
                self._fire(Hit(rule, (position,), t), normalised, fields, t, position, hits)
        return hits

    def _fire(
        self,
        hit: Hit,
        normalised: Mapping[str, Any],
        fields: Mapping[str, Any],
        t: float,
        position: int,
        hits: list[Hit],
    ) -> None:
        if hit.rule.raises_findings:
            hits.append(hit)
        names = (hit.rule.id, hit.rule.name)
        for correlator in self._fed_by.get(hit.rule.id, ()):
            window = correlator.feed(hit.rule.id, names, normalised, fields, t, position)
            if window is not None:
                positions = tuple(sorted({entry[1] for entry in window}))
                counted = tuple(dict.fromkeys(str(entry[2]) for entry in window if entry[2] is not None))
                self._fire(
                    Hit(correlator.rule, positions, window[0][0], counted), normalised, fields, t, position, hits
                )

    def fingerprint(self) -> str:
        """Give one hash over rules and contexts: a saved state belongs to exactly this set."""
        contexts = "\n".join(context.model_dump_json() for context in self.memory.contexts)
        return f"{self.ruleset.fingerprint()}:{hashlib.sha256(contexts.encode()).hexdigest()[:16]}"

    def snapshot(self) -> bytes:
        """Give the state as bytes (JSON: never an object stream that could run code)."""
        return orjson.dumps(
            {
                "context": self.memory.snapshot(),
                "correlations": {rule_id: correlator.snapshot() for rule_id, correlator in self.correlators.items()},
            }
        )

    def forget(self) -> None:
        """Start with empty windows and contexts."""
        self.memory = ContextMemory(self.memory.contexts)
        for correlator in self.correlators.values():
            correlator.clear()

    def restore(self, state: bytes) -> None:
        """Take a state back; what belongs to rules that changed starts empty."""
        document = orjson.loads(state)
        self.memory.restore(document["context"])
        for rule_id, saved in document["correlations"].items():
            if rule_id in self.correlators:
                self.correlators[rule_id].restore(saved)


def _unkeyed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:12]


class StreamDetector:
    """Answers the port ``Detector``: makes findings of hits, with their entities and the evidence that counts."""

    def __init__(
        self, ruleset: RuleSet, contexts: tuple[Context, ...], catalogue: Catalogue,
        pseudonym: Callable[[str], str] = _unkeyed,
    ) -> None:  # fmt: skip
        self.matcher = Matcher(ruleset, contexts)
        self.catalogue = catalogue
        self.pseudonym = pseudonym
        """Stands in findings for a value that is personal: the same for the same, and says nothing of it."""

    def fold(self, events: Sequence[SecurityEvent]) -> list[FindingRaised]:
        """Take events in ledger order and give the findings they complete."""
        findings: list[FindingRaised] = []
        for event in events:
            for hit in self.matcher.match(event.fields, event.at.timestamp(), event.position):
                findings.append(self._finding(event, hit))
        return findings

    def _finding(self, event: SecurityEvent, hit: Hit) -> FindingRaised:
        rule, meta = hit.rule, hit.rule.meta
        finding_id = str(derive("finding", rule.id, event.source, event.event_id))
        entities = self._entities(event, hit)
        dedup_fields = meta.dedup if meta else ()
        key = [rule.name, *(self._said(name, event.fields.get(name, "-")) for name in dedup_fields)]
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
            matched=self._evidence(event, rule),
            entities=entities,
            playbook=meta.playbook if meta else None,
        )

    def _said(self, name: str, value: object) -> str:
        personal = self.catalogue.is_personal(name) and value != "-"
        return self.pseudonym(str(value)) if personal else str(value)

    def _entities(self, event: SecurityEvent, hit: Hit) -> Entities:
        """Whom a finding touches. A correlation speaks of what it groups by, and of counted values only when its rule
        says that they are affected: the clients a stuffing list merely tried are not, those an insider read are."""
        spec = hit.rule.correlation
        if spec is None:
            return entities_of(event.fields)
        fields: dict[str, Any] = {name: event.fields.get(name) for name in spec.group_by}
        if hit.rule.meta and spec.field in hit.rule.meta.affects:
            fields[spec.field] = list(hit.counted)
        return entities_of(fields)

    def _detected_at(self, event: SecurityEvent) -> datetime:
        """The clock's anchor: when we received it, or earlier when the event itself is somebody's report."""
        spec = self.catalogue.events.get(event.action)
        if spec is not None and spec.report and not any(flag.startswith("time-") for flag in event.flags):
            return min(event.at, event.received_at)
        return event.received_at

    def _evidence(self, event: SecurityEvent, rule: Rule) -> dict[str, str]:
        """The fields the rule looked at, as this event had them; personal ones are named, not shown."""
        if rule.compiled:
            names: list[str] = sorted(rule.compiled.fields)
        else:
            spec = rule.correlation
            names = [*(spec.group_by if spec else ()), *([spec.field] if spec and spec.field else [])]
        names += [name for name in (rule.meta.evidence if rule.meta else ()) if name not in names]
        shown: dict[str, str] = {"event.action": event.action}
        for name in names[:20]:
            value = event.fields.get(name)
            if value is not None:
                shown[name] = "(personal)" if self.catalogue.is_personal(name) else str(value)[:200]
        return shown


def entities_of(fields: Mapping[str, Any]) -> Entities:
    """Give whom and what an event touches."""
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
            found[kind] = tuple(dict.fromkeys(values))[:200]
    return Entities(**found)
