"""What people do with rules and lists: each act is one unit of work around one command of the domain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import orjson
import yaml

from engine.kernel.errors import DecisionRefused, InputError, NotFound
from engine.kernel.facts import Person
from engine.kernel.ports import Clock
from engine.rule_life import lists as listbook
from engine.rule_life import rules as rulebook
from engine.rule_life.lists import ListLife
from engine.rule_life.rules import Mode, RuleLife
from infra.commands.rulebook import LIST, Rulebook
from infra.store.log.decisions import Decisions
from rules.detection.loader import Overlay, RuleSet, one_document
from rules.detection.pack import builtin_contexts, builtin_files
from rules.language.errors import RuleError
from rules.language.yaml_source import load_documents
from rules.quality.testing import TestResult, run_tests

MOST_ENTRIES = 200_000
LONGEST_ENTRY = 512


class RuleActs:
    """The life of rules and lists."""

    def __init__(self, decisions: Decisions, clock: Clock, book: Rulebook) -> None:
        self.decisions = decisions
        self.clock = clock
        self.book = book

    def draft(self, text: str, reason: str, *, by: Person) -> tuple[str, str]:
        """Write a version; gives (name, version). A text that does not load is refused with its line."""
        name = str(one_document(text, "draft").get("name") or "")
        if not name or name.endswith("~shadow"):
            raise InputError("the rule needs a 'name'", field="name")
        self._tried(name, text)
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        key = rulebook.rule_id(name)
        with self.decisions.unit(self.clock.now()) as unit:
            if version in unit.load(RuleLife, key).drafts:
                raise DecisionRefused(f"version {version} of '{name}' is written already")
            unit.record(RuleLife, key, rulebook.draft(name, version, text, by=by, reason=reason, at=unit.at))
        return name, version

    def tune(self, name: str, values: Mapping[str, Any], reason: str, *, by: Person) -> tuple[str, str]:
        """Write a version of a rule in force with other parameters, within their bounds."""
        document = self.document(name)
        known = document.get("qorgau", {}).get("parameters", {})
        for parameter, value in values.items():
            if parameter not in known:
                raise InputError(f"the rule has no parameter '{parameter}'", field=parameter)
            known[parameter]["default"] = value
        rule = self.book.current().by_reference[name]
        for parameter, value in values.items():
            spec = rule.meta.parameters[parameter] if rule.meta else None
            outside = (
                spec is not None
                and isinstance(value, int | float)
                and ((spec.min is not None and value < spec.min) or (spec.max is not None and value > spec.max))
            )
            if outside and spec is not None:
                raise InputError(f"{value} lies outside {spec.min} to {spec.max} {spec.unit}", field=parameter)
        text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=110)
        return self.draft(text, reason, by=by)

    def document(self, name: str) -> dict[str, Any]:
        """Give the text of the version in force, as data."""
        it = self.decisions.load(RuleLife, rulebook.rule_id(name))
        if it.id and it.in_force not in (rulebook.PRODUCT, ""):
            return deepcopy(one_document(it.drafts[it.in_force].text, f"rulebook:{name}"))
        for file, text in builtin_files():
            for _, document in load_documents(text, file):
                if isinstance(document, dict) and document.get("name") == name:
                    return deepcopy(document)
        raise NotFound(f"there is no rule '{name}'")

    def test(self, name: str, version: str, *, by: Person) -> list[TestResult]:
        """Run the tests that travel with a version, in its place among all rules, and record how they went."""
        it = self._life(name)
        held = it.drafts.get(version)
        if held is None:
            raise InputError(f"the rule has no version {version[:40]}", field="version")
        results = run_tests(self._tried(name, held.text), builtin_contexts(), only=name)
        failed = [result.name for result in results if not result.passed] or ([] if results else ["it has no tests"])
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(RuleLife, it.id)
            unit.record(RuleLife, it.id, rulebook.tested(it, version, len(results), failed, by=by, at=unit.at))
        return results

    def propose(self, name: str, version: str, reason: str, *, by: Person) -> None:
        """Ask that a tested version come into force."""
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(RuleLife, self._life(name).id)
            unit.record(RuleLife, it.id, rulebook.propose(it, version, by=by, reason=reason, at=unit.at))

    def approve(self, name: str, version: str, reason: str, *, by: Person) -> None:
        """Agree to a proposed version, as another person."""
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(RuleLife, self._life(name).id)
            unit.record(RuleLife, it.id, rulebook.approve(it, version, by=by, reason=reason, at=unit.at))

    def activate(self, name: str, version: str, mode: Mode, reason: str, *, by: Person) -> None:
        """Let an approved version run, for real or in shadow; the worker takes it with its next batch of events."""
        it = self._life(name)
        if version in it.drafts:
            self._tried(name, it.drafts[version].text)
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(RuleLife, it.id)
            unit.record(RuleLife, it.id, rulebook.activate(it, version, mode, by=by, reason=reason, at=unit.at))

    def retire(self, name: str, reason: str, *, by: Person) -> bool:
        """Ask that a rule be taken out of force, or as a second person do it; says whether it is done."""
        if name not in self.book.current().by_reference:
            raise NotFound(f"there is no rule '{name}' in force")
        overlay = self.book.overlay()
        try:
            self.book.trial(Overlay({**overlay.replaced, name: None}, overlay.shadows))
        except RuleError as error:
            raise DecisionRefused(f"other rules need it: {error.message}") from None
        key = rulebook.rule_id(name)
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(RuleLife, key)
            unit.record(RuleLife, key, rulebook.retire(it, name, by=by, reason=reason, at=unit.at))
            return it.retired

    def roll_back(self, name: str, reason: str, *, by: Person) -> str:
        """Put what was in force before into force again; gives its version."""
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(RuleLife, self._life(name).id)
            unit.record(RuleLife, it.id, rulebook.roll_back(it, by=by, reason=reason, at=unit.at))
            return it.in_force

    def change_list(self, name: str, add: Iterable[str], remove: Iterable[str], reason: str, *, by: Person) -> bool:
        """Add and remove entries; says whether that is in force, or waits for a second person."""
        definition = self.book.definitions.get(name)
        if definition is None:
            raise NotFound(f"there is no list '{name}'")
        key = listbook.list_id(name)
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(ListLife, key)
            old = self.book.entries(name, it.in_force)
            new = (old | _entries(add)) - _entries(remove)
            if len(new) > MOST_ENTRIES:
                raise InputError(f"a list may have {MOST_ENTRIES} entries", field="entries")
            counts = (len(new - old), len(old - new), len(new))
            plain = orjson.dumps(sorted(new))
            digest = self.book.vault.pseudonym(hashlib.sha256(plain).hexdigest())
            facts = listbook.change(it, name, definition.kind, counts, digest, by=by, reason=reason, at=unit.at)
            unit.cursor.execute(
                "INSERT INTO list_entries (name, version, state) VALUES (?, ?, ?)",
                (name, it.last + 1, self.book.vault.lock(LIST, plain, unit.at)),
            )
            unit.record(ListLife, key, facts)
            return it.waiting is None

    def decide_list(self, name: str, *, agreed: bool, reason: str, by: Person) -> None:
        """Agree to the change that waits, as a second person, or refuse it."""
        key = listbook.list_id(name)
        with self.decisions.unit(self.clock.now()) as unit:
            it = unit.load(ListLife, key)
            unit.record(ListLife, key, listbook.decide(it, agreed=agreed, by=by, reason=reason, at=unit.at))

    def _tried(self, name: str, text: str) -> RuleSet:
        """Load all rules with this one in place. Raises RuleError, which says what is wrong with it."""
        overlay = self.book.overlay()
        return self.book.trial(Overlay({**overlay.replaced, name: text}, overlay.shadows))

    def _life(self, name: str) -> RuleLife:
        it = self.decisions.load(RuleLife, rulebook.rule_id(name))
        if not it.id:
            raise NotFound(f"nothing was ever changed of a rule '{name}'")
        return it


def _entries(values: Iterable[str]) -> frozenset[str]:
    found = frozenset(value.strip() for value in values if value.strip())
    if any(len(value) > LONGEST_ENTRY for value in found):
        raise InputError(f"an entry may have {LONGEST_ENTRY} characters", field="entries")
    return found
