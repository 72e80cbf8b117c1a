"""What the rules in force are called in other languages, by their titles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rules.detection.loader import RuleSet


@lru_cache(maxsize=8)
def rule_titles(rules: RuleSet) -> Mapping[str, Mapping[str, str]]:
    """Return the words of each rule by its English title."""
    return {rule.title: rule.meta.words for rule in rules.rules.values() if rule.meta is not None}
