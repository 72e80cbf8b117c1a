"""An explanation and the compiled rule agree: on the SigmaHQ rules with real events, on hits and on misses."""

from __future__ import annotations

import json
import zipfile
from random import Random

import orjson
import pytest

from rules.detection.loader import RuleSet, load_rules
from rules.language.flatten import flatten
from rules.quality.explain import explain
from tests.support import DATA

SIGMA = DATA / "sigma"


@pytest.fixture(scope="module")
def ruleset() -> RuleSet:
    with zipfile.ZipFile(SIGMA / "sigmahq-rules.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".yml") and "windows" in name]
        files = [(name, archive.read(name).decode()) for name in sorted(names)]
    chosen, _ = load_rules(Random(3).sample(files, 500))
    return chosen


def test_what_is_explained_is_what_the_rule_says(ruleset: RuleSet) -> None:
    events = [flatten(orjson.loads(line)) for line in (SIGMA / "events.ndjson").read_bytes().splitlines()]
    expected = json.loads((SIGMA / "expected.json").read_text(encoding="utf8"))
    rules = [rule for rule in ruleset if rule.compiled]
    rng, hits = Random(4), 0
    for event, matching in zip(events, expected, strict=True):
        asked = [rule for rule in rules if rule.id in matching] + rng.sample(rules, 12)
        for rule in asked:
            told = explain(rule, event)
            assert told.matched is (rule.id in matching), rule.title
            assert told.decided, "something decides"
            hits += told.matched
    assert hits > 20
