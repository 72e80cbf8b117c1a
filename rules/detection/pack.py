"""The packs that ship with the product, and an organisation's own folder of rules beside them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from rules.detection.context import Shown, load_contexts
from rules.detection.lists import ListDefinition, Lists, lists_of, load_lists
from rules.detection.loader import Overlay, RuleSet, load_rules
from rules.language.errors import RuleError

CONTEXTS, LISTS = "contexts.yml", "lists.yml"


def builtin_files() -> list[tuple[str, str]]:
    """Return (name, text) of every rule file of the product."""
    folder = resources.files("rules") / "packs"
    return [
        (f"rules/packs/{entry.name}", entry.read_text(encoding="utf8"))
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".yml") and entry.name not in (CONTEXTS, LISTS)
    ]


def builtin_contexts() -> tuple[Shown, ...]:
    """Return the contexts of the product."""
    return load_contexts((resources.files("rules") / "packs" / CONTEXTS).read_text(encoding="utf8"))


def builtin_lists() -> tuple[ListDefinition, ...]:
    """Return the lists the product's rules name."""
    return load_lists((resources.files("rules") / "packs" / LISTS).read_text(encoding="utf8"))


def builtin_rules(
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    lists: Lists | None = None,
    overlay: Overlay | None = None,
) -> RuleSet:
    """Load the product's rules with an organisation's parameters, lists and own versions; raises the first RuleError
    there is."""
    lists = lists_of(builtin_lists()) if lists is None else lists
    ruleset, faults = load_rules(
        builtin_files(), parameters=parameters, lists=lists, require_house_block=True, overlay=overlay
    )
    if faults:
        raise faults[0]
    for name in parameters or {}:
        retired = overlay is not None and name in overlay.replaced and overlay.replaced[name] is None
        if name not in ruleset.by_reference and not retired:
            raise RuleError(f"parameters name the rule '{name}', which does not exist")
    return ruleset
