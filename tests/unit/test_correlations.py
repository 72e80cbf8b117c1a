"""Correlations: every type, the ends of windows, late events, missing keys, chains, bounded memory, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.detection import context
from rules.detection.loader import load_rules
from rules.detection.matcher import Matcher


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    """Saved memories are cut between any two keys."""
    before, context.PIECE = context.PIECE, 2
    yield
    context.PIECE = before


BASES = "".join(
    f"""
title: {name}
id: 00000000-0000-4000-8000-00000000000{number}
name: {name}
logsource: {{product: mfo}}
detection: {{sel: {{event.action: {name}}}, condition: sel}}
level: informational
---"""
    for number, name in enumerate("abc", 1)
)


def matcher(correlation: dict[str, Any], more: str = "", max_keys: int = 1_000, **container: Any) -> Matcher:
    rule: dict[str, Any] = {
        "title": "C",
        "id": "00000000-0000-4000-8000-000000000009",
        "name": "c-rule",
        "level": "high",
        "correlation": {"rules": ["a"], "group-by": ["user.id"], "timespan": "10s", **correlation},
    }
    if container:
        rule["qorgau"] = container
    ruleset, faults = load_rules([("t.yml", BASES + "\n" + yaml.safe_dump(rule) + more)])
    assert faults == []
    return Matcher(ruleset, max_keys=max_keys)


def feed(running: Matcher, *events: tuple[float, str] | tuple[float, str, dict[str, Any]]) -> list[tuple[int, Any]]:
    """Return (number of the event, positions that count) of what fired."""
    found = []
    for number, (t, action, *rest) in enumerate(events, 1):
        fields = {"event.action": action, "user.id": "u", **(rest[0] if rest else {})}
        found += [(number, hit.positions) for hit in running.match(fields, t, number)]
    return found


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    count = {"type": "event_count", "condition": {"gte": 2}}
    assert feed(matcher(count), (0, "a"), (9.999, "a")) == [(2, (1, 2))]
    assert feed(matcher(count), (0, "a"), (10, "a")) == []


@pytest.mark.parametrize(("op", "fired"), [("gte", [2, 4]), ("gt", [3]), ("eq", [2, 4])])
def test_counting_events_begins_anew_after_firing(op: str, fired: list[int]) -> None:
    running = matcher({"type": "event_count", "condition": {op: 2}})
    assert [number for number, _ in feed(running, *((t, "a") for t in range(5)))] == fired


def test_values_are_counted_once_each_and_without_regard_to_case() -> None:
    running = matcher({"type": "value_count", "condition": {"gte": 3, "field": "h"}})
    hosts = ("x", "X", "y", None, "z")
    assert feed(running, *((t, "a", {"h": h}) for t, h in enumerate(hosts))) == [(5, (1, 2, 3, 5))]
    assert running.stats()["c-rule"]["keyless"] == 1


def test_pairs_of_values_are_counted_together() -> None:
    running = matcher({"type": "value_count", "condition": {"gte": 3, "field": ["h", "p"]}})
    pairs = [("x", 1), ("x", 2), ("x", 1), ("y", 2)]
    assert [n for n, _ in feed(running, *((t, "a", {"h": h, "p": p}) for t, (h, p) in enumerate(pairs)))] == [4]


@pytest.mark.parametrize(
    ("kind", "condition", "fired"),
    [
        ("value_sum", {"gte": 10}, [3]),
        ("value_avg", {"gt": 4}, [3]),
        ("value_median", {"gte": 3}, [3]),
        ("value_percentile", {"gte": 7, "percentile": 90}, [3]),
    ],
)
def test_statistics_of_a_field(kind: str, condition: dict[str, Any], fired: list[int]) -> None:
    running = matcher({"type": kind, "condition": {**condition, "field": "n"}})
    assert [n for n, _ in feed(running, *((t, "a", {"n": n}) for t, n in enumerate((1, "3", 9.0))))] == fired


def test_rules_together_in_any_order_and_in_order() -> None:
    together = {"type": "temporal", "rules": ["a", "b"]}
    ordered = {"type": "temporal_ordered", "rules": ["a", "b"]}
    assert feed(matcher(together), (0, "b"), (1, "a")) == [(2, (1, 2))]
    assert feed(matcher(ordered), (0, "b"), (1, "a"), (2, "b")) == [(3, (1, 2, 3))]
    assert feed(matcher(together), (0, "b"), (11, "a")) == []


def test_a_condition_over_rules_with_or() -> None:
    running = matcher({"type": "temporal", "rules": ["a", "b", "c"], "condition": "a and (b or c)"})
    assert feed(running, (0, "c"), (1, "b"), (2, "a")) == [(3, (1, 2, 3))]


def test_what_did_not_happen_is_known_when_the_window_has_ended() -> None:
    running = matcher({"type": "temporal", "rules": ["a", "b"], "condition": "a and not b"}, lateness="1s")
    assert feed(running, (0, "a"), (5, "z"), (10.9, "z"), (11, "z")) == [(4, (1,))]
    running = matcher({"type": "temporal", "rules": ["a", "b"], "condition": "a and not b"}, lateness="1s")
    assert feed(running, (0, "a"), (5, "b"), (20, "z")) == []


@pytest.mark.parametrize(("op", "fires"), [("lt", [1]), ("lte", [1, 2]), ("neq", [1, 3])])
def test_too_few_is_known_when_the_window_has_ended(op: str, fires: list[int]) -> None:
    for count in (1, 2, 3):
        running = matcher({"type": "event_count", "condition": {op: 2}}, lateness="1s")
        found = feed(running, *((t, "a") for t in range(count)), (30, "z"))
        assert [positions for _, positions in found] == ([tuple(range(1, count + 1))] if count in fires else [])


def test_a_late_event_counts_within_the_allowed_lateness_only() -> None:
    count = {"type": "event_count", "condition": {"gte": 3}}
    assert feed(matcher(count, lateness="60s"), (0, "a"), (5, "a"), (50, "a"), (3, "a")) == [(4, (1, 2, 4))]
    running = matcher(count, lateness="1s")
    assert feed(running, (0, "a"), (5, "a"), (50, "a"), (3, "a")) == []
    assert running.stats()["c-rule"]["late"] == 1


def test_several_values_of_a_key_put_an_event_into_several_groups_and_none_into_none() -> None:
    running = matcher({"type": "event_count", "condition": {"gte": 2}})
    assert feed(running, (0, "a", {"user.id": ["u", "v"]}), (1, "a", {"user.id": "V"})) == [(2, (1, 2))]
    assert feed(running, (2, "a", {"user.id": None}), (3, "a", {"user.id": ""})) == []
    assert running.stats()["c-rule"]["keyless"] == 2


def test_without_group_by_all_events_are_one_group() -> None:
    running = matcher({"type": "event_count", "group-by": [], "condition": {"gte": 2}})
    assert feed(running, (0, "a", {"user.id": "x"}), (1, "a", {"user.id": "y"})) == [(2, (1, 2))]


def test_aliases_bring_fields_of_different_names_together() -> None:
    running = matcher(
        {
            "type": "temporal",
            "rules": ["a", "b"],
            "group-by": ["who"],
            "aliases": {"who": {"a": "user.id", "b": "user.name"}},
        }
    )
    assert feed(running, (0, "a"), (1, "b", {"user.id": "x", "user.name": "U"})) == [(2, (1, 2))]


def test_a_chain_counts_what_a_correlation_found() -> None:
    upper = yaml.safe_dump(
        {
            "title": "D",
            "id": "00000000-0000-4000-8000-000000000010",
            "name": "d-rule",
            "correlation": {
                "type": "event_count",
                "rules": ["c-rule"],
                "group-by": ["user.id"],
                "timespan": "60s",
                "condition": {"gte": 2},
            },
        }
    )
    running = matcher({"type": "event_count", "condition": {"gte": 2}}, "---\n" + upper)
    assert feed(running, *((t, "a") for t in range(4))) == [(4, (2, 4))]


def test_generate_lets_the_counted_rules_speak_too() -> None:
    quiet = matcher({"type": "event_count", "condition": {"gte": 2}})
    loud = matcher({"type": "event_count", "condition": {"gte": 2}, "generate": True})
    assert [n for n, _ in feed(quiet, (0, "a"), (1, "a"))] == [2]
    assert [n for n, _ in feed(loud, (0, "a"), (1, "a"))] == [1, 2, 2]


def test_a_suppressed_key_is_silent_for_its_time() -> None:
    running = matcher({"type": "event_count", "condition": {"gte": 2}}, suppress="5s")
    assert [n for n, _ in feed(running, *((t, "a") for t in range(10)))] == [2, 8]


def test_a_correlation_that_correlates_itself_is_refused() -> None:
    rule = {"type": "event_count", "rules": ["c-rule"], "group-by": ["x"], "timespan": "1s", "condition": {"gte": 2}}
    text = yaml.safe_dump(
        {"title": "C", "id": "00000000-0000-4000-8000-000000000009", "name": "c-rule", "correlation": rule}
    )
    _, faults = load_rules([("t.yml", text)])
    assert "circle" in faults[0].message


def test_memory_is_bounded_and_what_had_to_go_is_told() -> None:
    running = matcher({"type": "event_count", "condition": {"gte": 2}}, max_keys=100)
    for number in range(1, 1_001):
        running.match({"event.action": "a", "user.id": f"u-{number}"}, 0.001 * number, number)
    assert len(running.correlators["00000000-0000-4000-8000-000000000009"]) <= 102
    assert running.stats()["c-rule"]["evicted"] >= 800


def test_keys_nobody_touches_are_forgotten_by_event_time_alone() -> None:
    running = matcher({"type": "event_count", "condition": {"gte": 2}}, lateness="1s")
    for number in range(1, 1_001):
        running.match({"event.action": "a", "user.id": f"u-{number}"}, float(number), number)
    assert running.held <= 25
    assert running.stats()["c-rule"]["evicted"] == 0


Stream = list[tuple[int, str, str]]
streams = st.lists(st.tuples(st.integers(0, 60), st.sampled_from("uv"), st.sampled_from("wxyz")), max_size=40)
KINDS: list[dict[str, Any]] = [
    {"type": "event_count", "condition": {"gte": 3}},
    {"type": "event_count", "condition": {"lt": 3}},
    {"type": "value_count", "condition": {"gte": 3, "field": "h"}},
    {"type": "temporal", "rules": ["a", "b"]},
    {"type": "temporal_ordered", "rules": ["a", "b", "c"]},
    {"type": "temporal", "rules": ["a", "b"], "condition": "a and not b"},
    {"type": "value_sum", "condition": {"gte": 9, "field": "n"}},
]


def run(running: Matcher, stream: Stream, first: int = 1) -> list[tuple[int, tuple[int, ...]]]:
    events = [
        (
            {"event.action": "abca"[i % 4], "user.id": user, "h": host, "n": t % 5},
            float(t),
            first + i,
        )
        for i, (t, user, host) in enumerate(stream)
    ]
    return [(first + index, hit.positions) for index, hit in running.match_all(events)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["type"])
@given(streams, st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=60)
def test_any_cut_and_any_restart_give_the_same_findings(kind: dict[str, Any], stream: Stream, cuts: list[int]) -> None:
    whole = run(matcher(kind, lateness="7s"), stream)
    running, found = matcher(kind, lateness="7s"), []
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for number, (start, end) in enumerate(pairwise(edges)):
        part = [(stream[i][0], stream[i][1], stream[i][2]) for i in range(start, end)]
        events = [
            ({"event.action": "abca"[(start + i) % 4], "user.id": u, "h": h, "n": t % 5}, float(t), start + i + 1)
            for i, (t, u, h) in enumerate(part)
        ]
        found += [(start + index + 1, hit.positions) for index, hit in running.match_all(events)]
        if number % 2 == 0:
            saved, running = running.snapshot(), matcher(kind, lateness="7s")
            running.restore(saved)
    assert found == whole


@given(streams)
@settings(max_examples=200)
def test_late_events_give_what_counting_by_hand_gives(stream: Stream) -> None:
    """By hand: each event completes the first window it lies in that holds three hosts not used up before."""
    lateness, span = 7, 10
    held: dict[str, list[tuple[int, int, str]]] = {}
    expected = []
    for position, (t, user, host) in enumerate(stream, 1):
        seen = held.setdefault(user, [])
        newest = max((entry[0] for entry in seen), default=t)
        if t <= newest - span - lateness:
            continue
        seen.append((t, position, host))
        seen[:] = sorted(entry for entry in seen if entry[0] > max(newest, t) - span - lateness)
        ends = [entry for entry in seen if entry >= (t, position, host) and entry[0] < t + span]
        for end in ends:
            window = [entry for entry in seen if end[0] - span < entry[0] and entry <= end]
            if len({entry[2] for entry in window}) >= 3:
                expected.append((position, tuple(sorted(entry[1] for entry in window))))
                seen[:] = [entry for entry in seen if entry > end]
                break
    kind = {"type": "value_count", "rules": ["a", "b", "c"], "condition": {"gte": 3, "field": "h"}}
    running = matcher(kind, lateness=f"{lateness}s")
    assert run(running, stream) == expected


@given(st.booleans(), st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abcdefg")), max_size=40))
def test_a_context_comes_back_from_its_pieces(plain: bool, stream: list[tuple[int, str]]) -> None:
    kept = {"at": "@timestamp"} if plain else {"at": "@timestamp", "amount": "mfo.amount"}
    it = context.Context(name="c", on=("x",), key="k", values=kept, ttl_s=100, attach_to=("y",))
    state, again = context.ContextState(it), context.ContextState(it)
    for t, key in stream:
        state.remember(key, float(t) if plain else (float(t), float(t), 7))
    again.remember("stale", 9.0 if plain else (9.0, 9.0, 7))
    for piece in state.snapshot():
        again.restore(orjson.loads(orjson.dumps(piece)))
    assert (again.young, again.old, again.turn_at) == (state.young, state.old, state.turn_at)


def test_times_saved_by_an_earlier_version_are_taken() -> None:
    it = context.Context(name="c", on=("x",), key="k", values={"at": "@timestamp"}, ttl_s=100, attach_to=("y",))
    state = context.ContextState(it)
    state.restore({"turn_at": 100.0, "evicted": 0, "young": {"k": [3.0, 3.0]}})
    assert (state.find("k"), state.find("other")) == (3.0, None)
