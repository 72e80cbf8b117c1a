"""The coverage: for each obligation what serves it here, and the latest evidence that it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.governance.coverage_map import Thing, served
from engine.governance.register import Obligation, builtin_register
from engine.kernel.timestamps import iso
from infra.read.reading import Reading
from infra.read.rows import clocks, effects, figures, governance, incidents
from reports.messages import say, word

TOPICS_OF_EVENTS = {
    "incident.opened": "incident.opened.v1",
    "incident.confirmed": "incident.acknowledged.v1",
    "incident.containment.started": "incident.containment-started.v1",
    "incident.cause.eliminated": "incident.cause-eliminated.v1",
    "incident.consequence.eliminated": "incident.consequence-eliminated.v1",
    "incident.recovered": "incident.recovery-confirmed.v1",
    "incident.lessons.recorded": "incident.lessons-recorded.v1",
    "incident.closed": "incident.closed.v1",
    "notice.drafted": "notice.drafted.v1",
    "notice.approved": "notice.approved.v1",
    "notice.sent": "notice.sent.v1",
    "notice.acknowledged": "notice.receipted.v1",
    "clock.started": "clock.started.v1",
    "clock.breached": "clock.breached.v1",
    "clock.recomputed": "clock.recounted.v1",
    "clock.stopped": "clock.satisfied.v1",
    "collection.stop_ordered": "order.issued.v1",
    "legal.act.received": "act.registered.v1",
    "evidence.sealed": "archive.document-stored.v1",
}
"""The engine's own events are facts of the log of decisions; these are their topics."""


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """An obligation with what serves it and its latest evidence; empty texts where there is none."""

    obligation: str
    clause: str
    document: str
    group: str
    kinds: str
    text: str
    rules: list[str]
    clocks: list[str]
    actions: list[str]
    reports: list[str]
    duties: list[str]
    parameters: Mapping[str, Any]
    by_hand: bool
    """Whether people handed evidence in."""
    served: bool
    evidence_at: str
    evidence: str
    evidence_link: str


class Coverage:
    """Asks once for everything the 169 rows need."""

    def __init__(self, container: Reading) -> None:
        self.container = container
        database = container.database
        self.rules: dict[str, list[str]] = {}
        for rule in container.rules:
            for obligation in rule.meta.obligations if rule.meta and rule.raises_findings else ():
                self.rules.setdefault(obligation, []).append(rule.name)
        self.events = effects.latest_events(database)
        self.topics = figures.latest_of_topics(database)
        self.incidents = {name: iso(it.latest_at) for name, it in incidents.by_rule(database).items()}
        self.clocks = clocks.satisfied(database)
        self.duties = governance.duties(database)
        self._when: dict[int, str] = {}

    def rows(self) -> list[CoverageRow]:
        """Return a row for each obligation, in the order of the register."""
        return [self._row(entry) for entry in builtin_register().obligations.values()]

    def _row(self, entry: Obligation) -> CoverageRow:
        it = served()
        things = [it.things[name] for name in it.by_things.get(entry.id, ())]
        rules = sorted(self.rules.get(entry.id, []))
        clocks, duties = list(it.by_clocks.get(entry.id, ())), list(it.by_duties.get(entry.id, ()))
        evidence_at, evidence, link = max(self._evidence(entry, things, rules, clocks, duties), default=("", "", ""))
        return CoverageRow(
            obligation=entry.id,
            clause=f"{entry.org} {entry.clause}",
            document=str(builtin_register().sources[entry.src]["doc"]),
            group=entry.group or "",
            kinds=", ".join(entry.kind),
            text=entry.text,
            rules=rules,
            clocks=clocks,
            actions=[thing.title for thing in things if not thing.report],
            reports=[thing.title for thing in things if thing.report],
            duties=duties,
            parameters=entry.params,
            by_hand=f"obligation:{entry.id}" in self.duties,
            served=bool(rules or clocks or things or duties),
            evidence_at=evidence_at,
            evidence=evidence,
            evidence_link=link,
        )

    def _evidence(
        self, entry: Obligation, things: Sequence[Thing], rules: list[str], kinds: list[str], duties: list[str]
    ) -> Iterable[tuple[str, str, str]]:
        for action in entry.proof:
            topic = TOPICS_OF_EVENTS.get(action)
            if topic in self.topics:
                yield self._at(self.topics[topic]), word(action), ""
            if action in self.events:
                at, position = self.events[action]
                yield at, say("event {action} #{position}", action=action, position=position), f"/events/{position}"
        for topic in (topic for thing in things for topic in thing.facts):
            if topic in self.topics:
                yield self._at(self.topics[topic]), say("decision {topic}", topic=topic.rsplit(".", 1)[0]), ""
        for name in rules:
            if name in self.incidents:
                yield self.incidents[name], say("incident of rule {name}", name=name), f"/rules/{name}"
        for kind in kinds:
            if kind in self.clocks:
                yield self.clocks[kind], say("clock satisfied: {name}", name=word(kind)), "/clocks?state=all"
        for key in (*duties, f"obligation:{entry.id}"):
            if key in self.duties:
                duty = self.duties[key]
                latest = say("recorded: {text}", text=duty.latest[:80])
                yield iso(duty.latest_at) if duty.latest_at else "", latest, "/duties"

    def _at(self, position: int) -> str:
        if position not in self._when:
            facts = self.container.decisions.read(position - 1, 1)
            self._when[position] = facts[0].fact.at.isoformat() if facts else ""
        return self._when[position]


def totals(rows: Sequence[CoverageRow]) -> dict[str, int]:
    """Count the rows: all, served, served with evidence, by hand only, by nothing."""
    return {
        "obligations": len(rows),
        "served": sum(row.served for row in rows),
        "with_evidence": sum(bool(row.evidence_at) for row in rows),
        "by_hand_only": sum(row.by_hand and not row.served for row in rows),
        "by_nothing": sum(not row.served and not row.by_hand for row in rows),
    }
