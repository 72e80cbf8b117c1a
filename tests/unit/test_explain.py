"""Why a rule matched or did not, in words, for every kind of condition; and that the rule agrees."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from rules.detection.lists import Lists, ListView
from rules.detection.loader import RuleSet, load_rules
from rules.detection.matcher import Matcher
from rules.language.flatten import flatten
from rules.quality.explain import bases_of, explain, lines

HEAD = {"title": "T", "id": "6a2b8f00-0000-4000-8000-000000000001", "logsource": {"product": "test"}}


def loaded(detection: str, lists: Lists | None = None) -> RuleSet:
    body = yaml.safe_load(detection)
    body.setdefault("condition", "sel")
    ruleset, faults = load_rules([("t.yml", yaml.safe_dump({**HEAD, "detection": body}))], lists=lists)
    assert faults == []
    return ruleset


KINDS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("sel: {f: Value}", "is 'Value'", {"f": "vALUE"}, {"f": "x"}),
    ("sel: {f: null}", "is absent", {}, {"f": "x"}),
    ("sel: {f|exists: true}", "is there", {"f": 1}, {}),
    ("sel: {f|exists: false}", "is not there", {}, {"f": 1}),
    ("sel: {f|fieldref: g}", "is the same as g", {"f": "A", "g": "a"}, {"f": "a", "g": "b"}),
    ("sel: {f|fieldref|startswith: g}", "is the same as g", {"f": "abc", "g": "ab"}, {"f": "xab", "g": "ab"}),
    ("sel: {f|fieldref|endswith: g}", "is the same as g", {"f": "abc", "g": "bc"}, {"f": "bcx", "g": "bc"}),
    ("sel: {f|fieldref|contains: g}", "is the same as g", {"f": "abc", "g": "b"}, {"f": "abc", "g": "d"}),
    ("sel: {f|gt: 5}", "> 5", {"f": 6}, {"f": 5}),
    ("sel: {f|gte: 5}", ">= 5", {"f": "5"}, {"f": 4.9}),
    ("sel: {f|lt: 5}", "< 5", {"f": [9, 4]}, {"f": [9, 5]}),
    ("sel: {f|lte: 5}", "<= 5", {"f": 5}, {"f": "x"}),
    ("sel: {f|re: 'a+b$'}", "matches /a+b$/", {"f": "xaab"}, {"f": "xaabc"}),
    ("sel: {f|re|i: 'a+b'}", "matches /a+b/", {"f": "AAB"}, {"f": None}),
    ("sel: {f|re|m|s: '^a.b'}", "matches /^a.b/", {"f": "x\na\nb"}, {"f": 7}),
    ("sel: {f|cidr: 10.0.0.0/8}", "lies in 10.0.0.0/8", {"f": "10.1.2.3"}, {"f": "11.1.2.3"}),
    ("sel: {f|cidr: 10.0.0.0/8}", "lies in 10.0.0.0/8", {"f": "::ffff:10.1.2.3"}, {"f": "no address"}),
    ("sel: {f|cased: Value}", "is 'Value'", {"f": "Value"}, {"f": "value"}),
    ("sel: {f|cased: 'V*e'}", "is 'V*e'", {"f": "Vxxe"}, {"f": "vxxe"}),
    ("sel: {f|hour: 7}", "has hour 7", {"f": "2026-11-23T07:30:00Z"}, {"f": "2026-11-23T08:30:00Z"}),
    ("sel: {f|minute: 30}", "has minute 30", {"f": "2026-11-23T07:30:00Z"}, {"f": "yesterday"}),
    ("sel: {f|day: 23}", "has day 23", {"f": "2026-11-23"}, {"f": 23}),
    ("sel: {f|week: 48}", "has week 48", {"f": "2026-11-23"}, {"f": "2026-11-22"}),
    ("sel: {f|month: 11}", "has month 11", {"f": "2026-11-23"}, {"f": "2026-12-23"}),
    ("sel: {f|year: 2026}", "has year 2026", {"f": "2026-11-23"}, {"f": "2027-11-23"}),
    ("sel: {f|windash: ' -x'}", "is one of is ' -x'", {"f": " /x"}, {"f": " x"}),
    ("sel: {f: 7}", "is '7'", {"f": "7.0"}, {"f": 8}),
    ("sel: {f: true}", "is 'True'", {"f": "TRUE"}, {"f": False}),
    ("sel: [word]", "anywhere: is 'word'", {"a": "x", "b": ["some Words"]}, {"a": 7}),
    ("sel: ['w?rd']", "anywhere: is 'w?rd'", {"b": "words"}, {"b": "wrd"}),
    ("sel: [7]", "anywhere: is '7'", {"a": "x", "b": 7}, {"b": 8}),
    ("sel: {'|re': 'w.r'}", "anywhere: matches /w.r/", {"b": ["x", "word"]}, {"b": "wr"}),
]


@pytest.mark.parametrize(("detection", "says", "hit", "miss"), KINDS, ids=lambda value: str(value)[:40])
def test_a_condition_says_what_it_wants_and_agrees_with_the_rule(
    detection: str, says: str, hit: dict[str, Any], miss: dict[str, Any]
) -> None:
    ruleset = loaded(detection)
    (rule,) = ruleset
    for event, matched in ((hit, True), (miss, False)):
        told = explain(rule, flatten(event))
        assert told.matched is matched
        assert says in told.condition.says
        assert told.decided == (told.condition,)
        assert bool(Matcher(ruleset).match(flatten(event), 0.0, 1)) is matched


@pytest.mark.parametrize(
    ("event", "shown"), [({}, "(absent)"), ({"f": None}, "(null)"), ({"f": "x" * 300}, "x" * 200), ({"f": 7}, "7")]
)
def test_what_the_event_has_is_shown_and_cut(event: dict[str, Any], shown: str) -> None:
    (rule,) = loaded("sel: {f: value}")
    assert (explain(rule, event).condition.field, explain(rule, event).condition.value) == ("f", shown)


BOTH = "a: {f: 1}\nb: {g: 2}\nc: {h: 3}\n"


@pytest.mark.parametrize(
    ("condition", "event", "matched", "decided"),
    [
        ("a and b", {"f": 1, "g": 2}, True, ["f", "g"]),
        ("a and b", {"f": 1, "g": 9}, False, ["g"]),
        ("a and b", {}, False, ["f", "g"]),
        ("a or b", {"f": 1, "g": 9}, True, ["f"]),
        ("a or b", {"f": 1, "g": 2}, True, ["f", "g"]),
        ("a or b", {}, False, ["f", "g"]),
        ("a and not b", {"f": 1, "g": 2}, False, ["g"]),
        ("a and not b", {"f": 1}, True, ["f", "g"]),
        ("a and not (b or c)", {"f": 1, "h": 3}, False, ["h"]),
        ("not (a and b)", {"f": 1}, True, ["g"]),
    ],
)
def test_what_decided_is_what_could_have_changed_the_outcome(
    condition: str, event: dict[str, Any], matched: bool, decided: list[str]
) -> None:
    (rule,) = loaded(f"{BOTH}condition: {condition}")
    told = explain(rule, event)
    assert told.matched is matched
    assert [reason.field for reason in told.decided] == decided


def test_several_conditions_are_alternatives() -> None:
    (rule,) = loaded(f"{BOTH}condition: [a, b]")
    told = explain(rule, {"g": 2})
    assert (told.matched, told.condition.says, [reason.field for reason in told.decided]) == (True, "one of", ["g"])


def test_a_list_is_named_with_its_version() -> None:
    lists = Lists({"offices": ListView("offices", frozenset({"almaty"}), version=3)})
    (rule,) = loaded("sel: {f|expand: '%offices%'}", lists)
    assert explain(rule, {"f": "Almaty"}).matched
    assert "list 'offices' (version 3)" in explain(rule, {"f": "astana"}).condition.says


def test_the_tree_is_told_a_condition_a_line() -> None:
    (rule,) = loaded(f"{BOTH}condition: a and not b")
    assert lines(explain(rule, {"f": 1}).condition) == [
        "+ all of", "  + f is '1'; the event has 1", "  + not", "    - g is '2'; the event has (absent)"
    ]  # fmt: skip


CHAIN = """
title: Base
id: 6a2b8f00-0000-4000-8000-000000000001
name: base
logsource: {product: mfo}
detection: {sel: {event.action: a}, condition: sel}
---
title: Many
id: 6a2b8f00-0000-4000-8000-000000000002
name: many
correlation: {type: event_count, rules: [base], group-by: [user.id], timespan: 60s, condition: {gte: 3}}
---
title: More
id: 6a2b8f00-0000-4000-8000-000000000003
name: more
correlation: {type: event_count, rules: [many, base], group-by: [user.id], timespan: 60s, condition: {gte: 3}}
"""


def test_a_correlation_is_explained_by_what_it_counts() -> None:
    ruleset, faults = load_rules([("t.yml", CHAIN)])
    assert faults == []
    many, more = ruleset.by_reference["many"], ruleset.by_reference["more"]
    with pytest.raises(ValueError, match="explained by the rules it counts"):
        explain(many, {})
    assert [rule.name for rule in bases_of(more, ruleset.by_reference)] == ["base"]
    assert [rule.name for rule in bases_of(ruleset.by_reference["base"], ruleset.by_reference)] == ["base"]
