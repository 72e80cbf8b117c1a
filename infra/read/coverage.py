"""The coverage: for each obligation what serves it here, and the latest evidence that it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.duties.declared import jurisdiction
from engine.governance.coverage_map import Thing, served
from engine.governance.governance import duty_specs
from engine.governance.proving import proofs
from engine.governance.register import Obligation, builtin_register
from engine.kernel.timestamps import iso
from engine.protection.facts import OrderAcknowledged
from infra.read.reading import Reading
from infra.read.rows import clocks, effects, figures, governance, incidents, protections
from infra.store.models.effects import ProofRow
from reports.messages import say, word

TOPICS_OF_EVENTS = {
    "incident.containment.started": "incident.containment-started.v1",
    "incident.cause.eliminated": "incident.cause-eliminated.v1",
    "incident.consequence.eliminated": "incident.consequence-eliminated.v1",
    "incident.recovered": "incident.recovery-confirmed.v1",
    "incident.lessons.recorded": "incident.lessons-recorded.v1",
}
"""The engine's own events are facts of the log of decisions; these are the topics of what people did. That an incident
opened, a clock started or was breached, a notice was written or an order given is no evidence that a duty was done."""


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
    violation_at: str = ""
    """The newest violation that was found, empty where there is none; never evidence."""
    violation: str = ""
    violation_link: str = ""
    why_unserved: str = ""
    old_contract: bool = False
    """Whether its orders were answered by the first contract, of before answers were read for each subject: it names
    nobody."""


class Coverage:
    """Asks once for everything the 169 rows need."""

    def __init__(self, container: Reading) -> None:
        self.container = container
        self._proving: dict[int, list[str]] = {}
        database = container.database
        self.rules: dict[str, list[str]] = {}
        for rule in container.rules:
            for obligation in rule.meta.obligations if rule.meta and rule.raises_findings else ():
                self.rules.setdefault(obligation, []).append(rule.name)
        self.proofs = {name: self._proven(name, held) for name, held in effects.latest_proofs(database).items()}
        self.topics = figures.latest_of_topics(database)
        self.incidents = {name: iso(it.latest_at) for name, it in incidents.violations_by_rule(database).items()}
        self.dealt_with = {name: iso(it.latest_at) for name, it in incidents.dealt_with_by_rule(database).items()}
        self.clocks = clocks.satisfied_in_time(database)
        self.breached = clocks.breached_last(database)
        self.duties = governance.duties(database)
        self._when: dict[int, str] = {}
        self.old_contract = self._by_the_first_contract()

    def _by_the_first_contract(self) -> frozenset[str]:
        """Return the kinds of orders whose last acknowledgement says of nobody that it was done."""
        found: dict[str, bool] = {}
        for order in protections.acknowledged_last(self.container.database):
            facts = self.container.decisions.of(order.protection_id)
            said = [it for it in facts if isinstance(it, OrderAcknowledged) and it.order_id == order.id]
            found[order.kind] = found.get(order.kind, True) and not (said and said[-1].subjects)
        return frozenset(kind for kind, old in found.items() if old)

    def _of_the_first_contract(self, clock: str) -> bool:
        duty = jurisdiction().newest().get(clock)
        phrases = duty.satisfactions if duty is not None else ()
        return any(it.word == "orders-acknowledged" and it.about in self.old_contract for it in phrases)

    def _proven(self, obligation: str, held: Mapping[str, ProofRow]) -> dict[str, ProofRow]:
        """Keep what is evidence as it is asked for today: an earlier version noted events that prove nothing."""
        return {action: row for action, row in held.items() if obligation in self._proves(row.position)}

    def _proves(self, position: int) -> list[str]:
        if position not in self._proving:
            event = self.container.ledger.get(position)
            believed = event is not None and self.container.settings.senders.may(event.action, event.source)
            self._proving[position] = proofs().of(event.fields) if event is not None and believed else []
        return self._proving[position]

    def rows(self) -> list[CoverageRow]:
        """Return a row for each obligation, in the order of the register."""
        return [self._row(entry) for entry in builtin_register().obligations.values()]

    def _row(self, entry: Obligation) -> CoverageRow:
        it = served()
        things = [it.things[name] for name in it.by_things.get(entry.id, ())]
        rules = sorted(self.rules.get(entry.id, []))
        clocks, duties = list(it.by_clocks.get(entry.id, ())), list(it.by_duties.get(entry.id, ()))
        found_by, missed = list(self._found(rules)), list(self._missed(clocks, duties))
        violation_at, violation, fault = max((*found_by, *missed), default=("", "", ""))
        after = (max((it[0] for it in found_by), default=""), max((it[0] for it in missed), default=""))
        found = self._evidence(entry, things, rules, clocks, duties, after)
        evidence_at, evidence, link = max(found, default=("", "", ""))
        old = bool(evidence_at) and any(self._of_the_first_contract(kind) for kind in clocks)
        if old:
            evidence = say("{evidence} (by the first contract: the answer names nobody)", evidence=evidence)
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
            violation_at=violation_at,
            violation=violation,
            violation_link=fault,
            why_unserved=it.unserved.get(entry.id, ""),
            old_contract=old,
        )

    def _found(self, rules: list[str]) -> Iterable[tuple[str, str, str]]:
        """What rules found against an obligation: incidents that nobody found false."""
        for name in rules:
            if name in self.incidents:
                yield self.incidents[name], say("incident of rule {name}", name=name), f"/rules/{name}"

    def _missed(self, kinds: list[str], duties: list[str]) -> Iterable[tuple[str, str, str]]:
        """The clocks of an obligation that were not kept."""
        for kind in (*kinds, *(duty_specs()[key].clock for key in duties)):
            if kind in self.breached:
                yield self.breached[kind], say("clock not kept: {name}", name=word(kind)), "/clocks?state=all"

    def _evidence(
        self, entry: Obligation, things: Sequence[Thing], rules: list[str], kinds: list[str], duties: list[str],
        after: tuple[str, str],
    ) -> Iterable[tuple[str, str, str]]:  # fmt: skip
        """What fulfils it: events that say so and came after the last finding and happened after the last breach,
        decisions of people, clocks kept, duties done. What nothing here serves has only what people handed in."""
        served_here = bool(rules or kinds or things or duties)
        for action, proof in self.proofs.get(entry.id, {}).items() if served_here else ():
            if iso(proof.at) > after[0] and iso(proof.done_at) > after[1]:
                text = say("event {action} #{position}", action=action, position=proof.position)
                yield iso(proof.at), text, f"/events/{proof.position}"
        for action in entry.proof if served_here else ():
            topic = TOPICS_OF_EVENTS.get(action)
            if topic in self.topics:
                yield self._at(self.topics[topic]), word(action), ""
        for topic in (topic for thing in things for topic in thing.facts):
            if topic in self.topics:
                yield self._at(self.topics[topic]), say("decision {topic}", topic=topic.rsplit(".", 1)[0]), ""
        for name in rules if "incident.opened" in entry.proof else ():
            if name in self.dealt_with:
                yield self.dealt_with[name], say("incident of rule {name} dealt with", name=name), f"/rules/{name}"
        for kind in kinds:
            if kind in self.clocks:
                yield self.clocks[kind], say("clock satisfied: {name}", name=word(kind)), "/clocks?state=all"
        for key in (*duties, f"obligation:{entry.id}"):
            if key in self.duties and (key not in duties or self.duties[key].last_on is not None):
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
        "violated": sum(bool(row.violation_at) for row in rows),
        "by_nothing": sum(not row.served and not row.by_hand for row in rows),
    }
