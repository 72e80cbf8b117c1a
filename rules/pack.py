"""The packs that ship with the product, and an organisation's own folder of rules beside them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from rules.context import Context, load_contexts
from rules.errors import RuleError
from rules.loader import RuleSet, load_rules

CONTEXTS = "contexts.yml"


def builtin_files() -> list[tuple[str, str]]:
    """Give (name, text) of every rule file of the product."""
    folder = resources.files("rules") / "packs"
    return [
        (f"rules/packs/{entry.name}", entry.read_text(encoding="utf8"))
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".yml") and entry.name != CONTEXTS
    ]


def builtin_contexts() -> tuple[Context, ...]:
    """Give the contexts of the product."""
    return load_contexts((resources.files("rules") / "packs" / CONTEXTS).read_text(encoding="utf8"))


def builtin_rules(parameters: Mapping[str, Mapping[str, Any]] | None = None) -> RuleSet:
    """Load the product's rules with an organisation's parameters; raises the first RuleError there is."""
    ruleset, faults = load_rules(builtin_files(), parameters=parameters, require_house_block=True)
    if faults:
        raise faults[0]
    for name in parameters or {}:
        if name not in ruleset.by_reference:
            raise RuleError(f"parameters name the rule '{name}', which does not exist")
    return ruleset
