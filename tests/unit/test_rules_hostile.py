"""Rules and events made to hurt: refused with a reason, or worked through with the right answer."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from rules.detection.loader import RuleSet, load_rules
from rules.detection.matcher import Matcher
from rules.language.flatten import flatten

HEAD = {"title": "T", "id": "00000000-0000-4000-8000-000000000001", "logsource": {"product": "test"}}
REDOS = [
    r"(a+)+$", r"(a|a)*$", r"(a|aa)+$", r"(.*a){20}$", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(\s+)+$",
    r"([a-zA-Z]+)*$", r"(a?){30}a{30}", r"^(\w+\s?)*$", r".*.*.*.*=.*", r"(?:[^<]+|<(?!script))*",
]  # fmt: skip


def loaded(selection: Any, condition: str = "sel") -> RuleSet:
    rule = {**HEAD, "detection": {"sel": selection, "condition": condition}}
    ruleset, faults = load_rules([("t.yml", yaml.safe_dump(rule))])
    assert faults == []
    return ruleset


def matches(ruleset: RuleSet, event: dict[str, Any]) -> bool:
    return bool(Matcher(ruleset).match(flatten(event), 0.0, 1))


@pytest.mark.parametrize("pattern", REDOS)
def test_an_expression_that_hangs_others_is_refused_or_just_searched(pattern: str) -> None:
    rule = {**HEAD, "detection": {"sel": {"f|re": pattern}, "condition": "sel"}}
    ruleset, faults = load_rules([("t.yml", yaml.safe_dump(rule))])
    if faults:
        assert (faults[0].file, faults[0].line) == ("t.yml", 1)
        return
    for text in ("a" * 200_000 + "!", "x" * 200_000, " " * 200_000, "=" * 100_000):
        assert matches(ruleset, {"f": text}) in (True, False)


@pytest.mark.parametrize("modifier", ["", "|contains", "|startswith", "|endswith", "|cased", "|contains|all"])
def test_a_list_of_ten_thousand_values(modifier: str) -> None:
    values = [f"value-{number:05d}-x" for number in range(10_000)]
    ruleset = loaded({f"f{modifier}": values})
    good = " ".join(values) if modifier == "|contains|all" else values[9_999]
    assert matches(ruleset, {"f": good})
    assert not matches(ruleset, {"f": "value-10000-y"})


def test_too_many_values_are_refused_with_their_line() -> None:
    text = yaml.safe_dump({**HEAD, "detection": {"sel": {"f": [str(n) for n in range(60_000)]}, "condition": "sel"}})
    _, faults = load_rules([("t.yml", text)])
    assert "more than" in faults[0].message
    assert faults[0].line is not None


def test_ten_thousand_alternatives_in_a_condition_are_refused_or_work() -> None:
    names = [f"s{number}" for number in range(300)]
    detection: dict[str, Any] = {name: {f"f{name}": "x"} for name in names}
    detection["condition"] = " or ".join(names)
    ruleset, faults = load_rules([("t.yml", yaml.safe_dump({**HEAD, "detection": detection}))])
    assert faults == []
    assert matches(ruleset, {"fs299": "X"})


@pytest.mark.parametrize("depth", [50, 200])
def test_a_condition_nested_deeper_than_can_be_read_is_an_error(depth: int) -> None:
    rule = {**HEAD, "detection": {"sel": {"f": "x"}, "condition": "(" * depth + "sel" + ")" * depth}}
    ruleset, faults = load_rules([("t.yml", yaml.safe_dump(rule))])
    assert len(ruleset) + len(faults) == 1


def test_anchors_that_would_unfold_are_refused() -> None:
    text = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    _, faults = load_rules([("bomb.yml", text)])
    assert "aliases" in faults[0].message
    assert faults[0].line == 2


def test_an_event_nested_to_the_bottom_does_not_break_anything() -> None:
    event: dict[str, Any] = {"f": "x"}
    for depth in range(900):
        event = {"a": event} if depth % 2 else {"l": [event, {"m": depth}]}
    assert not matches(loaded({"f": "x"}), {"a": event})
    assert matches(loaded({"f": "x"}), {"f": "x", "a": event})


def test_values_of_every_kind_are_taken() -> None:
    ruleset = loaded({"f|contains": "x", "g|gt": 3})
    for value in (
        None,
        True,
        0,
        -1,
        10**400,
        1.5,
        float("inf"),
        "",
        "\ud800x",
        [],
        [None],
        [[["x"]]],
        {"x": 1},
        "x" * 10**6,
    ):
        for other in (None, False, 4, float("nan"), "4", [9], {}):
            assert matches(ruleset, {"f": value, "g": other}) in (True, False)


def test_a_rule_that_raises_is_counted_and_the_others_go_on() -> None:
    other = yaml.safe_dump(
        {**HEAD, "id": HEAD["id"].replace("1", "2"), "detection": {"sel": {"event.action": "a"}, "condition": "sel"}}
    )
    broken = yaml.safe_dump({**HEAD, "detection": {"sel": {"event.action": "a", "f": "x"}, "condition": "sel"}})
    ruleset, _ = load_rules([("t.yml", broken + "---\n" + other)])

    running = Matcher(ruleset)
    bad = next(iter(ruleset))
    assert bad.compiled is not None

    def raising(*_: Any) -> bool:
        raise RuntimeError

    object.__setattr__(bad.compiled, "match", raising)
    planned = tuple(running._slots.values())
    running._side(None).plans["a"] = lambda event, t, p: running._one_by_one(planned, event, {}, t, p)
    for position in (1, 2):
        hits = running.match({"event.action": "a", "f": "x"}, float(position), position)
        assert [hit.rule.id[-1] for hit in hits] == ["2"]
    assert running.failures == {bad.id: 2}
