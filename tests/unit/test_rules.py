"""The rule engine: what is loaded, what is refused, and windows that do not depend on how events were cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.detection.loader import RuleSet, load_rules
from rules.detection.matcher import Matcher
from rules.detection.pack import builtin_contexts, builtin_files, builtin_rules
from rules.language.errors import RuleError
from rules.language.yaml_source import load_documents
from rules.quality.testing import run_tests

RULE = """
title: T
id: 6a2b8f00-0000-4000-8000-000000000001
name: base
logsource: {product: mfo}
detection:
  sel: {event.action: a}
  condition: sel
level: low
---
title: C
id: 6a2b8f00-0000-4000-8000-000000000002
name: many
correlation:
  type: value_count
  rules: [base]
  group-by: [user.id]
  timespan: 60s
  condition: {field: host.name, gte: 3}
level: high
"""


def loaded(text: str) -> RuleSet:
    ruleset, faults = load_rules([("test.yml", text)])
    assert faults == []
    return ruleset


def fault(text: str) -> RuleError:
    _, faults = load_rules([("test.yml", text)])
    assert len(faults) >= 1
    return faults[0]


def test_the_pack_holds_its_own_tests() -> None:
    results = run_tests(builtin_rules(), builtin_contexts())
    assert len(results) > 150
    assert [result for result in results if not result.passed] == []


def test_every_rule_of_the_pack_that_raises_findings_is_tested_both_ways_and_named_in_both_languages() -> None:
    for rule in builtin_rules():
        if rule.raises_findings:
            assert rule.meta is not None
            assert rule.meta.tests is not None
            assert len(rule.meta.tests.positive) >= 2
            assert len(rule.meta.tests.negative) >= 2
            assert set(rule.meta.words) == {"ru", "kk"}


events = st.lists(
    st.tuples(st.integers(0, 300), st.sampled_from("uv"), st.sampled_from("abcd")), min_size=1, max_size=40
)


def run(matcher: Matcher, part: list[tuple[int, str, str]], start: int) -> list[tuple[str, tuple[int, ...]]]:
    found = []
    for index, (t, user, host) in enumerate(part, start):
        fields: dict[str, Any] = {"event.action": "a", "user.id": user, "host.name": host}
        found += [(hit.rule.name, hit.positions) for hit in matcher.match(fields, float(t), index)]
    return found


@given(events, st.integers(0, 40))
def test_any_cut_with_a_restart_gives_the_same_findings(stream: list[tuple[int, str, str]], cut: int) -> None:
    rules = loaded(RULE)
    whole = run(Matcher(rules), stream, 1)
    first = Matcher(rules)
    found = run(first, stream[:cut], 1)
    second = Matcher(rules)
    second.restore(first.snapshot())
    assert found + run(second, stream[cut:], 1 + len(stream[:cut])) == whole


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from("uv"), st.sampled_from("abcd")), max_size=30))
def test_a_window_agrees_with_counting_by_hand(stream: list[tuple[int, str, str]]) -> None:
    """In order of time: fires when the last minute holds three hosts of a user, then begins anew."""
    ordered = sorted(stream)
    expected = []
    held: dict[str, list[tuple[int, str, int]]] = {}
    for index, (t, user, host) in enumerate(ordered, 1):
        window = [entry for entry in held.get(user, []) if entry[0] > t - 60] + [(t, host, index)]
        if len({host for _, host, _ in window}) >= 3:
            expected.append(("many", tuple(sorted(position for _, _, position in window))))
            window = []
        held[user] = window
    assert run(Matcher(loaded(RULE)), ordered, 1) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("detection:\n  sel: {event.action: a}", "detection:\n  sel: {event.action|nope: a}"), "nope"),
        (("rules: [base]", "rules: [other]"), "which is not loaded"),
        (("gte: 3}", "gte: 3, percentile: 101}"), "percentile"),
        (("title: T\n", "title: T\ntitle: T2\n"), "stands twice"),
        (("condition: sel\n", "condition: sel and nothing\n"), "nothing"),
    ],
)
def test_what_cannot_be_used_is_refused_with_file_and_line(change: tuple[str, str], message: str) -> None:
    found = fault(RULE.replace(*change))
    assert message in found.message
    assert found.file == "test.yml"
    assert found.line is not None


def test_a_parameter_outside_its_bounds_is_refused() -> None:
    _, faults = load_rules(builtin_files(), parameters={"password-lockout": {"max_attempts": 9}})
    assert "outside" in faults[0].message
    with pytest.raises(RuleError, match="does not exist"):
        builtin_rules({"no-such-rule": {"a": 1}})


def test_text_of_other_rules_is_not_taken_for_a_parameter() -> None:
    rules = loaded(RULE.split("---")[0].replace("{event.action: a}", "{CommandLine: '${env:path}'}"))
    assert Matcher(rules).match({"CommandLine": "${ENV:PATH}"}, 0.0, 1)


@pytest.mark.parametrize(
    "text",
    ["a: &x [1]\nb: *x", "[" * 200, "a: 1\na: 2", "{" * 100_000, "a: !!python/object:os.system x", "a: [1", "\x00"],
)
def test_hostile_yaml_is_an_error_with_its_line(text: str) -> None:
    with pytest.raises(RuleError) as caught:
        load_documents(text, "evil.yml")
    assert caught.value.file == "evil.yml"
    assert caught.value.line is not None


def test_expressions_that_would_hang_other_engines_do_not_hang() -> None:
    rules = loaded(RULE.split("---")[0].replace("{event.action: a}", "{message|re: '(a+)+$'}"))
    assert Matcher(rules).match({"message": "a" * 50_000 + "!"}, 0.0, 1) == []


def test_cyrillic_letters_match_whatever_their_case() -> None:
    rules = loaded(RULE.split("---")[0].replace("{event.action: a}", "{message|contains: 'Вход'}"))
    assert Matcher(rules).match({"message": "попытка ВХОДА"}, 0.0, 1)
