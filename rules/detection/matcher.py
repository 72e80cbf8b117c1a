"""Evaluates a rule set on events, one after the other: contexts, detections, then the correlations they feed.

An event goes only to rules that can match it: by ``event.action`` to a function written for that type
(``rules.language.plans``), by its values to the others (``rules.language.index``). The state can be saved
with a position and taken back, so that a restart continues exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from rules.detection.context import ContextMemory, Shown
from rules.detection.correlate import INFINITE, MAX_KEYS, ClosingCorrelator, Completed, Correlator
from rules.detection.feed import Feed
from rules.detection.following import Further, counter
from rules.detection.loader import RuleSet
from rules.language.compiler import ACTION
from rules.language.flatten import normalise
from rules.language.index import RuleIndex
from rules.language.model import Rule
from rules.language.plans import Event, Outcome, Plans, Slot, write_plan
from rules.quality.explain import Explanation, bases_of, explain

MAX_CHAIN = 16
_NOTHING: Event = {}


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule that fired, with the positions of all events that count.

    ``fields`` are those of the event that completed it, with what contexts put on it; of a window that ended, the
    group-by fields alone, for the event that moved the time on has nothing to do with it (``closed``).
    """

    rule: Rule
    positions: tuple[int, ...]
    first_t: float
    fields: Event
    counted: tuple[str, ...] = ()
    closed: bool = False
    further: bool = False
    """Whether it only adds to what the rule found before."""


class _Side(NamedTuple):
    """How the rules for events of one product are found."""

    plans: Plans
    general: RuleIndex | None


class Matcher:
    """The state of a running rule set."""

    def __init__(self, ruleset: RuleSet, contexts: tuple[Shown, ...] = (), *, max_keys: int = MAX_KEYS) -> None:
        self.ruleset = ruleset
        self.max_keys = max_keys
        self.memory = ContextMemory(contexts)
        self.correlators = {rule.id: counter(rule, max_keys) for rule in ruleset if rule.correlation}
        self._closing = [held for held in self.correlators.values() if isinstance(held, ClosingCorrelator)]
        self.failures: dict[str, int] = {}
        self.watermark = -INFINITE
        self._feeds = self._wire()
        self._slots = {rule.id: self._slot(rule) for rule in ruleset if rule.compiled}
        self._sides: dict[str | None, _Side] = {}

    def _slot(self, rule: Rule) -> Slot:
        feeds = self._feeds.get(rule.id, [])
        asked = {name for feed in feeds for name in (*feed.fields, *feed.value_fields)}
        return Slot(rule, rule.raises_findings, feeds, known=rule.raises_findings or bool(asked & self.memory.shown))

    def _wire(self) -> dict[str, list[Feed]]:
        feeds: dict[str, list[Feed]] = {}
        for held in self.correlators.values():
            for reference in held.spec.rules:
                base = self.ruleset.by_reference[reference]
                feeds.setdefault(base.id, []).append(Feed(held, base))
        return feeds

    def _side(self, product: str | None) -> _Side:
        """Return the rules that concern events of a product; of any, where it is not known."""
        side = self._sides.get(product)
        if side is None:
            slots = [slot for slot in self._slots.values() if product is None or slot.rule.product in (None, product)]
            planned: dict[str, list[Slot]] = {action: [] for action in self.memory.actions()}
            for slot in slots:
                for action in slot.rule.compiled.actions if slot.rule.compiled else ():
                    planned.setdefault(action, []).append(slot)
            plans = {action: write_plan(action, of, self.memory, self._one_by_one) for action, of in planned.items()}
            general = [slot.rule for slot in slots if slot.rule.compiled and not slot.rule.compiled.actions]
            side = self._sides[product] = _Side(Plans(plans), RuleIndex(general) if general else None)
        return side

    def match(self, fields: Event, t: float, position: int, product: str | None = None) -> list[Hit]:
        """Return the rules that fire on one event."""
        return [hit for _, hit in self.match_all(((fields, t, position),), product)]

    def match_all(
        self, events: Iterable[tuple[Event, float, int]], product: str | None = None
    ) -> list[tuple[int, Hit]]:
        """Take events (flat fields, time in s, position) in order; give (index of the event, hit) of all that fire.

        A rule that raises is counted in ``failures``, the others go on.
        """
        found: list[tuple[int, Hit]] = []
        side = self._side(product)
        plans, general, closing = side.plans, side.general, self._closing
        watermark = self.watermark
        for index, (fields, t, position) in enumerate(events):
            if t > watermark:
                watermark = t
                if closing:
                    found += [(index, hit) for hit in self._close(t)]
            try:
                plan = plans[fields.get(ACTION)]
            except TypeError:  # an action that is a list is no action
                plan = None
            if plan is not None:
                outcome = plan(fields, t, position)
                if outcome is not None:
                    found += [(index, hit) for hit in self._hits(outcome, fields, t, position)]
            if general is not None:
                found += [(index, hit) for hit in self._match_general(general, fields, t, position)]
        self.watermark = watermark
        return found

    def _hits(self, outcome: Outcome, fields: Event, t: float, position: int) -> list[Hit]:
        hits: list[Hit] = []
        if outcome.matched:
            whole = _with(fields, outcome.known) if outcome.known else fields
            for slot in outcome.matched:
                self._matched(slot, whole, t, position, hits)
        for feed, completed in outcome.completed:
            for one in completed:
                self._fire(_hit(feed.correlator, one, fields), t, position, hits, 0)
        return hits

    def _match_general(self, index: RuleIndex, fields: Event, t: float, position: int) -> list[Hit]:
        hits: list[Hit] = []
        normalised = normalise(fields)
        for rule in index.candidates(normalised, fields):
            assert rule.compiled is not None
            try:
                matched = rule.compiled.match(normalised, fields)
            except Exception:
                self._failed(rule)
                continue
            if matched:
                self._matched(self._slots[rule.id], fields, t, position, hits)
        return hits

    def _one_by_one(self, slots: Sequence[Slot], event: Event, known: Event, t: float, position: int) -> Outcome:
        """Where the function of a type raised: each rule alone, so that one cannot silence the others."""
        fields = _with(event, known)
        normalised = normalise(fields)
        matched: list[Slot] = []
        for slot in slots:
            assert slot.rule.compiled is not None
            try:
                if slot.rule.compiled.match(normalised, fields):
                    matched.append(slot)
            except Exception:
                self._failed(slot.rule)
        return Outcome(matched, (), known)

    def _failed(self, rule: Rule) -> None:
        self.failures[rule.id] = self.failures.get(rule.id, 0) + 1

    def _matched(self, slot: Slot, fields: Event, t: float, position: int, hits: list[Hit]) -> None:
        if slot.raises:
            hits.append(Hit(slot.rule, (position,), t, fields))
        if slot.feeds:
            self._feed(slot.feeds, fields, t, position, hits, 0)

    def _feed(self, feeds: Sequence[Feed], fields: Event, t: float, position: int, hits: list[Hit], depth: int) -> None:
        for feed in feeds:
            for one in feed(fields, t, position) or ():
                self._fire(_hit(feed.correlator, one, fields), t, position, hits, depth)

    def _fire(self, hit: Hit, t: float, position: int, hits: list[Hit], depth: int) -> None:
        """Take a correlation that came true; it may feed another one."""
        if hit.rule.raises_findings:
            hits.append(hit)
        feeds = self._feeds.get(hit.rule.id)
        if feeds is not None and not hit.further and depth < MAX_CHAIN:
            self._feed(feeds, hit.fields, t, position, hits, depth + 1)

    def _close(self, watermark: float) -> list[Hit]:
        """Judge the windows that ended before the time that has now come."""
        hits: list[Hit] = []
        for held in self._closing:
            for completed in held.close(watermark) if held.next_due <= watermark else ():
                key = (completed.key,) if isinstance(completed.key, str) else completed.key
                fields = dict(zip(held.spec.group_by, key, strict=True))
                hit = _hit(held, completed, fields, closed=True)
                self._fire(hit, completed.t, hit.positions[-1], hits, 0)
        return hits

    def explain(self, reference: str, fields: Event, t: float) -> list[Explanation]:
        """Say why a rule matches this event or not, as things stand now; of a correlation, why the rules it counts do.
        Nothing is counted by asking. Raise KeyError for a rule that is not there."""
        whole = _with(fields, self.memory.known(fields, t))
        rule = self.ruleset.by_reference[reference]
        return [explain(base, whole) for base in bases_of(rule, self.ruleset.by_reference)]

    def counted(self, reference: str, fields: Event) -> list[str]:
        """Say how far the correlation of this name has come for the keys of this event."""
        rule = self.ruleset.by_reference[reference]
        held = self.correlators.get(rule.id)
        if held is None:
            return []
        found = []
        for base in held.spec.rules:
            for key in Feed(held, self.ruleset.by_reference[base]).keys(fields):
                text = f"{held.entries(key)} counted for {key} within {held.window_s:g} s"
                found.append(f"{text}; wanted: {held.spec.type} {held.spec.op} {held.spec.count:g}")
        return list(dict.fromkeys(found))

    @property
    def held(self) -> int:
        """How many keys the correlations and contexts hold."""
        return sum(map(len, self.correlators.values())) + len(self.memory)

    @property
    def crowded(self) -> bool:
        """Whether any memory had to let keys go before their time."""
        return any(held.evicted for held in self.correlators.values()) or self.memory.crowded

    def stats(self) -> dict[str, dict[str, int]]:
        """Return what each correlation holds and left out, and each context."""
        found = {
            held.rule.name: {"keys": len(held), "late": held.late, "keyless": held.keyless, "evicted": held.evicted}
            for held in self.correlators.values()
        }
        return {**found, **self.memory.stats()}

    def fingerprint(self) -> str:
        """Return one hash over rules and contexts: a saved state belongs to exactly this set."""
        contexts = "\n".join(context.model_dump_json() for context in (*self.memory.measures, *self.memory.contexts))
        return f"{self.ruleset.fingerprint()}:{hashlib.sha256(contexts.encode()).hexdigest()[:16]}"

    def forget(self) -> None:
        """Start with empty windows and contexts."""
        self.failures.clear()
        self.memory.clear()
        self.watermark = -INFINITE
        for held in self.correlators.values():
            held.clear()

    def snapshot(self) -> Iterator[bytes]:
        """Return the state in parts (JSON: never an object stream that could run code), a piece of a memory at a time:
        with millions of keys the whole of it at once would need as much room again."""
        yield orjson.dumps({"watermark": None if self.watermark == -INFINITE else self.watermark})
        for name, state in self.memory.states.items():
            for piece in state.snapshot():
                yield orjson.dumps({"context": {name: piece}})
        for rule_id, held in self.correlators.items():
            for piece in held.snapshot():
                yield orjson.dumps({"correlations": {rule_id: piece}})

    def restore(self, parts: Iterable[bytes]) -> None:
        """Take a state back; what belongs to rules or contexts that changed starts empty."""
        self.forget()
        for part in parts:
            document = orjson.loads(part)
            if document.get("watermark") is not None:
                self.watermark = float(document["watermark"])
            self.memory.restore(document.get("context", {}))
            for rule_id, saved in document.get("correlations", {}).items():
                if rule_id in self.correlators:
                    self.correlators[rule_id].restore(saved)


def _with(event: Event, known: Event) -> Event:
    """Return an event with what contexts know of it."""
    return {**event, **{name: value for name, value in known.items() if value is not None}}


def _hit(held: Correlator, completed: Completed, fields: Mapping[str, Any], *, closed: bool = False) -> Hit:
    entries = completed.entries
    positions = tuple(sorted({entry[1] for entry in entries}))
    counted: tuple[str, ...] = ()
    if held.spec.fields:
        counted = tuple(dict.fromkeys(str(entry[2]) for entry in entries if entry[2] is not None))
    return Hit(held.rule, positions, entries[0][0], fields, counted, closed, isinstance(completed, Further))
