"""The rules in force: those of the product, under the parameters, lists and own versions of the organisation."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import orjson

from engine.kernel.errors import DataError, NotFound
from engine.rule_life.rules import PRODUCT, RuleLife, rule_id
from infra.read.rows.rules import in_force, lists_in_force
from infra.store.keys.vault import Vault
from infra.store.log.decisions import Decisions
from rules.detection.lists import ListDefinition, Lists, lists_of
from rules.detection.loader import Overlay, RuleSet, one_document
from rules.detection.pack import builtin_files, builtin_lists, builtin_rules
from rules.language.errors import RuleError
from rules.language.yaml_source import load_documents
from rules.quality.loosening import loosens

log = logging.getLogger("qorgau.rules")
LIST = "list"
Stamp = tuple[tuple[Any, ...], tuple[Any, ...]]
Parameters = Mapping[str, Mapping[str, Any]]


class Rulebook:
    """Holds the rule set in force and notices when it has changed, in this process or in another."""

    def __init__(self, decisions: Decisions, vault: Vault, parameters: Parameters) -> None:
        self.decisions = decisions
        self.vault = vault
        self.parameters = parameters
        self.definitions: dict[str, ListDefinition] = {it.name: it for it in builtin_lists()}
        self.lists: Lists = lists_of(self.definitions.values())
        self._lock = threading.Lock()
        self._stamp: Stamp = ((), ())
        self._rules: RuleSet | None = None
        self.fault = ""
        """Why the organisation's own versions are not in force, though they should be."""

    def stamp(self) -> Stamp:
        """Return what is in force: it changes with the versions of rules, and with those of lists."""
        database = self.decisions.database
        rules = tuple((it.name, it.in_force, it.shadow) for it in in_force(database, PRODUCT))
        return rules, tuple((it.name, it.in_force) for it in lists_in_force(database))

    def current(self) -> RuleSet:
        """Return the rules in force. Lists take effect in the set that was given before, too."""
        with self._lock:
            stamp = self.stamp()
            if stamp[1] != self._stamp[1]:
                self._load_lists()
            if self._rules is None or stamp[0] != self._stamp[0]:
                self._rules = self._load()
            self._stamp = stamp
            return self._rules

    def _load(self) -> RuleSet:
        """Load the rules; where own versions do not go with those of the product any more, detection goes on with the
        product's alone and says so: no rules at all would be worse."""
        self.fault = ""
        try:
            return self.with_overlay(self.overlay())
        except RuleError as error:
            rules = self.with_overlay(Overlay())
            self.fault = error.message
            log.error("own versions of rules cannot be used, the product's are in force: %s", error.message)
            return rules

    def with_overlay(self, overlay: Overlay) -> RuleSet:
        """Load the rules with other versions in place, to run. Raise RuleError."""
        return builtin_rules(self.parameters, self.lists, overlay)

    def trial(self, overlay: Overlay) -> RuleSet:
        """Load the rules with other versions in place, to be tested: with lists of their own, which tests may fill
        while the rules in force go on. Raise RuleError."""
        return builtin_rules(self.parameters, lists_of(self.definitions.values()), overlay)

    def words(self, name: str) -> Mapping[str, str]:
        """Return what a rule is called in the languages of the notices; nothing for one that is out of force."""
        rule = self.current().by_reference.get(name)
        return {"en": rule.title, **(rule.meta.words if rule.meta is not None else {})} if rule is not None else {}

    def tactics(self, name: str) -> tuple[str, ...]:
        """Return the tactics of ATT&CK that a rule finds, by its tags."""
        rule = self.current().by_reference.get(name)
        tags = (
            (tag.removeprefix("attack.") for tag in rule.tags if tag.startswith("attack.")) if rule is not None else ()
        )
        return tuple(tag for tag in tags if not tag[1:2].isdigit())

    def overlay(self) -> Overlay:
        """Return the organisation's own versions that are in force or in shadow."""
        replaced: dict[str, str | None] = {}
        shadows: dict[str, str] = {}
        for row in in_force(self.decisions.database, PRODUCT):
            it = self.decisions.load(RuleLife, row.id)
            if it.in_force != PRODUCT:
                replaced[it.name] = it.drafts[it.in_force].text if it.in_force else None
            if it.shadow:
                shadows[it.name] = it.drafts[it.shadow].text
        return Overlay(replaced, shadows)

    def document(self, name: str) -> dict[str, Any]:
        """Return the text of the version in force, as data. Raise NotFound."""
        it = self.decisions.load(RuleLife, rule_id(name))
        return self.version(it, name, it.in_force or PRODUCT)

    def version(self, it: RuleLife, name: str, version: str) -> dict[str, Any]:
        """Return the text of a version, as data. Raise NotFound."""
        if version in it.drafts:
            return deepcopy(one_document(it.drafts[version].text, f"rulebook:{name}"))
        for file, text in builtin_files():
            for _, document in load_documents(text, file):
                if isinstance(document, dict) and document.get("name") == name:
                    return deepcopy(document)
        raise NotFound("there is no rule '{name}'", name=name)

    def may_detect_less(self, it: RuleLife, name: str, version: str) -> bool:
        """Say whether a version may detect less than the one in force; of a rule that has none in force nothing can."""
        if it.retired:
            return False
        return loosens(self._version(it, name, it.in_force), self._version(it, name, version))

    def _version(self, it: RuleLife, name: str, version: str) -> dict[str, Any] | None:
        """A version as data; None for the product's version of a rule that is the organisation's own."""
        try:
            return self.version(it, name, version)
        except NotFound:
            return None

    def tried(self, name: str, text: str) -> RuleSet:
        """Load all rules with this one in place. Raise RuleError, which says what is wrong with it."""
        overlay = self.overlay()
        return self.trial(Overlay({**overlay.replaced, name: text}, overlay.shadows))

    def entries(self, name: str, version: int) -> frozenset[str]:
        """Return the entries of a version of a list; of version 0 those the product brings."""
        if version == 0:
            return frozenset(self.definitions[name].entries) if name in self.definitions else frozenset()
        row = self.decisions.database.row(
            "SELECT state FROM list_entries WHERE name = ? AND version = ?", name, version
        )
        plain = self.vault.unlock(LIST, bytes(row["state"])) if row else None
        if plain is None:
            raise DataError(f"version {version} of the list '{name}' cannot be read")
        return frozenset(orjson.loads(plain))

    def _load_lists(self) -> None:
        for row in lists_in_force(self.decisions.database):
            view = self.lists.declare(row.name).views[row.name]
            if view.version != row.in_force:
                view.replace(self.entries(row.name, row.in_force), row.in_force)
