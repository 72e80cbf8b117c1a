"""The Sigma 2.1 language for detections, piece by piece: what must match and what must not.

Source: the Sigma rules specification 2.1.0 and its appendix on modifiers.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from rules.detection.lists import Lists
from rules.detection.loader import load_rules
from rules.detection.matcher import Matcher
from rules.language.flatten import flatten

Event = dict[str, Any]


def fires(detection: str, event: Event, lists: Lists | None = None, **more: Any) -> bool:
    rule = {
        "title": "T",
        "id": "6a2b8f00-0000-4000-8000-000000000001",
        "logsource": {"product": "test"},
        "detection": yaml.safe_load(detection),
        **more,
    }
    rule["detection"].setdefault("condition", "sel")
    ruleset, faults = load_rules([("t.yml", yaml.safe_dump(rule, allow_unicode=True))], lists=lists)
    assert faults == []
    whole = bool(Matcher(ruleset).match(flatten(event), 0.0, 1))
    planned = yaml.safe_load(detection)
    planned.setdefault("condition", "sel")
    planned["_"] = {"event.action": "x"}
    conditions = planned["condition"] if isinstance(planned["condition"], list) else [planned["condition"]]
    planned["condition"] = [f"_ and ({condition})" for condition in conditions]
    ruleset, faults = load_rules([("t.yml", yaml.safe_dump({**rule, "detection": planned}))], lists=lists)
    assert faults == []
    assert bool(Matcher(ruleset).match(flatten({"event.action": "X", **event}), 0.0, 1)) is whole, (
        "plan and index differ"
    )
    return whole


UTF16 = base64.b64encode("ping".encode("utf-16-le")).decode()
CASES: list[tuple[str, Event, Event]] = [
    ("sel: {f: Value}", {"f": "vALUE"}, {"f": "value2"}),
    ("sel: {f: 'a*c'}", {"f": "abbbC"}, {"f": "abcd"}),
    ("sel: {f: 'a?c'}", {"f": "axc"}, {"f": "ac"}),
    (r"sel: {f: 'a\*c'}", {"f": "a*c"}, {"f": "abc"}),
    (r"sel: {f: 'a\\*'}", {"f": "a\\b"}, {"f": "a*"}),
    (r"sel: {f: 'C:\Windows\\*'}", {"f": "c:\\windows\\x"}, {"f": "c:\\win"}),
    ("sel: {f: [a, b]}", {"f": "B"}, {"f": "c"}),
    ("sel: {f: 5}", {"f": 5}, {"f": 55}),
    ("sel: {f: 5}", {"f": "5"}, {"f": "5a"}),
    ("sel: {f: 5}", {"f": 5.0}, {"f": 5.5}),
    ("sel: {f: '5'}", {"f": 5}, {"f": 6}),
    ("sel: {f: true}", {"f": True}, {"f": False}),
    ("sel: {f: true}", {"f": "True"}, {"f": 1}),
    ("sel: {f: null}", {"g": 1}, {"f": "x"}),
    ("sel: {f: null}", {"f": None}, {"f": ""}),
    ("sel: {f: ''}", {"f": ""}, {"f": "x"}),
    ("sel: {f: ['', null]}", {"g": 1}, {"f": "x"}),
    ("sel: {f|contains: bc}", {"f": "aBCd"}, {"f": "bxc"}),
    ("sel: {f|contains: 'b*d'}", {"f": "abcde"}, {"f": "adcb"}),
    ("sel: {f|contains|all: [a, c]}", {"f": "xaxc"}, {"f": "xa"}),
    ("sel: {f|startswith: [ab, cd]}", {"f": "CDe"}, {"f": "xcd"}),
    ("sel: {f|endswith: bc}", {"f": "aBC"}, {"f": "bcd"}),
    ("sel: {f|cased: Value}", {"f": "Value"}, {"f": "value"}),
    ("sel: {f|contains|cased: Val}", {"f": "xValue"}, {"f": "xvalue"}),
    ("sel: {f|startswith|cased: Ж}", {"f": "Жук"}, {"f": "жук"}),
    ("sel: {f|re: '^a.c$'}", {"f": "abc"}, {"f": "ABC"}),
    ("sel: {f|re|i: '^a.c$'}", {"f": "ABC"}, {"f": "ABCD"}),
    ("sel: {f|re|m: '^b$'}", {"f": "a\nb\nc"}, {"f": "abc"}),
    ("sel: {f|re|s: 'a.c'}", {"f": "a\nc"}, {"f": "ac"}),
    ("sel: {f|re|i|s: 'A.C'}", {"f": "a\nc"}, {"f": "ac"}),
    ("sel: {f|re: 'a.c'}", {"f": "xabcx"}, {"f": "a\nc"}),
    ("sel: {f|cidr: 10.0.0.0/8}", {"f": "10.9.8.7"}, {"f": "11.0.0.1"}),
    ("sel: {f|cidr: ['192.168.0.0/16', 'fd00::/8']}", {"f": "fd00::1"}, {"f": "fe80::1"}),
    ("sel: {f|cidr: 10.0.0.0/8}", {"f": "::ffff:10.0.0.1"}, {"f": "no address"}),
    ("sel: {f|lt: 5}", {"f": 4.9}, {"f": 5}),
    ("sel: {f|lte: 5}", {"f": "5"}, {"f": 5.1}),
    ("sel: {f|gt: 5}", {"f": 6}, {"f": "x"}),
    ("sel: {f|gte: 5.5}", {"f": "5.5"}, {"f": None}),
    ("sel: {f|neq: a}", {"f": "b"}, {"f": "A"}),
    ("sel: {f|neq: 5}", {"f": 6}, {"f": 5}),
    ("sel: {f|contains|neq: a}", {"f": "xyz"}, {"f": "bar"}),
    ("sel: {f|neq: [a, b]}", {"f": "c"}, {"f": "a"}),
    ("sel: {f|exists: true}", {"f": ""}, {"g": 1}),
    ("sel: {f|exists: false}", {"g": 1}, {"f": 1}),
    ("sel: {f|exists: true}", {"f": None}, {}),
    ("sel: {f|fieldref: g}", {"f": "A", "g": "a"}, {"f": "a", "g": "b"}),
    ("sel: {f|fieldref: g}", {"f": "1", "g": 1}, {"g": "a"}),
    ("sel: {f|fieldref|startswith: g}", {"f": "abc", "g": "AB"}, {"f": "abc", "g": "bc"}),
    ("sel: {f|fieldref|endswith: g}", {"f": "abc", "g": "bc"}, {"f": "abc", "g": "ab"}),
    ("sel: {f|fieldref|contains: g}", {"f": "abc", "g": "b"}, {"f": "abc", "g": "x"}),
    ("sel: {f|windash|contains: ' -s '}", {"f": "x /s y"}, {"f": "x s y"}),
    ("sel: {f|windash|contains: ' -s '}", {"f": "x –s y"}, {"f": "x +s y"}),
    ("sel: {f|windash|contains|all: [' -a', ' -b']}", {"f": "x /a -b"}, {"f": "x /a"}),
    ("sel: {f|base64: ping}", {"f": "cGluZw=="}, {"f": "ping"}),
    ("sel: {f|base64|contains: pin}", {"f": "xxcGluyy"}, {"f": "pin"}),
    ("sel: {f|base64offset|contains: 'http://'}", {"f": "xx" + base64.b64encode(b"ahttp://x").decode()}, {"f": "http://"}),
    ("sel: {f|utf16le|base64|contains: ping}", {"f": f"-e {UTF16}"}, {"f": "ping"}),
    ("sel: {f|wide|base64offset|contains: ping}", {"f": f"-e {UTF16}"}, {"f": "ping"}),
    ("sel: {f|hour: 3}", {"f": "2026-11-21T03:59:00Z"}, {"f": "2026-11-21T04:00:00Z"}),
    ("sel: {f|minute: 59}", {"f": "2026-11-21T03:59:00Z"}, {"f": "2026-11-21T04:00:00Z"}),
    ("sel: {f|day: 21}", {"f": "2026-11-21T03:59:00+05:00"}, {"f": "2026-11-20T00:00:00Z"}),
    ("sel: {f|week: 47}", {"f": "2026-11-21T03:59:00Z"}, {"f": "2026-11-23T00:00:00Z"}),
    ("sel: {f|month: 11}", {"f": "2026-11-21T03:59:00Z"}, {"f": "text"}),
    ("sel: {f|year: 2026}", {"f": "2026-11-21T03:59:00Z"}, {"f": "2025-11-21T03:59:00Z"}),
    ("sel: {a.b: x}", {"a": {"b": "X"}}, {"a": {"c": "x"}}),
    ("sel: {a.b: x}", {"a": [{"b": "y"}, {"b": "x"}]}, {"a": [{"b": "y"}]}),
    ("sel: {f: x}", {"f": ["y", "X"]}, {"f": ["y"]}),
    ("sel: {f|contains|all: [a, b]}", {"f": ["xax", "xbx"]}, {"f": ["xax"]}),
    ("sel: {f|gt: 5}", {"f": [1, 9]}, {"f": [1, 2]}),
    ("sel: {f|re: '^b'}", {"f": ["a", "bc"]}, {"f": ["a"]}),
    ("sel: [{f: a}, {g: b}]", {"g": "b"}, {"f": "b"}),
    ("sel: {f: a, g: b}", {"f": "a", "g": "b"}, {"f": "a"}),
    ("sel: [one, two]", {"any": "xx ONE xx"}, {"any": "three"}),
    ("sel: {'|all': [one, two]}", {"x": "one", "y": "two"}, {"x": "one"}),
    ("sel: [one, {f: a}]", {"f": "a"}, {"f": "b"}),
    ("{a: {f: 1}, b: {g: 2}, condition: a and not b}", {"f": 1}, {"f": 1, "g": 2}),
    ("{a: {f: 1}, b: {g: 2}, condition: a or b}", {"g": 2}, {"g": 3}),
    ("{s_1: {f: 1}, s_2: {g: 2}, condition: 1 of s_*}", {"g": 2}, {"f": 2}),
    ("{s_1: {f: 1}, s_2: {g: 2}, condition: all of s_*}", {"f": 1, "g": 2}, {"f": 1}),
    ("{s_1: {f: 1}, s_2: {g: 2}, condition: 1 of them}", {"f": 1}, {"f": 2}),
    ("{s_1: {f: 1}, s_2: {g: 2}, condition: all of them}", {"f": 1, "g": 2}, {"f": 1}),
    ("{s: {f: 1}, filter_a: {g: 2}, condition: s and not 1 of filter_*}", {"f": 1}, {"f": 1, "g": 2}),
    ("{a: {f: 1}, b: {g: 2}, c: {h: 3}, condition: (a or b) and not c}", {"g": 2}, {"g": 2, "h": 3}),
    ("{a: {f: 1}, b: {g: 2}, c: {h: 3}, condition: not a and not (b and c)}", {"g": 2}, {"g": 2, "h": 3}),
    ("{a: {f: 1}, b: {g: 2}, condition: [a, b]}", {"g": 2}, {"h": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("detection", "yes", "no"), CASES)
def test_a_detection_matches_what_it_says_and_nothing_else(detection: str, yes: Event, no: Event) -> None:
    assert fires(detection, yes)
    assert not fires(detection, no)


def test_a_whole_value_names_a_list_that_may_change_while_running() -> None:
    lists = Lists().declare("bad")
    assert not fires("sel: {f|expand: '%bad%'}", {"f": "Mule-1"}, lists)
    lists.replace("bad", ["MULE-1", 42])
    assert fires("sel: {f|expand: '%bad%'}", {"f": "mule-1"}, lists)
    assert fires("sel: {f|expand: '%bad%'}", {"f": ["x", 42]}, lists)
    assert fires("sel: {f|expand: 'pre-%bad%'}", {"f": "PRE-mule-1"}, lists)


FILTER = """
title: Not our scanner
id: 7a2b8f00-0000-4000-8000-000000000002
logsource: {product: test}
filter:
  rules: [6a2b8f00-0000-4000-8000-000000000001]
  scanner: {host: scanner-1}
  condition: not scanner
"""
RULE = """
title: T
id: 6a2b8f00-0000-4000-8000-000000000001
logsource: {product: test}
detection: {sel: {f: a}, condition: sel}
"""


def test_a_filter_takes_exceptions_out_of_a_rule_and_changes_its_version() -> None:
    plain, _ = load_rules([("r.yml", RULE)])
    filtered, faults = load_rules([("f.yml", FILTER), ("r.yml", RULE)])
    assert faults == []
    assert Matcher(filtered).match({"f": "a"}, 0.0, 1)
    assert not Matcher(filtered).match({"f": "a", "host": "Scanner-1"}, 0.0, 1)
    assert {r.version for r in plain} != {r.version for r in filtered}
    assert next(iter(filtered)).filters == ("Not our scanner",)


def test_a_filter_for_a_rule_that_is_not_there_is_a_fault() -> None:
    _, faults = load_rules([("f.yml", FILTER)])
    assert "not loaded" in faults[0].message
    assert (faults[0].file, faults[0].line) == ("f.yml", 2)


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ("sel: {f|re: '(a)\\1'}", "invalid"),
        ("sel: {f|re: '(?=x)y'}", "invalid"),
        ("sel: {f|nonsense: a}", "nonsense"),
        ("sel: {f|re: '\\bвход'}", "ASCII"),
        ("{sel: {f: a}, condition: sel and other}", "other"),
        ("{sel: {f: a}, condition: sel | count() > 5}", ""),
        ("sel: {f|cidr: 10.0.0.0/99}", ""),
        ("sel: {f|gt: much}", ""),
    ],
)
def test_what_is_not_supported_is_refused_with_its_reason(detection: str, reason: str) -> None:
    text = RULE.replace("{sel: {f: a}, condition: sel}", "DETECTION")
    body = yaml.safe_load(detection)
    body.setdefault("condition", "sel")
    _, faults = load_rules(
        [
            (
                "t.yml",
                text.replace(
                    "DETECTION", yaml.safe_dump(body, default_flow_style=True, width=10000, allow_unicode=True)
                ),
            )
        ]
    )
    assert len(faults) == 1
    assert reason in faults[0].message
    assert faults[0].line is not None
