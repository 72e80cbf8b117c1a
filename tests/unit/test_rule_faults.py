"""Rule files that cannot be used: each fault with its file, line and what to do; the good rules load all the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from rules.detection.lists import ListDefinition, Lists, ListView, lists_of, load_lists
from rules.detection.loader import Overlay, RuleSet, load_rules, one_document
from rules.detection.matcher import Matcher
from rules.language.errors import RuleError
from rules.language.yaml_source import load_documents

BASE = """
title: Base
id: 6a2b8f00-0000-4000-8000-000000000001
name: base
logsource: {product: mfo}
detection:
  sel: {event.action: a}
  condition: sel
level: low
"""
MANY = """
title: Many
id: 6a2b8f00-0000-4000-8000-000000000002
name: many
correlation: {type: event_count, rules: [base], group-by: [user.id], timespan: 60s, condition: {gte: 3}}
level: high
"""


def faults(*documents: str, **more: Any) -> list[str]:
    _, found = load_rules([("t.yml", "\n---\n".join(documents))], **more)
    assert all(fault.file is not None for fault in found)
    return [str(fault) for fault in found]


def rule(detection: str, **more: Any) -> str:
    return yaml.safe_dump({**yaml.safe_load(BASE), "detection": yaml.safe_load(detection), **more})


def many(correlation: str, **more: Any) -> str:
    body = yaml.safe_load(MANY)
    body["correlation"] |= yaml.safe_load(correlation)
    return yaml.safe_dump({**body, **more})


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        (("- 1",), "a rule is a YAML mapping"),
        (("a: [",), "not YAML"),
        (("a: 1\na: 2",), "the key 'a' stands twice"),
        (("? [1]\n: 2",), "a key must be a plain value"),
        (("a: &x 1\nb: *x",), "alias"),
        ((BASE, BASE), "stands twice"),
        ((MANY,), "correlates 'base', which is not loaded"),
        ((BASE, many("{rules: [many]}")), "correlates itself in a circle"),
        ((rule("{sel: {f: x}, condition: nothing}"),), "rule 'Base'"),
        ((rule("{sel: {f|re: '(?=x)'}, condition: sel}"),), "invalid perl operator"),
        ((rule("{sel: {f|re: 'вход\\w'}, condition: sel}"),), "only ASCII in RE2"),
        ((rule("{sel: {f|shoe: x}, condition: sel}"),), "rule 'Base'"),
        ((BASE, many("{condition: {field: user.id, gte: 3, percentile: 200}, type: value_percentile}")), "percentile"),
        ((BASE, many("{condition: {lt: 1}, type: temporal, rules: [base]}")), "cannot be judged by 'lt'"),
        ((BASE, many("{condition: {gte: 5}, type: temporal, rules: [base]}")), "5 of 1 rules can never be seen"),
        ((BASE, many("{condition: base or base, type: temporal_ordered}")), "can only join rules with 'and'"),
        ((BASE, many("{condition: {field: [a, b], gte: 3}, type: value_sum}")), "several fields can only be counted"),
        ((BASE + "qorgau: {shoe: 1}",), "qorgau.shoe"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_named(documents: tuple[str, ...], why: str) -> None:
    found = faults(*documents)
    assert any(why in text for text in found), found
    assert all(text.startswith("t.yml:") for text in found)


def test_the_good_rules_of_a_faulty_file_load() -> None:
    ruleset, found = load_rules([("a.yml", BASE), ("b.yml", "a: ["), ("c.yml", MANY.replace("[base]", "[gone]"))])
    assert [it.name for it in ruleset] == ["base"]
    assert [fault.file for fault in found] == ["b.yml", "c.yml"]


def test_a_rule_that_rests_on_a_faulty_one_does_not_load_either() -> None:
    third = many("{rules: [many]}", name="more", id="6a2b8f00-0000-4000-8000-000000000003", title="More")
    ruleset, found = load_rules([("t.yml", "\n---\n".join((MANY.replace("[base]", "[gone]"), third)))])
    assert len(ruleset) == 0
    assert [fault.message.split("correlates ")[1] for fault in found] == [
        "'gone', which is not loaded", "'many', which is not loaded"
    ]  # fmt: skip


def test_a_set_of_rules_made_by_hand_is_checked_too() -> None:
    (base,), _ = load_rules([("t.yml", BASE)])
    (*_, counted), _ = load_rules([("t.yml", BASE + "---" + MANY)])
    with pytest.raises(RuleError, match="stands twice"):
        RuleSet([base, base])
    with pytest.raises(RuleError, match="which is not loaded"):
        RuleSet([counted])


def test_the_fingerprint_is_that_of_the_rules_and_not_of_their_order() -> None:
    one, _ = load_rules([("t.yml", BASE + "---" + MANY)])
    other, _ = load_rules([("u.yml", MANY + "---" + BASE)])
    changed, _ = load_rules([("t.yml", BASE.replace("event.action: a", "event.action: b") + "---" + MANY)])
    assert one.fingerprint() == other.fingerprint() != changed.fingerprint()
    assert one.fields() == {"event.action", "user.id"}


def test_a_pack_of_ours_needs_its_block_with_tests() -> None:
    text = BASE.replace("level: low", "level: high")
    assert faults(text) == []
    assert "the 'qorgau' block with positive and negative tests is missing" in faults(text, require_house_block=True)[0]


HOUSE = """
qorgau:
  class: fraud
  obligations: []
  parameters:
    count: {default: 3, min: 2, max: 9, unit: tries}
"""


def with_parameter(value: str = "${count}") -> str:
    return rule("{sel: {f: 1}, condition: sel}").replace("f: 1", f"f: {value}") + HOUSE


@pytest.mark.parametrize(
    ("chosen", "value", "why"),
    [
        ({"shoe": 1}, "${count}", "there is no parameter 'shoe'"),
        ({"count": 1}, "${count}", "lies outside 2 to 9 tries"),
        ({"count": 10}, "${count}", "lies outside 2 to 9 tries"),
        ({}, "${size}", "names a parameter that is not declared"),
    ],
)
def test_a_parameter_is_declared_and_in_its_bounds(chosen: dict[str, int], value: str, why: str) -> None:
    found = faults(with_parameter(value), parameters={"base": chosen})
    assert any(why in text for text in found), found


@pytest.mark.parametrize(("chosen", "wanted"), [({}, 3), ({"count": 9}, 9)])
def test_a_parameter_is_filled_in(chosen: dict[str, int], wanted: int) -> None:
    ruleset, found = load_rules([("t.yml", with_parameter())], parameters={"base": chosen})
    assert found == []
    assert Matcher(ruleset).match({"f": wanted}, 0.0, 1)
    assert not Matcher(ruleset).match({"f": wanted + 1}, 0.0, 1)


FILTER = """
title: Nobody
logsource: {product: mfo}
filter:
  rules: [base]
  sel: {user.id: robot}
  condition: not sel
"""


def test_a_filter_is_laid_over_the_rules_it_names() -> None:
    ruleset, found = load_rules([("t.yml", BASE + "---" + FILTER)])
    assert found == []
    assert ruleset.by_reference["base"].filters == ("Nobody",)
    assert Matcher(ruleset).match({"event.action": "a"}, 0.0, 1)
    assert not Matcher(ruleset).match({"event.action": "a", "user.id": "robot"}, 0.0, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (FILTER.replace("[base]", "[gone]"), "filter 'Nobody' names 'gone', which is not loaded"),
        (FILTER.replace("condition: not sel", ""), "filter 'Nobody'"),
    ],
)
def test_a_faulty_filter_is_named_and_the_rule_loads(text: str, why: str) -> None:
    ruleset, found = load_rules([("t.yml", BASE + "---" + text)])
    assert [it.filters for it in ruleset] == [()]
    assert why in str(found[0])


def test_an_organisation_puts_its_own_version_in_place_or_beside() -> None:
    own = BASE.replace("event.action: a", "event.action: b")
    replaced, _ = load_rules([("t.yml", BASE)], overlay=Overlay({"base": own}))
    beside, _ = load_rules([("t.yml", BASE)], overlay=Overlay(shadows={"base": own}))
    out, _ = load_rules([("t.yml", BASE)], overlay=Overlay({"base": None}))
    assert [it.name for it in replaced] == ["base"]
    assert Matcher(replaced).match({"event.action": "b"}, 0.0, 1)
    assert [it.name for it in beside] == ["base", "base~shadow"]
    assert len({it.id for it in beside}) == 2
    assert len(out) == 0


def test_a_faulty_version_of_an_organisation_is_named() -> None:
    ruleset, found = load_rules([("t.yml", BASE)], overlay=Overlay({"base": "a: ["}))
    assert len(ruleset) == 0
    assert str(found[0]).startswith("rulebook:base:")


@pytest.mark.parametrize("text", ["", BASE + "---" + MANY, "- 1"])
def test_one_rule_is_one_rule(text: str) -> None:
    with pytest.raises(RuleError, match="one rule is needed"):
        one_document(text, "t.yml")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: " + "x" * (1024 * 1024), "bytes"), ("[" * 40 + "]" * 40, "deep"), ("a: 2026-99-99", "not YAML"),
        ("\x07", "not YAML"),
    ],
    ids=["long", "deep", "date", "control"],
)  # fmt: skip
def test_a_text_is_bounded_before_it_is_read(text: str, why: str) -> None:
    with pytest.raises(RuleError, match=why):
        load_documents(text, "t.yml")


def test_every_document_has_the_line_it_begins_at() -> None:
    assert load_documents("a: 1\n---\n---\nb: 2\n", "t.yml")[-1] == (3, {"b": 2})


LISTED = "{sel: {f|expand: '%bad%'}, condition: sel}"


def test_a_list_that_grows_takes_effect_without_loading_a_rule_again() -> None:
    lists = Lists()
    ruleset, found = load_rules([("t.yml", rule(LISTED))], lists=lists)
    assert found == []
    assert not Matcher(ruleset).match({"f": "X"}, 0.0, 1)
    lists.replace("bad", ["x", None, ""], 2)
    assert Matcher(ruleset).match({"f": "X"}, 0.0, 1)
    assert [(view.name, view.version, len(view.entries)) for view in lists] == [("bad", 2, 1)]


def test_a_part_of_a_value_is_replaced_by_the_entries_of_its_list() -> None:
    lists = Lists({"bad": ListView("bad", ["one", "two"])})
    ruleset, found = load_rules([("t.yml", rule("{sel: {f|contains|expand: '%bad%!'}, condition: sel}"))], lists=lists)
    assert found == []
    assert Matcher(ruleset).match({"f": "x two! y"}, 0.0, 1)
    assert not Matcher(ruleset).match({"f": "x two y"}, 0.0, 1)


def test_a_list_begins_with_what_its_definition_says() -> None:
    definitions = load_lists("lists: [{name: bad, kind: deny, entries: [A]}, {name: empty, kind: allow}]")
    lists = lists_of(definitions)
    assert isinstance(definitions[0], ListDefinition)
    assert ("a" in lists.views["bad"], len(lists), len(lists.views["empty"].entries)) == (True, 2, 0)
    assert load_lists("") == ()
